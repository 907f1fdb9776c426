// Storage types from their definitions: values of all codes by exponent and mantissa, rounding by search among neighbours.
// Shares nothing with the code under test.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <vector>

#include "kernels/cpu/params.h"

namespace fovea::cpu::testing {

// The value of a code of 8 or 16 bits.
inline double decode(DataType type, uint32_t code) {
  int exponent_bits = 0, mantissa_bits = 0, bias = 0;
  switch (type) {
    case DataType::kF16: exponent_bits = 5, mantissa_bits = 10, bias = 15; break;
    case DataType::kBF16: exponent_bits = 8, mantissa_bits = 7, bias = 127; break;
    case DataType::kE4M3FN: exponent_bits = 4, mantissa_bits = 3, bias = 7; break;
    case DataType::kE4M3FNUZ: exponent_bits = 4, mantissa_bits = 3, bias = 8; break;
    case DataType::kE5M2: exponent_bits = 5, mantissa_bits = 2, bias = 15; break;
    default: return std::numeric_limits<double>::quiet_NaN();
  }
  const uint32_t sign = code >> (exponent_bits + mantissa_bits) & 1;
  const int exponent = static_cast<int>(code >> mantissa_bits & ((1u << exponent_bits) - 1));
  const int mantissa = static_cast<int>(code & ((1u << mantissa_bits) - 1));
  const double nan = std::numeric_limits<double>::quiet_NaN();
  if (type == DataType::kE4M3FNUZ) {
    if (code == 0x80) return nan;
  } else if (type == DataType::kE4M3FN) {
    if (exponent == 15 && mantissa == 7) return nan;
  } else if (exponent == (1 << exponent_bits) - 1) {
    if (mantissa != 0) return nan;
    return sign ? -std::numeric_limits<double>::infinity() : std::numeric_limits<double>::infinity();
  }
  const double magnitude = exponent == 0 ? std::ldexp(mantissa, 1 - bias - mantissa_bits)
                                         : std::ldexp((1 << mantissa_bits) + mantissa, exponent - bias - mantissa_bits);
  return sign ? -magnitude : magnitude;
}

inline bool is_fp8(DataType type) {
  return type == DataType::kE4M3FN || type == DataType::kE4M3FNUZ || type == DataType::kE5M2;
}

inline uint32_t num_codes(DataType type) { return size_of(type) == 1 ? 256u : 65536u; }

// The finite magnitudes of a type; index = code.
inline const std::vector<double>& magnitudes(DataType type) {
  static std::vector<double> tables[8];
  std::vector<double>& table = tables[static_cast<int>(type)];
  if (table.empty()) {
    for (uint32_t code = 0; code < num_codes(type) / 2; ++code) {
      const double value = decode(type, code);
      if (!std::isfinite(value)) break;
      table.push_back(value);
    }
  }
  return table;
}

// The value that x is stored as: nearest, ties to the even code; fp8 saturates, the others overflow to infinity.
inline double round_to(DataType type, float x) {
  if (type == DataType::kF32 || std::isnan(x)) return x;
  const std::vector<double>& table = magnitudes(type);
  const double magnitude = std::fabs(static_cast<double>(x));
  double rounded;
  if (magnitude >= table.back()) {
    // What the next value would be if the exponents went on.
    const double next = table.back() + (table.back() - table[table.size() - 2]);
    const bool overflows = !is_fp8(type) && magnitude >= table.back() + (next - table.back()) / 2;
    rounded = overflows ? std::numeric_limits<double>::infinity() : table.back();
  } else {
    const auto above = std::upper_bound(table.begin(), table.end(), magnitude);
    const auto code = static_cast<size_t>(above - table.begin()) - 1;
    const double low = magnitude - table[code];
    const double high = table[code + 1] - magnitude;
    rounded = low < high || (low == high && code % 2 == 0) ? table[code] : table[code + 1];
  }
  return std::signbit(x) ? -rounded : rounded;
}

// Reads element `index` of an array of `type`.
inline double element(DataType type, const void* data, size_t index) {
  if (type == DataType::kF32) return static_cast<const float*>(data)[index];
  const uint32_t code = size_of(type) == 1 ? static_cast<const uint8_t*>(data)[index] : static_cast<const uint16_t*>(data)[index];
  return decode(type, code);
}

// Stores round_to(type, x) as element `index`; NaN becomes a NaN code.
inline void set_element(DataType type, void* data, size_t index, float x) {
  if (type == DataType::kF32) {
    static_cast<float*>(data)[index] = x;
    return;
  }
  const double value = round_to(type, x);
  const uint32_t sign = num_codes(type) / 2;
  uint32_t code;
  if (std::isnan(value)) {
    code = type == DataType::kE4M3FNUZ ? 0x80u : sign - 1;
  } else {
    const std::vector<double>& table = magnitudes(type);
    code = static_cast<uint32_t>(std::lower_bound(table.begin(), table.end(), std::fabs(value)) - table.begin());
    if (std::signbit(value) && !(type == DataType::kE4M3FNUZ && code == 0)) code |= sign;
  }
  if (size_of(type) == 1) {
    static_cast<uint8_t*>(data)[index] = static_cast<uint8_t>(code);
  } else {
    static_cast<uint16_t*>(data)[index] = static_cast<uint16_t>(code);
  }
}

inline const char* name_of(DataType type) {
  static const char* const names[] = {"none", "f32", "f16", "bf16", "e4m3fn", "e4m3fnuz", "e5m2"};
  return names[static_cast<int>(type)];
}

}  // namespace fovea::cpu::testing
