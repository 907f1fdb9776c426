// Written by make_instances.py.
#include "kernels/hip/instances/entry.h"

FOVEA_UNIFIED_KERNEL(fovea_unified_f16_128_fp8, F16, 128, true, false)
FOVEA_UNIFIED_KERNEL(fovea_unified_f16_128_fp8_features, F16, 128, true, true)
