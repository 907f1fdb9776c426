// The path of bf16 pairs with its instruction in plain code, so that everything around them is tested on any processor.
#define FOVEA_ISA_NAMESPACE isa_bf16_pairs_emulated
#define FOVEA_ISA_NAME "bf16_pairs_emulated"
#define FOVEA_ISA_BF16_PAIRS
#define FOVEA_EMULATE_BF16_PAIRS

#include "kernels/cpu/isa_kernels.h"

namespace fovea::cpu {

const KernelTable& kernels_bf16_pairs_emulated() { return isa_bf16_pairs_emulated::kTable; }

}  // namespace fovea::cpu
