#include "impl/plan/tiles.h"

#include <algorithm>

namespace fovea {
namespace {

// Of what a tile is made: query tokens with their rows, or single rows where the group is too large.
struct Unit {
  int32_t rows;
  int32_t per_tile;
};

Unit unit_of(const PlanKey& key) {
  const int32_t group = key.group();
  if (group <= key.max_rows_per_item) return {group, key.max_rows_per_item / group};
  return {1, key.max_rows_per_item};
}

}  // namespace

SequenceView view_sequence(const PlanKey& key, const CommittedBatch& batch, CausalMode mode, int32_t index) {
  SequenceView view;
  view.index = index;
  view.query_len = batch.query_start_loc[index + 1] - batch.query_start_loc[index];
  view.seq_len = batch.seq_lens[index];
  view.context_len = view.seq_len - view.query_len;
  view.causal =
      key.attention_type == cpu::AttentionType::kDecoder &&
      (mode == CausalMode::kPerSequence ? batch.causal_per_sequence[index] != 0 : mode == CausalMode::kCausal);
  return view;
}

KeyRange visible_keys(const PlanKey& key, const CommittedBatch& batch, const SequenceView& sequence,
                      int32_t token_begin, int32_t token_end) {
  if (token_begin >= token_end || sequence.seq_len == 0) return {0, 0};
  if (key.attention_type == cpu::AttentionType::kEncoderDecoder) return {0, sequence.seq_len};

  // Positions of the first and last row; negative ones come out empty of themselves, because keys start at 0.
  const int64_t first = int64_t{sequence.context_len} + token_begin;
  const int64_t last = int64_t{sequence.context_len} + token_end - 1;
  int64_t begin = key.window_left < 0 ? 0 : std::max<int64_t>(0, first - key.window_left);
  int64_t end = sequence.causal ? last + 1 : key.window_right < 0 ? sequence.seq_len : last + key.window_right + 1;
  end = std::min<int64_t>(end, sequence.seq_len);
  if (begin >= end) begin = end = 0;

  if (key.prefix_ranges != cpu::PrefixRanges::kNone && batch.range_start_loc != nullptr) {
    const auto* ranges = reinterpret_cast<const int32_t(*)[2]>(batch.ranges);
    const auto* range = ranges + batch.range_start_loc[sequence.index];
    const auto* const ranges_end = ranges + batch.range_start_loc[sequence.index + 1];
    range = std::partition_point(range, ranges_end, [first](const int32_t(&r)[2]) { return r[1] < first; });
    for (; range != ranges_end && (*range)[0] <= last; ++range) {
      int64_t from = (*range)[0];
      if (key.prefix_ranges == cpu::PrefixRanges::kWindowed && key.window_left >= 0) {
        from = std::max(from, first - key.window_left);
      }
      const int64_t to = std::min<int64_t>(int64_t{(*range)[1]} + 1, sequence.seq_len);
      if (from >= to) continue;
      if (begin == end) {
        begin = from;
        end = to;
      } else {
        begin = std::min(begin, from);
        end = std::max(end, to);
      }
    }
  }
  return {static_cast<int32_t>(begin), static_cast<int32_t>(end)};
}

TileCut::TileCut(const PlanKey& key, int32_t query_len) {
  const Unit unit = unit_of(key);
  rows_per_unit_ = unit.rows;
  units_ = int64_t{query_len} * (key.group() / unit.rows);
  count_ = static_cast<int32_t>((units_ + unit.per_tile - 1) / unit.per_tile);
}

int64_t TileCut::max_count(const PlanKey& key, int64_t seqs, int64_t tokens) {
  const Unit unit = unit_of(key);
  const int64_t units = tokens * (key.group() / unit.rows);
  // Every sequence with rows may leave its last tile almost empty.
  return (units + std::min(seqs, tokens) * (unit.per_tile - 1)) / unit.per_tile;
}

}  // namespace fovea
