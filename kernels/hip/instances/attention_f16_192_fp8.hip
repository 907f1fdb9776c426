// Written by make_instances.py.
#include "kernels/hip/instances/entry.h"

FOVEA_TILE_KERNEL(fovea_attention_f16_192_small_fp8, F16, 192, kSmall, true, false)
FOVEA_TILE_KERNEL(fovea_attention_f16_192_small_fp8_features, F16, 192, kSmall, true, true)
FOVEA_TILE_KERNEL(fovea_attention_f16_192_medium_fp8, F16, 192, kMedium, true, false)
FOVEA_TILE_KERNEL(fovea_attention_f16_192_medium_fp8_features, F16, 192, kMedium, true, true)
FOVEA_TILE_KERNEL(fovea_attention_f16_192_large_fp8, F16, 192, kLarge, true, false)
FOVEA_TILE_KERNEL(fovea_attention_f16_192_large_fp8_features, F16, 192, kLarge, true, true)
