// Written by make_instances.py.
#include "kernels/hip/instances/entry.h"

FOVEA_TILE_KERNEL(fovea_attention_f32_96_small_features, F32, 96, kSmall, false, true)
FOVEA_TILE_KERNEL(fovea_attention_f32_96_medium_features, F32, 96, kMedium, false, true)
FOVEA_TILE_KERNEL(fovea_attention_f32_96_large_features, F32, 96, kLarge, false, true)
