#include "llama_weights.h"

#include <cmath>
#include <set>
#include <string>

#include "error.h"

namespace generate {
namespace {

LlamaShape read_shape(const GgufFile& file) {
  if (file.text("general.architecture") != "llama") {
    fail("general.architecture is not \"llama\", the one that this program runs");
  }
  if (file.text_or("llama.rope.scaling.type", "none") != "none") {
    fail("llama.rope.scaling.type asks for scaled positions, which this program does not do");
  }
  if (file.integer_or("llama.expert_count", 0, 0, INT32_MAX) != 0) {
    fail("llama.expert_count asks for a mixture of experts, which this program does not do");
  }
  const auto integer = [&](const char* key, int64_t max) { return static_cast<int32_t>(file.integer(key, 1, max)); };
  LlamaShape shape{};
  shape.num_layers = integer("llama.block_count", 1024);
  shape.hidden_size = integer("llama.embedding_length", 1 << 16);
  shape.intermediate_size = integer("llama.feed_forward_length", 1 << 20);
  shape.num_query_heads = integer("llama.attention.head_count", 1024);
  shape.num_kv_heads =
      static_cast<int32_t>(file.integer_or("llama.attention.head_count_kv", shape.num_query_heads, 1, 1024));
  shape.max_positions = integer("llama.context_length", 1 << 24);
  if (shape.num_query_heads % shape.num_kv_heads != 0) {
    fail("llama.attention.head_count is ", shape.num_query_heads, ", not a multiple of llama.attention.head_count_kv ",
         shape.num_kv_heads);
  }
  shape.head_size = static_cast<int32_t>(
      file.integer_or("llama.attention.key_length", shape.hidden_size / shape.num_query_heads, 2, 1024));
  const int64_t value_size = file.integer_or("llama.attention.value_length", shape.head_size, 1, 1024);
  const int64_t rotated = file.integer_or("llama.rope.dimension_count", shape.head_size, 1, 1024);
  if (value_size != shape.head_size || rotated != shape.head_size || shape.head_size % 2 != 0) {
    fail("heads of ", shape.head_size, " elements, values of ", value_size, " and ", rotated,
         " rotated elements do not go together here: expected three times the same even number");
  }

  const double rope_base = file.number_or("llama.rope.freq_base", 10000.0);
  const double epsilon = file.number("llama.attention.layer_norm_rms_epsilon");
  if (!(rope_base > 1.0 && rope_base < 1e12)) fail("llama.rope.freq_base is ", rope_base);
  if (!(epsilon > 0.0 && epsilon < 1.0)) fail("llama.attention.layer_norm_rms_epsilon is ", epsilon);
  shape.rope_base = static_cast<float>(rope_base);
  shape.rms_epsilon = static_cast<float>(epsilon);
  return shape;
}

// Hands out the tensors of a file by name, each with the shape it must have.
class TensorDirectory {
 public:
  explicit TensorDirectory(const GgufFile& file) : file_(file) {}

  Matrix matrix(const std::string& name, int64_t num_rows, int64_t row_size) {
    const GgufTensor& tensor = find(name);
    if (tensor.shape.size() != 2 || tensor.shape[0] != row_size || tensor.shape[1] != num_rows) {
      fail("tensor ", name, " has shape ", shape_text(tensor), ", expected ", num_rows, " x ", row_size);
    }
    return {tensor.type, tensor.data, num_rows, row_size};
  }

  const float* vector(const std::string& name, int64_t size) {
    const GgufTensor& tensor = find(name);
    if (tensor.shape.size() != 1 || tensor.shape[0] != size) {
      fail("tensor ", name, " has shape ", shape_text(tensor), ", expected ", size);
    }
    if (tensor.type != TensorType::kF32) {
      fail("tensor ", name, " has type ", tensor_type_info(tensor.type).name, ", expected F32");
    }
    return reinterpret_cast<const float*>(tensor.data);
  }

  bool has(const std::string& name) const { return file_.find_tensor(name) != nullptr; }

  // A tensor nobody asked for (a bias, say) means that the model is not the one that is computed here.
  void check_all_used() const {
    for (const GgufTensor& tensor : file_.tensors()) {
      if (used_.count(tensor.name) == 0)
        fail("tensor ", tensor.name, " has no place in the model that this program runs");
    }
  }

 private:
  const GgufTensor& find(const std::string& name) {
    const GgufTensor* tensor = file_.find_tensor(name);
    if (tensor == nullptr) fail("tensor ", name, " is missing");
    used_.insert(name);
    return *tensor;
  }

  static std::string shape_text(const GgufTensor& tensor) {
    std::string text;
    for (size_t i = tensor.shape.size(); i-- > 0;) {
      text += std::to_string(tensor.shape[i]);
      if (i > 0) text += " x ";
    }
    return text;
  }

  const GgufFile& file_;
  std::set<std::string> used_;
};

}  // namespace

LlamaWeights::LlamaWeights(const GgufFile& file) try : shape(read_shape(file)) {
  TensorDirectory tensors(file);
  const int64_t hidden = shape.hidden_size;
  const int64_t query_size = int64_t{shape.num_query_heads} * shape.head_size;
  const int64_t kv_size = int64_t{shape.num_kv_heads} * shape.head_size;

  const GgufTensor* embedding_tensor = file.find_tensor("token_embd.weight");
  const int64_t vocab_size = file.integer_or(
      "llama.vocab_size", embedding_tensor && embedding_tensor->shape.size() == 2 ? embedding_tensor->shape[1] : 0, 1,
      1 << 24);
  shape.vocab_size = static_cast<int32_t>(vocab_size);
  embedding = tensors.matrix("token_embd.weight", vocab_size, hidden);
  output_norm = tensors.vector("output_norm.weight", hidden);
  output = tensors.has("output.weight") ? tensors.matrix("output.weight", vocab_size, hidden) : embedding;

  for (int32_t i = 0; i < shape.num_layers; ++i) {
    const std::string prefix = concat("blk.", i, ".");
    LlamaLayer layer{};
    layer.attention_norm = tensors.vector(prefix + "attn_norm.weight", hidden);
    layer.query = tensors.matrix(prefix + "attn_q.weight", query_size, hidden);
    layer.key = tensors.matrix(prefix + "attn_k.weight", kv_size, hidden);
    layer.value = tensors.matrix(prefix + "attn_v.weight", kv_size, hidden);
    layer.attention_output = tensors.matrix(prefix + "attn_output.weight", hidden, query_size);
    layer.ffn_norm = tensors.vector(prefix + "ffn_norm.weight", hidden);
    layer.gate = tensors.matrix(prefix + "ffn_gate.weight", shape.intermediate_size, hidden);
    layer.up = tensors.matrix(prefix + "ffn_up.weight", shape.intermediate_size, hidden);
    layer.down = tensors.matrix(prefix + "ffn_down.weight", hidden, shape.intermediate_size);
    layers.push_back(layer);
  }
  tensors.check_all_used();
} catch (const Error& error) {
  fail("cannot use ", file.path(), ": ", error.what());
}

}  // namespace generate
