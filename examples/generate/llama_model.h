// A Llama-shaped transformer for one sequence: everything but attention is computed here, attention by libfovea.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "llama_weights.h"
#include "matmul.h"
#include "paged_attention.h"
#include "task_pool.h"

namespace generate {

class LlamaModel {
 public:
  // The weights and the pool must outlive the model.
  LlamaModel(const LlamaWeights& weights, const CacheOptions& cache, TaskPool& pool);

  // Appends 1 to max_query_len tokens to the sequence. Returns the logits [num_logits, vocab_size] of the last
  // num_logits of them (0 in a chunk whose predictions nobody needs); they stay valid until the next call.
  std::span<const float> forward(std::span<const int32_t> tokens, int32_t num_logits);

  // Begins a new sequence.
  void reset() { attention_.reset(); }

  const PagedAttention& attention() const { return attention_; }

 private:
  void embed(std::span<const int32_t> tokens);
  void prepare_rotations(int32_t first_position, int32_t num_tokens);
  void rotate(float* heads, int32_t num_tokens, int32_t num_heads) const;
  void run_layer(int32_t index, int32_t num_tokens);
  void normalise(const float* x, const float* weight, int64_t num_tokens, float* out);

  const LlamaWeights& weights_;
  const LlamaShape& shape_;
  TaskPool& pool_;
  Matmul matmul_;
  PagedAttention attention_;

  std::vector<float> inverse_frequencies_;  // [head_size / 2]
  std::vector<float> cosines_;              // [num_tokens, head_size / 2]
  std::vector<float> sines_;
  std::vector<float> hidden_;      // [num_tokens, hidden_size], the residual stream
  std::vector<float> normalised_;  // [num_tokens, hidden_size]
  std::vector<float> query_;       // [num_tokens, num_query_heads, head_size]
  std::vector<float> key_;         // [num_tokens, num_kv_heads, head_size]
  std::vector<float> value_;
  std::vector<float> attended_;  // [num_tokens, num_query_heads, head_size]
  std::vector<float> gate_;      // [num_tokens, intermediate_size]
  std::vector<float> up_;
  std::vector<float> logits_;
};

}  // namespace generate
