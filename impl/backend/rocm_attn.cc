// What a module's backends can do, as it says, and how an attention is bound to one.
#include "impl/backend/rocm_attn.h"

#include <exception>

#include "impl/backend/module_loader.h"
#include "impl/error.h"
#include "kernels/hip/module/enumerators.h"

namespace fovea {
namespace {

// The module's numbers are the header's enumerators.
static_assert(static_cast<int>(hip::kInvalidState) == FOVEA_STATUS_INVALID_STATE);
static_assert(static_cast<int>(hip::kWorkspaceTooSmall) == FOVEA_STATUS_WORKSPACE_TOO_SMALL);
static_assert(static_cast<int>(hip::kDeviceOutOfMemory) == FOVEA_STATUS_DEVICE_OUT_OF_MEMORY);
static_assert(static_cast<int>(hip::kArchMismatch) == FOVEA_STATUS_ARCH_MISMATCH);
static_assert(static_cast<int>(hip::kDeviceError) == FOVEA_STATUS_DEVICE_ERROR);
static_assert(static_cast<int>(hip::kInternalError) == FOVEA_STATUS_INTERNAL_ERROR);
static_assert(static_cast<int>(hip::kTypeE5M2) == FOVEA_DATA_TYPE_F8_E5M2);
static_assert(static_cast<int>(hip::kTypeE4M3FNUZ) == FOVEA_DATA_TYPE_F8_E4M3FNUZ);
static_assert(static_cast<int>(hip::kTypeF32) == FOVEA_DATA_TYPE_F32);
static_assert(hip::kBackendRocmAttn == FOVEA_BACKEND_ROCM_ATTN);
static_assert(hip::kBackendRocmUnifiedAttn == FOVEA_BACKEND_ROCM_UNIFIED_ATTN);
static_assert(static_cast<int>(hip::kEncoderDecoder) == FOVEA_ATTENTION_ENCODER_DECODER);
static_assert(static_cast<int>(hip::kLayoutVectorized) == FOVEA_KV_CACHE_LAYOUT_VECTORIZED);
static_assert(static_cast<int>(hip::kAlibiSqrt) == FOVEA_ALIBI_SQRT);
static_assert(static_cast<int>(hip::kRangesWindowed) == FOVEA_PREFIX_RANGES_WINDOWED);
static_assert(static_cast<int>(hip::kScalesPerHead) == FOVEA_KV_SCALES_PER_HEAD);
static_assert(hip::kFlagPartialState == FOVEA_FORWARD_PARTIAL_STATE);
static_assert(hip::kCapCount == FOVEA_CAPABILITY_COUNT);
static_assert(static_cast<int>(hip::kCapEncoderDecoder) == FOVEA_CAPABILITY_ENCODER_DECODER);
static_assert(static_cast<int>(hip::kCapGraphCapture) == FOVEA_CAPABILITY_GRAPH_CAPTURE);
static_assert(static_cast<int>(hip::kCapFp8KvCache) == FOVEA_CAPABILITY_FP8_KV_CACHE);
static_assert(static_cast<int>(hip::kRoleOutput) == FOVEA_ROLE_OUTPUT);
static_assert(static_cast<int>(hip::kBoundsQueryHeadsPerKvHead) == FOVEA_BOUNDS_QUERY_HEADS_PER_KV_HEAD);
static_assert(static_cast<int>(hip::kReasonArchitecture) == FOVEA_REASON_ARCHITECTURE);
static_assert(static_cast<int>(hip::kReasonOutputDataType) == FOVEA_REASON_OUTPUT_DATA_TYPE);
static_assert(kRoles <= std::size(FoveaModuleClaims{}.data_types));
static_assert(kBoundsAttributes == std::size(FoveaModuleClaims{}.bounds));

// A module and the architecture it would run on: the context's, or that of the device that would be taken.
struct Target {
  const FoveaModuleTable* table = nullptr;
  char architecture[sizeof(FoveaModuleDeviceInfo::architecture)] = {};
};

bool find_target(const Context* context, Target* target, std::string* reason) {
  const auto set = [&](const FoveaModuleTable* table, const FoveaModuleDeviceInfo& info) {
    target->table = table;
    static_assert(sizeof(target->architecture) == sizeof(info.architecture));
    std::copy(std::begin(info.architecture), std::end(info.architecture), target->architecture);
  };
  if (context != nullptr && context->gpu() != nullptr) {
    set(&context->gpu()->table(), context->gpu()->info());
    return true;
  }
  const ModuleDevice found = find_gpu(FOVEA_DEVICE_GPU, kAnyOrdinal);
  if (found.status == FOVEA_STATUS_SUCCESS) {
    set(found.table, found.info);
    return true;
  }
  *reason = found.reason;
  return false;
}

bool read_claims(const Backend& self, const FoveaModuleTable& table, Claims* claims, std::string* reason) {
  for (int32_t i = 0; i < table.num_claims; ++i) {
    const FoveaModuleClaims& claimed = table.claims[i];
    if (claimed.backend != self.id) continue;
    claims->capabilities = claimed.capabilities & ((uint64_t{1} << FOVEA_CAPABILITY_COUNT) - 1);
    for (int32_t role = 0; role < kRoles; ++role) claims->data_types[role] = claimed.data_types[role];
    for (int32_t attribute = 0; attribute < kBoundsAttributes; ++attribute) {
      const FoveaModuleBounds& from = claimed.bounds[attribute];
      Bounds& to = claims->bounds[attribute];
      to = {from.min, from.max, from.multiple_of, from.count, {}};
      std::copy(std::begin(from.values), std::end(from.values), to.values);
    }
    return true;
  }
  *reason = std::string("its GPU module has no ") + self.name;
  return false;
}

// A target whose module has the backend.
bool find_backend_on(const Backend& self, const Context* context, Target* target, Claims* claims, std::string* reason) {
  return find_target(context, target, reason) && read_claims(self, *target->table, claims, reason);
}

FoveaModuleLayer layer_of(const Backend& self, const LayerConfig& config) {
  const bool has_cache = config.has_cache();
  FoveaModuleLayer layer = {};
  layer.backend = self.id;
  layer.num_query_heads = config.num_query_heads;
  layer.num_kv_heads = config.num_kv_heads;
  layer.head_size = config.head_size;
  layer.head_size_v = config.value_size();
  layer.block_size = has_cache ? config.block_size : 16;
  layer.query_type = config.query_type;
  layer.dense_type = config.dense_type();
  layer.cache_type = has_cache ? config.cache_type() : config.dense_type();
  layer.output_type = config.result_type();
  layer.attention_type = config.attention_type;
  layer.cache_layout = has_cache ? config.layout : FOVEA_KV_CACHE_LAYOUT_STRIDED;
  layer.alibi = config.alibi;
  layer.prefix_ranges = config.prefix_ranges;
  layer.kv_scales = config.kv_scales;
  layer.scale = config.effective_scale();
  layer.softcap = config.softcap;
  layer.window_left = config.window_left;
  layer.window_right = config.effective_window_right();
  layer.has_sinks = config.sinks ? 1 : 0;
  layer.has_lse = config.lse ? 1 : 0;
  layer.non_causal = config.non_causal ? 1 : 0;
  layer.per_sequence_causal = config.per_sequence_causal ? 1 : 0;
  layer.batch_invariant = config.batch_invariant ? 1 : 0;
  return layer;
}

// Collects what the module says; an exception must not pass through it.
struct Collector {
  Reasons* reasons;
  std::exception_ptr error;

  static void add(void* user, int32_t code, const char* sentence) {
    auto* self = static_cast<Collector*>(user);
    try {
      self->reasons->add(static_cast<foveaReason_t>(code), "%s", sentence);
    } catch (...) {
      self->error = std::current_exception();
    }
  }
};

bool support(const Backend& self, const Context* context, const LayerConfig& config, Claims* claims,
             Reasons* reasons) {
  Target target;
  if (std::string reason; !find_backend_on(self, context, &target, claims, &reason)) {
    reasons->add(FOVEA_REASON_UNAVAILABLE, "unavailable: %s", reason.c_str());
    return false;
  }
  check_claims(config, *claims, reasons);
  if (!reasons->empty()) return false;
  const FoveaModuleLayer layer = layer_of(self, config);
  Collector collector = {reasons, nullptr};
  target.table->check_layer(target.architecture, &layer, {Collector::add, &collector});
  if (collector.error != nullptr) std::rethrow_exception(collector.error);
  return reasons->empty();
}

bool preferred(const Backend& self, const Context& context, const LayerConfig& config) {
  const FoveaModuleLayer layer = layer_of(self, config);
  return context.gpu()->table().preferred(context.gpu()->info().architecture, &layer) != 0;
}

foveaStatus_t bind(const Backend& self, Context* context, const LayerConfig& config, Attention** attention) {
  Reasons reasons;
  Claims claims;
  FOVEA_REQUIRE(support(self, context, config, &claims, &reasons), FOVEA_STATUS_NOT_SUPPORTED, "%s: %s", self.name,
                reasons.joined("; ").c_str());
  const GpuDevice& gpu = *context->gpu();
  const FoveaModuleLayer layer = layer_of(self, config);
  FoveaModuleKernel* kernel = nullptr;
  FOVEA_TRY(gpu.call(gpu.table().kernel_create, &layer, &kernel));
  try {
    *attention = new RocmAttention(context, self, claims, config, kernel);
  } catch (...) {
    gpu.table().kernel_destroy(gpu.context(), kernel);
    throw;
  }
  return FOVEA_STATUS_SUCCESS;
}

template <const Backend& kSelf>
constexpr Backend backend_of_module(foveaBackend_t id, const char* name) {
  return {
      .id = id,
      .name = name,
      .runs_on = [](foveaDevice_t device) { return device == FOVEA_DEVICE_AMD || device == FOVEA_DEVICE_NVIDIA; },
      .available =
          [](const Context* context, std::string* reason) {
            Target target;
            Claims claims;
            return find_backend_on(kSelf, context, &target, &claims, reason);
          },
      // A module's claims are its own: without one there are none.
      .claims =
          [](Claims* claims) {
            Target target;
            std::string reason;
            return find_backend_on(kSelf, nullptr, &target, claims, &reason);
          },
      .support =
          [](const Context* context, const LayerConfig& config, Reasons* reasons) {
            Claims claims;
            return support(kSelf, context, config, &claims, reasons);
          },
      .bind = [](Context* context, const LayerConfig& config,
                 Attention** attention) { return bind(kSelf, context, config, attention); },
      .preferred = [](const Context& context,
                      const LayerConfig& config) { return preferred(kSelf, context, config); },
  };
}

}  // namespace

constinit const Backend kRocmAttn = backend_of_module<kRocmAttn>(FOVEA_BACKEND_ROCM_ATTN, "ROCM_ATTN");
constinit const Backend kRocmUnifiedAttn =
    backend_of_module<kRocmUnifiedAttn>(FOVEA_BACKEND_ROCM_UNIFIED_ATTN, "ROCM_UNIFIED_ATTN");

}  // namespace fovea
