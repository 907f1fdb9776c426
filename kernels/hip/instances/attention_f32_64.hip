// Written by make_instances.py.
#include "kernels/hip/instances/entry.h"

FOVEA_TILE_KERNEL(fovea_attention_f32_64_small_features, F32, 64, kSmall, false, true)
FOVEA_TILE_KERNEL(fovea_attention_f32_64_medium_features, F32, 64, kMedium, false, true)
FOVEA_TILE_KERNEL(fovea_attention_f32_64_large_features, F32, 64, kLarge, false, true)
