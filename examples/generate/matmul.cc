#include "matmul.h"

#include <algorithm>
#include <atomic>

#include "vector_kernels.h"

namespace generate {
namespace {

// Rows converted at a time: with 576 weights a row they fit the L1 cache together with a tile of tokens.
constexpr int64_t kPanelRows = 8;

}  // namespace

void Matmul::operator()(const float* x, int64_t num_tokens, std::initializer_list<Product> products) {
  int64_t num_panels = 0;
  int64_t row_size = 0;
  for (const Product& product : products) {
    num_panels += (product.weights.num_rows + kPanelRows - 1) / kPanelRows;
    row_size = product.weights.row_size;
  }
  const int num_tasks = pool_.num_threads();
  panels_.resize(std::max(panels_.size(), static_cast<size_t>(num_tasks * kPanelRows * row_size)));

  std::atomic<int64_t> next_panel{0};
  pool_.run(num_tasks, [&](int32_t task) {
    float* panel = panels_.data() + task * kPanelRows * row_size;
    for (int64_t index; (index = next_panel.fetch_add(1, std::memory_order_relaxed)) < num_panels;) {
      const Product* product = products.begin();
      int64_t first_row = index * kPanelRows;
      for (int64_t padded;
           first_row >= (padded = (product->weights.num_rows + kPanelRows - 1) / kPanelRows * kPanelRows);) {
        first_row -= padded;
        ++product;
      }
      const Matrix& weights = product->weights;
      const int64_t num_rows = std::min(kPanelRows, weights.num_rows - first_row);
      dequantize(weights.type, weights.row(first_row), num_rows * row_size, panel);
      dot_products(panel, num_rows, x, num_tokens, row_size, product->out + first_row, weights.num_rows);
    }
  });
}

}  // namespace generate
