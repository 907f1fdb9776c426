#include "tests/simt/tile_instances.h"

namespace fovea::hip::host {
static const TileInstances<device::F16, 256, false, false> instances;
}  // namespace fovea::hip::host
