#include "tests/simt/tile_instances.h"

namespace fovea::hip::host {
static const TileInstances<device::F32, 96, false, true> instances;
}  // namespace fovea::hip::host
