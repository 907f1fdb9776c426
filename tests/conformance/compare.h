// Comparing a forward's results with the reference, by the rule of the semantics.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "tests/conformance/workload.h"
#include "tests/reference/reference_attention.h"

namespace fovea_test {

// How far the worst row came, for the published figures.
struct Errors {
  double output = 0;         // largest |o - ref|
  double tolerance_used = 0; // largest |o - ref| / tolerance
  double lse = 0;            // largest |lse - ref| / max(1, |ref|)
};

// What |o - ref| may be for the rows [begin, end): 2 max|lowprec - ref| + 1e-5 + u max|ref|, 3 with soft cap.
double tolerance(const fovea_reference::Problem& problem, const fovea_reference::Result& reference, int64_t begin,
                 int64_t end, const std::vector<uint8_t>& wanted);

// Compares output and lse of a workload with the reference, sequence by sequence, so that the large numbers of a short
// sequence do not hide the errors of a long one. Rows not `wanted` (all are if it is empty) need only be finite. Throws
// Failure naming the worst element. Sequences marked in `left_out` are not looked at.
Errors compare(const Workload& workload, const fovea_reference::Result& reference, const std::vector<uint8_t>& wanted,
               const std::vector<uint8_t>& left_out = {});

// Rows to compute in fp64 so that the reference takes at most about `budget` multiply-adds: all, or the first and last of
// each sequence and some between. Empty: all.
std::vector<uint8_t> choose_rows(const Workload& workload, double budget);

// Multiply-adds of the visible part of a case, per query head sum of (head_size + head_size_v) * visible keys, estimated.
double work_of(const Case& c);

}  // namespace fovea_test
