#include "tests/simt/tile_instances.h"

namespace fovea::hip::host {
FOVEA_HOST_TILES(bf16_96, BF16, 96, false)
}  // namespace fovea::hip::host
