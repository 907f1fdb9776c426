// Written by make_instances.py.
#include "kernels/hip/instances/entry.h"

FOVEA_TILE_KERNEL(fovea_attention_f16_64_small, F16, 64, kSmall, false, false)
FOVEA_TILE_KERNEL(fovea_attention_f16_64_small_features, F16, 64, kSmall, false, true)
FOVEA_TILE_KERNEL(fovea_attention_f16_64_medium, F16, 64, kMedium, false, false)
FOVEA_TILE_KERNEL(fovea_attention_f16_64_medium_features, F16, 64, kMedium, false, true)
FOVEA_TILE_KERNEL(fovea_attention_f16_64_large, F16, 64, kLarge, false, false)
FOVEA_TILE_KERNEL(fovea_attention_f16_64_large_features, F16, 64, kLarge, false, true)
