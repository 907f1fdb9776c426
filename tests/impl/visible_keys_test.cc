// The range of keys a tile can see, against the definition of the masks applied to every pair of positions.
#include <gtest/gtest.h>

#include "tests/impl/batch_fixture.h"

namespace fovea {
namespace {

// The table of masks, row by row.
bool sees(const PlanKey& key, const std::vector<std::pair<int32_t, int32_t>>& ranges, bool causal, int64_t p, int64_t t,
          int64_t seq_len) {
  if (t < 0 || t >= seq_len) return false;
  if (key.attention_type == cpu::AttentionType::kEncoderDecoder) return true;
  bool base = causal ? t <= p : true;
  if (key.window_left >= 0) base = base && p - t <= key.window_left;
  if (!causal && key.window_right >= 0) base = base && t - p <= key.window_right;
  if (base || key.prefix_ranges == cpu::PrefixRanges::kNone) return base;
  for (const auto& [first, last] : ranges) {
    if (first >= last || p < first || p > last || t < first || t > last) continue;
    if (key.prefix_ranges == cpu::PrefixRanges::kWindowed && key.window_left >= 0 && p - t > key.window_left) continue;
    return true;
  }
  return false;
}

TEST(VisibleKeys, IsTheHullOfWhatRowsSeeAndHasNoHoles) {
  const Owner<Context> context = make_context(1);
  Random random(20261);
  for (int32_t round = 0; round < 3000; ++round) {
    PlanKey key = random_key(random);
    key.window_left = random.pick({-1, 0, 1, 3, 10, 40});
    key.window_right = random.pick({-1, 0, 1, 3, 10, 40});
    key.prefix_ranges = static_cast<cpu::PrefixRanges>(random.between(0, 2));
    key.attention_type = static_cast<cpu::AttentionType>(random.pick({0, 0, 0, 1, 2}));
    TestBatch batch;
    const int32_t query_len = random.between(1, 24);
    const int32_t seq_len = key.attention_type == cpu::AttentionType::kEncoder ? query_len : random.between(0, 60);
    batch.query_lens = {query_len};
    batch.seq_lens = {seq_len};
    batch.flags = {random.between(0, 1)};
    if (key.prefix_ranges != cpu::PrefixRanges::kNone) {
      batch.ranges.resize(1);
      for (int32_t at = random.between(0, 8); at < 70; at += random.between(1, 12)) {
        const int32_t last = at + random.between(-1, 15);
        batch.ranges[0].push_back({at, last});
        at = std::max(at, last) + 1;
      }
    }
    const CommittedTestBatch committed(context.get(), batch);
    const SequenceView view = view_sequence(key, *committed.view, CausalMode::kPerSequence, 0);
    const int32_t begin = random.between(0, query_len - 1);
    const int32_t end = random.between(begin + 1, query_len);
    const KeyRange range = visible_keys(key, *committed.view, view, begin, end);

    int32_t first = INT32_MAX, last = -1, count = 0;
    for (int32_t t = 0; t < seq_len; ++t) {
      bool any = false;
      for (int32_t i = begin; i < end; ++i) {
        const bool causal = key.attention_type == cpu::AttentionType::kDecoder && batch.flags[0] == 1;
        any |= sees(key, batch.ranges.empty() ? std::vector<std::pair<int32_t, int32_t>>() : batch.ranges[0], causal,
                    int64_t{seq_len} - query_len + i, t, seq_len);
      }
      if (!any) continue;
      first = std::min(first, t);
      last = t;
      ++count;
    }
    const std::string what = "round " + std::to_string(round) + ", q " + std::to_string(query_len) + ", seq " +
                             std::to_string(seq_len) + ", rows " + std::to_string(begin) + ".." + std::to_string(end) +
                             ", window " + std::to_string(key.window_left) + "," + std::to_string(key.window_right);
    if (count == 0) {
      EXPECT_EQ(range.size(), 0) << what;
    } else {
      EXPECT_EQ(range.begin, first) << what;
      EXPECT_EQ(range.end, last + 1) << what;
      EXPECT_EQ(count, last + 1 - first) << what;
    }
  }
}

}  // namespace
}  // namespace fovea
