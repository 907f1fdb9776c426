// The forward of CPU_ATTN: everything is checked before anything runs, then the kernels get one plain struct.
#include <new>

#include "impl/backend/cpu_attn.h"
#include "impl/error.h"
#include "impl/memory.h"

namespace fovea {
namespace {

bool any_context(const CommittedBatch& batch) {
  for (int32_t s = 0; s < batch.num_seqs; ++s) {
    const int32_t query_len = batch.query_start_loc[s + 1] - batch.query_start_loc[s];
    if (query_len > 0 && batch.seq_lens[s] > query_len) return true;
  }
  return false;
}

cpu::Batch batch_of(const CommittedBatch& batch, CausalMode mode) {
  return {batch.num_seqs,
          batch.num_tokens,
          batch.query_start_loc,
          batch.seq_lens,
          batch.block_table,
          batch.table_stride,
          mode == CausalMode::kPerSequence ? batch.causal_per_sequence : nullptr,
          batch.range_start_loc,
          batch.ranges,
          mode == CausalMode::kCausal ? 1 : 0};
}

bool is_partial(const foveaForwardArgs_t& args) { return (args.flags & FOVEA_FORWARD_PARTIAL_STATE) != 0; }

}  // namespace

foveaStatus_t CpuAttention::fill_tensors(const CommittedBatch& batch, const foveaForwardArgs_t& args,
                                         cpu::Forward* forward) const {
  const LayerConfig& layer = config();
  const int64_t num_tokens = batch.num_tokens;
  const Axis query_heads = {layer.num_query_heads, "num_query_heads"};
  const Axis kv_heads = {layer.num_kv_heads, "num_kv_heads"};
  const Axis size = {layer.head_size, "head_size"};
  const Axis size_v = {layer.value_size(), "head_size_v"};

  FOVEA_TRY(
      check_rows(args.query, "query", layer.query_type, num_tokens, query_heads, size, Access::kRead, &forward->query));

  const bool has_dense = !is_absent(args.key);
  FOVEA_REQUIRE_ARGUMENT(has_dense == !is_absent(args.value), "%s: absent, but %s is given; give both or none",
                         has_dense ? "value" : "key", has_dense ? "key" : "value");
  switch (layer.attention_type) {
    case FOVEA_ATTENTION_ENCODER:
      FOVEA_REQUIRE_ARGUMENT(has_dense, "key: absent, but encoder attention reads nothing else");
      FOVEA_REQUIRE_ARGUMENT(is_absent(args.key_cache) && is_absent(args.value_cache),
                             "%s: given, but encoder attention has no cache",
                             is_absent(args.key_cache) ? "value_cache" : "key_cache");
      break;
    case FOVEA_ATTENTION_ENCODER_DECODER:
      FOVEA_REQUIRE_ARGUMENT(!has_dense, "key: given, but encoder-decoder attention reads its keys from the cache");
      break;
    default:
      break;
  }
  if (has_dense) {
    FOVEA_TRY(
        check_rows(args.key, "key", layer.dense_type(), num_tokens, kv_heads, size, Access::kRead, &forward->key));
    FOVEA_TRY(check_rows(args.value, "value", layer.dense_type(), num_tokens, kv_heads, size_v, Access::kRead,
                         &forward->value));
  }

  if (layer.has_cache()) {
    const bool has_cache = !is_absent(args.key_cache) || !is_absent(args.value_cache);
    FOVEA_REQUIRE_ARGUMENT(has_cache || has_dense, "key_cache: absent, but key is absent too");
    if (has_cache) {
      FOVEA_TRY(check_caches(layer, args.key_cache, args.value_cache, Access::kRead, &forward->key_cache,
                             &forward->value_cache));
    } else {
      FOVEA_REQUIRE_ARGUMENT(!any_context(batch), "key_cache: absent, but there are sequences with a context to read");
    }
  }

  const bool partial = is_partial(args);
  const foveaDataType_t output_type = partial ? FOVEA_DATA_TYPE_F32 : layer.result_type();
  FOVEA_TRY(check_rows(args.output, "output", output_type, num_tokens, query_heads, size_v, Access::kWrite,
                       &forward->output));
  forward->output_type = partial ? cpu::DataType::kF32 : kernel_.layer.output_type;

  const bool has_lse = !is_absent(args.lse);
  FOVEA_REQUIRE_ARGUMENT(!has_lse || layer.lse, "lse: given, but the config did not declare it (foveaConfigSetLse)");
  FOVEA_REQUIRE_ARGUMENT(!partial || layer.lse,
                         "flags: FOVEA_FORWARD_PARTIAL_STATE, but the config did not declare lse (foveaConfigSetLse)");
  FOVEA_REQUIRE_ARGUMENT(!partial || has_lse, "lse: absent, but FOVEA_FORWARD_PARTIAL_STATE needs it");
  if (has_lse) {
    cpu::Rows rows;
    FOVEA_TRY(check_lse(args.lse, "lse", num_tokens, layer.num_query_heads, Access::kWrite, &rows));
    forward->lse = static_cast<float*>(rows.data);
    forward->lse_row_stride = rows.row_stride;
    forward->lse_head_stride = rows.head_stride;
  }
  return FOVEA_STATUS_SUCCESS;
}

foveaStatus_t CpuAttention::fill_parameters(const foveaForwardArgs_t& args, cpu::Forward* forward) const {
  const LayerConfig& layer = config();
  const bool partial = is_partial(args);

  forward->q_scale = 1;
  if (args.q_scale != nullptr) {
    const bool fp8 = cpu::size_of(kernel_.layer.query_type) == 1;
    FOVEA_TRY(check_floats(args.q_scale, "q_scale", fp8, "the query is not fp8", 1, Values::kPositive));
    forward->q_scale = *args.q_scale;
  }
  forward->output_scale = 1;
  if (args.output_scale != nullptr) {
    const bool fp8 = cpu::size_of(forward->output_type) == 1;
    FOVEA_TRY(check_floats(args.output_scale, "output_scale", fp8,
                           partial ? "a partial state has no output scale" : "the output is not fp8", 1,
                           Values::kPositive));
    forward->output_scale = *args.output_scale;
  }

  const bool scaled = layer.kv_scales != FOVEA_KV_SCALES_NONE;
  const char* why =
      scaled ? "the config declared KV scales" : "the config declared no KV scales (foveaConfigSetKvScales)";
  const int64_t count = layer.kv_scales == FOVEA_KV_SCALES_PER_HEAD ? layer.num_kv_heads : 1;
  FOVEA_TRY(check_floats(args.k_scale, "k_scale", scaled, why, count, Values::kPositive));
  FOVEA_TRY(check_floats(args.v_scale, "v_scale", scaled, why, count, Values::kPositive));
  forward->k_scale = args.k_scale;
  forward->v_scale = args.v_scale;

  const bool alibi = layer.alibi != FOVEA_ALIBI_NONE;
  FOVEA_TRY(check_floats(args.alibi_slopes, "alibi_slopes", alibi,
                         alibi ? "the config declared alibi" : "the config declared no alibi (foveaConfigSetAlibi)",
                         layer.num_query_heads, Values::kFinite));
  forward->alibi_slopes = args.alibi_slopes;

  const bool sinks = layer.sinks && !partial;
  FOVEA_TRY(check_floats(args.sinks, "sinks", sinks,
                         sinks     ? "the config declared sinks"
                         : partial ? "a partial state leaves them to foveaMergeAttentionStates"
                                   : "the config declared no sinks (foveaConfigSetSinks)",
                         layer.num_query_heads, Values::kSink));
  forward->sinks = args.sinks;
  return FOVEA_STATUS_SUCCESS;
}

foveaStatus_t CpuAttention::forward(const Metadata& metadata, const foveaForwardArgs_t& args) const {
  FOVEA_REQUIRE_ARGUMENT((args.flags & ~static_cast<uint32_t>(FOVEA_FORWARD_PARTIAL_STATE)) == 0,
                         "flags: 0x%x holds unknown flags", args.flags);
  FOVEA_REQUIRE_ARGUMENT(args.stream == nullptr, "stream: %p, expected NULL on a CPU", args.stream);
  const CommittedBatch* batch = nullptr;
  CausalMode mode = CausalMode::kCausal;
  FOVEA_TRY(open_batch(metadata, args.causal, &batch, &mode));
  if (batch->num_tokens == 0) return FOVEA_STATUS_SUCCESS;

  cpu::Forward forward = {};
  forward.layer = kernel_.layer;
  forward.batch = batch_of(*batch, mode);
  FOVEA_TRY(fill_tensors(*batch, args, &forward));
  FOVEA_TRY(fill_parameters(args, &forward));

  Workspace layout;
  FOVEA_TRY(lay_out({batch->num_seqs, batch->num_tokens, batch->max_seq_len}, &layout));
  FOVEA_REQUIRE_ARGUMENT(args.workspace != nullptr, "workspace: NULL, expected %zu bytes", layout.total);
  FOVEA_REQUIRE_ARGUMENT(is_aligned(args.workspace, kAlignment), "workspace: %p is not aligned to %zu bytes",
                         args.workspace, kAlignment);
  FOVEA_REQUIRE(args.workspace_size >= layout.total, FOVEA_STATUS_WORKSPACE_TOO_SMALL,
                "workspace_size: %zu is too small, this batch needs %zu bytes (foveaAttentionGetWorkspaceSize)",
                args.workspace_size, layout.total);
  auto* const workspace = static_cast<char*>(args.workspace);

  const void* plan = args.plan;
  if (plan != nullptr) {
    FOVEA_TRY(check_plan(plan, args.plan_size, kernel_.key, metadata, mode));
    FOVEA_REQUIRE_ARGUMENT(plan_header(plan).num_groups <= layout.bounds.num_groups &&
                               plan_header(plan).state_floats <= layout.bounds.state_floats,
                           "plan: does not fit this batch");
  } else {
    make_plan(kernel_.key, metadata, *batch, mode, layout.bounds, workspace + layout.plan);
    plan = workspace + layout.plan;
  }

  if (config().has_cache()) {
    const KeySource source = is_absent(args.key) ? KeySource::kCache : KeySource::kContextFromCache;
    const PlanHeader& header = plan_header(plan);
    const BlockUse& blocks = source == KeySource::kCache ? header.all_blocks : header.context_blocks;
    if (!blocks.fits(forward.key_cache.num_blocks)) {
      FOVEA_TRY(check_block_ids(kernel_.key, *batch, mode, source, forward.key_cache.num_blocks));
      return fail(FOVEA_STATUS_INVALID_ARGUMENT, "block_table: changed since the metadata was planned");
    }
  }

  forward.work = work_list(plan);
  forward.arrivals = reinterpret_cast<std::atomic<int32_t>*>(workspace + layout.arrivals);
  for (int32_t i = 0; i < forward.work.num_groups; ++i) new (&forward.arrivals[i]) std::atomic<int32_t>(0);
  forward.states = reinterpret_cast<float*>(workspace + layout.states);
  forward.scratch = workspace + layout.scratch;
  forward.scratch_stride = kernel_.scratch_stride;
  cpu::forward(*kernel_.table, forward, context_->parallel());
  return FOVEA_STATUS_SUCCESS;
}

}  // namespace fovea
