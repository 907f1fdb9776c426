#include "gguf_file.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <type_traits>

#include "error.h"

namespace generate {
namespace {

enum class ValueType : uint32_t {
  kUint8 = 0,
  kInt8 = 1,
  kUint16 = 2,
  kInt16 = 3,
  kUint32 = 4,
  kInt32 = 5,
  kFloat32 = 6,
  kBool = 7,
  kString = 8,
  kArray = 9,
  kUint64 = 10,
  kInt64 = 11,
  kFloat64 = 12,
};

// Longest key or tensor name that a sane file has; it also keeps error sentences short.
constexpr uint64_t kMaxNameLength = 4096;

// Names come from a file that may be anything: only printable ASCII goes to the terminal.
std::string printable(std::string_view text) {
  std::string result(text.substr(0, 80));
  for (char& c : result) {
    if (c < 0x20 || c > 0x7e) c = '?';
  }
  return result;
}

class Reader {
 public:
  Reader(const std::byte* data, size_t size) : data_(data), size_(size) {}

  size_t position() const { return position_; }
  size_t left() const { return size_ - position_; }

  // What is being read, for the sentence if the file ends there.
  void set_subject(std::string subject) { subject_ = std::move(subject); }
  const std::string& subject() const { return subject_; }

  const std::byte* bytes(uint64_t count) {
    if (count > left()) {
      fail("the file is truncated or damaged: ", subject_, " needs ", count, " bytes at offset ", position_,
           ", but the file has only ", left(), " left");
    }
    const std::byte* result = data_ + position_;
    position_ += static_cast<size_t>(count);
    return result;
  }

  template <typename T>
  T read() {
    T value;
    std::memcpy(&value, bytes(sizeof(T)), sizeof(T));
    return value;
  }

  std::string_view string(uint64_t max_length = UINT64_MAX) {
    const uint64_t length = read<uint64_t>();
    if (length > max_length) fail("the file is damaged: ", subject_, " has a string of ", length, " bytes");
    return {reinterpret_cast<const char*>(bytes(length)), static_cast<size_t>(length)};
  }

  // Refuses a count before anything is allocated for it: each item takes at least `min_bytes` of the file.
  void check_count(uint64_t count, uint64_t min_bytes) const {
    if (count > left() / min_bytes) {
      fail("the file is truncated or damaged: ", subject_, " announces ", count, " items, but the file has only ",
           left(), " bytes left");
    }
  }

 private:
  const std::byte* data_;
  size_t size_;
  size_t position_ = 0;
  std::string subject_;
};

template <typename T, typename Out>
std::vector<Out> read_numbers(Reader& reader, uint64_t count) {
  reader.check_count(count, sizeof(T));
  std::vector<Out> numbers(static_cast<size_t>(count));
  for (Out& number : numbers) number = static_cast<Out>(reader.read<T>());
  return numbers;
}

GgufFile::Value read_array(Reader& reader) {
  const auto type = static_cast<ValueType>(reader.read<uint32_t>());
  const uint64_t count = reader.read<uint64_t>();
  switch (type) {
    case ValueType::kUint8:
      return read_numbers<uint8_t, int64_t>(reader, count);
    case ValueType::kInt8:
      return read_numbers<int8_t, int64_t>(reader, count);
    case ValueType::kUint16:
      return read_numbers<uint16_t, int64_t>(reader, count);
    case ValueType::kInt16:
      return read_numbers<int16_t, int64_t>(reader, count);
    case ValueType::kUint32:
      return read_numbers<uint32_t, int64_t>(reader, count);
    case ValueType::kInt32:
      return read_numbers<int32_t, int64_t>(reader, count);
    case ValueType::kUint64:
      return read_numbers<uint64_t, int64_t>(reader, count);
    case ValueType::kInt64:
      return read_numbers<int64_t, int64_t>(reader, count);
    case ValueType::kBool:
      return read_numbers<uint8_t, int64_t>(reader, count);
    case ValueType::kFloat32:
      return read_numbers<float, double>(reader, count);
    case ValueType::kFloat64:
      return read_numbers<double, double>(reader, count);
    case ValueType::kString: {
      reader.check_count(count, sizeof(uint64_t));
      GgufFile::Strings strings(static_cast<size_t>(count));
      for (std::string_view& string : strings) string = reader.string();
      return strings;
    }
    case ValueType::kArray:
      break;
  }
  fail("the file is damaged or of another kind: ", reader.subject(), " is an array of type number ",
       static_cast<uint32_t>(type));
}

GgufFile::Value read_value(Reader& reader) {
  const auto type = static_cast<ValueType>(reader.read<uint32_t>());
  switch (type) {
    case ValueType::kUint8:
      return int64_t{reader.read<uint8_t>()};
    case ValueType::kInt8:
      return int64_t{reader.read<int8_t>()};
    case ValueType::kUint16:
      return int64_t{reader.read<uint16_t>()};
    case ValueType::kInt16:
      return int64_t{reader.read<int16_t>()};
    case ValueType::kUint32:
      return int64_t{reader.read<uint32_t>()};
    case ValueType::kInt32:
      return int64_t{reader.read<int32_t>()};
    case ValueType::kUint64:
      return uint64_t{reader.read<uint64_t>()};
    case ValueType::kInt64:
      return int64_t{reader.read<int64_t>()};
    case ValueType::kFloat32:
      return double{reader.read<float>()};
    case ValueType::kFloat64:
      return double{reader.read<double>()};
    case ValueType::kBool:
      return reader.read<uint8_t>() != 0;
    case ValueType::kString:
      return reader.string();
    case ValueType::kArray:
      return read_array(reader);
  }
  fail("the file is damaged: ", reader.subject(), " has type number ", static_cast<uint32_t>(type),
       ", but the format knows 0 to 12");
}

// Fills everything but the address of the data; returns the offset of the data within the data section.
uint64_t read_tensor_info(Reader& reader, uint64_t index, GgufTensor& tensor) {
  reader.set_subject(concat("the name of tensor ", index));
  tensor.name = printable(reader.string(kMaxNameLength));
  reader.set_subject(concat("the description of tensor ", tensor.name));

  const uint32_t num_dims = reader.read<uint32_t>();
  if (num_dims < 1 || num_dims > 4) {
    fail("the file is damaged: tensor ", tensor.name, " has ", num_dims, " dimensions, expected 1 to 4");
  }
  uint64_t num_weights = 1;
  for (uint32_t i = 0; i < num_dims; ++i) {
    const uint64_t extent = reader.read<uint64_t>();
    if (extent < 1 || extent > INT32_MAX || num_weights > (uint64_t{1} << 40) / extent) {
      fail("the file is damaged: axis ", i, " of tensor ", tensor.name, " has ", extent, " elements");
    }
    num_weights *= extent;
    tensor.shape.push_back(static_cast<int64_t>(extent));
  }

  tensor.type = tensor_type_from_id(reader.read<uint32_t>(), tensor.name);
  const TensorTypeInfo& info = tensor_type_info(tensor.type);
  if (tensor.shape[0] % info.block_weights != 0) {
    fail("tensor ", tensor.name, " has rows of ", tensor.shape[0], " weights, but ", info.name, " stores blocks of ",
         info.block_weights);
  }
  tensor.size = static_cast<size_t>(num_weights / static_cast<uint64_t>(info.block_weights) *
                                    static_cast<uint64_t>(info.block_bytes));
  return reader.read<uint64_t>();
}

}  // namespace

MappedFile::MappedFile(const std::string& path) {
  const int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (descriptor < 0) fail("cannot open ", path, ": ", std::strerror(errno));
  struct stat status {};
  if (::fstat(descriptor, &status) != 0 || !S_ISREG(status.st_mode)) {
    ::close(descriptor);
    fail(path, " is not a regular file");
  }
  size_ = static_cast<size_t>(status.st_size);
  if (size_ == 0) {
    ::close(descriptor);
    fail(path, " is empty");
  }
  void* memory = ::mmap(nullptr, size_, PROT_READ, MAP_PRIVATE, descriptor, 0);
  const int error = errno;
  ::close(descriptor);
  if (memory == MAP_FAILED) fail("cannot map ", path, ": ", std::strerror(error));
  data_ = static_cast<const std::byte*>(memory);
}

MappedFile::~MappedFile() { ::munmap(const_cast<std::byte*>(data_), size_); }

GgufFile::GgufFile(const std::string& path) : path_(path), file_(path) {
  try {
    Reader reader(file_.data(), file_.size());
    reader.set_subject("the header");
    if (std::memcmp(reader.bytes(4), "GGUF", 4) != 0) fail("it does not begin with \"GGUF\"");
    const uint32_t version = reader.read<uint32_t>();
    if (version != 2 && version != 3) fail("it has GGUF version ", version, ", this program reads 2 and 3");
    const uint64_t num_tensors = reader.read<uint64_t>();
    const uint64_t num_values = reader.read<uint64_t>();

    // A value takes at least a name's length, a type and one byte; a tensor two lengths, two numbers and an offset.
    reader.set_subject("the list of keys");
    reader.check_count(num_values, 13);
    for (uint64_t i = 0; i < num_values; ++i) {
      reader.set_subject(concat("the name of key ", i));
      const std::string key(reader.string(kMaxNameLength));
      reader.set_subject(concat("the value of key ", printable(key)));
      if (!values_.emplace(key, read_value(reader)).second) fail("key ", printable(key), " occurs twice");
    }

    reader.set_subject("the list of tensors");
    reader.check_count(num_tensors, 32);
    tensors_.resize(static_cast<size_t>(num_tensors));
    std::vector<uint64_t> offsets(tensors_.size());
    for (size_t i = 0; i < tensors_.size(); ++i) {
      offsets[i] = read_tensor_info(reader, i, tensors_[i]);
      if (!tensor_index_.emplace(tensors_[i].name, i).second) fail("tensor ", tensors_[i].name, " occurs twice");
    }

    const auto alignment = static_cast<uint64_t>(integer_or("general.alignment", 32, 8, 1 << 20));
    if (alignment % 8 != 0) fail("key general.alignment is ", alignment, ", expected a multiple of 8");
    const uint64_t data_begin = (reader.position() + alignment - 1) / alignment * alignment;
    for (size_t i = 0; i < tensors_.size(); ++i) {
      GgufTensor& tensor = tensors_[i];
      if (offsets[i] % alignment != 0) {
        fail("tensor ", tensor.name, " begins at offset ", offsets[i], ", not a multiple of ", alignment);
      }
      const uint64_t available = data_begin <= file_.size() ? file_.size() - data_begin : 0;
      if (offsets[i] > available || tensor.size > available - offsets[i]) {
        fail("the file is truncated or damaged: tensor ", tensor.name, " needs ", tensor.size, " bytes at offset ",
             offsets[i], " of the weights, but the file has only ", available, " bytes of weights");
      }
      tensor.data = file_.data() + data_begin + offsets[i];
    }
  } catch (const Error& error) {
    fail("cannot read ", path, ": ", error.what());
  }
}

const GgufFile::Value& GgufFile::value(const std::string& key) const {
  const auto found = values_.find(key);
  if (found == values_.end()) fail("key ", key, " is missing");
  return found->second;
}

template <typename T>
const T& GgufFile::value_as(const std::string& key, const char* expected) const {
  const T* result = std::get_if<T>(&value(key));
  if (result == nullptr) fail("key ", key, " is not ", expected);
  return *result;
}

int64_t GgufFile::integer(const std::string& key, int64_t min, int64_t max) const {
  const Value& found = value(key);
  int64_t result = 0;
  if (const auto* number = std::get_if<int64_t>(&found)) {
    result = *number;
  } else if (const auto* large = std::get_if<uint64_t>(&found)) {
    if (*large > static_cast<uint64_t>(max)) fail("key ", key, " is ", *large, ", expected ", min, " to ", max);
    result = static_cast<int64_t>(*large);
  } else {
    fail("key ", key, " is not an integer");
  }
  if (result < min || result > max) fail("key ", key, " is ", result, ", expected ", min, " to ", max);
  return result;
}

int64_t GgufFile::integer_or(const std::string& key, int64_t fallback, int64_t min, int64_t max) const {
  return has(key) ? integer(key, min, max) : fallback;
}

double GgufFile::number(const std::string& key) const { return value_as<double>(key, "a floating-point number"); }

double GgufFile::number_or(const std::string& key, double fallback) const { return has(key) ? number(key) : fallback; }

bool GgufFile::boolean_or(const std::string& key, bool fallback) const {
  return has(key) ? value_as<bool>(key, "a boolean") : fallback;
}

std::string_view GgufFile::text(const std::string& key) const { return value_as<std::string_view>(key, "a string"); }

std::string_view GgufFile::text_or(const std::string& key, std::string_view fallback) const {
  return has(key) ? text(key) : fallback;
}

const GgufFile::Strings& GgufFile::strings(const std::string& key) const {
  return value_as<Strings>(key, "an array of strings");
}

const GgufFile::Integers& GgufFile::integers(const std::string& key) const {
  return value_as<Integers>(key, "an array of integers");
}

const GgufTensor* GgufFile::find_tensor(std::string_view name) const {
  const auto found = tensor_index_.find(name);
  return found == tensor_index_.end() ? nullptr : &tensors_[found->second];
}

}  // namespace generate
