// Kernels for this instruction set; compiled with its flags (CMakeLists.txt).
#define FOVEA_ISA_NAMESPACE isa_amx_bf16
#define FOVEA_ISA_NAME "amx_bf16"
#define FOVEA_ISA_AMX

#include "kernels/cpu/isa_kernels.h"

namespace fovea::cpu {

const KernelTable& kernels_amx_bf16() { return isa_amx_bf16::kTable; }

}  // namespace fovea::cpu
