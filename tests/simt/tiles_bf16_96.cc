#include "tests/simt/tile_instances.h"

namespace fovea::hip::host {
static const TileInstances<device::BF16, 96, false, false> instances;
}  // namespace fovea::hip::host
