// Kernels for this instruction set; compiled with its flags (CMakeLists.txt).
#define FOVEA_ISA_NAMESPACE isa_avx512_bf16
#define FOVEA_ISA_NAME "avx512_bf16"
#define FOVEA_ISA_BF16_PAIRS

#include "kernels/cpu/isa_kernels.h"

namespace fovea::cpu {

const KernelTable& kernels_avx512_bf16() { return isa_avx512_bf16::kTable; }

}  // namespace fovea::cpu
