// Written by make_instances.py.
#include "kernels/hip/instances/entry.h"

FOVEA_UNIFIED_KERNEL(fovea_unified_bf16_128_fp8, BF16, 128, true, false)
FOVEA_UNIFIED_KERNEL(fovea_unified_bf16_128_fp8_features, BF16, 128, true, true)
