#include "tests/simt/tile_instances.h"

namespace fovea::hip::host {
FOVEA_HOST_TILES(bf16_128, BF16, 128, false)
}  // namespace fovea::hip::host
