// The yardsticks of a GPU, measured in the same process as what is held against them: how fast memory is read, and how fast
// matrices are multiplied. This program holds no GPU code of its own, so that the vendor's BLAS does both.
#pragma once

#include <string>
#include <vector>

#include "gpu_runtime.h"

struct GpuYardsticks {
  double read_bandwidth = 0;  // bytes per second
  std::string read_by;        // what was measured
  double matrix_flops = 0;    // per second; 0: not known
  std::string matrix_by;
};

// `bf16_values` are random numbers to multiply, because a GPU is faster on zeros.
GpuYardsticks measure_gpu(const GpuRuntime& gpu, const std::vector<char>& bf16_values);
