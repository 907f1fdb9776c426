#include "tests/simt/unified_instances.h"

namespace fovea::hip::host {
const UnifiedInstanceOf<device::BF16, 128, false, true> unified_bf16_128;
}
