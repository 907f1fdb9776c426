// Written by make_instances.py.
#include "kernels/hip/instances/entry.h"

FOVEA_UNIFIED_KERNEL(fovea_unified_bf16_128, BF16, 128, false, false)
FOVEA_UNIFIED_KERNEL(fovea_unified_bf16_128_features, BF16, 128, false, true)
