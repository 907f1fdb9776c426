// Written by make_instances.py.
#include "kernels/hip/instances/entry.h"

FOVEA_TILE_KERNEL(fovea_attention_f32_128_small_features, F32, 128, kSmall, false, true)
FOVEA_TILE_KERNEL(fovea_attention_f32_128_medium_features, F32, 128, kMedium, false, true)
FOVEA_TILE_KERNEL(fovea_attention_f32_128_large_features, F32, 128, kLarge, false, true)
