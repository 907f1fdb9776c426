// Soft cap, biases and prefix ranges: kernels compiled with all features.
#include <gtest/gtest.h>

#include "tests/simt/attention_case.h"

namespace fovea::hip::host {
namespace {

const std::vector<SequenceShape> kMixed = {{1, 90}, {3, 40}, {16, 75}, {70, 100}};

TEST(Features, none_in_use) {
  AttentionCase c;
  c.sequences = kMixed;
  c.features = true;
  c.sinks = true;
  check_case(c);
}

TEST(Features, softcap) {
  AttentionCase c;
  c.sequences = kMixed;
  c.softcap = 3;
  c.query_factor = 4;
  c.sinks = true;
  check_case(c);
}

TEST(Features, alibi) {
  AttentionCase c;
  c.sequences = kMixed;
  c.target = 4;
  for (const Alibi alibi : {Alibi::kLinear, Alibi::kSqrt}) {
    c.alibi = alibi;
    c.causal = !c.causal;
    check_case(c);
  }
}

TEST(Features, prefix_ranges) {
  AttentionCase c;
  c.sequences = {{1, 90, -1, {{10, 20}}},
                 {10, 60, -1, {{48, 70}}},
                 {40, 100, -1, {{0, 5}, {30, 66}, {70, 70}, {80, 99}}},
                 {90, 90, -1, {{3, 50}, {60, 200}}}};
  c.prefix_ranges = PrefixRanges::kFull;
  check_case(c);
  c.window_left = 12;
  check_case(c);
  c.prefix_ranges = PrefixRanges::kWindowed;
  check_case(c);
}

TEST(Features, prefix_ranges_vectorized) {
  AttentionCase c;
  c.sequences = {{20, 100, -1, {{85, 95}}}, {90, 90, -1, {{3, 50}, {60, 80}}}};
  c.prefix_ranges = PrefixRanges::kFull;
  c.window_left = 7;
  c.vectorized = true;
  check_case(c);
}

TEST(Features, prefix_ranges_dense) {
  AttentionCase c;
  c.sequences = {{30, 100, -1, {{75, 95}}}, {90, 90, -1, {{3, 50}, {60, 80}}}};
  c.prefix_ranges = PrefixRanges::kWindowed;
  c.window_left = 15;
  c.dense = true;
  check_case(c);
}

}  // namespace
}  // namespace fovea::hip::host
