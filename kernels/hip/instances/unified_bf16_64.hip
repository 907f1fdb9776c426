// Written by make_instances.py.
#include "kernels/hip/instances/entry.h"

FOVEA_UNIFIED_KERNEL(fovea_unified_bf16_64, BF16, 64, false, false)
FOVEA_UNIFIED_KERNEL(fovea_unified_bf16_64_features, BF16, 64, false, true)
