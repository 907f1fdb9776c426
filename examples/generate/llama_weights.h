// The hyperparameters and weights of a Llama-shaped model, found in a GGUF file and checked against each other.
#pragma once

#include <cstdint>
#include <vector>

#include "gguf_file.h"
#include "matmul.h"

namespace generate {

struct LlamaShape {
  int32_t num_layers;
  int32_t hidden_size;
  int32_t intermediate_size;
  int32_t num_query_heads;
  int32_t num_kv_heads;
  int32_t head_size;
  int32_t vocab_size;
  int32_t max_positions;
  float rope_base;
  float rms_epsilon;
};

struct LlamaLayer {
  const float* attention_norm;  // [hidden_size]
  Matrix query;                 // [num_query_heads * head_size, hidden_size]
  Matrix key;                   // [num_kv_heads * head_size, hidden_size]
  Matrix value;                 // [num_kv_heads * head_size, hidden_size]
  Matrix attention_output;      // [hidden_size, num_query_heads * head_size]
  const float* ffn_norm;        // [hidden_size]
  Matrix gate;                  // [intermediate_size, hidden_size]
  Matrix up;                    // [intermediate_size, hidden_size]
  Matrix down;                  // [hidden_size, intermediate_size]
};

// Points into the file, which must outlive it.
struct LlamaWeights {
  explicit LlamaWeights(const GgufFile& file);

  LlamaShape shape;
  Matrix embedding;  // [vocab_size, hidden_size]
  std::vector<LlamaLayer> layers;
  const float* output_norm;  // [hidden_size]
  Matrix output;             // [vocab_size, hidden_size]; the embedding if the file has none of its own
};

}  // namespace generate
