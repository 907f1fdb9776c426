#include "tests/simt/tile_instances.h"

namespace fovea::hip::host {
FOVEA_HOST_TILES(f16_64_features, F16, 64, true)
}  // namespace fovea::hip::host
