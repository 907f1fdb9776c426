// Written by make_instances.py.
#include "kernels/hip/instances/entry.h"

FOVEA_UNIFIED_KERNEL(fovea_unified_f16_128, F16, 128, false, false)
FOVEA_UNIFIED_KERNEL(fovea_unified_f16_128_features, F16, 128, false, true)
