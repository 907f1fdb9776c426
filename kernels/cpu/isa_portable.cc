// Kernels for this instruction set; compiled with its flags (CMakeLists.txt).
#define HWY_COMPILE_ONLY_SCALAR
#define FOVEA_ISA_NAMESPACE isa_portable
#define FOVEA_ISA_NAME "portable"

#include "kernels/cpu/isa_kernels.h"

namespace fovea::cpu {

const KernelTable& kernels_portable() { return isa_portable::kTable; }

}  // namespace fovea::cpu
