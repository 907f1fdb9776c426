// The grid: axes, and samples of their product. The product is far too large to run; a sample takes cases one by one such
// that each covers as many pairs of values as possible that none before it had.
#pragma once

#include <cstdint>
#include <vector>

#include "tests/conformance/test_case.h"

namespace fovea_test {

struct GridSample {
  std::vector<Case> cases;
  int64_t pairs_covered = 0;  // pairs of values of two axes that occur in some case
  int64_t pairs_total = 0;    // those that could occur
};

// `count` cases, the same for the same seed. Cases whose estimated cost (see case_cost) is above `max_cost` are drawn again.
GridSample sample_grid(uint64_t seed, int32_t count, double max_cost);

// The whole of what is run on request: every combination of heads, head size, block size and types, and every combination
// of lengths, batch, mask and window, all other axes drawn at random.
GridSample whole_grid(uint64_t seed, double max_cost);

// Multiply-adds and stored bytes, in units of about a nanosecond on one core.
double case_cost(const Case& c);

}  // namespace fovea_test
