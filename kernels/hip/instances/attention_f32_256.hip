// Written by make_instances.py.
#include "kernels/hip/instances/entry.h"

FOVEA_TILE_KERNEL(fovea_attention_f32_256_small_features, F32, 256, kSmall, false, true)
FOVEA_TILE_KERNEL(fovea_attention_f32_256_medium_features, F32, 256, kMedium, false, true)
FOVEA_TILE_KERNEL(fovea_attention_f32_256_large_features, F32, 256, kLarge, false, true)
