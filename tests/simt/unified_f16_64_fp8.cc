#include "tests/simt/unified_instances.h"

namespace fovea::hip::host {
const UnifiedInstanceOf<device::F16, 64, true, false> unified_f16_64_fp8;
}
