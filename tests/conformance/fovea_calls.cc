#include "tests/conformance/fovea_calls.h"

#include <algorithm>

namespace fovea_test {

using namespace fovea_reference;

void require_success(foveaStatus_t status, const char* call) {
  if (status == FOVEA_STATUS_SUCCESS) return;
  const std::string name(call, std::min<size_t>(std::string(call).find('('), 60));
  throw Failure(name + " gives " + foveaStatusName(status) + ": " + foveaGetLastErrorMessage());
}

void require_refusal(foveaStatus_t status, foveaStatus_t expected, const std::string& words, const std::string& what) {
  if (status != expected) {
    throw Failure(what + " gives " + foveaStatusName(status) + ", expected " + foveaStatusName(expected) +
                  (status == FOVEA_STATUS_SUCCESS ? "" : std::string(" (") + foveaGetLastErrorMessage() + ")"));
  }
  const std::string sentence = foveaGetLastErrorMessage();
  if (sentence.find(words) == std::string::npos) {
    throw Failure(what + ": the sentence is '" + sentence + "', which lacks '" + words + "'");
  }
}

Engine::Engine(const Target& target) : target_(target) {
  if (!on_gpu()) return;
  // The context knows which kind of GPU it found, and has loaded that kind's runtime.
  foveaContextInfo_t info = FOVEA_CONTEXT_INFO_INIT;
  FOVEA_OK(foveaContextGetInfo(context(1), &info));
  gpu_memory_ = open_gpu_memory(info.device, target.ordinal, target.gpu_runtime);
}

void Engine::enqueue(const std::function<void()>& calls) {
  if (!capture_) return calls();
  const std::unique_ptr<RecordedGraph> graph = memory().record(calls);
  graph->launch();
  memory().synchronize();
}

foveaContext_t Engine::context(int32_t threads) {
  if (on_gpu()) threads = 0;
  for (const auto& [count, context] : contexts_) {
    if (count == threads) return context.get();
  }
  foveaContextCreateInfo_t info = FOVEA_CONTEXT_CREATE_INFO_INIT;
  info.device = target_.device;
  info.device_ordinal = target_.ordinal;
  info.num_threads = threads;
  foveaContext_t context = nullptr;
  FOVEA_OK(foveaContextCreate(&info, &context));
  contexts_.emplace_back(threads, Context(context, {foveaContextDestroy}));
  return context;
}

std::string Engine::architecture() {
  foveaContextInfo_t info = FOVEA_CONTEXT_INFO_INIT;
  FOVEA_OK(foveaContextGetInfo(context(1), &info));
  return info.architecture;
}

Config make_config(const Case& c) {
  foveaConfig_t raw = nullptr;
  FOVEA_OK(foveaConfigCreate(&raw));
  Config config(raw, {foveaConfigDestroy});
  FOVEA_OK(foveaConfigSetHeads(raw, c.num_query_heads, c.num_kv_heads));
  FOVEA_OK(foveaConfigSetHeadSizes(raw, c.head_size, c.head_size_v));
  FOVEA_OK(foveaConfigSetDataTypes(raw, fovea_type(c.query), fovea_type(c.cache), fovea_type(c.output)));
  if (c.scale > 0) FOVEA_OK(foveaConfigSetScale(raw, c.scale));
  FOVEA_OK(foveaConfigSetSlidingWindow(raw, c.window_left, c.window_right));
  FOVEA_OK(foveaConfigSetLogitsSoftCap(raw, c.softcap));
  FOVEA_OK(foveaConfigSetAlibi(raw, static_cast<foveaAlibi_t>(c.alibi)));
  FOVEA_OK(foveaConfigSetSinks(raw, c.sinks));
  FOVEA_OK(foveaConfigSetLse(raw, c.lse || c.partial));
  FOVEA_OK(foveaConfigSetPrefixRanges(raw, static_cast<foveaPrefixRanges_t>(c.ranges)));
  FOVEA_OK(foveaConfigSetAttentionType(raw, static_cast<foveaAttentionType_t>(c.type)));
  if (c.type == Kind::kDecoder) {
    FOVEA_OK(foveaConfigSetNonCausal(raw, c.mask != Mask::kCausal));
    FOVEA_OK(foveaConfigSetPerSequenceCausal(raw, c.mask == Mask::kMixed));
  }
  FOVEA_OK(foveaConfigSetKvCacheLayout(raw, static_cast<foveaKvCacheLayout_t>(c.layout), c.block_size));
  FOVEA_OK(foveaConfigSetKvScales(raw, c.scales));
  FOVEA_OK(foveaConfigSetBatchInvariant(raw, c.batch_invariant));
  return config;
}

bool claims_everything(foveaBackend_t backend, const Case& c) {
  std::vector<foveaCapability_t> used;
  if (c.type == Kind::kDecoder) used.push_back(FOVEA_CAPABILITY_DECODER);
  if (c.type == Kind::kEncoder) used.push_back(FOVEA_CAPABILITY_ENCODER);
  if (c.type == Kind::kEncoderDecoder) used.push_back(FOVEA_CAPABILITY_ENCODER_DECODER);
  if (c.type == Kind::kDecoder && c.mask != Mask::kCausal) used.push_back(FOVEA_CAPABILITY_NON_CAUSAL);
  if (c.mask == Mask::kMixed) used.push_back(FOVEA_CAPABILITY_PER_SEQUENCE_CAUSAL);
  if (c.window_left >= 0) used.push_back(FOVEA_CAPABILITY_SLIDING_WINDOW);
  const bool may_be_non_causal = c.type != Kind::kDecoder || c.mask != Mask::kCausal;
  if (c.window_right >= 0 && may_be_non_causal) used.push_back(FOVEA_CAPABILITY_SLIDING_WINDOW_RIGHT);
  if (c.ranges != Ranges::kNone) used.push_back(FOVEA_CAPABILITY_PREFIX_RANGES);
  if (c.softcap > 0) used.push_back(FOVEA_CAPABILITY_LOGITS_SOFT_CAP);
  if (c.alibi == Alibi::kLinear) used.push_back(FOVEA_CAPABILITY_ALIBI);
  if (c.alibi == Alibi::kSqrt) used.push_back(FOVEA_CAPABILITY_ALIBI_SQRT);
  if (c.sinks) used.push_back(FOVEA_CAPABILITY_SINKS);
  if (c.lse) used.push_back(FOVEA_CAPABILITY_LSE);
  if (c.partial) used.push_back(FOVEA_CAPABILITY_PARTIAL_STATE);
  if (c.type != Kind::kEncoder && is_fp8(c.cache)) used.push_back(FOVEA_CAPABILITY_FP8_KV_CACHE);
  if (is_fp8(c.query)) used.push_back(FOVEA_CAPABILITY_FP8_QUERY);
  if (is_fp8(c.output)) used.push_back(FOVEA_CAPABILITY_FP8_OUTPUT);
  if (c.scales == FOVEA_KV_SCALES_PER_HEAD) used.push_back(FOVEA_CAPABILITY_PER_HEAD_KV_SCALES);
  if (c.layout == Layout::kVectorized) used.push_back(FOVEA_CAPABILITY_VECTORIZED_KV_CACHE);
  if (c.v_size() != c.head_size) used.push_back(FOVEA_CAPABILITY_DIFFERENT_V_SIZE);
  if (c.batch_invariant) used.push_back(FOVEA_CAPABILITY_BATCH_INVARIANCE);
  for (const foveaCapability_t capability : used) {
    int32_t supported = 0;
    FOVEA_OK(foveaBackendSupports(backend, capability, &supported));
    if (!supported) return false;
  }
  const std::pair<foveaDataTypeRole_t, Type> roles[] = {
      {FOVEA_ROLE_QUERY, c.query}, {FOVEA_ROLE_KV_CACHE, c.cache}, {FOVEA_ROLE_OUTPUT, c.output}};
  for (const auto& [role, type] : roles) {
    if (role == FOVEA_ROLE_KV_CACHE && c.type == Kind::kEncoder) continue;
    int32_t supported = 0;
    FOVEA_OK(foveaBackendSupportsDataType(backend, role, fovea_type(type), &supported));
    if (!supported) return false;
  }
  const std::pair<foveaBoundsAttribute_t, int32_t> sizes[] = {{FOVEA_BOUNDS_HEAD_SIZE, c.head_size},
                                                              {FOVEA_BOUNDS_HEAD_SIZE_V, c.v_size()},
                                                              {FOVEA_BOUNDS_BLOCK_SIZE, c.block_size},
                                                              {FOVEA_BOUNDS_QUERY_HEADS_PER_KV_HEAD, c.group()}};
  for (const auto& [attribute, value] : sizes) {
    if (attribute == FOVEA_BOUNDS_BLOCK_SIZE && c.type == Kind::kEncoder) continue;
    foveaBounds_t bounds = {};
    bounds.struct_size = sizeof(bounds);
    FOVEA_OK(foveaBackendGetBounds(backend, attribute, &bounds));
    if (value < bounds.min || value > bounds.max || value % std::max(1, bounds.multiple_of)) return false;
    const int32_t* const begin = bounds.values;
    const int32_t* const end = begin + bounds.count;
    if (bounds.count > 0 && std::find(begin, end, value) == end) return false;
  }
  return true;
}

namespace {

// Of a refusal that lists every backend, the line of this one.
std::string reasons_of(const std::string& sentence, foveaBackend_t backend) {
  const std::string head = std::string("\n  ") + foveaBackendGetName(backend) + ": ";
  const size_t begin = sentence.find(head);
  if (begin == std::string::npos) return sentence;
  const size_t end = sentence.find('\n', begin + 1);
  return sentence.substr(begin + 3, end == std::string::npos ? end : end - begin - 3);
}

}  // namespace

Attention make_attention(Engine& engine, const Case& c) { return make_attention(engine, c, c.threads); }

Attention make_attention(Engine& engine, const Case& c, int32_t threads) {
  const Config config = make_config(c);
  foveaAttention_t raw = nullptr;
  const foveaStatus_t status = foveaAttentionCreate(engine.context(threads), config.get(), engine.backend(), &raw);
  if (status == FOVEA_STATUS_NOT_SUPPORTED) {
    const std::string sentence = foveaGetLastErrorMessage();
    // A GPU module may refuse what its claims cannot say, such as a mixture of types; but not what proves a claim.
    const bool must_take = !engine.on_gpu() || c.check == "claim" || c.check == "bounds";
    if (must_take && claims_everything(engine.backend(), c)) {
      throw Failure("the backend claims all that this config uses, yet refuses it: " + sentence);
    }
    throw Skip(reasons_of(sentence, engine.backend()));
  }
  require_success(status, "foveaAttentionCreate(");
  return Attention(raw, {foveaAttentionDestroy});
}

namespace {

Metadata create_metadata(Engine& engine, const foveaMetadataLimits_t& limits, int32_t threads) {
  foveaMetadata_t raw = nullptr;
  FOVEA_OK(foveaMetadataCreate(engine.context(threads), &limits, &raw));
  return Metadata(raw, {foveaMetadataDestroy});
}

}  // namespace

Metadata make_metadata(Engine& engine, const Workload& workload, int32_t threads) {
  const Case& c = workload.test_case();
  const Problem& p = workload.problem();
  Metadata metadata = create_metadata(engine, workload.limits(), threads);
  const foveaMemory_t memory = c.device_arrays ? FOVEA_MEMORY_DEVICE : FOVEA_MEMORY_HOST;
  const auto array = [&](const DeviceBuffer& on_device, const std::vector<int32_t>& on_host) {
    return c.device_arrays ? reinterpret_cast<const int32_t*>(on_device.device()) : on_host.data();
  };
  const BatchArrays& arrays = workload.arrays;
  int32_t max_query_len = 0, max_seq_len = 0;
  if (c.device_arrays) {
    const foveaMetadataLimits_t limits = workload.limits();
    for (const Sequence& s : workload.sequences()) max_query_len = std::max(max_query_len, s.query_len);
    max_query_len = std::max(1, max_query_len);
    max_seq_len = limits.max_seq_len;
  }
  FOVEA_OK(foveaMetadataSetSequences(metadata.get(), memory, workload.num_seqs(), workload.num_tokens(), max_query_len,
                                     max_seq_len, array(arrays.query_start_loc, workload.query_start_loc()),
                                     array(arrays.seq_lens, workload.seq_lens())));
  if (workload.table_columns() > 0) {
    FOVEA_OK(foveaMetadataSetBlockTable(metadata.get(), memory, workload.num_seqs(), workload.table_columns(),
                                        workload.table_stride(), array(arrays.block_table, workload.block_table())));
  }
  if (!workload.causal_per_sequence().empty()) {
    FOVEA_OK(foveaMetadataSetCausalPerSequence(metadata.get(), memory,
                                               array(arrays.causal_per_sequence, workload.causal_per_sequence())));
  }
  if (c.ranges != Ranges::kNone) {
    FOVEA_OK(foveaMetadataSetPrefixRanges(metadata.get(), memory, static_cast<int32_t>(p.ranges.size() / 2),
                                          array(arrays.range_start_loc, p.range_start_loc),
                                          array(arrays.ranges, p.ranges)));
  }
  const bool non_causal = c.mask == Mask::kNonCausal;
  if (c.flag_by_call) {
    // The call's flag has to win over this one.
    FOVEA_OK(foveaMetadataSetCausal(metadata.get(), non_causal ? 1 : 0));
  } else if (non_causal) {
    FOVEA_OK(foveaMetadataSetCausal(metadata.get(), 0));
  }
  FOVEA_OK(foveaMetadataCommit(metadata.get(), engine.stream()));
  return metadata;
}

Metadata make_metadata(Engine& engine, const Batch& batch, int32_t threads, foveaMetadataLimits_t* limits) {
  *limits = FOVEA_METADATA_LIMITS_INIT;
  const auto num_seqs = static_cast<int32_t>(batch.seq_lens.size());
  limits->max_num_seqs = std::max(1, num_seqs);
  limits->max_num_tokens = std::max(1, batch.query_start_loc.back());
  limits->max_seq_len = 1;
  for (const int32_t length : batch.seq_lens) limits->max_seq_len = std::max(limits->max_seq_len, length);
  limits->max_blocks_per_seq = batch.columns;
  Metadata metadata = create_metadata(engine, *limits, threads);
  FOVEA_OK(foveaMetadataSetSequences(metadata.get(), FOVEA_MEMORY_HOST, num_seqs, batch.query_start_loc.back(), 0, 0,
                                     batch.query_start_loc.data(), batch.seq_lens.data()));
  if (batch.columns > 0) {
    FOVEA_OK(foveaMetadataSetBlockTable(metadata.get(), FOVEA_MEMORY_HOST, num_seqs, batch.columns, 0,
                                        batch.block_table.data()));
  }
  if (!batch.causal) FOVEA_OK(foveaMetadataSetCausal(metadata.get(), 0));
  FOVEA_OK(foveaMetadataCommit(metadata.get(), engine.stream()));
  return metadata;
}

DeviceBuffer make_workspace(Engine& engine, foveaAttention_t attention, const foveaMetadataLimits_t& limits, uint8_t poison) {
  size_t size = 0;
  FOVEA_OK(foveaAttentionGetWorkspaceSize(attention, &limits, &size));
  DeviceBuffer workspace(engine.memory(), size);
  workspace.fill(poison);
  workspace.to_device();
  return workspace;
}

DeviceBuffer make_plan(Engine& engine, foveaAttention_t attention, const foveaMetadataLimits_t& limits,
                       foveaMetadata_t metadata, int32_t causal) {
  foveaPlanArgs_t args = FOVEA_PLAN_ARGS_INIT;
  FOVEA_OK(foveaAttentionGetPlanSize(attention, &limits, &args.plan_size));
  DeviceBuffer plan(engine.memory(), args.plan_size);
  plan.fill(0xff);
  plan.to_device();
  args.plan = plan.device();
  args.causal = causal;
  args.stream = engine.stream();
  engine.enqueue([&] { FOVEA_OK(foveaAttentionPlan(attention, metadata, &args)); });
  plan.to_host();
  const std::string damage = plan.guard_damage();
  if (!damage.empty()) throw Failure("the guard zone of the plan was hit " + damage);
  plan.remember();
  return plan;
}

void run_forward(Engine& engine, foveaAttention_t attention, foveaMetadata_t metadata, const foveaMetadataLimits_t& limits,
                 foveaForwardArgs_t args, uint8_t workspace_poison) {
  DeviceBuffer workspace = make_workspace(engine, attention, limits, workspace_poison);
  args.workspace = workspace.device();
  args.workspace_size = workspace.size();
  engine.enqueue([&] { FOVEA_OK(foveaAttentionForward(attention, metadata, &args)); });
  workspace.to_host();
  const std::string damage = workspace.guard_damage();
  if (!damage.empty()) throw Failure("the guard zone of the workspace was hit " + damage);
}

void run_forward(Engine& engine, Workload& workload, const RunOptions& options) {
  const Case& c = workload.test_case();
  const int32_t threads = options.threads ? options.threads : c.threads;
  const Attention attention = make_attention(engine, c, threads);
  const Metadata metadata = make_metadata(engine, workload, threads);
  workload.prepare();
  foveaForwardArgs_t args = workload.forward_args();
  if (c.plan) {
    DeviceBuffer plan = make_plan(engine, attention.get(), workload.limits(), metadata.get(), args.causal);
    args.plan = plan.device();
    args.plan_size = plan.size();
    run_forward(engine, attention.get(), metadata.get(), workload.limits(), args, options.workspace_poison);
    plan.to_host();
    if (!plan.unchanged()) throw Failure("the forward changed the plan");
  } else {
    run_forward(engine, attention.get(), metadata.get(), workload.limits(), args, options.workspace_poison);
  }
  workload.check_memory();
}

}  // namespace fovea_test
