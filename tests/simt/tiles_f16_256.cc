#include "tests/simt/tile_instances.h"

namespace fovea::hip::host {
FOVEA_HOST_TILES(f16_256, F16, 256, false)
}  // namespace fovea::hip::host
