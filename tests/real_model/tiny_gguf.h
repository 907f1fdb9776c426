// Writes GGUF files for tests: a complete but tiny model with random weights, and whatever is wrong with it.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace real_model {

// Value types of the format.
inline constexpr uint32_t kGgufUint32 = 4;
inline constexpr uint32_t kGgufInt32 = 5;
inline constexpr uint32_t kGgufFloat32 = 6;
inline constexpr uint32_t kGgufBool = 7;
inline constexpr uint32_t kGgufString = 8;
inline constexpr uint32_t kGgufArray = 9;
inline constexpr uint32_t kGgufUint64 = 10;

class GgufWriter {
 public:
  struct Tensor {
    std::string name;
    uint32_t type;
    std::vector<uint64_t> shape;  // innermost first
    std::string data;
  };

  uint32_t version = 3;
  std::string magic = "GGUF";
  std::vector<std::pair<std::string, std::string>> values;  // key, type and value as bytes
  std::vector<Tensor> tensors;

  // Each replaces a value of the same key.
  void set_uint32(const std::string& key, uint32_t value);
  void set_uint64(const std::string& key, uint64_t value);
  void set_float(const std::string& key, float value);
  void set_bool(const std::string& key, bool value);
  void set_string(const std::string& key, std::string_view value);
  void set_strings(const std::string& key, const std::vector<std::string>& strings);
  void set_int32s(const std::string& key, const std::vector<int32_t>& numbers);
  void set_raw(const std::string& key, const std::string& bytes);
  void remove(const std::string& key);

  Tensor& tensor(const std::string& name);
  void remove_tensor(const std::string& name);

  // The file. `weights_begin`, if given, receives the offset of the tensors' data.
  std::string bytes(size_t* weights_begin = nullptr) const;
};

template <typename T>
std::string to_bytes(const T& value) {
  return {reinterpret_cast<const char*>(&value), sizeof(value)};
}

// Length and text, as the format stores strings.
std::string string_bytes(std::string_view text);

// Two layers of 4/2 heads, every storage type that the example reads, and a vocabulary of single bytes, some merges and
// the special tokens of the chat form.
GgufWriter make_tiny_model();

void write_file(const std::string& path, std::string_view bytes);

}  // namespace real_model
