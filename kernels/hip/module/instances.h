// The kernels of the module by what they are compiled for.
#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/hip/device/shapes.h"
#include "kernels/hip/kernel_params.h"

namespace fovea::hip {

// Compute types: of the matrix products and the softmax weights.
enum ComputeType : int32_t { kComputeF16 = 0, kComputeBF16 = 1, kNumComputeTypes = 2 };

inline constexpr int kHeadSizeBuckets[] = {64, 96, 128, 192, 256};

// The host's address of the attention kernel, to be launched with the sizes of attention_sizes. fp8: of the cache.
const void* attention_kernel(ComputeType type, int head_size_bucket, WorkKind kind, bool fp8, bool features);

// Threads and shared memory on an architecture ("gfx942", "sm_90").
TileSizes attention_sizes(const char* architecture, int head_size_bucket, WorkKind kind, bool fp8);

// Launch sizes of the other kernels.
struct SupportKernel {
  const void* function;
  int threads;
  int lds_bytes;
};
SupportKernel plan_kernel();
SupportKernel split_merge_kernel();
SupportKernel state_merge_kernel();
SupportKernel write_kernel();
inline constexpr int kRowsOfSplitMerge = 4;  // packed rows of one workgroup

}  // namespace fovea::hip
