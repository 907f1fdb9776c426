// Makes kernels of the templates.
#pragma once

#if defined(__HIP__) && !defined(__HIP_DEVICE_COMPILE__)

// The host's side of AMD's compiler: a symbol for each kernel. Whoever launches passes arguments by address.
#include <stdlib.h>  // clang's own <new> wants malloc to be declared

#include <hip/hip_runtime_api.h>

#include "kernels/hip/kernel_params.h"

#define FOVEA_KERNEL(NAME, ...) \
  extern "C" __attribute__((global)) void NAME() {}
#define FOVEA_TILE_KERNEL(NAME, ...) FOVEA_KERNEL(NAME)
#define FOVEA_UNIFIED_KERNEL(NAME, ...) FOVEA_KERNEL(NAME)

#else

#include "kernels/hip/attention/split_merge.h"
#include "kernels/hip/attention/state_merge.h"
#include "kernels/hip/attention/tile_kernel.h"
#include "kernels/hip/cache/write_kernel.h"
#include "kernels/hip/plan/plan_kernel.h"
#include "kernels/hip/unified/unified_kernel.h"

// A kernel NAME(PARAMS) of THREADS threads, WORKGROUPS of which a compute unit should hold; KERNEL is the template's instance.
#if defined(__HIP__)
// A compute unit has four SIMDs, which is what the attribute counts waves of; RDNA's has two, of which a pair works on one workgroup.
#define FOVEA_KERNEL(NAME, PARAMS, THREADS, WORKGROUPS, ...)                                                    \
  extern "C" __attribute__((global)) __attribute__((amdgpu_flat_work_group_size(THREADS, THREADS)))             \
  __attribute__((amdgpu_waves_per_eu(fovea::hip::device::waves_per_simd(THREADS, WORKGROUPS)))) void            \
  NAME(const PARAMS params) {                                                                                   \
    const fovea::hip::device::Workgroup wg = fovea::hip::device::this_workgroup();                              \
    __VA_ARGS__(params, wg).run();                                                                              \
  }
#else
#define FOVEA_KERNEL(NAME, PARAMS, THREADS, WORKGROUPS, ...)                                                \
  extern "C" __global__ void __launch_bounds__(THREADS, WORKGROUPS) NAME(const __grid_constant__ PARAMS params) { \
    extern __shared__ __align__(1024) char lds[];                                                            \
    const fovea::hip::device::Workgroup wg = fovea::hip::device::this_workgroup(lds);                       \
    __VA_ARGS__(params, wg).run();                                                                          \
  }

#endif

#define FOVEA_TILE_TRAITS(TYPE, HEAD_SIZE, KIND, FP8, FEATURES) \
  fovea::hip::TileTraits<fovea::hip::device::TYPE, HEAD_SIZE, fovea::hip::KIND, FP8, FEATURES>

#define FOVEA_TILE_KERNEL(NAME, TYPE, HEAD_SIZE, KIND, FP8, FEATURES)                                              \
  FOVEA_KERNEL(NAME, fovea::hip::ForwardParams, (FOVEA_TILE_TRAITS(TYPE, HEAD_SIZE, KIND, FP8, FEATURES)::kAllThreads), \
               (FOVEA_TILE_TRAITS(TYPE, HEAD_SIZE, KIND, FP8, FEATURES)::kWorkgroupsPerUnit),                      \
               fovea::hip::TileKernel<FOVEA_TILE_TRAITS(TYPE, HEAD_SIZE, KIND, FP8, FEATURES)>)

#define FOVEA_UNIFIED_TRAITS(TYPE, HEAD_SIZE, FP8, FEATURES) \
  fovea::hip::UnifiedTraits<fovea::hip::device::TYPE, HEAD_SIZE, FP8, FEATURES>

#define FOVEA_UNIFIED_KERNEL(NAME, TYPE, HEAD_SIZE, FP8, FEATURES)                                                       \
  FOVEA_KERNEL(NAME, fovea::hip::ForwardParams, (FOVEA_UNIFIED_TRAITS(TYPE, HEAD_SIZE, FP8, FEATURES)::kThreads),          \
               (FOVEA_UNIFIED_TRAITS(TYPE, HEAD_SIZE, FP8, FEATURES)::kWorkgroupsPerUnit),                                 \
               fovea::hip::UnifiedKernel<FOVEA_UNIFIED_TRAITS(TYPE, HEAD_SIZE, FP8, FEATURES)>)

#endif
