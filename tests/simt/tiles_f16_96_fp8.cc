#include "tests/simt/tile_instances.h"

namespace fovea::hip::host {
static const TileInstances<device::F16, 96, true, false> instances;
}  // namespace fovea::hip::host
