// Written by make_instances.py.
#include "kernels/hip/instances/entry.h"

FOVEA_TILE_KERNEL(fovea_attention_bf16_256_small, BF16, 256, kSmall, false, false)
FOVEA_TILE_KERNEL(fovea_attention_bf16_256_small_features, BF16, 256, kSmall, false, true)
FOVEA_TILE_KERNEL(fovea_attention_bf16_256_medium, BF16, 256, kMedium, false, false)
FOVEA_TILE_KERNEL(fovea_attention_bf16_256_medium_features, BF16, 256, kMedium, false, true)
FOVEA_TILE_KERNEL(fovea_attention_bf16_256_large, BF16, 256, kLarge, false, false)
FOVEA_TILE_KERNEL(fovea_attention_bf16_256_large_features, BF16, 256, kLarge, false, true)
