// Makes kernels of the templates.
#pragma once

#include "kernels/hip/attention/split_merge.h"
#include "kernels/hip/attention/state_merge.h"
#include "kernels/hip/attention/tile_kernel.h"
#include "kernels/hip/cache/write_kernel.h"
#include "kernels/hip/plan/plan_kernel.h"

// A kernel NAME(PARAMS) of THREADS threads, WORKGROUPS of which a compute unit should hold; KERNEL is the template's instance.
#define FOVEA_KERNEL(NAME, PARAMS, THREADS, WORKGROUPS, ...)                                                \
  extern "C" __global__ void __launch_bounds__(THREADS, WORKGROUPS) NAME(const __grid_constant__ PARAMS params) { \
    extern __shared__ __align__(128) char lds[];                                                            \
    const fovea::hip::device::Workgroup wg = fovea::hip::device::this_workgroup(lds);                       \
    __VA_ARGS__(params, wg).run();                                                                          \
  }

#define FOVEA_TILE_TRAITS(TYPE, HEAD_SIZE, KIND, FEATURES) \
  fovea::hip::TileTraits<fovea::hip::device::TYPE, HEAD_SIZE, fovea::hip::KIND, FEATURES>

#define FOVEA_TILE_KERNEL(NAME, TYPE, HEAD_SIZE, KIND, FEATURES)                                              \
  FOVEA_KERNEL(NAME, fovea::hip::ForwardParams, (FOVEA_TILE_TRAITS(TYPE, HEAD_SIZE, KIND, FEATURES)::kThreads), \
               (FOVEA_TILE_TRAITS(TYPE, HEAD_SIZE, KIND, FEATURES)::kWorkgroupsPerUnit),                      \
               fovea::hip::TileKernel<FOVEA_TILE_TRAITS(TYPE, HEAD_SIZE, KIND, FEATURES)>)
