// Written by make_instances.py.
#include "kernels/hip/instances/entry.h"

FOVEA_UNIFIED_KERNEL(fovea_unified_f16_256_fp8, F16, 256, true, false)
FOVEA_UNIFIED_KERNEL(fovea_unified_f16_256_fp8_features, F16, 256, true, true)
