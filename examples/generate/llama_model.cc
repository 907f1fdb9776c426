#include "llama_model.h"

#include <algorithm>
#include <cmath>

#include "error.h"
#include "vector_kernels.h"

namespace generate {
namespace {

AttentionShape attention_shape(const LlamaShape& shape) {
  return {shape.num_layers, shape.num_query_heads, shape.num_kv_heads, shape.head_size};
}

void add(const std::vector<float>& x, size_t count, std::vector<float>& sum) {
  for (size_t i = 0; i < count; ++i) sum[i] += x[i];
}

}  // namespace

LlamaModel::LlamaModel(const LlamaWeights& weights, const CacheOptions& cache, TaskPool& pool)
    : weights_(weights),
      shape_(weights.shape),
      pool_(pool),
      matmul_(pool),
      attention_(attention_shape(weights.shape), cache, pool) {
  const int32_t half = shape_.head_size / 2;
  for (int32_t i = 0; i < half; ++i) {
    const double exponent = -static_cast<double>(i) / half;
    inverse_frequencies_.push_back(static_cast<float>(std::pow(static_cast<double>(shape_.rope_base), exponent)));
  }
  const auto max_tokens = static_cast<size_t>(cache.max_query_len);
  const auto query_size = max_tokens * static_cast<size_t>(shape_.num_query_heads * shape_.head_size);
  const auto kv_size = max_tokens * static_cast<size_t>(shape_.num_kv_heads * shape_.head_size);
  cosines_.resize(max_tokens * static_cast<size_t>(half));
  sines_.resize(cosines_.size());
  hidden_.resize(max_tokens * static_cast<size_t>(shape_.hidden_size));
  normalised_.resize(hidden_.size());
  query_.resize(query_size);
  attended_.resize(query_size);
  key_.resize(kv_size);
  value_.resize(kv_size);
  gate_.resize(max_tokens * static_cast<size_t>(shape_.intermediate_size));
  up_.resize(gate_.size());
}

void LlamaModel::embed(std::span<const int32_t> tokens) {
  for (size_t i = 0; i < tokens.size(); ++i) {
    if (tokens[i] < 0 || tokens[i] >= shape_.vocab_size) {
      fail("token ", tokens[i], " is outside the model's vocabulary of ", shape_.vocab_size);
    }
    dequantize(weights_.embedding.type, weights_.embedding.row(tokens[i]), shape_.hidden_size,
               &hidden_[i * static_cast<size_t>(shape_.hidden_size)]);
  }
}

// "RoFormer: Enhanced Transformer with Rotary Position Embedding": pair i turns by position * base^(-2i / head_size).
void LlamaModel::prepare_rotations(int32_t first_position, int32_t num_tokens) {
  size_t at = 0;
  for (int32_t i = 0; i < num_tokens; ++i) {
    for (const float inverse_frequency : inverse_frequencies_) {
      const float angle = static_cast<float>(first_position + i) * inverse_frequency;
      cosines_[at] = std::cos(angle);
      sines_[at] = std::sin(angle);
      ++at;
    }
  }
}

// GGUF files of this architecture store the rows of the query and key weights so that pairs are neighbours (2i, 2i +
// 1), not (i, i + head_size / 2) as where the model was trained.
void LlamaModel::rotate(float* heads, int32_t num_tokens, int32_t num_heads) const {
  const size_t half = inverse_frequencies_.size();
  for (int32_t token = 0; token < num_tokens; ++token) {
    const float* cosine = &cosines_[static_cast<size_t>(token) * half];
    const float* sine = &sines_[static_cast<size_t>(token) * half];
    for (int32_t head = 0; head < num_heads; ++head, heads += 2 * half) {
      for (size_t i = 0; i < half; ++i) {
        const float x = heads[2 * i];
        const float y = heads[2 * i + 1];
        heads[2 * i] = x * cosine[i] - y * sine[i];
        heads[2 * i + 1] = x * sine[i] + y * cosine[i];
      }
    }
  }
}

void LlamaModel::normalise(const float* x, const float* weight, int64_t num_tokens, float* out) {
  for (int64_t token = 0; token < num_tokens; ++token) {
    const int64_t at = token * shape_.hidden_size;
    rms_norm(x + at, weight, shape_.hidden_size, shape_.rms_epsilon, out + at);
  }
}

void LlamaModel::run_layer(int32_t index, int32_t num_tokens) {
  const LlamaLayer& layer = weights_.layers[static_cast<size_t>(index)];
  const size_t hidden_count = static_cast<size_t>(num_tokens) * static_cast<size_t>(shape_.hidden_size);

  normalise(hidden_.data(), layer.attention_norm, num_tokens, normalised_.data());
  matmul_(normalised_.data(), num_tokens,
          {{layer.query, query_.data()}, {layer.key, key_.data()}, {layer.value, value_.data()}});
  rotate(query_.data(), num_tokens, shape_.num_query_heads);
  rotate(key_.data(), num_tokens, shape_.num_kv_heads);
  attention_.run_layer(index, query_.data(), key_.data(), value_.data(), attended_.data());
  matmul_(attended_.data(), num_tokens, {{layer.attention_output, normalised_.data()}});
  add(normalised_, hidden_count, hidden_);

  normalise(hidden_.data(), layer.ffn_norm, num_tokens, normalised_.data());
  matmul_(normalised_.data(), num_tokens, {{layer.gate, gate_.data()}, {layer.up, up_.data()}});
  pool_.run(std::min(pool_.num_threads(), num_tokens), [&](int32_t task) {
    const int32_t num_tasks = std::min(pool_.num_threads(), num_tokens);
    const int64_t begin = int64_t{task} * num_tokens / num_tasks * shape_.intermediate_size;
    const int64_t end = (int64_t{task} + 1) * num_tokens / num_tasks * shape_.intermediate_size;
    swiglu(&gate_[static_cast<size_t>(begin)], &up_[static_cast<size_t>(begin)], end - begin);
  });
  matmul_(gate_.data(), num_tokens, {{layer.down, normalised_.data()}});
  add(normalised_, hidden_count, hidden_);
}

std::span<const float> LlamaModel::forward(std::span<const int32_t> tokens, int32_t num_logits) {
  const auto num_tokens = static_cast<int32_t>(tokens.size());
  const int32_t first_position = attention_.seq_len();
  attention_.begin_step(num_tokens);
  embed(tokens);
  prepare_rotations(first_position, num_tokens);
  for (int32_t layer = 0; layer < shape_.num_layers; ++layer) run_layer(layer, num_tokens);
  if (num_logits == 0) return {};

  const size_t first = static_cast<size_t>(num_tokens - num_logits) * static_cast<size_t>(shape_.hidden_size);
  logits_.resize(static_cast<size_t>(num_logits) * static_cast<size_t>(shape_.vocab_size));
  normalise(&hidden_[first], weights_.output_norm, num_logits, normalised_.data());
  matmul_(normalised_.data(), num_logits, {{weights_.output, logits_.data()}});
  return logits_;
}

}  // namespace generate
