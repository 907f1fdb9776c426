// The cases that always run: written by hand, each for a reason.
#pragma once

#include <vector>

#include "tests/conformance/test_case.h"

namespace fovea_test {

// Everything below, in order; what only a GPU can do among it or not.
std::vector<Case> must_run_cases(bool gpu);

std::vector<Case> forward_cases();
std::vector<Case> needle_cases();
std::vector<Case> property_cases();  // bitwise, invariance, plans, writes, merges
std::vector<Case> claim_cases();     // proofs of capabilities and bounds
std::vector<Case> refusal_cases(bool gpu);
std::vector<Case> gpu_cases();       // graphs, what only the device sees, caches beyond 4 GiB

}  // namespace fovea_test
