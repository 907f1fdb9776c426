// Written by make_instances.py.
#include "kernels/hip/instances/entry.h"

FOVEA_TILE_KERNEL(fovea_attention_f16_128_small, F16, 128, kSmall, false, false)
FOVEA_TILE_KERNEL(fovea_attention_f16_128_small_features, F16, 128, kSmall, false, true)
FOVEA_TILE_KERNEL(fovea_attention_f16_128_medium, F16, 128, kMedium, false, false)
FOVEA_TILE_KERNEL(fovea_attention_f16_128_medium_features, F16, 128, kMedium, false, true)
FOVEA_TILE_KERNEL(fovea_attention_f16_128_large, F16, 128, kLarge, false, false)
FOVEA_TILE_KERNEL(fovea_attention_f16_128_large_features, F16, 128, kLarge, false, true)
