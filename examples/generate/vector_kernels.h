// The vectorised inner loops, compiled for several instruction sets; the best one is chosen when the program runs.
#pragma once

#include <cstddef>
#include <cstdint>

#include "tensor_type.h"

namespace generate {

// Converts `count` weights, a whole number of blocks, to fp32.
void dequantize(TensorType type, const std::byte* data, int64_t count, float* out);

// out[token * out_stride + row] = rows[row] . x[token], rows [num_rows, size], x [num_tokens, size], all fp32.
// An element's bits do not depend on num_rows, num_tokens or its place, so neither do a model's on the chunk size.
void dot_products(const float* rows, int64_t num_rows, const float* x, int64_t num_tokens, int64_t size, float* out,
                  int64_t out_stride);

// gate[i] = silu(gate[i]) * up[i], silu(z) = z / (1 + exp(-z)).
void swiglu(float* gate, const float* up, int64_t count);

// out[i] = x[i] * weight[i] / sqrt(mean(x^2) + epsilon): "Root Mean Square Layer Normalization", equation 4.
void rms_norm(const float* x, const float* weight, int64_t count, float epsilon, float* out);

}  // namespace generate
