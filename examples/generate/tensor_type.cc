#include "tensor_type.h"

#include "error.h"

namespace generate {
namespace {

// Names of the format's other types, for the sentence that refuses them.
const char* foreign_type_name(uint32_t id) {
  static constexpr const char* kNames[] = {
      nullptr,  nullptr, nullptr, nullptr,  nullptr, nullptr, "Q5_0",    "Q5_1",   nullptr,   "Q8_1",
      "Q2_K",   "Q3_K",  "Q4_K",  "Q5_K",   "Q6_K",  "Q8_K",  "IQ2_XXS", "IQ2_XS", "IQ3_XXS", "IQ1_S",
      "IQ4_NL", "IQ3_S", "IQ2_S", "IQ4_XS", "I8",    "I16",   "I32",     "I64",    "F64",     "IQ1_M",
      "BF16",   nullptr, nullptr, nullptr,  "TQ1_0", "TQ2_0", nullptr,   nullptr,  nullptr,   "MXFP4"};
  return id < sizeof(kNames) / sizeof(kNames[0]) ? kNames[id] : nullptr;
}

}  // namespace

TensorType tensor_type_from_id(uint32_t id, const std::string& tensor_name) {
  switch (static_cast<TensorType>(id)) {
    case TensorType::kF32:
    case TensorType::kF16:
    case TensorType::kQ4_0:
    case TensorType::kQ4_1:
    case TensorType::kQ8_0:
      return static_cast<TensorType>(id);
  }
  const char* name = foreign_type_name(id);
  fail("tensor ", tensor_name, " has type ", name ? name : concat("number ", id),
       ", which this program does not read (it reads F32, F16, Q4_0, Q4_1 and Q8_0)");
}

const TensorTypeInfo& tensor_type_info(TensorType type) {
  static constexpr TensorTypeInfo kF32{"F32", 1, 4};
  static constexpr TensorTypeInfo kF16{"F16", 1, 2};
  static constexpr TensorTypeInfo kQ4_0{"Q4_0", kQuantBlock, 18};
  static constexpr TensorTypeInfo kQ4_1{"Q4_1", kQuantBlock, 20};
  static constexpr TensorTypeInfo kQ8_0{"Q8_0", kQuantBlock, 34};
  switch (type) {
    case TensorType::kF32:
      return kF32;
    case TensorType::kF16:
      return kF16;
    case TensorType::kQ4_0:
      return kQ4_0;
    case TensorType::kQ4_1:
      return kQ4_1;
    case TensorType::kQ8_0:
      return kQ8_0;
  }
  fail("tensor type number ", static_cast<uint32_t>(type), " is unknown");
}

}  // namespace generate
