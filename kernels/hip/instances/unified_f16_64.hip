// Written by make_instances.py.
#include "kernels/hip/instances/entry.h"

FOVEA_UNIFIED_KERNEL(fovea_unified_f16_64, F16, 64, false, false)
FOVEA_UNIFIED_KERNEL(fovea_unified_f16_64_features, F16, 64, false, true)
