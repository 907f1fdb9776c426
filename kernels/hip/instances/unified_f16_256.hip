// Written by make_instances.py.
#include "kernels/hip/instances/entry.h"

FOVEA_UNIFIED_KERNEL(fovea_unified_f16_256, F16, 256, false, false)
FOVEA_UNIFIED_KERNEL(fovea_unified_f16_256_features, F16, 256, false, true)
