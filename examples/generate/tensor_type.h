// The storage types of weights that this program reads.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <string>

namespace generate {

// Values are those of the file format. Weights come in blocks along the innermost axis:
//   Q4_0: 32 weights: f16 d, 16 bytes;        weight = d * (nibble - 8)
//   Q4_1: 32 weights: f16 d, f16 m, 16 bytes; weight = d * nibble + m
//   Q8_0: 32 weights: f16 d, 32 int8;         weight = d * int8
// In Q4_0 and Q4_1 the low nibbles are the first 16 weights, the high nibbles the last 16.
enum class TensorType : uint32_t { kF32 = 0, kF16 = 1, kQ4_0 = 2, kQ4_1 = 3, kQ8_0 = 8 };

inline constexpr int64_t kQuantBlock = 32;

struct TensorTypeInfo {
  const char* name;
  int64_t block_weights;  // weights in a block
  int64_t block_bytes;
};

// Throws, naming the type, for one that this program does not read.
TensorType tensor_type_from_id(uint32_t id, const std::string& tensor_name);

const TensorTypeInfo& tensor_type_info(TensorType type);

// Exact.
inline float half_to_float(uint16_t half) {
  const uint32_t sign = (half & 0x8000u) << 16;
  const uint32_t magnitude = half & 0x7fffu;
  if (magnitude >= 0x7c00u) return std::bit_cast<float>(sign | 0x7f800000u | (magnitude & 0x3ffu) << 13);
  // Exponent and mantissa in place, then a product with 2^112 that also normalises subnormal numbers.
  const float value = std::bit_cast<float>(magnitude << 13) * 0x1p112f;
  return std::bit_cast<float>(std::bit_cast<uint32_t>(value) | sign);
}

}  // namespace generate
