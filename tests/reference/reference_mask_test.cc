// The mask, drawn: one line per query row, one character per key.
#include <gtest/gtest.h>

#include <string>

#include "tests/reference/reference_attention.h"

namespace fovea_reference {
namespace {

std::string draw(const Problem& problem, int seq = 0) {
  std::string picture;
  for (int64_t i = 0; i < problem.query_len(seq); ++i) {
    if (i) picture += ' ';
    for (int64_t t = 0; t < problem.seq_lens[static_cast<size_t>(seq)]; ++t) picture += visible(problem, seq, i, t) ? 'x' : '.';
  }
  return picture;
}

Problem one(int32_t query_len, int32_t seq_len) {
  Problem problem;
  problem.query_start_loc = {0, query_len};
  problem.seq_lens = {seq_len};
  return problem;
}

TEST(Mask, CausalIsAlignedToTheBottomRight) {
  EXPECT_EQ(draw(one(3, 5)), "xxx.. xxxx. xxxxx");
  EXPECT_EQ(draw(one(3, 3)), "x.. xx. xxx");
  EXPECT_EQ(draw(one(1, 4)), "xxxx");
}

TEST(Mask, NonCausalSeesTheWholeSequence) {
  Problem problem = one(2, 4);
  problem.causal = false;
  EXPECT_EQ(draw(problem), "xxxx xxxx");
}

TEST(Mask, NothingBeyondTheEndIsVisible) {
  Problem problem = one(2, 4);
  problem.causal = false;
  EXPECT_FALSE(visible(problem, 0, 0, 4));
  EXPECT_FALSE(visible(problem, 0, 0, -1));
  problem.ranges_kind = Ranges::kFull;
  problem.range_start_loc = {0, 1};
  problem.ranges = {2, 9};
  EXPECT_FALSE(visible(problem, 0, 0, 4));
}

TEST(Mask, NegativeContext) {
  Problem problem = one(3, 1);  // positions -2, -1, 0
  EXPECT_EQ(draw(problem), ". . x");
  problem.causal = false;
  EXPECT_EQ(draw(problem), "x x x");
  problem.window_right = 1;
  EXPECT_EQ(draw(problem), ". x x");
}

TEST(Mask, WindowsIncludeBothEnds) {
  Problem problem = one(3, 5);
  problem.window_left = 1;
  EXPECT_EQ(draw(problem), ".xx.. ..xx. ...xx");
  problem.window_right = 1;  // causal rows ignore it
  EXPECT_EQ(draw(problem), ".xx.. ..xx. ...xx");
  problem.causal = false;
  EXPECT_EQ(draw(problem), ".xxx. ..xxx ...xx");
  problem.window_left = 0;
  problem.window_right = 0;
  EXPECT_EQ(draw(problem), "..x.. ...x. ....x");
  problem.window_left = -1;
  EXPECT_EQ(draw(problem), "xxx.. xxxx. xxxxx");  // the same as causal
  problem.window_left = 2;
  problem.window_right = -1;
  EXPECT_EQ(draw(problem), "xxxxx .xxxx ..xxx");
}

TEST(Mask, PrefixRanges) {
  Problem problem = one(5, 5);
  problem.ranges_kind = Ranges::kFull;
  problem.range_start_loc = {0, 2};
  problem.ranges = {1, 3, 4, 4};  // the second is empty
  EXPECT_EQ(draw(problem), "x.... xxxx. xxxx. xxxx. xxxxx");
  problem.window_left = 0;
  EXPECT_EQ(draw(problem), "x.... .xxx. .xxx. .xxx. ....x");
  problem.ranges_kind = Ranges::kWindowed;
  EXPECT_EQ(draw(problem), "x.... .xxx. ..xx. ...x. ....x");
  problem.window_left = 1;
  EXPECT_EQ(draw(problem), "x.... xxxx. .xxx. ..xx. ...xx");
  problem.ranges_kind = Ranges::kNone;
  EXPECT_EQ(draw(problem), "x.... xx... .xx.. ..xx. ...xx");
}

TEST(Mask, RangesArePositionsNotRows) {
  Problem problem = one(2, 6);  // positions 4 and 5
  problem.ranges_kind = Ranges::kFull;
  problem.window_left = 0;
  problem.range_start_loc = {0, 1};
  problem.ranges = {0, 4};
  EXPECT_EQ(draw(problem), "xxxxx. .....x");
}

TEST(Mask, EachSequenceHasItsOwnFlagAndRanges) {
  Problem problem;
  problem.query_start_loc = {0, 2, 2, 4};
  problem.seq_lens = {2, 7, 3};
  problem.causal_per_sequence = {0, 1, 1};
  problem.ranges_kind = Ranges::kFull;
  problem.range_start_loc = {0, 0, 1, 2};
  problem.ranges = {0, 6, 0, 2};
  EXPECT_EQ(draw(problem, 0), "xx xx");
  EXPECT_EQ(draw(problem, 1), "");
  EXPECT_EQ(draw(problem, 2), "xxx xxx");
  problem.ranges_kind = Ranges::kNone;
  EXPECT_EQ(draw(problem, 2), "xx. xxx");
}

TEST(Mask, CrossAttentionSeesEverythingAndTheFlagIsIgnored) {
  Problem problem = one(3, 2);
  problem.kind = Kind::kEncoderDecoder;
  EXPECT_EQ(draw(problem), "xx xx xx");
  problem.kind = Kind::kEncoder;
  EXPECT_EQ(draw(one(2, 2)), "x. xx");
  problem = one(2, 2);
  problem.kind = Kind::kEncoder;
  EXPECT_EQ(draw(problem), "xx xx");
}

}  // namespace
}  // namespace fovea_reference
