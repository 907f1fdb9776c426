// Refusals: every one that a caller can reach on this backend begins with the words that engines know, leaves the output
// alone, and the next call works.
#include <algorithm>
#include <functional>

#include "tests/conformance/case_list.h"
#include "tests/conformance/checks.h"
#include "tests/conformance/random_data.h"

namespace fovea_test {

using namespace fovea_reference;

namespace {

// A config that a case cannot express is altered by `change`.
struct ConfigRefusal {
  const char* name;
  foveaReason_t reason;
  const char* words;  // the sentence begins with them
  std::function<void(Case&)> change_case;
  std::function<void(foveaConfig_t)> change_config;
};

const std::vector<ConfigRefusal>& config_refusals() {
  const auto cross = [](Case& c) { c.type = Kind::kEncoderDecoder; };
  static const std::vector<ConfigRefusal> all = {
      {"vectorized_head_size", FOVEA_REASON_KV_CACHE_LAYOUT, "kv_cache layout not supported",
       [](Case& c) {
         c.layout = Layout::kVectorized;
         c.cache = Type::kE4M3FN;
         c.head_size = 24;
       },
       {}},
      {"window_on_cross_attention", FOVEA_REASON_CONTRADICTION, "contradiction: a sliding window", cross,
       [](foveaConfig_t config) { FOVEA_OK(foveaConfigSetSlidingWindow(config, 5, -1)); }},
      {"alibi_on_cross_attention", FOVEA_REASON_CONTRADICTION, "contradiction: alibi", cross,
       [](foveaConfig_t config) { FOVEA_OK(foveaConfigSetAlibi(config, FOVEA_ALIBI_LINEAR)); }},
      {"ranges_on_cross_attention", FOVEA_REASON_CONTRADICTION, "contradiction: prefix ranges", cross,
       [](foveaConfig_t config) { FOVEA_OK(foveaConfigSetPrefixRanges(config, FOVEA_PREFIX_RANGES_FULL)); }},
      {"per_sequence_without_non_causal", FOVEA_REASON_CONTRADICTION, "contradiction: causal flags per sequence", {},
       [](foveaConfig_t config) { FOVEA_OK(foveaConfigSetPerSequenceCausal(config, 1)); }},
      {"per_sequence_on_encoder", FOVEA_REASON_CONTRADICTION, "contradiction: causal flags per sequence",
       [](Case& c) { c.type = Kind::kEncoder; },
       [](foveaConfig_t config) {
         FOVEA_OK(foveaConfigSetNonCausal(config, 1));
         FOVEA_OK(foveaConfigSetPerSequenceCausal(config, 1));
       }},
      {"scales_on_f32_cache", FOVEA_REASON_CONTRADICTION, "contradiction: KV scales", {},
       [](foveaConfig_t config) { FOVEA_OK(foveaConfigSetKvScales(config, FOVEA_KV_SCALES_PER_TENSOR)); }},
  };
  return all;
}

void refuse_config(Run& run, const ConfigRefusal& refusal, Case c) {
  if (refusal.change_case) refusal.change_case(c);
  const Config config = make_config(c);
  if (refusal.change_config) refusal.change_config(config.get());
  require_config_refused(run, config.get(), refusal.reason, refusal.words, refusal.name);
}

// The CPU sees every number of a call, a GPU needs aligned tensors in memory that it can reach.
enum class Where { kAnywhere, kCpu, kGpu, kGpuWithMemoryOfItsOwn };

// What is wrong: with the batch or its mask, which a plan refuses likewise, or with the forward alone.
enum class Of { kForward, kBatch };

// A forward that is refused.
struct ForwardRefusal {
  const char* name;
  foveaStatus_t status;
  const char* words;
  std::function<void(Case&)> change_case;  // of the config and the workload
  std::function<void(foveaMetadata_t, foveaForwardArgs_t&)> change_call;
  Where where = Where::kAnywhere;
  Of is_of = Of::kForward;
};

const std::vector<ForwardRefusal>& forward_refusals() {
  static const int32_t kFlags[] = {1, 0};
  static const int32_t kStarts[] = {0, 1, 1};
  static const int32_t kRange[] = {0, 5};
  static const int32_t kBadTable[] = {0, 1, 99, 1, 0, 2};
  static const float kOne[4] = {1, 1, 1, 1};
  alignas(64) static char host_bytes[64];
  const auto shifted = [](void* data) -> void* { return static_cast<char*>(data) + 8; };
  static const std::vector<ForwardRefusal> all = {
      {"non_causal_by_call", FOVEA_STATUS_NOT_SUPPORTED, "non-causal attention not supported", {},
       [](foveaMetadata_t, foveaForwardArgs_t& args) { args.causal = 2; }, Where::kAnywhere, Of::kBatch},
      {"non_causal_by_metadata", FOVEA_STATUS_NOT_SUPPORTED, "non-causal attention not supported", {},
       [](foveaMetadata_t metadata, foveaForwardArgs_t&) { FOVEA_OK(foveaMetadataSetCausal(metadata, 0)); }, Where::kAnywhere,
       Of::kBatch},
      {"per_sequence_flags", FOVEA_STATUS_NOT_SUPPORTED, "per-sequence causal not supported", {},
       [](foveaMetadata_t metadata, foveaForwardArgs_t& args) {
         FOVEA_OK(foveaMetadataSetCausalPerSequence(metadata, FOVEA_MEMORY_HOST, kFlags));
         FOVEA_OK(foveaMetadataCommit(metadata, args.stream));
       },
       Where::kAnywhere, Of::kBatch},
      {"prefix_ranges", FOVEA_STATUS_NOT_SUPPORTED, "partial multimodal token full attention not supported",
       [](Case& c) { c.loose_limits = true; },
       [](foveaMetadata_t metadata, foveaForwardArgs_t& args) {
         FOVEA_OK(foveaMetadataSetPrefixRanges(metadata, FOVEA_MEMORY_HOST, 1, kStarts, kRange));
         FOVEA_OK(foveaMetadataCommit(metadata, args.stream));
       },
       Where::kAnywhere, Of::kBatch},
      {"causal_out_of_range", FOVEA_STATUS_INVALID_ARGUMENT, "causal: 3", {},
       [](foveaMetadata_t, foveaForwardArgs_t& args) { args.causal = 3; }, Where::kAnywhere, Of::kBatch},
      {"lse_not_declared", FOVEA_STATUS_INVALID_ARGUMENT, "lse", {},
       [](foveaMetadata_t, foveaForwardArgs_t& args) {
         args.lse = args.output;
         args.lse.ndim = 2;
       }},
      {"partial_without_lse", FOVEA_STATUS_INVALID_ARGUMENT, "FOVEA_FORWARD_PARTIAL_STATE", {},
       [](foveaMetadata_t, foveaForwardArgs_t& args) { args.flags = FOVEA_FORWARD_PARTIAL_STATE; }},
      {"sinks_missing", FOVEA_STATUS_INVALID_ARGUMENT, "sinks", [](Case& c) { c.sinks = true; },
       [](foveaMetadata_t, foveaForwardArgs_t& args) { args.sinks = nullptr; }},
      {"sinks_not_declared", FOVEA_STATUS_INVALID_ARGUMENT, "sinks", {},
       [](foveaMetadata_t, foveaForwardArgs_t& args) { args.sinks = kOne; }},
      {"sinks_with_partial_state", FOVEA_STATUS_INVALID_ARGUMENT, "sinks",
       [](Case& c) {
         c.sinks = true;
         c.partial = true;
       },
       [](foveaMetadata_t, foveaForwardArgs_t& args) { args.sinks = kOne; }},
      {"alibi_missing", FOVEA_STATUS_INVALID_ARGUMENT, "alibi_slopes", [](Case& c) { c.alibi = Alibi::kLinear; },
       [](foveaMetadata_t, foveaForwardArgs_t& args) { args.alibi_slopes = nullptr; }},
      {"k_scale_missing", FOVEA_STATUS_INVALID_ARGUMENT, "k_scale",
       [](Case& c) {
         c.cache = Type::kE5M2;
         c.scales = FOVEA_KV_SCALES_PER_HEAD;
       },
       [](foveaMetadata_t, foveaForwardArgs_t& args) { args.k_scale = nullptr; }},
      {"block_out_of_range", FOVEA_STATUS_INVALID_ARGUMENT, "block_table: row 0 holds block 99", {},
       [](foveaMetadata_t metadata, foveaForwardArgs_t& args) {
         FOVEA_OK(foveaMetadataSetBlockTable(metadata, FOVEA_MEMORY_HOST, 2, 3, 0, kBadTable));
         FOVEA_OK(foveaMetadataCommit(metadata, args.stream));
       },
       Where::kCpu},
      {"not_committed", FOVEA_STATUS_INVALID_STATE, "", {},
       [](foveaMetadata_t metadata, foveaForwardArgs_t&) {
         FOVEA_OK(foveaMetadataSetBlockTable(metadata, FOVEA_MEMORY_HOST, 2, 3, 0, kBadTable));
       },
       Where::kAnywhere, Of::kBatch},
      // With one sequence the limits say all that a batch can need, so that a byte less must be too little.
      {"workspace_too_small", FOVEA_STATUS_WORKSPACE_TOO_SMALL, "workspace_size",
       [](Case& c) { c.sequences = {{5, 30, 0}}; },
       [](foveaMetadata_t, foveaForwardArgs_t& args) { args.workspace_size -= 1; }},
      {"workspace_of_no_size", FOVEA_STATUS_WORKSPACE_TOO_SMALL, "workspace_size", {},
       [](foveaMetadata_t, foveaForwardArgs_t& args) { args.workspace_size = 0; }},
      {"workspace_missing", FOVEA_STATUS_INVALID_ARGUMENT, "workspace: NULL", {},
       [](foveaMetadata_t, foveaForwardArgs_t& args) { args.workspace = nullptr; }},
      {"workspace_misaligned", FOVEA_STATUS_INVALID_ARGUMENT, "workspace: ", {},
       [=](foveaMetadata_t, foveaForwardArgs_t& args) { args.workspace = shifted(args.workspace); }},
      {"dense_on_cross_attention", FOVEA_STATUS_INVALID_ARGUMENT, "key: given",
       [](Case& c) { c.type = Kind::kEncoderDecoder; },
       [](foveaMetadata_t, foveaForwardArgs_t& args) {
         args.key = args.query;
         args.value = args.query;
       }},
      {"encoder_without_key", FOVEA_STATUS_INVALID_ARGUMENT, "key: absent",
       [](Case& c) {
         c.type = Kind::kEncoder;
         c.sequences = {{20, 0, 0}, {7, 0, 1}};
       },
       [](foveaMetadata_t, foveaForwardArgs_t& args) { args.key = args.value = foveaTensor_t{}; }},
      {"no_keys_at_all", FOVEA_STATUS_INVALID_ARGUMENT, "key_cache: absent", {},
       [](foveaMetadata_t, foveaForwardArgs_t& args) { args.key_cache = args.value_cache = foveaTensor_t{}; }},
      {"query_of_wrong_type", FOVEA_STATUS_INVALID_ARGUMENT, "query", {},
       [](foveaMetadata_t, foveaForwardArgs_t& args) { args.query.dtype = FOVEA_DATA_TYPE_BF16; }},
      {"output_of_wrong_heads", FOVEA_STATUS_INVALID_ARGUMENT, "output", {},
       [](foveaMetadata_t, foveaForwardArgs_t& args) { args.output.shape[1] += 1; }},
      {"misaligned_query", FOVEA_STATUS_INVALID_ARGUMENT, "query: data at", {},
       [=](foveaMetadata_t, foveaForwardArgs_t& args) { args.query.data = shifted(args.query.data); }, Where::kGpu},
      {"misaligned_key_cache", FOVEA_STATUS_INVALID_ARGUMENT, "key_cache: data at", {},
       [=](foveaMetadata_t, foveaForwardArgs_t& args) { args.key_cache.data = shifted(args.key_cache.data); }, Where::kGpu},
      {"misaligned_output", FOVEA_STATUS_INVALID_ARGUMENT, "output: data at", {},
       [=](foveaMetadata_t, foveaForwardArgs_t& args) { args.output.data = shifted(args.output.data); }, Where::kGpu},
      {"query_in_host_memory", FOVEA_STATUS_INVALID_ARGUMENT, "query: ", {},
       [](foveaMetadata_t, foveaForwardArgs_t& args) { args.query.data = host_bytes; }, Where::kGpuWithMemoryOfItsOwn},
      {"value_cache_in_host_memory", FOVEA_STATUS_INVALID_ARGUMENT, "value_cache: ", {},
       [](foveaMetadata_t, foveaForwardArgs_t& args) { args.value_cache.data = host_bytes; },
       Where::kGpuWithMemoryOfItsOwn},
      {"output_in_host_memory", FOVEA_STATUS_INVALID_ARGUMENT, "output: ", {},
       [](foveaMetadata_t, foveaForwardArgs_t& args) { args.output.data = host_bytes; }, Where::kGpuWithMemoryOfItsOwn},
      {"workspace_in_host_memory", FOVEA_STATUS_INVALID_ARGUMENT, "workspace: ", {},
       [](foveaMetadata_t, foveaForwardArgs_t& args) { args.workspace = host_bytes; }, Where::kGpuWithMemoryOfItsOwn},
      {"sinks_in_host_memory", FOVEA_STATUS_INVALID_ARGUMENT, "sinks: ", [](Case& c) { c.sinks = true; },
       [](foveaMetadata_t, foveaForwardArgs_t& args) { args.sinks = kOne; }, Where::kGpuWithMemoryOfItsOwn},
  };
  return all;
}

void refuse_forward(Run& run, const ForwardRefusal& refusal, Case c) {
  if (refusal.where == Where::kGpuWithMemoryOfItsOwn && run.engine.memory().reaches_host()) {
    throw Skip("this device reads the host's memory");
  }
  c.seed |= 1;  // a cache in any case
  if (refusal.change_case) refusal.change_case(c);
  Workload workload(c, run.engine.memory());
  const Attention attention = make_attention(run.engine, c);
  Metadata metadata = make_metadata(run.engine, workload, c.threads);
  workload.prepare();
  DeviceBuffer workspace = make_workspace(run.engine, attention.get(), workload.limits(), 0xff);
  foveaForwardArgs_t args = workload.forward_args();
  args.workspace = workspace.device();
  args.workspace_size = workspace.size();
  refusal.change_call(metadata.get(), args);
  require_refusal(foveaAttentionForward(attention.get(), metadata.get(), &args), refusal.status, refusal.words, refusal.name);
  if (refusal.is_of == Of::kBatch) {
    DeviceBuffer plan = make_workspace(run.engine, attention.get(), workload.limits(), 0xff);
    foveaPlanArgs_t plan_args = FOVEA_PLAN_ARGS_INIT;
    plan_args.plan = plan.device();
    plan_args.plan_size = plan.size();
    plan_args.stream = args.stream;
    plan_args.causal = args.causal;
    require_refusal(foveaAttentionPlan(attention.get(), metadata.get(), &plan_args), refusal.status, refusal.words,
                    std::string(refusal.name) + ", foveaAttentionPlan");
  }
  workload.check_memory();
  for (const View* view : {&workload.output, &workload.lse}) {
    if (!view->present()) continue;
    for (size_t i = 0; i < view->buffer->size(); ++i) {
      if (view->buffer->host()[i] != nan_byte(view->type)) throw Failure("a refused forward wrote to its output");
    }
  }
  // The next call works.
  run_forward(run.engine, workload);
  compare_with_reference(run, workload);
  ++run.forwards;
}

void refuse_device(Run& run) {
  foveaContextCreateInfo_t info = FOVEA_CONTEXT_CREATE_INFO_INIT;
  info.device = FOVEA_DEVICE_GPU;
  info.device_ordinal = 4096;
  foveaContext_t context = nullptr;
  require_refusal(foveaContextCreate(&info, &context), FOVEA_STATUS_NO_DEVICE, "4096", "device 4096");
  if (!run.engine.context(1)) throw Failure("the first context is gone");
}

// More metadata than any device holds. What the host cannot hold either is its own refusal.
void refuse_memory(Run& run, const Case& c) {
  foveaMetadataLimits_t limits = FOVEA_METADATA_LIMITS_INIT;
  limits.max_num_seqs = 1 << 16;
  limits.max_num_tokens = 1 << 16;
  limits.max_seq_len = 1 << 30;
  limits.max_blocks_per_seq = 1 << 21;
  foveaMetadata_t metadata = nullptr;
  const foveaStatus_t status = foveaMetadataCreate(run.engine.context(1), &limits, &metadata);
  if (status != FOVEA_STATUS_OUT_OF_MEMORY) {
    require_refusal(status, FOVEA_STATUS_DEVICE_OUT_OF_MEMORY, "memory", "half a terabyte of metadata");
  }
  Workload workload(c, run.engine.memory());
  run_forward(run.engine, workload);
  compare_with_reference(run, workload);
  ++run.forwards;
}

}  // namespace

std::vector<Case> refusal_cases(bool gpu) {
  Case base = parse_case("check=refusal heads=4x2 dim=32 block=16 seqs=3+30,2+9");
  std::vector<Case> cases;
  for (const ConfigRefusal& refusal : config_refusals()) {
    base.claim = refusal.name;
    cases.push_back(base);
  }
  for (const ForwardRefusal& refusal : forward_refusals()) {
    if (refusal.where != Where::kAnywhere && (refusal.where == Where::kCpu) == gpu) continue;
    base.claim = refusal.name;
    cases.push_back(base);
  }
  base.claim = "incomplete_config";
  cases.push_back(base);
  if (gpu) {
    base.claim = "no_such_device";
    cases.push_back(base);
    base.claim = "no_device_memory";
    cases.push_back(base);
  }
  return cases;
}

void check_refusal(Run& run, const Case& c) {
  for (const ConfigRefusal& refusal : config_refusals()) {
    if (c.claim == refusal.name) return refuse_config(run, refusal, c);
  }
  for (const ForwardRefusal& refusal : forward_refusals()) {
    if (c.claim == refusal.name) return refuse_forward(run, refusal, c);
  }
  if (c.claim == "no_such_device") return refuse_device(run);
  if (c.claim == "no_device_memory") return refuse_memory(run, c);
  if (c.claim == "incomplete_config") {
    foveaConfig_t raw = nullptr;
    FOVEA_OK(foveaConfigCreate(&raw));
    const Config config(raw, {foveaConfigDestroy});
    foveaReport_t raw_report = nullptr;
    const foveaStatus_t status = foveaConfigCheck(raw, run.engine.backend(), &raw_report);
    const Report report(raw_report, {foveaReportDestroy});
    require_refusal(status, FOVEA_STATUS_NOT_SUPPORTED, "incomplete", "an empty config");
    int32_t count = 0;
    FOVEA_OK(foveaReportGetCount(report.get(), &count));
    if (count != 3) throw Failure(text("an empty config lacks three things, %d are reported", count));
    for (int32_t i = 0; i < count; ++i) {
      foveaReason_t code = FOVEA_REASON_NONE;
      const char* sentence = nullptr;
      FOVEA_OK(foveaReportGetReason(report.get(), i, &code, &sentence));
      if (code != FOVEA_REASON_INCOMPLETE_CONFIG) throw Failure(text("reason %d is code %d", i, code));
    }
    return;
  }
  throw Failure("no such refusal: " + c.claim);
}

}  // namespace fovea_test
