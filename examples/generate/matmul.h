// Products of activations with weights that stay in the file's format: rows are converted to fp32 panel by panel, in
// cache, so that a decode step reads 4 to 8 bits per weight from memory and the arithmetic is that of fp32 weights.
#pragma once

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <vector>

#include "task_pool.h"
#include "tensor_type.h"

namespace generate {

struct Matrix {
  TensorType type = TensorType::kF32;
  const std::byte* data = nullptr;
  int64_t num_rows = 0;
  int64_t row_size = 0;  // weights

  const std::byte* row(int64_t index) const {
    const TensorTypeInfo& info = tensor_type_info(type);
    return data + index * (row_size / info.block_weights * info.block_bytes);
  }
};

class Matmul {
 public:
  explicit Matmul(TaskPool& pool) : pool_(pool) {}

  struct Product {
    const Matrix& weights;
    float* out;  // [num_tokens, weights.num_rows]
  };

  // out = x * weights^T for each product; all weights have rows of x's size. x is [num_tokens, row_size].
  void operator()(const float* x, int64_t num_tokens, std::initializer_list<Product> products);

 private:
  TaskPool& pool_;
  std::vector<float> panels_;  // [task]
};

}  // namespace generate
