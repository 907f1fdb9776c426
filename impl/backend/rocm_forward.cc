// The calls of a module's backend: arguments are checked as far as the host can see, then the module gets one plain struct.
// Nothing here dereferences a device address, allocates or waits.
#include "impl/arguments.h"
#include "impl/backend/rocm_attn.h"
#include "impl/error.h"

namespace fovea {
namespace {

FoveaModuleRows rows_of(const Rows& rows) { return {rows.data, rows.row_stride, rows.head_stride}; }

FoveaModuleCache cache_of(const Cache& cache) {
  return {const_cast<void*>(cache.data), cache.num_blocks,  cache.block_stride,
          cache.row_stride,              cache.head_stride, cache.group_stride};
}

FoveaModuleLimits limits_of(const foveaMetadataLimits_t& limits) {
  return {limits.max_num_seqs, limits.max_num_tokens,     limits.max_num_tokens,
          limits.max_seq_len,  limits.max_blocks_per_seq, limits.max_prefix_ranges};
}

// The smallest limits that hold the batch.
FoveaModuleLimits limits_of(const CommittedBatch& batch) {
  return {batch.num_seqs,    batch.num_tokens,    batch.max_query_len,
          batch.max_seq_len, batch.table_columns, batch.num_ranges};
}

FoveaModuleBatch batch_of(const CommittedBatch& batch, const Metadata& metadata, CausalMode mode) {
  FoveaModuleBatch out = {};
  out.query_start_loc = batch.query_start_loc;
  out.seq_lens = batch.seq_lens;
  out.block_table = batch.block_table;
  out.causal_per_sequence = mode == CausalMode::kPerSequence ? batch.causal_per_sequence : nullptr;
  out.range_start_loc = batch.range_start_loc;
  out.ranges = batch.ranges;
  out.block_table_stride = batch.table_stride;
  out.block_table_columns = batch.table_columns;
  out.num_seqs = batch.num_seqs;
  out.num_tokens = batch.num_tokens;
  out.max_query_len = batch.max_query_len;
  out.max_seq_len = batch.max_seq_len;
  out.causal = mode == CausalMode::kCausal ? 1 : 0;
  out.async_error = metadata.device_arrays()->async_error();
  return out;
}

template <size_t N>
foveaStatus_t check_reachable(const GpuDevice& gpu, const FoveaModulePointer (&pointers)[N]) {
  return gpu.call(gpu.table().check_pointers, &pointers[0], static_cast<int32_t>(N));
}

}  // namespace

RocmAttention::RocmAttention(Context* context, const Backend& backend, const Claims& claims, const LayerConfig& config,
                             FoveaModuleKernel* kernel)
    : Attention(context, backend, claims, config), kernel_(kernel), plan_key_(gpu().table().plan_key(kernel)) {}

RocmAttention::~RocmAttention() {
  if (gpu().of_this_process()) gpu().table().kernel_destroy(gpu().context(), kernel_);
}

uint64_t RocmAttention::plan_identity(const Metadata& metadata, CausalMode mode) const {
  // FNV-1a over words: enough to tell one plan from the next.
  uint64_t hash = 0xcbf29ce484222325;
  for (const uint64_t word : {static_cast<uint64_t>(backend()), plan_key_, metadata.id(), metadata.generation(),
                              static_cast<uint64_t>(mode)}) {
    hash = (hash ^ word) * 0x100000001b3;
    hash ^= hash >> 29;
  }
  return hash;
}

foveaStatus_t RocmAttention::workspace_size(const foveaMetadataLimits_t& limits, size_t* size) const {
  const FoveaModuleLimits bounds = limits_of(limits);
  return gpu().ask(gpu().table().workspace_size, kernel_, &bounds, size);
}

foveaStatus_t RocmAttention::plan_size(const foveaMetadataLimits_t& limits, size_t* size) const {
  const FoveaModuleLimits bounds = limits_of(limits);
  return gpu().ask(gpu().table().plan_size, kernel_, &bounds, size);
}

foveaStatus_t RocmAttention::plan(const Metadata& metadata, const foveaPlanArgs_t& args) const {
  const CommittedBatch* batch = nullptr;
  CausalMode mode = CausalMode::kCausal;
  FOVEA_TRY(gpu().check_process());
  FOVEA_REQUIRE_ARGUMENT(args.flags == 0, "flags: %u, expected 0", args.flags);
  FOVEA_TRY(open_batch(metadata, args.causal, &batch, &mode));
  const FoveaModuleLimits limits = limits_of(*batch);
  size_t needed = 0;
  FOVEA_TRY(gpu().ask(gpu().table().plan_size, kernel_, &limits, &needed));
  FOVEA_TRY(check_plan_memory(args.plan, args.plan_size, needed));
  FOVEA_TRY(check_reachable(gpu(), {{args.plan, "plan"}}));
  if (batch->num_tokens > 0) {
    const FoveaModuleBatch given = batch_of(*batch, metadata, mode);
    FOVEA_TRY(gpu().call(gpu().table().plan, kernel_, &given, args.plan, args.plan_size, args.stream));
  }
  metadata.plans().put(args.plan, plan_identity(metadata, mode));
  return FOVEA_STATUS_SUCCESS;
}

foveaStatus_t RocmAttention::write_kv_cache(const foveaKvWriteArgs_t& args) const {
  FOVEA_TRY(gpu().check_process());
  FOVEA_REQUIRE(config().has_cache(), FOVEA_STATUS_NOT_SUPPORTED, "encoder attention has no KV cache to write to");
  FOVEA_REQUIRE_ARGUMENT(args.num_tokens >= 0, "num_tokens: %d, expected 0 or more", args.num_tokens);
  if (args.num_tokens == 0) return FOVEA_STATUS_SUCCESS;

  WriteTensors tensors;
  FOVEA_TRY(check_write_arguments(config(), args, kDeviceMemory, &tensors));
  FOVEA_TRY(check_reachable(gpu(), {{tensors.key.data, "key"},
                                    {tensors.value.data, "value"},
                                    {tensors.key_cache.data, "key_cache"},
                                    {tensors.value_cache.data, "value_cache"},
                                    {args.slot_mapping, "slot_mapping"},
                                    {args.k_scale, "k_scale"},
                                    {args.v_scale, "v_scale"}}));
  FoveaModuleWrite write = {};
  write.key = rows_of(tensors.key);
  write.value = rows_of(tensors.value);
  write.key_cache = cache_of(tensors.key_cache);
  write.value_cache = cache_of(tensors.value_cache);
  write.slot_mapping = args.slot_mapping;
  write.k_scale = args.k_scale;
  write.v_scale = args.v_scale;
  write.num_tokens = args.num_tokens;
  return gpu().call(gpu().table().write, kernel_, &write, args.stream);
}

foveaStatus_t RocmAttention::forward(const Metadata& metadata, const foveaForwardArgs_t& args) const {
  FOVEA_TRY(gpu().check_process());
  FOVEA_TRY(check_forward_flags(args.flags));
  const CommittedBatch* batch = nullptr;
  CausalMode mode = CausalMode::kCausal;
  FOVEA_TRY(open_batch(metadata, args.causal, &batch, &mode));
  if (batch->num_tokens == 0) return FOVEA_STATUS_SUCCESS;

  ForwardTensors tensors;
  FOVEA_TRY(check_forward_tensors(config(), *batch, args, kDeviceMemory, &tensors));
  FOVEA_TRY(check_forward_parameters(config(), args, kDeviceMemory));
  const FoveaModuleLimits limits = limits_of(*batch);
  size_t needed = 0;
  FOVEA_TRY(gpu().ask(gpu().table().workspace_size, kernel_, &limits, &needed));
  if (needed > 0) FOVEA_TRY(check_workspace(args.workspace, args.workspace_size, needed));
  if (args.plan != nullptr) {
    FOVEA_TRY(gpu().ask(gpu().table().plan_size, kernel_, &limits, &needed));
    FOVEA_TRY(check_plan_memory(args.plan, args.plan_size, needed));
    FOVEA_REQUIRE_ARGUMENT(metadata.plans().holds(args.plan, plan_identity(metadata, mode)),
                           "plan: not made by foveaAttentionPlan for the committed batch, this causal flag and an "
                           "attention of equal config and backend");
  }
  FOVEA_TRY(check_reachable(gpu(), {{tensors.query.data, "query"},
                                    {tensors.key.data, "key"},
                                    {tensors.value.data, "value"},
                                    {tensors.key_cache.data, "key_cache"},
                                    {tensors.value_cache.data, "value_cache"},
                                    {tensors.output.data, "output"},
                                    {tensors.lse.data, "lse"},
                                    {args.q_scale, "q_scale"},
                                    {args.k_scale, "k_scale"},
                                    {args.v_scale, "v_scale"},
                                    {args.output_scale, "output_scale"},
                                    {args.alibi_slopes, "alibi_slopes"},
                                    {args.sinks, "sinks"},
                                    {args.workspace, "workspace"},
                                    {args.plan, "plan"}}));

  const FoveaModuleBatch given = batch_of(*batch, metadata, mode);
  FoveaModuleForward forward = {};
  forward.query = rows_of(tensors.query);
  forward.key = rows_of(tensors.key);
  forward.value = rows_of(tensors.value);
  forward.key_cache = cache_of(tensors.key_cache);
  forward.value_cache = cache_of(tensors.value_cache);
  forward.output = rows_of(tensors.output);
  forward.lse = rows_of(tensors.lse);
  forward.output_type = tensors.output_type;
  forward.flags = args.flags;
  forward.q_scale = args.q_scale;
  forward.k_scale = args.k_scale;
  forward.v_scale = args.v_scale;
  forward.output_scale = args.output_scale;
  forward.alibi_slopes = args.alibi_slopes;
  forward.sinks = args.sinks;
  forward.workspace = args.workspace;
  forward.workspace_size = args.workspace_size;
  forward.plan = args.plan;
  return gpu().call(gpu().table().forward, kernel_, &given, &forward, args.stream);
}

foveaStatus_t rocm_merge_states(const Context& context, const foveaMergeArgs_t& args) {
  const GpuDevice& gpu = *context.gpu();
  FOVEA_TRY(gpu.check_process());
  MergeTensors tensors;
  FOVEA_TRY(check_merge_arguments(args, kDeviceMemory, &tensors));
  if (args.num_tokens == 0) return FOVEA_STATUS_SUCCESS;

  FoveaModuleRows outputs[cpu::kMaxMergeStates];
  FoveaModuleRows lses[cpu::kMaxMergeStates];
  for (int32_t i = 0; i < args.num_states; ++i) {
    outputs[i] = rows_of(tensors.outputs[i]);
    lses[i] = rows_of(tensors.lses[i]);
    FOVEA_TRY(check_reachable(gpu, {{outputs[i].data, "outputs"}, {lses[i].data, "lses"}}));
  }
  FOVEA_TRY(check_reachable(gpu, {{tensors.output.data, "output"},
                                  {tensors.lse.data, "lse"},
                                  {args.sinks, "sinks"},
                                  {args.output_scale, "output_scale"}}));
  FoveaModuleMerge merge = {};
  merge.outputs = outputs;
  merge.lses = lses;
  merge.output = rows_of(tensors.output);
  merge.lse = rows_of(tensors.lse);
  merge.num_states = args.num_states;
  merge.num_tokens = args.num_tokens;
  merge.num_query_heads = tensors.num_query_heads;
  merge.head_size_v = tensors.head_size_v;
  merge.output_type = args.output.dtype;
  merge.sinks = args.sinks;
  merge.output_scale = args.output_scale;
  return gpu.call(gpu.table().merge, &merge, args.stream);
}

}  // namespace fovea
