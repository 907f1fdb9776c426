#include "kernels/hip/module/tuning.h"

namespace fovea::hip {

// One line for each case in which ROCM_UNIFIED_ATTN won, with both times:
//
//     {"gfx942", k16Bit, kFp8, 64, 128},  // which batch: microseconds, of ROCM_ATTN in the same run
//
// None was measured yet, so AUTO takes ROCM_ATTN everywhere.
constexpr std::span<const TuningLine> kTuning;

}  // namespace fovea::hip
