#include "impl/backend/cpu_attn.h"

#include "impl/arguments.h"
#include "impl/error.h"
#include "impl/memory.h"
#include "impl/names.h"

namespace fovea {
namespace {

constexpr uint32_t bits(std::initializer_list<foveaDataType_t> types) {
  uint32_t mask = 0;
  for (const foveaDataType_t type : types) mask |= 1u << type;
  return mask;
}

constexpr uint32_t kAllTypes = bits({FOVEA_DATA_TYPE_F32, FOVEA_DATA_TYPE_F16, FOVEA_DATA_TYPE_BF16,
                                     FOVEA_DATA_TYPE_F8_E4M3FN, FOVEA_DATA_TYPE_F8_E4M3FNUZ, FOVEA_DATA_TYPE_F8_E5M2});

// Every capability of the header but one: there are no graphs to capture on a CPU.
constexpr uint64_t kCapabilities =
    ((uint64_t{1} << FOVEA_CAPABILITY_COUNT) - 1) & ~(uint64_t{1} << FOVEA_CAPABILITY_GRAPH_CAPTURE);

constexpr Claims kClaims = {
    .capabilities = kCapabilities,
    .data_types = {kAllTypes, kAllTypes, kAllTypes},
    .bounds =
        {
            {8, 256, 8, 0, {}},        // head_size
            {8, 256, 8, 0, {}},        // head_size_v
            {16, 1 << 30, 16, 0, {}},  // block_size
            {1, 65536, 1, 0, {}},      // query heads per KV head
        },
};

// The kernels' enumerators are the header's.
template <class To, class From>
constexpr To same(From value) {
  return static_cast<To>(static_cast<int32_t>(value));
}
static_assert(same<cpu::DataType>(FOVEA_DATA_TYPE_F8_E5M2) == cpu::DataType::kE5M2);
static_assert(same<cpu::DataType>(FOVEA_DATA_TYPE_F8_E4M3FNUZ) == cpu::DataType::kE4M3FNUZ);
static_assert(same<cpu::DataType>(FOVEA_DATA_TYPE_F8_E4M3FN) == cpu::DataType::kE4M3FN);
static_assert(same<cpu::DataType>(FOVEA_DATA_TYPE_BF16) == cpu::DataType::kBF16);
static_assert(same<cpu::DataType>(FOVEA_DATA_TYPE_F16) == cpu::DataType::kF16);
static_assert(same<cpu::DataType>(FOVEA_DATA_TYPE_F32) == cpu::DataType::kF32);
static_assert(same<cpu::AttentionType>(FOVEA_ATTENTION_ENCODER) == cpu::AttentionType::kEncoder);
static_assert(same<cpu::AttentionType>(FOVEA_ATTENTION_ENCODER_DECODER) == cpu::AttentionType::kEncoderDecoder);
static_assert(same<cpu::CacheLayout>(FOVEA_KV_CACHE_LAYOUT_VECTORIZED) == cpu::CacheLayout::kVectorized);
static_assert(same<cpu::Alibi>(FOVEA_ALIBI_LINEAR) == cpu::Alibi::kLinear);
static_assert(same<cpu::Alibi>(FOVEA_ALIBI_SQRT) == cpu::Alibi::kSqrt);
static_assert(same<cpu::PrefixRanges>(FOVEA_PREFIX_RANGES_WINDOWED) == cpu::PrefixRanges::kWindowed);
static_assert(same<cpu::KvScales>(FOVEA_KV_SCALES_PER_HEAD) == cpu::KvScales::kPerHead);

cpu::Layer layer_of(const LayerConfig& config) {
  cpu::Layer layer = {};
  layer.num_query_heads = config.num_query_heads;
  layer.num_kv_heads = config.num_kv_heads;
  layer.head_size = config.head_size;
  layer.head_size_v = config.value_size();
  layer.block_size = config.has_cache() ? config.block_size : 16;
  layer.query_type = same<cpu::DataType>(config.query_type);
  layer.dense_type = same<cpu::DataType>(config.dense_type());
  layer.cache_type = same<cpu::DataType>(config.has_cache() ? config.cache_type() : config.dense_type());
  layer.output_type = same<cpu::DataType>(config.result_type());
  layer.attention_type = same<cpu::AttentionType>(config.attention_type);
  layer.cache_layout = config.has_cache() ? same<cpu::CacheLayout>(config.layout) : cpu::CacheLayout::kStrided;
  layer.alibi = same<cpu::Alibi>(config.alibi);
  layer.prefix_ranges = same<cpu::PrefixRanges>(config.prefix_ranges);
  layer.kv_scales = same<cpu::KvScales>(config.kv_scales);
  layer.scale = config.effective_scale();
  layer.softcap = config.softcap;
  layer.window_left = config.window_left;
  layer.window_right = config.window_right;
  layer.has_sinks = config.sinks ? 1 : 0;
  layer.batch_invariant = config.batch_invariant ? 1 : 0;
  return layer;
}

bool resolve(const LayerConfig& config, Reasons* reasons, CpuKernel* kernel) {
  check_claims(config, kClaims, reasons);
  if (!reasons->empty()) return false;
  if (kernel == nullptr) return true;
  kernel->layer = layer_of(config);
  kernel->table = &cpu::kernels();
  kernel->scratch_stride = cpu::scratch_stride(*kernel->table, kernel->layer);
  const cpu::Layer& layer = kernel->layer;
  kernel->key = {layer.num_query_heads,
                 layer.num_kv_heads,
                 layer.head_size_v,
                 layer.block_size,
                 layer.attention_type,
                 layer.prefix_ranges,
                 layer.window_left,
                 layer.window_right,
                 kernel->table->traits(layer).max_rows_per_item,
                 1};
  return true;
}

foveaStatus_t bind(Context* context, const LayerConfig& config, Attention** attention) {
  Reasons reasons;
  CpuKernel kernel;
  FOVEA_REQUIRE(resolve(config, &reasons, &kernel), FOVEA_STATUS_NOT_SUPPORTED, "CPU_ATTN: %s",
                reasons.joined("; ").c_str());
  kernel.key.num_threads = context->num_threads();
  FOVEA_TRY(context->start_threads());
  *attention = new CpuAttention(context, kClaims, config, kernel);
  return FOVEA_STATUS_SUCCESS;
}

}  // namespace

constinit const Backend kCpuAttn = {
    .id = FOVEA_BACKEND_CPU_ATTN,
    .name = "CPU_ATTN",
    .runs_on = [](foveaDevice_t device) { return device == FOVEA_DEVICE_CPU; },
    .available = [](const Context*, std::string*) { return true; },
    .claims =
        [](Claims* claims) {
          *claims = kClaims;
          return true;
        },
    .support = [](const Context*, const LayerConfig& config,
                  Reasons* reasons) { return resolve(config, reasons, nullptr); },
    .bind = bind,
};

foveaStatus_t CpuAttention::lay_out(const BatchSize& size, Workspace* workspace) const {
  FOVEA_TRY(bound_plan(kernel_.key, size, &workspace->bounds));
  SizeSum sum;
  workspace->plan = sum.add(1, workspace->bounds.plan_bytes);
  workspace->arrivals = sum.add(static_cast<size_t>(workspace->bounds.num_groups), sizeof(std::atomic<int32_t>));
  workspace->states = sum.add(static_cast<size_t>(workspace->bounds.state_floats), sizeof(float));
  workspace->scratch = sum.add(static_cast<size_t>(kernel_.key.num_threads), kernel_.scratch_stride);
  workspace->total = sum.total();
  FOVEA_REQUIRE_ARGUMENT(!sum.overflow(), "num_tokens: %d needs more workspace than memory can have", size.num_tokens);
  return FOVEA_STATUS_SUCCESS;
}

foveaStatus_t CpuAttention::workspace_size(const foveaMetadataLimits_t& limits, size_t* size) const {
  Workspace workspace;
  FOVEA_TRY(lay_out({limits.max_num_seqs, limits.max_num_tokens, limits.max_seq_len}, &workspace));
  *size = workspace.total;
  return FOVEA_STATUS_SUCCESS;
}

foveaStatus_t CpuAttention::plan_size(const foveaMetadataLimits_t& limits, size_t* size) const {
  PlanBounds bounds;
  FOVEA_TRY(bound_plan(kernel_.key, {limits.max_num_seqs, limits.max_num_tokens, limits.max_seq_len}, &bounds));
  *size = bounds.plan_bytes;
  return FOVEA_STATUS_SUCCESS;
}

foveaStatus_t CpuAttention::plan(const Metadata& metadata, const foveaPlanArgs_t& args) const {
  const CommittedBatch* batch = nullptr;
  CausalMode mode = CausalMode::kCausal;
  FOVEA_REQUIRE_ARGUMENT(args.flags == 0, "flags: %u, expected 0", args.flags);
  FOVEA_REQUIRE_ARGUMENT(args.stream == nullptr, "stream: %p, expected NULL on a CPU", args.stream);
  FOVEA_TRY(open_batch(metadata, args.causal, &batch, &mode));
  PlanBounds bounds;
  FOVEA_TRY(bound_plan(kernel_.key, {batch->num_seqs, batch->num_tokens, batch->max_seq_len}, &bounds));
  FOVEA_TRY(check_plan_memory(args.plan, args.plan_size, bounds.plan_bytes));
  make_plan(kernel_.key, metadata, *batch, mode, bounds, args.plan);
  return FOVEA_STATUS_SUCCESS;
}

foveaStatus_t CpuAttention::validate(const Metadata& metadata, int64_t num_cache_blocks) const {
  const CommittedBatch* batch = nullptr;
  CausalMode mode = CausalMode::kCausal;
  FOVEA_REQUIRE_ARGUMENT(num_cache_blocks >= 0, "num_cache_blocks: %lld, expected 0 or more",
                         static_cast<long long>(num_cache_blocks));
  FOVEA_TRY(open_batch(metadata, 0, &batch, &mode));
  PlanBounds bounds;
  FOVEA_TRY(bound_plan(kernel_.key, {batch->num_seqs, batch->num_tokens, batch->max_seq_len}, &bounds));
  if (num_cache_blocks == 0 || !config().has_cache()) return FOVEA_STATUS_SUCCESS;
  return check_block_ids(kernel_.key, *batch, mode, KeySource::kCache, num_cache_blocks);
}

foveaStatus_t CpuAttention::write_kv_cache(const foveaKvWriteArgs_t& args) const {
  const LayerConfig& layer = config();
  FOVEA_REQUIRE(layer.has_cache(), FOVEA_STATUS_NOT_SUPPORTED, "encoder attention has no KV cache to write to");
  FOVEA_REQUIRE_ARGUMENT(args.stream == nullptr, "stream: %p, expected NULL on a CPU", args.stream);
  FOVEA_REQUIRE_ARGUMENT(args.num_tokens >= 0, "num_tokens: %d, expected 0 or more", args.num_tokens);
  if (args.num_tokens == 0) return FOVEA_STATUS_SUCCESS;

  WriteTensors tensors;
  FOVEA_TRY(check_write_arguments(layer, args, kHostMemory, &tensors));
  const cpu::KvWrite write = {kernel_.layer,       tensors.key,       tensors.value,
                              tensors.key_cache,   tensors.value_cache, args.slot_mapping,
                              args.num_tokens,     args.k_scale,      args.v_scale};
  cpu::write_kv(*kernel_.table, write, context_->parallel());
  return FOVEA_STATUS_SUCCESS;
}

}  // namespace fovea
