#include "tests/simt/tile_instances.h"

namespace fovea::hip::host {
FOVEA_HOST_TILES(bf16_128_features, BF16, 128, true)
}  // namespace fovea::hip::host
