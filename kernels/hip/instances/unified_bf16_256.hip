// Written by make_instances.py.
#include "kernels/hip/instances/entry.h"

FOVEA_UNIFIED_KERNEL(fovea_unified_bf16_256, BF16, 256, false, false)
FOVEA_UNIFIED_KERNEL(fovea_unified_bf16_256_features, BF16, 256, false, true)
