// Written by make_instances.py.
#include "kernels/hip/instances/entry.h"

FOVEA_TILE_KERNEL(fovea_attention_f16_192_small, F16, 192, kSmall, false, false)
FOVEA_TILE_KERNEL(fovea_attention_f16_192_small_features, F16, 192, kSmall, false, true)
FOVEA_TILE_KERNEL(fovea_attention_f16_192_medium, F16, 192, kMedium, false, false)
FOVEA_TILE_KERNEL(fovea_attention_f16_192_medium_features, F16, 192, kMedium, false, true)
FOVEA_TILE_KERNEL(fovea_attention_f16_192_large, F16, 192, kLarge, false, false)
FOVEA_TILE_KERNEL(fovea_attention_f16_192_large_features, F16, 192, kLarge, false, true)
