// Which keys a packed row sees, as half-open intervals of key positions.
//
// A row at position p sees a base interval (causal or not, window, length) and, if a prefix range contains p, that range.
// The union over the rows of a unit decides which keys are read at all: between two ranges there may be holes, and what
// lies in a hole may be unwritten memory.
#pragma once

#include "kernels/cpu/simd.h"

namespace fovea::cpu::FOVEA_ISA_NAMESPACE {

struct Interval {
  int32_t begin;
  int32_t end;  // one past the last; begin >= end is empty
};

HWY_INLINE bool is_empty(Interval i) { return i.begin >= i.end; }

// One sequence of the batch.
struct Sequence {
  int32_t index;
  int32_t first_token;  // row of query, output
  int32_t query_len;
  int32_t seq_len;
  int32_t context_len;  // seq_len - query_len, may be negative; 0 for cross-attention, where positions do not exist
  bool causal;
  bool cross;
};

HWY_INLINE Sequence sequence_of(const Forward& f, int32_t index) {
  const Batch& b = f.batch;
  Sequence s;
  s.index = index;
  s.first_token = b.query_start_loc[index];
  s.query_len = b.query_start_loc[index + 1] - s.first_token;
  s.seq_len = b.seq_lens[index];
  s.cross = f.layer.attention_type == AttentionType::kEncoderDecoder;
  s.context_len = s.cross ? 0 : s.seq_len - s.query_len;
  const int32_t flag = b.causal_per_sequence != nullptr ? b.causal_per_sequence[index] : b.causal;
  s.causal = f.layer.attention_type == AttentionType::kDecoder && flag != 0;
  return s;
}

// Keys the row at position p sees by the causal flag, the window and the length.
HWY_INLINE Interval base_interval(const Layer& layer, const Sequence& s, int32_t p) {
  if (s.cross) return {0, s.seq_len};
  const int64_t left = layer.window_left < 0 ? 0 : max_of(int64_t{0}, int64_t{p} - layer.window_left);
  int64_t end = s.seq_len;
  if (s.causal) {
    end = min_of(end, int64_t{p} + 1);
  } else if (layer.window_right >= 0) {
    end = min_of(end, int64_t{p} + layer.window_right + 1);
  }
  if (left >= end) return {0, 0};
  return {static_cast<int32_t>(left), static_cast<int32_t>(end)};
}

// Keys the row at position p sees because a prefix range contains p; empty if none does. `hint` carries the search from
// one row to the next, whose position is not smaller; start it at range_start_loc of the sequence.
HWY_INLINE Interval range_interval(const Forward& f, const Sequence& s, int32_t p, int32_t* hint) {
  const Batch& b = f.batch;
  if (f.layer.prefix_ranges == PrefixRanges::kNone || b.range_start_loc == nullptr || s.cross) return {0, 0};
  const int32_t last = b.range_start_loc[s.index + 1];
  int32_t i = *hint;
  while (i < last && (b.ranges[2 * i + 1] < p || b.ranges[2 * i] >= b.ranges[2 * i + 1])) ++i;
  *hint = i;
  if (i == last || b.ranges[2 * i] > p) return {0, 0};
  int64_t begin = max_of(int64_t{0}, int64_t{b.ranges[2 * i]});
  if (f.layer.prefix_ranges == PrefixRanges::kWindowed && f.layer.window_left >= 0) {
    begin = max_of(begin, int64_t{p} - f.layer.window_left);
  }
  const int64_t end = min_of(int64_t{s.seq_len}, int64_t{b.ranges[2 * i + 1]} + 1);
  if (begin >= end) return {0, 0};
  return {static_cast<int32_t>(begin), static_cast<int32_t>(end)};
}

// A unit has at most this many query tokens (packed rows with a group of 1).
inline constexpr int32_t kMaxTokensPerItem = 256;

// The keys that at least one of some query tokens sees: sorted disjoint intervals.
struct VisibleKeys {
  int32_t count;
  Interval intervals[kMaxTokensPerItem / 2 + 2];
};

// Tokens [token_begin, token_end) of the sequence, counted from its first.
HWY_INLINE void visible_keys(const Forward& f, const Sequence& s, int32_t token_begin, int32_t token_end, VisibleKeys* out) {
  // The base intervals of neighbouring positions overlap or touch (each non-empty one of a row p >= 0 holds p or is cut by
  // a length), so their union is one interval.
  Interval base = {0, 0};
  VisibleKeys ranges;
  ranges.count = 0;
  int32_t hint = f.batch.range_start_loc != nullptr ? f.batch.range_start_loc[s.index] : 0;
  for (int32_t i = token_begin; i < token_end; ++i) {
    const int32_t p = s.context_len + i;
    const Interval b = base_interval(f.layer, s, p);
    if (!is_empty(b)) {
      if (is_empty(base)) {
        base = b;
      } else {
        base.begin = min_of(base.begin, b.begin);
        base.end = max_of(base.end, b.end);
      }
    }
    if (f.layer.prefix_ranges == PrefixRanges::kNone) continue;
    const Interval r = range_interval(f, s, p, &hint);
    if (is_empty(r)) continue;
    Interval* last = ranges.count > 0 ? &ranges.intervals[ranges.count - 1] : nullptr;
    if (last != nullptr && r.begin < last->end) {  // the same range, perhaps cut by another window
      last->begin = min_of(last->begin, r.begin);
      last->end = max_of(last->end, r.end);
    } else {
      ranges.intervals[ranges.count++] = r;
    }
  }
  // Merge the base interval into the sorted ranges.
  out->count = 0;
  bool placed = is_empty(base);
  for (int32_t i = 0; i <= ranges.count; ++i) {
    const bool is_last = i == ranges.count;
    if (!placed && (is_last || ranges.intervals[i].begin >= base.begin)) {
      if (out->count > 0 && out->intervals[out->count - 1].end >= base.begin) {
        Interval* last = &out->intervals[out->count - 1];
        last->end = max_of(last->end, base.end);
      } else {
        out->intervals[out->count++] = base;
      }
      placed = true;
    }
    if (is_last) break;
    const Interval r = ranges.intervals[i];
    if (out->count > 0 && out->intervals[out->count - 1].end >= r.begin) {
      Interval* last = &out->intervals[out->count - 1];
      last->end = max_of(last->end, r.end);
    } else {
      out->intervals[out->count++] = r;
    }
  }
}

HWY_INLINE bool any_visible(const VisibleKeys& keys, int32_t begin, int32_t end) {
  for (int32_t i = 0; i < keys.count; ++i) {
    if (keys.intervals[i].begin < end && keys.intervals[i].end > begin) return true;
  }
  return false;
}

}  // namespace fovea::cpu::FOVEA_ISA_NAMESPACE
