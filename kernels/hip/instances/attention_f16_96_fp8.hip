// Written by make_instances.py.
#include "kernels/hip/instances/entry.h"

FOVEA_TILE_KERNEL(fovea_attention_f16_96_small_fp8, F16, 96, kSmall, true, false)
FOVEA_TILE_KERNEL(fovea_attention_f16_96_small_fp8_features, F16, 96, kSmall, true, true)
FOVEA_TILE_KERNEL(fovea_attention_f16_96_medium_fp8, F16, 96, kMedium, true, false)
FOVEA_TILE_KERNEL(fovea_attention_f16_96_medium_fp8_features, F16, 96, kMedium, true, true)
FOVEA_TILE_KERNEL(fovea_attention_f16_96_large_fp8, F16, 96, kLarge, true, false)
FOVEA_TILE_KERNEL(fovea_attention_f16_96_large_fp8_features, F16, 96, kLarge, true, true)
