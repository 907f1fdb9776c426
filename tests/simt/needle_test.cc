// A key that weighs more than all others together is planted at every edge of the mask: the rows that see it must change, and
// no others. Random data alone could not tell one lost key among hundreds.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <set>

#include "tests/simt/attention_case.h"

namespace fovea::hip::host {
namespace {

void check_needle(AttentionCase c, int key) {
  c.needles = {{0, key}};
  AttentionProblem problem(c);
  problem.run(3, key % 2 == 0);
  if (::testing::Test::HasFatalFailure()) return;
  const fovea_reference::Problem& r = problem.reference();
  for (int64_t i = 0; i < r.query_len(0); ++i) {
    const bool sees = fovea_reference::visible(r, 0, i, key);
    for (int head = 0; head < r.num_query_heads; ++head) {
      for (const int element : {0, r.head_size_v - 1}) {
        const double o = problem.output(i, head, element);
        if (sees) {
          ASSERT_NEAR(o, kNeedleValue, 1) << "row " << i << " does not see key " << key;
        } else {
          ASSERT_LT(std::abs(o), kNeedleValue / 4) << "row " << i << " sees key " << key;
        }
      }
    }
  }
}

// Edges for the first and the last row, of tiles and of the sequence.
std::set<int> edges(const AttentionCase& c) {
  const SequenceShape& s = c.sequences[0];
  std::set<int> keys = {0, 15, 16, 63, 64, s.seq_len - 1, s.seq_len};
  for (const int p : {s.seq_len - s.query_len, s.seq_len - 1}) {
    keys.insert({p, p + 1});
    if (c.window_left >= 0) keys.insert({p - c.window_left, p - c.window_left - 1});
    if (c.window_right >= 0) keys.insert({p + c.window_right, p + c.window_right + 1});
  }
  keys.erase(keys.begin(), keys.lower_bound(0));
  keys.erase(keys.upper_bound(s.seq_len), keys.end());
  return keys;
}

void check_all(const AttentionCase& c) {
  for (const int key : edges(c)) {
    check_needle(c, key);
    if (::testing::Test::HasFatalFailure()) return;
  }
}

struct Masks {
  bool causal;
  int window_left;
  int window_right;
};
const Masks kMasks[] = {{true, -1, -1}, {false, -1, -1}, {true, 20, -1}, {false, 20, 5}, {false, -1, 0}, {true, 0, -1}};

class Needles : public ::testing::TestWithParam<Masks> {
 protected:
  AttentionCase make(int query_len, int seq_len) const {
    AttentionCase c;
    c.sequences = {{query_len, seq_len}};
    c.num_query_heads = 4;
    c.num_kv_heads = 1;
    c.causal = GetParam().causal;
    c.window_left = GetParam().window_left;
    c.window_right = GetParam().window_right;
    return c;
  }
};

TEST_P(Needles, decode) { check_all(make(1, 107)); }
TEST_P(Needles, verification) {
  AttentionCase c = make(4, 139);
  c.vectorized = true;
  check_all(c);
}
TEST_P(Needles, split) {
  AttentionCase c = make(1, 203);
  c.target = 3;
  check_all(c);
  for (const int key : {127, 128, 191, 192}) check_needle(c, key);
}
TEST_P(Needles, draft_block) { check_all(make(16, 140)); }
TEST_P(Needles, prefill) { check_all(make(37, 101)); }
TEST_P(Needles, f32) {
  for (const int query_len : {1, 16, 37}) {
    AttentionCase c = make(query_len, 107);
    c.type = DataType::kF32;
    c.head_size = query_len == 16 ? 256 : 128;
    c.vectorized = query_len == 37;
    check_all(c);
  }
}

INSTANTIATE_TEST_SUITE_P(Masks, Needles, ::testing::ValuesIn(kMasks), [](const auto& info) {
  const Masks& m = info.param;
  return std::string(m.causal ? "causal" : "both_ways") + (m.window_left >= 0 ? "_left" + std::to_string(m.window_left) : "") +
         (m.window_right >= 0 ? "_right" + std::to_string(m.window_right) : "");
});

}  // namespace
}  // namespace fovea::hip::host
