// Written by make_instances.py.
#include "kernels/hip/instances/entry.h"

FOVEA_TILE_KERNEL(fovea_attention_f16_256_small, F16, 256, kSmall, false, false)
FOVEA_TILE_KERNEL(fovea_attention_f16_256_small_features, F16, 256, kSmall, false, true)
FOVEA_TILE_KERNEL(fovea_attention_f16_256_medium, F16, 256, kMedium, false, false)
FOVEA_TILE_KERNEL(fovea_attention_f16_256_medium_features, F16, 256, kMedium, false, true)
FOVEA_TILE_KERNEL(fovea_attention_f16_256_large, F16, 256, kLarge, false, false)
FOVEA_TILE_KERNEL(fovea_attention_f16_256_large_features, F16, 256, kLarge, false, true)
