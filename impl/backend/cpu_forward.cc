// The forward of CPU_ATTN: everything is checked before anything runs, then the kernels get one plain struct.
#include <new>

#include "impl/arguments.h"
#include "impl/backend/cpu_attn.h"
#include "impl/error.h"
#include "impl/memory.h"

namespace fovea {
namespace {

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

void fill(const ForwardTensors& tensors, const foveaForwardArgs_t& args, cpu::Forward* forward) {
  forward->query = tensors.query;
  forward->key = tensors.key;
  forward->value = tensors.value;
  forward->key_cache = tensors.key_cache;
  forward->value_cache = tensors.value_cache;
  forward->output = tensors.output;
  forward->output_type = static_cast<cpu::DataType>(static_cast<int32_t>(tensors.output_type));
  forward->lse = static_cast<float*>(tensors.lse.data);
  forward->lse_row_stride = tensors.lse.row_stride;
  forward->lse_head_stride = tensors.lse.head_stride;
  forward->q_scale = args.q_scale == nullptr ? 1 : *args.q_scale;
  forward->k_scale = args.k_scale;
  forward->v_scale = args.v_scale;
  forward->output_scale = args.output_scale == nullptr ? 1 : *args.output_scale;
  forward->alibi_slopes = args.alibi_slopes;
  forward->sinks = args.sinks;
}

}  // namespace

foveaStatus_t CpuAttention::forward(const Metadata& metadata, const foveaForwardArgs_t& args) const {
  FOVEA_TRY(check_forward_flags(args.flags));
  FOVEA_REQUIRE_ARGUMENT(args.stream == nullptr, "stream: %p, expected NULL on a CPU", args.stream);
  const CommittedBatch* batch = nullptr;
  CausalMode mode = CausalMode::kCausal;
  FOVEA_TRY(open_batch(metadata, args.causal, &batch, &mode));
  if (batch->num_tokens == 0) return FOVEA_STATUS_SUCCESS;

  cpu::Forward forward = {};
  forward.layer = kernel_.layer;
  forward.batch = batch_of(*batch, mode);
  ForwardTensors tensors;
  FOVEA_TRY(check_forward_tensors(config(), *batch, args, kHostMemory, &tensors));
  FOVEA_TRY(check_forward_parameters(config(), args, kHostMemory));
  fill(tensors, args, &forward);

  Workspace layout;
  FOVEA_TRY(lay_out({batch->num_seqs, batch->num_tokens, batch->max_seq_len}, &layout));
  FOVEA_TRY(check_workspace(args.workspace, args.workspace_size, layout.total));
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
