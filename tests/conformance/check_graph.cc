// One graph for many batches: plan and forward are recorded for the largest, then launched for batches of other lengths,
// block tables and flags, which reach it through the arrays' fixed addresses alone.
#include <algorithm>
#include <cstring>

#include "tests/conformance/checks.h"
#include "tests/conformance/random_data.h"

namespace fovea_test {

using namespace fovea_reference;

namespace {

constexpr int32_t kGarbage = -77777;

void copy_into(DeviceBuffer* to, const DeviceBuffer* from, const char* what) {
  if (!to || !from) return;
  if (from->size() > to->size()) throw Failure(text("a later batch of this case has a larger %s than the recorded one", what));
  std::memcpy(to->host(), from->host(), from->size());
}

// The block table of a batch with the columns of the recorded one.
std::vector<int32_t> table_for(const Workload& arena, const Workload& batch) {
  std::vector<int32_t> table(arena.block_table().size(), kGarbage);
  for (int64_t seq = 0; seq < batch.num_seqs(); ++seq) {
    const auto from = batch.block_table().begin() + seq * batch.table_stride();
    const int32_t columns = std::min(batch.table_columns(), arena.table_columns());
    std::copy(from, from + columns, table.begin() + seq * arena.table_stride());
  }
  return table;
}

// The numbers of `batch` into the tensors and arrays that the graph was recorded with.
void load_batch(Workload& arena, const Workload& batch) {
  if (batch.num_seqs() != arena.num_seqs()) throw Failure("a later batch has another number of sequences");
  copy_into(arena.query.buffer, batch.query.buffer, "query");
  copy_into(arena.key.buffer, batch.key.buffer, "key");
  copy_into(arena.value.buffer, batch.value.buffer, "value");
  copy_into(arena.key_cache.buffer, batch.key_cache.buffer, "key cache");
  copy_into(arena.value_cache.buffer, batch.value_cache.buffer, "value cache");
  copy_into(&arena.arrays.query_start_loc, &batch.arrays.query_start_loc, "list of sequences");
  copy_into(&arena.arrays.seq_lens, &batch.arrays.seq_lens, "list of sequences");
  copy_into(&arena.arrays.causal_per_sequence, &batch.arrays.causal_per_sequence, "list of flags");
  copy_into(&arena.arrays.range_start_loc, &batch.arrays.range_start_loc, "list of ranges");
  copy_into(&arena.arrays.ranges, &batch.arrays.ranges, "list of ranges");
  const std::vector<int32_t> table = table_for(arena, batch);
  if (!table.empty()) std::memcpy(arena.arrays.block_table.host(), table.data(), arena.arrays.block_table.size());
}

// The same for arrays that the metadata copies: the graph reads them at the metadata's own addresses.
void commit_batch(Engine& engine, foveaMetadata_t metadata, const Workload& arena, const Workload& batch) {
  const Problem& p = batch.problem();
  const std::vector<int32_t> table = table_for(arena, batch);
  FOVEA_OK(foveaMetadataSetSequences(metadata, FOVEA_MEMORY_HOST, batch.num_seqs(), batch.num_tokens(), 0, 0,
                                     batch.query_start_loc().data(), batch.seq_lens().data()));
  if (!table.empty()) {
    FOVEA_OK(foveaMetadataSetBlockTable(metadata, FOVEA_MEMORY_HOST, batch.num_seqs(), arena.table_columns(),
                                        arena.table_stride(), table.data()));
  }
  if (!p.causal_per_sequence.empty()) {
    FOVEA_OK(foveaMetadataSetCausalPerSequence(metadata, FOVEA_MEMORY_HOST, p.causal_per_sequence.data()));
  }
  if (!p.range_start_loc.empty()) {
    FOVEA_OK(foveaMetadataSetPrefixRanges(metadata, FOVEA_MEMORY_HOST, static_cast<int32_t>(p.ranges.size() / 2),
                                          p.range_start_loc.data(), p.ranges.data()));
  }
  FOVEA_OK(foveaMetadataCommit(metadata, engine.stream()));
}

// Batches that the recorded one has room for.
std::vector<std::vector<Sequence>> later_batches(const std::vector<Sequence>& recorded) {
  std::vector<Sequence> shorter = recorded, reversed = recorded;
  for (size_t i = 0; i < shorter.size(); ++i) {
    Sequence& s = shorter[i];
    if (i % 2 == 1) s.query_len = std::min(s.query_len, 1);
    s.context_len = std::max(s.context_len / 2, -s.query_len);
  }
  std::reverse(reversed.begin(), reversed.end());
  for (size_t i = 0; i < reversed.size(); ++i) {
    Sequence& s = reversed[i];
    s.context_len = std::max(s.context_len / 4, -s.query_len);
    // The rest is padding, as a graph for larger batches has it.
    if (i >= (2 * reversed.size() + 2) / 3) s = {0, 0, s.uid};
  }
  return {shorter, reversed, std::vector<Sequence>(recorded.size()), recorded};
}

void require_guards(DeviceBuffer& buffer, const char* name) {
  buffer.to_host();
  const std::string damage = buffer.guard_damage();
  if (!damage.empty()) throw Failure(text("the guard zone of the %s was hit %s", name, damage.c_str()));
}

}  // namespace

void check_graph(Run& run, const Case& original) {
  Case c = original;
  c.seed |= 1;  // a cache in any case
  c.sequences = original.expanded();
  c.repeat = 1;
  c.fill = c.padding = 0;
  const DeviceMemory& memory = run.engine.memory();
  Workload arena(c, memory);
  const Attention attention = make_attention(run.engine, c);
  const Metadata metadata = make_metadata(run.engine, arena, c.threads);
  DeviceBuffer workspace = make_workspace(run.engine, attention.get(), arena.limits(), 0xff);
  foveaForwardArgs_t args = arena.forward_args();
  args.workspace = workspace.device();
  args.workspace_size = workspace.size();
  foveaPlanArgs_t plan_args = FOVEA_PLAN_ARGS_INIT;
  const foveaMetadataLimits_t limits = arena.limits();
  FOVEA_OK(foveaAttentionGetPlanSize(attention.get(), &limits, &plan_args.plan_size));
  DeviceBuffer plan(memory, plan_args.plan_size);
  plan.fill(0xff);
  plan.to_device();
  plan_args.plan = plan.device();
  plan_args.causal = args.causal;
  plan_args.stream = args.stream;
  if (c.plan) {
    args.plan = plan.device();
    args.plan_size = plan.size();
  }
  const std::unique_ptr<RecordedGraph> graph = memory.record([&] {
    if (c.plan) FOVEA_OK(foveaAttentionPlan(attention.get(), metadata.get(), &plan_args));
    FOVEA_OK(foveaAttentionForward(attention.get(), metadata.get(), &args));
  });

  const auto launch_for = [&](const std::vector<Sequence>& sequences, uint64_t block_seed) {
    Case of_batch = c;
    of_batch.sequences = sequences;
    Workload batch(of_batch, memory, block_seed);
    // Other block ids come with up to three more blocks.
    if (batch.num_blocks() > arena.num_blocks()) return false;
    batch.prepare();
    load_batch(arena, batch);
    if (!c.device_arrays) commit_batch(run.engine, metadata.get(), arena, batch);
    arena.prepare();
    graph->launch();
    memory.synchronize();
    ++run.forwards;
    arena.check_memory();
    require_guards(workspace, "workspace");
    require_guards(plan, "plan");
    // Rows that belong to no sequence of this batch must have been left alone, as many as the graph was recorded for.
    for (const auto& [to, from] : {std::pair<View*, View*>{&batch.output, &arena.output}, {&batch.lse, &arena.lse}}) {
      if (!to->present()) continue;
      std::memcpy(to->buffer->host(), from->buffer->host(), to->buffer->size());
      to->buffer->to_device();
      for (size_t i = to->buffer->size(); i < from->buffer->size(); ++i) {
        if (from->buffer->host()[i] != nan_byte(from->type)) throw Failure("rows past the last sequence were written");
      }
    }
    batch.check_memory();
    compare_with_reference(run, batch);
    int32_t offender = -1;
    FOVEA_OK(foveaMetadataGetAsyncError(metadata.get(), args.stream, &offender));
    if (offender != -1) throw Failure(text("sequence %d is reported without reason", offender));
    return true;
  };
  const auto in_turn = [&](const std::vector<Sequence>& sequences, uint64_t block_seed, const char* what) {
    try {
      return launch_for(sequences, block_seed);
    } catch (const Failure& failure) {
      throw Failure(text("launched for %s: %s", what, failure.what()));
    }
  };
  in_turn(c.sequences, 1, "the recorded batch");
  const char* const names[] = {"shorter contexts", "the reverse order, with padding", "nothing but padding", "the recorded batch again"};
  const std::vector<std::vector<Sequence>> later = later_batches(c.sequences);
  for (size_t i = 0; i < later.size(); ++i) {
    if (!in_turn(later[i], 1, names[i])) throw Failure(text("%s has more blocks than the recorded batch", names[i]));
  }
  bool scattered = c.type == Kind::kEncoder;
  for (uint64_t seed = 2; seed < 12 && !scattered; ++seed) scattered = in_turn(c.sequences, seed, "other block ids");
  if (!scattered) throw Failure("no block table fits the recorded one");
}

}  // namespace fovea_test
