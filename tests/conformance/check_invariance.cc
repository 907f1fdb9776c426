// Bits that must not depend on what stands beside a row: neighbours, the size of the batch, block ids, and, on a CPU, the
// number of threads and how many query rows are asked for at once.
#include <algorithm>

#include "tests/conformance/checks.h"
#include "tests/conformance/random_data.h"

namespace fovea_test {

using namespace fovea_reference;

namespace {

// A sequence of a batch in a batch of its own, with its flag.
Case alone_of(const Case& c, const Workload& together, int seq, bool keep_config) {
  Case alone = c;
  const Sequence& s = together.sequences()[static_cast<size_t>(seq)];
  alone.repeat = 1;
  alone.fill = 0;
  alone.padding = 0;
  alone.sequences = {s};
  if (c.mask != Mask::kMixed) return alone;
  const bool causal = together.problem().is_causal(seq);
  if (!keep_config) {
    // The per-sequence flag of the batch becomes the batch's own flag.
    alone.mask = causal ? Mask::kCausal : Mask::kNonCausal;
    alone.flag_by_call = false;
    return alone;
  }
  // Bits may differ between configs. A first sequence's flag follows from its uid, a second one's is the other flag: an
  // empty sequence before it gives this one the flag it had.
  const auto first_flag = [&](int32_t uid) { return (mix(c.seed, 31, static_cast<uint64_t>(uid)) & 1) != 0; };
  if (first_flag(s.uid) == causal) return alone;
  int32_t uid = 0;
  while (first_flag(uid) == causal) ++uid;
  alone.sequences = {{0, 0, uid}, s};
  return alone;
}

}  // namespace

void check_neighbours(Run& run, const Case& original) {
  Case c = original;
  c.batch_invariant = true;
  Workload together(c, run.engine.memory());
  run_forward(run.engine, together);
  compare_with_reference(run, together);
  ++run.forwards;

  const int32_t threads[] = {1, 2, 5};
  int checked = 0;
  for (int seq = 0; seq < together.num_seqs(); ++seq) {
    const Sequence& s = together.sequences()[static_cast<size_t>(seq)];
    // In large batches some sequences stand for all: the first, and every so many.
    if (s.query_len == 0 || (together.num_seqs() > 20 && seq % (together.num_seqs() / 10) != 0)) continue;
    Workload single(alone_of(c, together, seq, run.engine.on_gpu()), run.engine.memory(), 1000 + static_cast<uint64_t>(seq));
    const std::vector<uint32_t> expected =
        together.row_bits(together.query_start_loc()[static_cast<size_t>(seq)], s.query_len);
    for (int n = 0; n < (checked < 3 && !run.engine.on_gpu() ? 3 : 1); ++n) {
      const int32_t count = threads[(checked + n) % 3];
      run_forward(run.engine, single, {count, 0x00});
      ++run.forwards;
      require_same_bits(expected, single.row_bits(0, s.query_len),
                        text("sequence %d alone, with other blocks, on %d threads", seq, count));
    }
    ++checked;
  }
  if (checked == 0) throw Failure("no sequence has a query");
}

// Every row of one sequence, asked for in pieces: the pieces are sequences of their own over the same blocks. On a GPU the
// kernel follows from the number of rows, so that pieces need only be right.
void check_query_rows(Run& run, const Case& original) {
  Case c = original;
  c.batch_invariant = true;
  c.dense = false;
  c.ranges = Ranges::kNone;  // a piece would end before the range does
  const bool positions_matter = c.window_left >= 0 || c.window_right >= 0 || c.alibi != Alibi::kNone;
  if (c.mask != Mask::kCausal && positions_matter) throw Skip("a piece of non-causal rows has other positions");
  if (c.sequences.size() != 1 || c.repeat != 1) throw Failure("this check takes one sequence");
  const Sequence whole = c.sequences[0];
  Workload workload(c, run.engine.memory());
  run_forward(run.engine, workload);
  compare_with_reference(run, workload);
  ++run.forwards;
  const std::vector<uint32_t> expected = workload.row_bits(0, whole.query_len);

  const auto run_pieces = [&](int32_t piece, int32_t threads, int32_t first_row, int32_t end_row) {
    Batch batch;
    batch.causal = c.mask == Mask::kCausal;
    batch.columns = workload.table_columns();
    batch.query_start_loc = {0};
    for (int32_t i = first_row; i < end_row; i += piece) {
      const int32_t end = std::min(i + piece, end_row);
      batch.query_start_loc.push_back(end - first_row);
      batch.seq_lens.push_back(batch.causal ? whole.context_len + end : whole.seq_len());
      batch.block_table.insert(batch.block_table.end(), workload.block_table().begin(),
                               workload.block_table().begin() + workload.table_columns());
    }
    const Attention attention = make_attention(run.engine, c, threads);
    foveaMetadataLimits_t limits;
    const Metadata metadata = make_metadata(run.engine, batch, threads, &limits);
    workload.prepare();
    foveaForwardArgs_t args = workload.forward_args();
    args.causal = 0;
    // The call's rows start at the first piece.
    for (foveaTensor_t* tensor : {&args.query, &args.output, &args.lse}) {
      if (!tensor->data) continue;
      const View& view = tensor == &args.query ? workload.query : tensor == &args.output ? workload.output : workload.lse;
      tensor->data = static_cast<uint8_t*>(tensor->data) +
                     first_row * view.strides[0] * static_cast<int64_t>(bytes_of(view.type));
      tensor->shape[0] -= first_row;
    }
    run_forward(run.engine, attention.get(), metadata.get(), limits, args);
    ++run.forwards;
    for (DeviceBuffer* buffer : {workload.output.buffer, workload.lse.buffer}) {
      if (buffer) buffer->to_host();
    }
    return workload.row_bits(first_row, end_row - first_row);
  };
  if (run.engine.on_gpu()) {
    for (const int32_t piece : {1, 2, 7, 16, 33}) {
      if (piece > whole.query_len) continue;
      run_pieces(piece, 1, 0, whole.query_len);
      compare_with_reference(run, workload);
    }
    return;
  }
  for (const int32_t piece : {1, 2, 7, 16, 33}) {
    if (piece > whole.query_len) continue;
    for (const int32_t threads : {1, 5}) {
      require_same_bits(expected, run_pieces(piece, threads, 0, whole.query_len),
                        text("in pieces of %d rows on %d threads", piece, threads));
    }
  }
  // One by one, each in a call of its own.
  const size_t row = expected.size() / static_cast<size_t>(whole.query_len);
  for (int32_t i = 0; i < whole.query_len; i += std::max(1, whole.query_len / 10)) {
    const std::vector<uint32_t> of_row(expected.begin() + static_cast<std::ptrdiff_t>(row * static_cast<size_t>(i)),
                                       expected.begin() + static_cast<std::ptrdiff_t>(row * static_cast<size_t>(i + 1)));
    require_same_bits(of_row, run_pieces(1, 2, i, i + 1), text("row %d in a call of its own", i));
  }
}

}  // namespace fovea_test
