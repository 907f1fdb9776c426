// Cases for backends without f32.
#pragma once

#include <string>

#include "tests/conformance/test_case.h"

namespace fovea_test {

// Most cases ask for f32 because it shows the smallest errors. Where it is not to be had, the feature that a case is about
// is tried with a smaller type: "f16", "bf16" or "both", each for half of the cases.
Case with_smaller_type(Case c, const std::string& f32_as);

}  // namespace fovea_test
