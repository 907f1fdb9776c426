// Written by make_instances.py.
#include "kernels/hip/instances/entry.h"

FOVEA_TILE_KERNEL(fovea_attention_bf16_64_small, BF16, 64, kSmall, false, false)
FOVEA_TILE_KERNEL(fovea_attention_bf16_64_small_features, BF16, 64, kSmall, false, true)
FOVEA_TILE_KERNEL(fovea_attention_bf16_64_medium, BF16, 64, kMedium, false, false)
FOVEA_TILE_KERNEL(fovea_attention_bf16_64_medium_features, BF16, 64, kMedium, false, true)
FOVEA_TILE_KERNEL(fovea_attention_bf16_64_large, BF16, 64, kLarge, false, false)
FOVEA_TILE_KERNEL(fovea_attention_bf16_64_large_features, BF16, 64, kLarge, false, true)
