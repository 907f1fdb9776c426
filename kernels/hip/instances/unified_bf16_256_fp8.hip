// Written by make_instances.py.
#include "kernels/hip/instances/entry.h"

FOVEA_UNIFIED_KERNEL(fovea_unified_bf16_256_fp8, BF16, 256, true, false)
FOVEA_UNIFIED_KERNEL(fovea_unified_bf16_256_fp8_features, BF16, 256, true, true)
