// Kernels for this instruction set; compiled with its flags (CMakeLists.txt).
#define FOVEA_ISA_NAMESPACE isa_neon
#define FOVEA_ISA_NAME "neon"

#include "kernels/cpu/isa_kernels.h"

namespace fovea::cpu {

const KernelTable& kernels_neon() { return isa_neon::kTable; }

}  // namespace fovea::cpu
