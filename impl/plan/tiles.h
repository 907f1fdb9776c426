// How the rows of a sequence are cut into tiles, and which keys the rows of a tile can see.
#pragma once

#include <cstdint>

#include "impl/metadata.h"
#include "kernels/cpu/params.h"

namespace fovea {

// What a plan depends on besides the batch. Two attentions with equal keys share plans.
struct PlanKey {
  int32_t num_query_heads;
  int32_t num_kv_heads;
  int32_t head_size_v;
  int32_t block_size;
  cpu::AttentionType attention_type;
  cpu::PrefixRanges prefix_ranges;
  int32_t window_left;
  int32_t window_right;
  int32_t max_rows_per_item;
  int32_t num_threads;

  int32_t group() const { return num_query_heads / num_kv_heads; }
};

// Half-open; empty where begin == end.
struct KeyRange {
  int32_t begin;
  int32_t end;
  int32_t size() const { return end - begin; }
};

// One sequence as the masks see it.
struct SequenceView {
  int32_t index;
  int32_t query_len;
  int32_t seq_len;
  int32_t context_len;  // seq_len - query_len, may be negative
  bool causal;
};

SequenceView view_sequence(const PlanKey& key, const CommittedBatch& batch, CausalMode mode, int32_t index);

// Smallest range that holds every key some query token in [token_begin, token_end) sees. Each row p >= 0 sees the keys
// around its own position without a gap, and neighbours' keys touch, so nothing in the range is invisible to all.
KeyRange visible_keys(const PlanKey& key, const CommittedBatch& batch, const SequenceView& sequence,
                      int32_t token_begin, int32_t token_end);

// Equal tiles of at most max_rows_per_item packed rows, whole query tokens where the group fits into a tile.
class TileCut {
 public:
  TileCut(const PlanKey& key, int32_t query_len);

  int32_t count() const { return count_; }
  int32_t row_begin(int32_t tile) const { return static_cast<int32_t>(units_ * tile / count_) * rows_per_unit_; }
  int32_t row_end(int32_t tile) const { return row_begin(tile + 1); }

  // Tiles of any sequences that have `tokens` query tokens together and are at most `seqs`. Never decreases with
  // either.
  static int64_t max_count(const PlanKey& key, int64_t seqs, int64_t tokens);

 private:
  int64_t units_;  // query tokens, or rows where one token's rows do not fit into a tile
  int32_t rows_per_unit_;
  int32_t count_;
};

}  // namespace fovea
