// Written by make_instances.py.
#include "kernels/hip/instances/entry.h"

FOVEA_TILE_KERNEL(fovea_attention_bf16_192_small, BF16, 192, kSmall, false, false)
FOVEA_TILE_KERNEL(fovea_attention_bf16_192_small_features, BF16, 192, kSmall, false, true)
FOVEA_TILE_KERNEL(fovea_attention_bf16_192_medium, BF16, 192, kMedium, false, false)
FOVEA_TILE_KERNEL(fovea_attention_bf16_192_medium_features, BF16, 192, kMedium, false, true)
FOVEA_TILE_KERNEL(fovea_attention_bf16_192_large, BF16, 192, kLarge, false, false)
FOVEA_TILE_KERNEL(fovea_attention_bf16_192_large_features, BF16, 192, kLarge, false, true)
