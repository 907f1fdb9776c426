// The device layer of the architecture that is being compiled for, as namespace fovea::hip::device.
#pragma once

#if defined(__CUDACC__)
#include "kernels/hip/device/nvidia.h"
#include "kernels/hip/device/nvidia_tiles.h"
namespace fovea::hip {
namespace device = nvidia;
}
#else
#error "no device layer for this compiler"
#endif
