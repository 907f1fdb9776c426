#include "tests/simt/unified_instances.h"

namespace fovea::hip::host {
const UnifiedInstanceOf<device::F16, 256, false, false> unified_f16_256;
}
