// Kernels for this instruction set; compiled with its flags (CMakeLists.txt).
#define FOVEA_ISA_NAMESPACE isa_avx2
#define FOVEA_ISA_NAME "avx2"

#include "kernels/cpu/isa_kernels.h"

namespace fovea::cpu {

const KernelTable& kernels_avx2() { return isa_avx2::kTable; }

}  // namespace fovea::cpu
