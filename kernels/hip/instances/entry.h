// Makes kernels of the templates.
#pragma once

#include "kernels/hip/attention/tile_kernel.h"
#include "kernels/hip/plan/plan_kernel.h"

#define FOVEA_TILE_KERNEL(NAME, TYPE, HEAD_SIZE, KIND, FEATURES)                                                          \
  extern "C" __global__ void __launch_bounds__(                                                                          \
      fovea::hip::TileTraits<fovea::hip::device::TYPE, HEAD_SIZE, fovea::hip::KIND, FEATURES>::kThreads,                 \
      fovea::hip::TileTraits<fovea::hip::device::TYPE, HEAD_SIZE, fovea::hip::KIND, FEATURES>::kWorkgroupsPerUnit)       \
      NAME(const __grid_constant__ fovea::hip::ForwardParams params) {                                                   \
    extern __shared__ __align__(128) char lds[];                                                                         \
    const fovea::hip::device::Workgroup wg = fovea::hip::device::this_workgroup(lds);                                    \
    fovea::hip::TileKernel<fovea::hip::TileTraits<fovea::hip::device::TYPE, HEAD_SIZE, fovea::hip::KIND, FEATURES>>(params, wg).run(); \
  }
