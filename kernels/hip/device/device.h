// The device layer of the architecture that is being compiled for, as namespace fovea::hip::device.
#pragma once

#if defined(__CUDACC__)
#include "kernels/hip/device/nvidia.h"
#include "kernels/hip/device/nvidia_tiles.h"
#include "kernels/hip/device/shapes_nvidia.h"
namespace fovea::hip {
namespace device = nvidia;
using TargetShapes = NvidiaShapes;
}
#else
#error "no device layer for this compiler"
#endif
