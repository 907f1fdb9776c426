// Reads a GGUF file: typed key/value metadata and a directory of tensors whose data stays in the mapped file.
//
// The file is not trusted: every length is checked against what is left of it before it is used, so that a truncated,
// damaged or foreign file ends in an Error with one sentence.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "tensor_type.h"

namespace generate {

// Read-only memory map of a whole file.
class MappedFile {
 public:
  explicit MappedFile(const std::string& path);
  ~MappedFile();
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;

  const std::byte* data() const { return data_; }
  size_t size() const { return size_; }

 private:
  const std::byte* data_ = nullptr;
  size_t size_ = 0;
};

struct GgufTensor {
  std::string name;
  TensorType type = TensorType::kF32;
  std::vector<int64_t> shape;  // innermost axis first, as in the file
  const std::byte* data = nullptr;
  size_t size = 0;  // bytes
};

class GgufFile {
 public:
  // Array elements keep their class: unsigned and signed integers become int64_t, floats double.
  using Strings = std::vector<std::string_view>;
  using Integers = std::vector<int64_t>;
  using Floats = std::vector<double>;
  using Value = std::variant<int64_t, uint64_t, double, bool, std::string_view, Strings, Integers, Floats>;

  explicit GgufFile(const std::string& path);

  const std::string& path() const { return path_; }

  bool has(const std::string& key) const { return values_.count(key) != 0; }
  // Each throws if the key is missing (and there is no fallback) or holds something else.
  int64_t integer(const std::string& key, int64_t min, int64_t max) const;
  int64_t integer_or(const std::string& key, int64_t fallback, int64_t min, int64_t max) const;
  double number(const std::string& key) const;
  double number_or(const std::string& key, double fallback) const;
  bool boolean_or(const std::string& key, bool fallback) const;
  std::string_view text(const std::string& key) const;
  std::string_view text_or(const std::string& key, std::string_view fallback) const;
  const Strings& strings(const std::string& key) const;
  const Integers& integers(const std::string& key) const;

  const std::vector<GgufTensor>& tensors() const { return tensors_; }
  const GgufTensor* find_tensor(std::string_view name) const;

 private:
  const Value& value(const std::string& key) const;
  template <typename T>
  const T& value_as(const std::string& key, const char* expected) const;

  std::string path_;
  MappedFile file_;
  std::map<std::string, Value> values_;
  std::vector<GgufTensor> tensors_;
  std::map<std::string, size_t, std::less<>> tensor_index_;
};

}  // namespace generate
