// Partial states and their merge: pieces of the keys computed apart make the whole, a prefix that sequences share is
// computed once for all, and the merge itself is right on states made up for it.
#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>

#include "tests/conformance/checks.h"
#include "tests/conformance/random_data.h"

namespace fovea_test {

using namespace fovea_reference;

namespace {

constexpr double kInf = std::numeric_limits<double>::infinity();

foveaTensor_t plain_tensor(DeviceBuffer& buffer, std::vector<int64_t> shape) {
  foveaTensor_t tensor = {};
  tensor.data = buffer.device();
  tensor.dtype = FOVEA_DATA_TYPE_F32;
  tensor.ndim = static_cast<int32_t>(shape.size());
  std::copy(shape.begin(), shape.end(), tensor.shape);
  return tensor;
}

// Output and lse of one partial forward.
struct StateMemory {
  DeviceBuffer out, lse;
  StateMemory(Engine& engine, int64_t tokens, int64_t heads, int64_t size)
      : out(engine.memory(), static_cast<size_t>(tokens * heads * size) * 4),
        lse(engine.memory(), static_cast<size_t>(tokens * heads) * 4) {
    for (DeviceBuffer* buffer : {&out, &lse}) {
      buffer->fill(0xff);
      buffer->to_device();
    }
  }
  void require_guards() {
    for (DeviceBuffer* buffer : {&out, &lse}) {
      buffer->to_host();
      const std::string damage = buffer->guard_damage();
      if (!damage.empty()) throw Failure("the guard zone of a partial state was hit " + damage);
    }
  }
  State state() const {
    State s;
    for (size_t i = 0; i < out.size() / 4; ++i) s.out.push_back(load(Type::kF32, out.host(), static_cast<int64_t>(i)));
    for (size_t i = 0; i < lse.size() / 4; ++i) s.lse.push_back(load(Type::kF32, lse.host(), static_cast<int64_t>(i)));
    return s;
  }
};

// Runs `batch` over the memory of a workload as a partial forward.
void run_partial(Run& run, Workload& workload, const Case& partial_case, const Batch& batch, bool dense, StateMemory* memory) {
  const Case& c = workload.test_case();
  const Attention attention = make_attention(run.engine, partial_case);
  foveaMetadataLimits_t limits;
  const Metadata metadata = make_metadata(run.engine, batch, c.threads, &limits);
  foveaForwardArgs_t args = workload.forward_args();
  if (!dense) args.key = args.value = foveaTensor_t{};
  args.sinks = nullptr;
  args.output_scale = nullptr;
  args.flags = FOVEA_FORWARD_PARTIAL_STATE;
  args.causal = 0;
  args.output = plain_tensor(memory->out, {workload.num_tokens(), c.num_query_heads, c.v_size()});
  args.lse = plain_tensor(memory->lse, {workload.num_tokens(), c.num_query_heads});
  run_forward(run.engine, attention.get(), metadata.get(), limits, args);
  ++run.forwards;
  memory->require_guards();
}

// Merges into the workload's own output and lse.
void merge_into(Run& run, Workload& workload, std::vector<StateMemory>& states) {
  const Case& c = workload.test_case();
  std::vector<foveaTensor_t> outputs, lses;
  for (StateMemory& state : states) {
    outputs.push_back(plain_tensor(state.out, {workload.num_tokens(), c.num_query_heads, c.v_size()}));
    lses.push_back(plain_tensor(state.lse, {workload.num_tokens(), c.num_query_heads}));
  }
  workload.prepare();
  foveaMergeArgs_t args = FOVEA_MERGE_ARGS_INIT;
  args.num_states = static_cast<int32_t>(states.size());
  args.num_tokens = workload.num_tokens();
  args.outputs = outputs.data();
  args.lses = lses.data();
  args.output = workload.output.tensor();
  args.lse = workload.lse.tensor();
  args.sinks = reinterpret_cast<const float*>(workload.sinks.device());
  args.output_scale = reinterpret_cast<const float*>(workload.output_scale.device());
  args.stream = run.engine.stream();
  run.engine.enqueue([&] { FOVEA_OK(foveaMergeAttentionStates(run.engine.context(c.threads), &args)); });
  workload.check_memory();
}

// The columns from `first` on of a workload's block table.
void append_table(const Workload& workload, int seq, int32_t first, Batch* batch) {
  for (int32_t column = 0; column < batch->columns; ++column) {
    const int32_t from = column + first;
    batch->block_table.push_back(
        from < workload.table_columns()
            ? workload.block_table()[static_cast<size_t>(seq * workload.table_stride() + from)]
            : -1);
  }
}

Case partial_of(const Case& c) {
  Case partial = c;
  partial.partial = true;
  partial.lse = true;
  partial.mask = Mask::kNonCausal;  // the config allows both; each call's metadata says which
  partial.flag_by_call = false;
  return partial;
}

void require_mergeable(const Case& c) {
  if (c.window_left >= 0 || c.window_right >= 0 || c.alibi != Alibi::kNone || c.ranges != Ranges::kNone ||
      c.mask == Mask::kMixed || c.partial || c.type != Kind::kDecoder) {
    throw Failure("pieces of keys keep no positions: no window, alibi, ranges, mixed flags");
  }
}

}  // namespace

void check_merge(Run& run, const Case& c) {
  require_mergeable(c);
  Workload workload(c, run.engine.memory());
  // Cuts, in blocks, the same for all sequences; what a sequence has not reached is an empty state. Rows see the pieces
  // below the context whole; the last piece keeps the mask.
  int32_t longest = 0;
  for (const Sequence& s : workload.sequences()) longest = std::max(longest, std::max(0, s.context_len) / c.block_size);
  std::vector<int32_t> cuts = {0};
  for (const int32_t cut : {1, longest / 3, longest / 2, longest}) {
    if (cut > cuts.back()) cuts.push_back(cut);
  }
  std::vector<StateMemory> states;
  const Case partial = partial_of(c);
  for (size_t piece = 0; piece < cuts.size(); ++piece) {
    const bool last = piece + 1 == cuts.size();
    Batch batch;
    batch.query_start_loc = workload.query_start_loc();
    batch.columns = workload.table_columns();
    batch.causal = last && c.mask == Mask::kCausal;
    for (int seq = 0; seq < workload.num_seqs(); ++seq) {
      const Sequence& s = workload.sequences()[static_cast<size_t>(seq)];
      const int32_t whole_blocks = std::max(0, s.context_len) / c.block_size;
      const int32_t begin = std::min(cuts[piece], whole_blocks);
      const int32_t end = last ? 0 : std::min(cuts[piece + 1], whole_blocks);
      batch.seq_lens.push_back(last ? s.seq_len() - begin * c.block_size : (end - begin) * c.block_size);
      append_table(workload, seq, begin, &batch);
    }
    states.emplace_back(run.engine, workload.num_tokens(), c.num_query_heads, c.v_size());
    run_partial(run, workload, partial, batch, last && c.dense, &states.back());
  }
  merge_into(run, workload, states);
  compare_with_reference(run, workload);
}

void check_cascade(Run& run, const Case& c) {
  require_mergeable(c);
  if (c.shared_prefix % c.block_size || c.shared_prefix == 0) throw Failure("the shared prefix is not whole blocks");
  Workload workload(c, run.engine.memory());
  const int32_t shared_blocks = c.shared_prefix / c.block_size;
  std::vector<StateMemory> states;
  const Case partial = partial_of(c);
  // All rows of the batch as one sequence over the shared prefix: more rows than keys, or fewer, makes no difference.
  Batch prefix;
  prefix.query_start_loc = {0, workload.num_tokens()};
  prefix.seq_lens = {c.shared_prefix};
  prefix.columns = shared_blocks;
  prefix.causal = false;
  append_table(workload, 0, 0, &prefix);
  states.emplace_back(run.engine, workload.num_tokens(), c.num_query_heads, c.v_size());
  run_partial(run, workload, partial, prefix, false, &states.back());
  Batch rest;
  rest.query_start_loc = workload.query_start_loc();
  rest.columns = workload.table_columns();
  rest.causal = c.mask == Mask::kCausal;
  for (int seq = 0; seq < workload.num_seqs(); ++seq) {
    const Sequence& s = workload.sequences()[static_cast<size_t>(seq)];
    if (s.query_len > 0 && s.context_len < c.shared_prefix) throw Failure("a context is shorter than the shared prefix");
    rest.seq_lens.push_back(std::max(0, s.seq_len() - c.shared_prefix));
    append_table(workload, seq, shared_blocks, &rest);
  }
  states.emplace_back(run.engine, workload.num_tokens(), c.num_query_heads, c.v_size());
  run_partial(run, workload, partial, rest, c.dense, &states.back());
  merge_into(run, workload, states);
  compare_with_reference(run, workload);
}

void check_merge_states(Run& run, const Case& original) {
  Case c = original;
  c.lse = true;
  const int32_t num_states = c.repeat;  // the case's repetition counts states
  c.repeat = 1;
  Workload workload(c, run.engine.memory());
  const int64_t tokens = workload.num_tokens();
  const int64_t size = c.v_size();
  std::vector<StateMemory> memory;
  std::vector<State> states;
  Random random(mix(c.seed, 101));
  for (int32_t i = 0; i < num_states; ++i) {
    memory.emplace_back(run.engine, tokens, c.num_query_heads, size);
    StateMemory& m = memory.back();
    for (int64_t row = 0; row < tokens * c.num_query_heads; ++row) {
      // Mostly near each other, some far apart, some empty in either spelling; an empty state's output may be anything
      // finite. Row 1 is empty in every state.
      const int32_t kind = random.below(12);
      double lse = random.normal() * (kind == 0 ? 60 : 2) + 5;
      if (kind == 1 || row == 1) lse = -kInf;
      if (kind == 2 && row != 1) lse = kInf;
      store(Type::kF32, m.lse.host(), row, lse);
      for (int64_t d = 0; d < size; ++d) store(Type::kF32, m.out.host(), row * size + d, random.normal());
    }
    m.out.to_device();
    m.lse.to_device();
    states.push_back(m.state());
  }
  const State expected = merge(states, tokens, c.num_query_heads, static_cast<int>(size), workload.problem().sinks);

  const auto require_close = [&](const char* what) {
    const Type type = workload.output.type;
    const double scale = is_fp8(type) ? workload.problem().output_scale : 1;
    for (int64_t token = 0; token < tokens; ++token) {
      for (int h = 0; h < c.num_query_heads; ++h) {
        const int64_t row = token * c.num_query_heads + h;
        const double want_lse = expected.lse[static_cast<size_t>(row)];
        const double lse = workload.lse_at(token, h);
        if (!(lse == want_lse || std::fabs(lse - want_lse) <= 1e-5 * std::max(1.0, std::fabs(want_lse)))) {
          throw Failure(text("%s: lse is %g, expected %g at token %lld, head %d", what, lse, want_lse,
                             static_cast<long long>(token), h));
        }
        for (int64_t d = 0; d < size; ++d) {
          const double want = expected.out[static_cast<size_t>(row * size + d)];
          const double got = workload.output_at(token, h, d);
          const double low = round_to(type, (want - 2e-5) / scale) * scale;
          const double high = round_to(type, (want + 2e-5) / scale) * scale;
          if (!(got >= low && got <= high)) {
            throw Failure(text("%s: output[%lld] is %.9g, expected %.9g at token %lld, head %d", what,
                               static_cast<long long>(d), got, want, static_cast<long long>(token), h));
          }
        }
      }
    }
  };
  merge_into(run, workload, memory);
  ++run.forwards;
  require_close("merge");

  if (c.output != Type::kF32) return;
  // In place: the result takes the memory of the first state.
  std::vector<foveaTensor_t> outputs, lses;
  for (StateMemory& m : memory) {
    outputs.push_back(plain_tensor(m.out, {tokens, c.num_query_heads, size}));
    lses.push_back(plain_tensor(m.lse, {tokens, c.num_query_heads}));
  }
  foveaMergeArgs_t args = FOVEA_MERGE_ARGS_INIT;
  args.num_states = num_states;
  args.num_tokens = static_cast<int32_t>(tokens);
  args.outputs = outputs.data();
  args.lses = lses.data();
  args.output = outputs[0];
  args.lse = lses[0];
  args.sinks = reinterpret_cast<const float*>(workload.sinks.device());
  args.stream = run.engine.stream();
  run.engine.enqueue([&] { FOVEA_OK(foveaMergeAttentionStates(run.engine.context(c.threads), &args)); });
  memory[0].require_guards();
  for (int64_t row = 0; row < tokens * c.num_query_heads; ++row) {
    for (int64_t d = 0; d < size; ++d) {
      const uint32_t in_place = load_bits(Type::kF32, memory[0].out.host(), row * size + d);
      if (in_place != workload.output_bits(row / c.num_query_heads, static_cast<int>(row % c.num_query_heads), d)) {
        throw Failure(text("merging in place gives other bits at row %lld", static_cast<long long>(row)));
      }
    }
  }
}

}  // namespace fovea_test
