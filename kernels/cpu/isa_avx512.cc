// Kernels for this instruction set; compiled with its flags (CMakeLists.txt).
#define FOVEA_ISA_NAMESPACE isa_avx512
#define FOVEA_ISA_NAME "avx512"

#include "kernels/cpu/isa_kernels.h"

namespace fovea::cpu {

const KernelTable& kernels_avx512() { return isa_avx512::kTable; }

}  // namespace fovea::cpu
