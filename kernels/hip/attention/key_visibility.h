// Which keys a row sees, and which keys a workgroup needs.
//
// Every row sees one interval of keys from causality and window, and, if its position lies in a prefix range, a second one.
// A tile is interior if every row sees all its keys; only other tiles are masked.
#pragma once

#include "kernels/hip/device/device.h"
#include "kernels/hip/kernel_params.h"

namespace fovea::hip {

using namespace device;

inline constexpr int kNoLimit = 0x7fffffff;

// A sequence as one workgroup sees it; uniform.
struct Sequence {
  int index;
  int first_token;
  int query_len;
  int seq_len;
  int context_len;
  bool causal;
};

FOVEA_DEVICE Sequence load_sequence(const Layer& layer, const Batch& batch, int index) {
  Sequence s;
  s.index = index;
  s.first_token = batch.query_start_loc[index];
  s.query_len = batch.query_start_loc[index + 1] - s.first_token;
  s.seq_len = batch.seq_lens[index];
  s.context_len = s.seq_len - s.query_len;
  // Not one of two: the compiler would make that one load from either address, of a kind that is found out as it runs.
  const bool flagged = batch.causal_per_sequence != nullptr;
  const bool flag = flagged && batch.causal_per_sequence[index] != 0;
  s.causal = layer.attention_type == AttentionType::kDecoder && (flag || (!flagged && batch.causal != 0));
  return s;
}

// Keys [begin, end). Works on uniform and on lane values.
template <class I>
struct Interval {
  I begin;
  I end;
};

FOVEA_DEVICE int uniform_min(int a, int b) { return a < b ? a : b; }
FOVEA_DEVICE int uniform_max(int a, int b) { return a > b ? a : b; }

// What the row at position p sees by causality and window.
FOVEA_DEVICE Interval<int> base_interval(const Layer& layer, const Sequence& s, int p) {
  Interval<int> v = {0, s.seq_len};
  if (s.causal) {
    v.end = uniform_min(v.end, p + 1);
  } else if (layer.window_right >= 0) {
    v.end = uniform_min(v.end, uniform_max(p + 1 + layer.window_right, 0));
  }
  if (layer.window_left >= 0) v.begin = uniform_max(v.begin, p - layer.window_left);
  return v;
}

FOVEA_DEVICE Interval<Int> base_interval_of_rows(const Layer& layer, const Sequence& s, Int p) {
  Interval<Int> v = {p * 0, p * 0 + s.seq_len};
  if (s.causal) {
    v.end = lane_min(v.end, p + 1);
  } else if (layer.window_right >= 0) {
    v.end = lane_min(v.end, p + 1 + layer.window_right);
  }
  if (layer.window_left >= 0) v.begin = lane_max(v.begin, p - layer.window_left);
  return v;
}

// The prefix range that holds position p, or an empty interval.
FOVEA_DEVICE Interval<Int> range_interval_of_rows(const Layer& layer, const Batch& batch, const Sequence& s, Int p) {
  Interval<Int> v = {p * 0, p * 0};
  const int first = batch.range_start_loc[s.index], last = batch.range_start_loc[s.index + 1];
#pragma unroll 1
  for (int i = first; i < last; ++i) {
    const int begin = batch.ranges[2 * i], end = batch.ranges[2 * i + 1];  // inclusive
    if (begin >= end) continue;
    const Bool inside = (p >= begin) & (p <= end);
    Int from = p * 0 + uniform_max(begin, 0);
    if (layer.prefix_ranges == PrefixRanges::kWindowed && layer.window_left >= 0) from = lane_max(from, p - layer.window_left);
    v.begin = select(inside, from, v.begin);
    v.end = select(inside, p * 0 + uniform_min(s.seq_len, end == kNoLimit ? end : end + 1), v.end);
  }
  return v;
}

// The keys that some row of a workgroup sees; its rows have positions [first, last].
struct NeededKeys {
  Interval<int> base;
  Interval<int> all;  // every row sees these
  int first, last;
};

FOVEA_DEVICE NeededKeys needed_keys(const Layer& layer, const Sequence& s, int first, int last) {
  const Interval<int> low = base_interval(layer, s, first), high = base_interval(layer, s, last);
  NeededKeys n;
  n.base = {uniform_max(low.begin, 0), high.end};
  n.all = {high.begin, low.end};
  n.first = first;
  n.last = last;
  return n;
}

// Whether some row sees key t, for kRanges through a prefix range too.
template <bool kRanges>
FOVEA_DEVICE Bool is_needed(const Layer& layer, const Batch& batch, const Sequence& s, const NeededKeys& n, Int t) {
  Bool needed = (t >= n.base.begin) & (t < n.base.end);
  if constexpr (kRanges) {
    if (layer.prefix_ranges != PrefixRanges::kNone) {
      const int first = batch.range_start_loc[s.index], last = batch.range_start_loc[s.index + 1];
#pragma unroll 1
      for (int i = first; i < last; ++i) {
        int begin = batch.ranges[2 * i];
        const int end = batch.ranges[2 * i + 1];
        const int first_row = uniform_max(begin, n.first);  // of the rows inside the range
        if (begin >= end || first_row > uniform_min(end, n.last)) continue;
        if (layer.prefix_ranges == PrefixRanges::kWindowed && layer.window_left >= 0) {
          begin = uniform_max(begin, first_row - layer.window_left);
        }
        needed = needed | ((t >= begin) & (t <= end) & (t < s.seq_len));
      }
    }
  }
  return needed;
}

}  // namespace fovea::hip
