// Written by make_instances.py.
#include "kernels/hip/instances/entry.h"

FOVEA_TILE_KERNEL(fovea_attention_bf16_256_small_fp8, BF16, 256, kSmall, true, false)
FOVEA_TILE_KERNEL(fovea_attention_bf16_256_small_fp8_features, BF16, 256, kSmall, true, true)
FOVEA_TILE_KERNEL(fovea_attention_bf16_256_medium_fp8, BF16, 256, kMedium, true, false)
FOVEA_TILE_KERNEL(fovea_attention_bf16_256_medium_fp8_features, BF16, 256, kMedium, true, true)
FOVEA_TILE_KERNEL(fovea_attention_bf16_256_large_fp8, BF16, 256, kLarge, true, false)
FOVEA_TILE_KERNEL(fovea_attention_bf16_256_large_fp8_features, BF16, 256, kLarge, true, true)
