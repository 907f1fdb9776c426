// Written by make_instances.py.
#include "kernels/hip/instances/entry.h"

FOVEA_TILE_KERNEL(fovea_attention_bf16_128_small, BF16, 128, kSmall, false, false)
FOVEA_TILE_KERNEL(fovea_attention_bf16_128_small_features, BF16, 128, kSmall, false, true)
FOVEA_TILE_KERNEL(fovea_attention_bf16_128_medium, BF16, 128, kMedium, false, false)
FOVEA_TILE_KERNEL(fovea_attention_bf16_128_medium_features, BF16, 128, kMedium, false, true)
FOVEA_TILE_KERNEL(fovea_attention_bf16_128_large, BF16, 128, kLarge, false, false)
FOVEA_TILE_KERNEL(fovea_attention_bf16_128_large_features, BF16, 128, kLarge, false, true)
