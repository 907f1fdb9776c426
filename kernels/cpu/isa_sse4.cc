// Kernels for this instruction set; compiled with its flags (CMakeLists.txt).
#define FOVEA_ISA_NAMESPACE isa_sse4
#define FOVEA_ISA_NAME "sse4"

#include "kernels/cpu/isa_kernels.h"

namespace fovea::cpu {

const KernelTable& kernels_sse4() { return isa_sse4::kTable; }

}  // namespace fovea::cpu
