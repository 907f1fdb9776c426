// The AMX path with its instructions in plain code, so that everything around them is tested on any processor.
#define FOVEA_ISA_NAMESPACE isa_amx_emulated
#define FOVEA_ISA_NAME "amx_emulated"
#define FOVEA_ISA_AMX
#define FOVEA_EMULATE_AMX

#include "kernels/cpu/isa_kernels.h"

namespace fovea::cpu {

const KernelTable& kernels_amx_emulated() { return isa_amx_emulated::kTable; }

}  // namespace fovea::cpu
