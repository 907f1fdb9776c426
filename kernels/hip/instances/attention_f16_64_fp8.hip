// Written by make_instances.py.
#include "kernels/hip/instances/entry.h"

FOVEA_TILE_KERNEL(fovea_attention_f16_64_small_fp8, F16, 64, kSmall, true, false)
FOVEA_TILE_KERNEL(fovea_attention_f16_64_small_fp8_features, F16, 64, kSmall, true, true)
FOVEA_TILE_KERNEL(fovea_attention_f16_64_medium_fp8, F16, 64, kMedium, true, false)
FOVEA_TILE_KERNEL(fovea_attention_f16_64_medium_fp8_features, F16, 64, kMedium, true, true)
FOVEA_TILE_KERNEL(fovea_attention_f16_64_large_fp8, F16, 64, kLarge, true, false)
FOVEA_TILE_KERNEL(fovea_attention_f16_64_large_fp8_features, F16, 64, kLarge, true, true)
