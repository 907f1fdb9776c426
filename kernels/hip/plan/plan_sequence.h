// A sequence as a plan sees it, one for each lane: its lengths, whether they make sense, and the keys that its rows need.
#pragma once

#include "kernels/hip/attention/key_visibility.h"

namespace fovea::hip {

inline constexpr int kPlanThreads = 1024;

struct PlanSequence {
  Int query_len;
  Int seq_len;
  Int rows;              // packed
  Bool valid;            // lengths make sense; else the rows become NaN
  Bool causal;
  Int range, range_end;  // its prefix ranges

  FOVEA_DEVICE Int context_len() const { return seq_len - query_len; }
};

// What the two parts of the plan kernel have in common.
struct PlanInput {
  const PlanParams& p;
  const Workgroup& wg;

  FOVEA_DEVICE PlanInput(const PlanParams& params, const Workgroup& workgroup) : p(params), wg(workgroup) {}

  // Lanes behind the last sequence get the last. All loads come before what needs them, so that they take one way to memory.
  FOVEA_DEVICE PlanSequence load_sequence(Int seq) const {
    const Batch& b = p.batch;
    const Layer& layer = p.layer;
    const Int at = lane_min(seq, Int(b.num_seqs - 1));
    const Bool all = Bool(true);
    PlanSequence s;
    const Int begin = global_load(b.query_start_loc + at, all, 0), end = global_load(b.query_start_loc + (at + 1), all, 0);
    s.seq_len = global_load(b.seq_lens + at, all, 0);
    Int causal = Int(b.causal);
    if (b.causal_per_sequence != nullptr) causal = global_load(b.causal_per_sequence + at, all, 0);
    s.range = s.range_end = Int(0);
    if (layer.prefix_ranges != PrefixRanges::kNone) {
      s.range = global_load(b.range_start_loc + at, all, 0);
      s.range_end = global_load(b.range_start_loc + (at + 1), all, 0);
    }
    s.causal = (causal != 0) & (layer.attention_type == AttentionType::kDecoder);
    // As unsigned numbers, negative lengths are too large.
    const Bool rows_known = (begin >= 0) & (end <= b.num_tokens) & (as_uint(end - begin) <= static_cast<uint32_t>(b.max_query_len));
    s.query_len = select(rows_known, end - begin, Int(0));
    s.rows = s.query_len * layer.group;
    s.valid = rows_known & (as_uint(s.seq_len) <= static_cast<uint32_t>(b.max_seq_len));
    if (layer.attention_type == AttentionType::kEncoder) s.valid = s.valid & (s.seq_len == s.query_len);
    return s;
  }

  // Keys that some row at the positions [first, last] needs, the lower end rounded down to 16; none where lengths make no sense.
  // There is no hole among them: a row's window and its prefix range both hold its own position.
  FOVEA_DEVICE Interval<Int> needed(const PlanSequence& s, Int first, Int last) const {
    const Layer& layer = p.layer;
    const Batch& b = p.batch;
    Interval<Int> v = {Int(0), select(s.causal, lane_min(s.seq_len, last + 1), s.seq_len)};
    if (layer.window_right >= 0) v.end = select(s.causal, v.end, lane_min(v.end, last + 1 + layer.window_right));
    if (layer.window_left >= 0) v.begin = lane_max(v.begin, first - layer.window_left);
    if (layer.prefix_ranges != PrefixRanges::kNone) {
      for (Int i = s.range; any_lane(i < s.range_end); i = i + 1) {
        const Bool active = i < s.range_end;
        const Int begin = global_load(b.ranges + i * 2, active, 0), end = global_load(b.ranges + (i * 2 + 1), active, 0);
        const Int first_row = lane_max(begin, first);
        Int from = lane_max(begin, Int(0));
        if (layer.prefix_ranges == PrefixRanges::kWindowed && layer.window_left >= 0) from = lane_max(from, first_row - layer.window_left);
        const Bool meets = active & (begin < end) & (first_row <= lane_min(end, last));
        v.begin = select(meets, lane_min(v.begin, from), v.begin);
        v.end = select(meets, lane_max(v.end, lane_min(s.seq_len, select(end == kNoLimit, end, end + 1))), v.end);
      }
    }
    v.begin = v.begin & -16;
    v.end = select(s.valid & (last >= first), lane_max(v.end, v.begin), v.begin);
    return v;
  }
  FOVEA_DEVICE Interval<Int> needed(const PlanSequence& s) const { return needed(s, s.context_len(), s.seq_len - 1); }
};

}  // namespace fovea::hip
