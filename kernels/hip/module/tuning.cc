#include "kernels/hip/module/tuning.h"

namespace fovea::hip {
namespace {

// One line for each case in which ROCM_UNIFIED_ATTN is the better one of the two: it wins mixed batches, and loses nothing that
// outweighs that. H100, bf16, 32/8 heads, page 16; "60 + 4": 60 decodes at 2048 and 4 chunks of 512 on 2048; unified first.
//
// With 16-bit caches it is not, although it wins mixed batches of heads of 128 (60 + 4: 350 us, 371; without context 212, 257):
// prefill alone takes it a sixth to a third longer (1 x 8192: 1435 us, 1158), which engines feel in every long prompt. Who batches
// decodes with chunks may ask for it by name. Heads of 64: 60 + 4 248 us, 246; 1 x 8192 989 us, 806.
constexpr TuningLine kLines[] = {
    // architecture, query, cache, head sizes
    {"sm_90", TypeClass::k16Bit, TypeClass::kFp8, 65, 128},  // 60 + 4: 395 us, 476; 1 x 4096: 523, 609; decode 64 x 4096: 199, 197
};

}  // namespace

constexpr std::span<const TuningLine> kTuning = kLines;

}  // namespace fovea::hip
