#include "kernels/hip/module/tuning.h"

namespace fovea::hip {
namespace {

// One line for each case in which ROCM_UNIFIED_ATTN won, with both times: of mixed batches, "60 + 4" being 60 decodes at 2048 and 4
// chunks of 512 on 2048, bf16, 32/8 heads, page 16. Decode alone is as fast in both, to a few hundredths; prefill alone is faster in
// ROCM_ATTN by up to a tenth for 16-bit caches.
constexpr TuningLine kLines[] = {
    // architecture, query, cache, head sizes
    {"sm_90", TypeClass::k16Bit, TypeClass::k16Bit, 32, 64},   // H100, 60 + 4: 249 us, 290 of ROCM_ATTN
    {"sm_90", TypeClass::k16Bit, TypeClass::k16Bit, 65, 128},  // H100, 60 + 4: 356 us, 422 of ROCM_ATTN; 60 + 4 on 0: 220, 272
    {"sm_90", TypeClass::k16Bit, TypeClass::kFp8, 65, 128},    // H100, 60 + 4: 647 us, 687 of ROCM_ATTN; decode 4 x 32768: 106, 109
};

}  // namespace

constexpr std::span<const TuningLine> kTuning = kLines;

}  // namespace fovea::hip
