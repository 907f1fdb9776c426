// The device layer of the architecture that is being compiled for, as namespace fovea::hip::device.
#pragma once

#if defined(FOVEA_DEVICE_HOST)
// A layer from outside, with the tiles and shapes of the GPU that it stands for: the tests' own, which checks every access.
#include FOVEA_DEVICE_HOST
#elif defined(__CUDACC__)
#include "kernels/hip/device/nvidia.h"
#include "kernels/hip/device/hopper_tiles.h"
#include "kernels/hip/device/shapes_nvidia.h"
namespace fovea::hip {
namespace device = nvidia;
#if FOVEA_HAS_WGMMA
using TargetShapes = HopperShapes;
#else
using TargetShapes = NvidiaShapes;
#endif
}
#elif defined(__HIP_DEVICE_COMPILE__)
#include "kernels/hip/device/amd.h"
#include "kernels/hip/device/shapes_amd.h"
#if defined(__GFX9__)
#include "kernels/hip/device/cdna_f32_tiles.h"
#else
#include "kernels/hip/device/rdna_tiles.h"
#endif
namespace fovea::hip {
namespace device = amd;
#if defined(__gfx950__)
using TargetShapes = Gfx950Shapes;
#elif defined(__GFX9__)
using TargetShapes = CdnaShapes;
#elif defined(__GFX11__)
using TargetShapes = Rdna3Shapes;
#else
using TargetShapes = Rdna4Shapes;
#endif
}
#else
#error "no device layer for this compiler"
#endif
#if !FOVEA_HAS_F32_MATRICES
#include "kernels/hip/device/f32_tiles.h"
#endif
// Copies from global to shared memory run by themselves. Such GPUs have no scalar registers and widen fp8 in their products.
#ifndef FOVEA_HAS_ASYNC_COPIES
#define FOVEA_HAS_ASYNC_COPIES 0
#endif
