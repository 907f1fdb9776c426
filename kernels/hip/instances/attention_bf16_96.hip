// Written by make_instances.py.
#include "kernels/hip/instances/entry.h"

FOVEA_TILE_KERNEL(fovea_attention_bf16_96_small, BF16, 96, kSmall, false, false)
FOVEA_TILE_KERNEL(fovea_attention_bf16_96_small_features, BF16, 96, kSmall, false, true)
FOVEA_TILE_KERNEL(fovea_attention_bf16_96_medium, BF16, 96, kMedium, false, false)
FOVEA_TILE_KERNEL(fovea_attention_bf16_96_medium_features, BF16, 96, kMedium, false, true)
FOVEA_TILE_KERNEL(fovea_attention_bf16_96_large, BF16, 96, kLarge, false, false)
FOVEA_TILE_KERNEL(fovea_attention_bf16_96_large_features, BF16, 96, kLarge, false, true)
