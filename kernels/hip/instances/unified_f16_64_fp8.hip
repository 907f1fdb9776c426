// Written by make_instances.py.
#include "kernels/hip/instances/entry.h"

FOVEA_UNIFIED_KERNEL(fovea_unified_f16_64_fp8, F16, 64, true, false)
FOVEA_UNIFIED_KERNEL(fovea_unified_f16_64_fp8_features, F16, 64, true, true)
