// Written by make_instances.py.
#include "kernels/hip/instances/entry.h"

FOVEA_TILE_KERNEL(fovea_attention_f32_192_small_features, F32, 192, kSmall, false, true)
FOVEA_TILE_KERNEL(fovea_attention_f32_192_medium_features, F32, 192, kMedium, false, true)
FOVEA_TILE_KERNEL(fovea_attention_f32_192_large_features, F32, 192, kLarge, false, true)
