#include "tiny_gguf.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <random>

#include "error.h"
#include "tensor_type.h"
#include "utf8.h"

namespace real_model {
namespace {

using generate::TensorType;

constexpr uint64_t kAlignment = 32;

void pad(std::string& bytes) { bytes.resize((bytes.size() + kAlignment - 1) / kAlignment * kAlignment); }

// Random blocks whose weights lie around zero, small enough that nothing overflows behind a few layers.
std::string random_weights(TensorType type, uint64_t count, std::mt19937& random) {
  const generate::TensorTypeInfo& info = generate::tensor_type_info(type);
  const uint64_t num_blocks = count / static_cast<uint64_t>(info.block_weights);
  constexpr uint16_t kHalfScale = 0x2000;            // 2^-7
  constexpr uint16_t kHalfMinusEightScale = 0xac00;  // -2^-4
  std::string bytes;
  const auto put_random_bytes = [&](int number) {
    for (int i = 0; i < number; ++i) bytes.push_back(static_cast<char>(random()));
  };
  for (uint64_t i = 0; i < num_blocks; ++i) {
    switch (type) {
      case TensorType::kF32:
        bytes += to_bytes(1.0f + static_cast<float>(random() % 256) / 1024.0f);
        break;
      case TensorType::kF16:
        bytes += to_bytes(static_cast<uint16_t>((random() & 0x83ffu) | 0x2c00u));  // 2^-4 to 2^-3, any sign
        break;
      case TensorType::kQ4_0:
        bytes += to_bytes(kHalfScale);
        put_random_bytes(16);
        break;
      case TensorType::kQ4_1:
        bytes += to_bytes(kHalfScale) + to_bytes(kHalfMinusEightScale);
        put_random_bytes(16);
        break;
      case TensorType::kQ8_0:
        bytes += to_bytes(static_cast<uint16_t>(kHalfScale - (3 << 10)));
        put_random_bytes(32);
        break;
    }
  }
  return bytes;
}

void add_vocabulary(GgufWriter& writer) {
  std::vector<std::string> tokens = {"<|endoftext|>", "<|im_start|>", "<|im_end|>"};
  std::vector<int32_t> types(tokens.size(), 3);
  uint32_t next = 0x100;
  for (uint32_t byte = 0; byte < 256; ++byte) {
    const bool printable = (byte >= 0x21 && byte <= 0x7e) || (byte >= 0xa1 && byte <= 0xac) || byte >= 0xae;
    std::string spelled;
    generate::append_utf8(printable ? byte : next++, spelled);
    tokens.push_back(spelled);
    types.push_back(1);
  }
  const std::vector<std::string> merges = {"t h", "th e", "i n", "a n", "an d", "e r"};
  for (std::string merged : merges) {
    merged.erase(merged.find(' '), 1);
    tokens.push_back(merged);
    types.push_back(1);
  }
  writer.set_string("tokenizer.ggml.model", "gpt2");
  writer.set_string("tokenizer.ggml.pre", "smollm");
  writer.set_strings("tokenizer.ggml.tokens", tokens);
  writer.set_int32s("tokenizer.ggml.token_type", types);
  writer.set_strings("tokenizer.ggml.merges", merges);
  writer.set_uint32("tokenizer.ggml.eos_token_id", 2);
}

}  // namespace

std::string string_bytes(std::string_view text) { return to_bytes(uint64_t{text.size()}) + std::string(text); }

void GgufWriter::set_raw(const std::string& key, const std::string& bytes) {
  const auto found = std::find_if(values.begin(), values.end(), [&](const auto& value) { return value.first == key; });
  if (found != values.end()) {
    found->second = bytes;
  } else {
    values.emplace_back(key, bytes);
  }
}

void GgufWriter::set_uint32(const std::string& key, uint32_t value) {
  set_raw(key, to_bytes(kGgufUint32) + to_bytes(value));
}

void GgufWriter::set_uint64(const std::string& key, uint64_t value) {
  set_raw(key, to_bytes(kGgufUint64) + to_bytes(value));
}

void GgufWriter::set_float(const std::string& key, float value) {
  set_raw(key, to_bytes(kGgufFloat32) + to_bytes(value));
}

void GgufWriter::set_bool(const std::string& key, bool value) {
  set_raw(key, to_bytes(kGgufBool) + to_bytes(static_cast<uint8_t>(value)));
}

void GgufWriter::set_string(const std::string& key, std::string_view value) {
  set_raw(key, to_bytes(kGgufString) + string_bytes(value));
}

void GgufWriter::set_strings(const std::string& key, const std::vector<std::string>& strings) {
  std::string bytes = to_bytes(kGgufArray) + to_bytes(kGgufString) + to_bytes(uint64_t{strings.size()});
  for (const std::string& string : strings) bytes += string_bytes(string);
  set_raw(key, bytes);
}

void GgufWriter::set_int32s(const std::string& key, const std::vector<int32_t>& numbers) {
  std::string bytes = to_bytes(kGgufArray) + to_bytes(kGgufInt32) + to_bytes(uint64_t{numbers.size()});
  for (const int32_t number : numbers) bytes += to_bytes(number);
  set_raw(key, bytes);
}

void GgufWriter::remove(const std::string& key) {
  std::erase_if(values, [&](const auto& value) { return value.first == key; });
}

GgufWriter::Tensor& GgufWriter::tensor(const std::string& name) {
  for (Tensor& tensor : tensors) {
    if (tensor.name == name) return tensor;
  }
  generate::fail("the tiny model has no tensor ", name);
}

void GgufWriter::remove_tensor(const std::string& name) {
  std::erase_if(tensors, [&](const Tensor& tensor) { return tensor.name == name; });
}

std::string GgufWriter::bytes(size_t* weights_begin) const {
  std::string bytes =
      magic + to_bytes(version) + to_bytes(uint64_t{tensors.size()}) + to_bytes(uint64_t{values.size()});
  for (const auto& [key, value] : values) bytes += string_bytes(key) + value;
  std::string data;
  for (const Tensor& tensor : tensors) {
    bytes += string_bytes(tensor.name) + to_bytes(static_cast<uint32_t>(tensor.shape.size()));
    for (const uint64_t extent : tensor.shape) bytes += to_bytes(extent);
    bytes += to_bytes(tensor.type) + to_bytes(uint64_t{data.size()});
    data += tensor.data;
    pad(data);
  }
  pad(bytes);
  if (weights_begin != nullptr) *weights_begin = bytes.size();
  return bytes + data;
}

GgufWriter make_tiny_model() {
  constexpr uint64_t kHidden = 64;
  constexpr uint64_t kKv = 32;
  constexpr uint64_t kIntermediate = 96;
  GgufWriter writer;
  writer.set_string("general.architecture", "llama");
  writer.set_uint32("llama.block_count", 2);
  writer.set_uint32("llama.context_length", 512);
  writer.set_uint32("llama.embedding_length", kHidden);
  writer.set_uint32("llama.feed_forward_length", kIntermediate);
  writer.set_uint32("llama.attention.head_count", 4);
  writer.set_uint32("llama.attention.head_count_kv", 2);
  writer.set_float("llama.attention.layer_norm_rms_epsilon", 1e-5f);
  writer.set_float("llama.rope.freq_base", 10000.0f);
  add_vocabulary(writer);
  const uint64_t vocab_size = 3 + 256 + 6;

  std::mt19937 random(1);
  const auto add = [&](const std::string& name, TensorType type, std::vector<uint64_t> shape) {
    uint64_t count = 1;
    for (const uint64_t extent : shape) count *= extent;
    writer.tensors.push_back(
        {name, static_cast<uint32_t>(type), std::move(shape), random_weights(type, count, random)});
  };
  add("token_embd.weight", TensorType::kQ8_0, {kHidden, vocab_size});
  for (const std::string prefix : {"blk.0.", "blk.1."}) {
    add(prefix + "attn_norm.weight", TensorType::kF32, {kHidden});
    add(prefix + "attn_q.weight", TensorType::kQ4_1, {kHidden, kHidden});
    add(prefix + "attn_k.weight", TensorType::kF16, {kHidden, kKv});
    add(prefix + "attn_v.weight", TensorType::kQ4_0, {kHidden, kKv});
    add(prefix + "attn_output.weight", TensorType::kQ4_1, {kHidden, kHidden});
    add(prefix + "ffn_norm.weight", TensorType::kF32, {kHidden});
    add(prefix + "ffn_gate.weight", TensorType::kQ4_1, {kHidden, kIntermediate});
    add(prefix + "ffn_up.weight", TensorType::kQ8_0, {kHidden, kIntermediate});
    add(prefix + "ffn_down.weight", TensorType::kF16, {kIntermediate, kHidden});
  }
  add("output_norm.weight", TensorType::kF32, {kHidden});
  return writer;
}

void write_file(const std::string& path, std::string_view bytes) {
  // A new file each time: some file systems write a file that was cut to nothing and filled again to disk at once.
  std::filesystem::remove(path);
  std::ofstream file(path, std::ios::binary);
  file.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  file.close();
  if (!file) generate::fail("cannot write ", path);
}

}  // namespace real_model
