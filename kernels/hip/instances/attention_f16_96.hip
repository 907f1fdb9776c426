// Written by make_instances.py.
#include "kernels/hip/instances/entry.h"

FOVEA_TILE_KERNEL(fovea_attention_f16_96_small, F16, 96, kSmall, false, false)
FOVEA_TILE_KERNEL(fovea_attention_f16_96_small_features, F16, 96, kSmall, false, true)
FOVEA_TILE_KERNEL(fovea_attention_f16_96_medium, F16, 96, kMedium, false, false)
FOVEA_TILE_KERNEL(fovea_attention_f16_96_medium_features, F16, 96, kMedium, false, true)
FOVEA_TILE_KERNEL(fovea_attention_f16_96_large, F16, 96, kLarge, false, false)
FOVEA_TILE_KERNEL(fovea_attention_f16_96_large_features, F16, 96, kLarge, false, true)
