// Written by make_instances.py.
#include "kernels/hip/instances/entry.h"

FOVEA_TILE_KERNEL(fovea_attention_bf16_128_small_fp8, BF16, 128, kSmall, true, false)
FOVEA_TILE_KERNEL(fovea_attention_bf16_128_small_fp8_features, BF16, 128, kSmall, true, true)
FOVEA_TILE_KERNEL(fovea_attention_bf16_128_medium_fp8, BF16, 128, kMedium, true, false)
FOVEA_TILE_KERNEL(fovea_attention_bf16_128_medium_fp8_features, BF16, 128, kMedium, true, true)
FOVEA_TILE_KERNEL(fovea_attention_bf16_128_large_fp8, BF16, 128, kLarge, true, false)
FOVEA_TILE_KERNEL(fovea_attention_bf16_128_large_fp8_features, BF16, 128, kLarge, true, true)
