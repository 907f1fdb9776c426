#include "tests/reference/reference_numbers.h"

#include <cmath>
#include <cstring>
#include <limits>
#include <vector>

namespace fovea_reference {

Format format_of(Type type) {
  switch (type) {
    case Type::kF32: return {8, 23, 127, Specials::kIeee};
    case Type::kF16: return {5, 10, 15, Specials::kIeee};
    case Type::kBF16: return {8, 7, 127, Specials::kIeee};
    case Type::kE4M3FN: return {4, 3, 7, Specials::kOnlyNaN};
    case Type::kE4M3FNUZ: return {4, 3, 8, Specials::kMinusZeroNaN};
    case Type::kE5M2: return {5, 2, 15, Specials::kIeee};
  }
  return {};
}

size_t bytes_of(Type type) {
  const Format f = format_of(type);
  return static_cast<size_t>(1 + f.exponent_bits + f.mantissa_bits) / 8;
}

bool is_fp8(Type type) { return bytes_of(type) == 1; }

double max_finite(Type type) {
  switch (type) {
    case Type::kF32: return std::ldexp(2.0 - std::ldexp(1.0, -23), 127);
    case Type::kF16: return 65504.0;
    case Type::kBF16: return std::ldexp(2.0 - std::ldexp(1.0, -7), 127);
    case Type::kE4M3FN: return 448.0;
    case Type::kE4M3FNUZ: return 240.0;
    case Type::kE5M2: return 57344.0;
  }
  return 0;
}

double unit_roundoff(Type type) { return std::ldexp(1.0, -1 - format_of(type).mantissa_bits); }

double decode_bits(Type type, uint32_t bits) {
  const Format f = format_of(type);
  const uint32_t mantissa_mask = (1u << f.mantissa_bits) - 1;
  const uint32_t exponent_mask = (1u << f.exponent_bits) - 1;
  const uint32_t mantissa = bits & mantissa_mask;
  const uint32_t exponent = (bits >> f.mantissa_bits) & exponent_mask;
  const bool negative = (bits >> (f.mantissa_bits + f.exponent_bits)) & 1;
  const double nan = std::numeric_limits<double>::quiet_NaN();
  switch (f.specials) {
    case Specials::kIeee:
      if (exponent == exponent_mask) {
        if (mantissa != 0) return nan;
        return negative ? -std::numeric_limits<double>::infinity() : std::numeric_limits<double>::infinity();
      }
      break;
    case Specials::kOnlyNaN:
      if (exponent == exponent_mask && mantissa == mantissa_mask) return nan;
      break;
    case Specials::kMinusZeroNaN:
      if (negative && exponent == 0 && mantissa == 0) return nan;
      break;
  }
  double magnitude;
  if (exponent == 0) {
    magnitude = std::ldexp(static_cast<double>(mantissa), 1 - f.bias - f.mantissa_bits);
  } else {
    magnitude = std::ldexp(static_cast<double>(mantissa + mantissa_mask + 1),
                           static_cast<int>(exponent) - f.bias - f.mantissa_bits);
  }
  return negative ? -magnitude : magnitude;
}

uint32_t encode_bits(Type type, double value) {
  const Format f = format_of(type);
  const uint32_t exponent_mask = (1u << f.exponent_bits) - 1;
  const uint32_t sign = std::signbit(value) ? 1u << (f.mantissa_bits + f.exponent_bits) : 0u;
  const uint32_t infinity = exponent_mask << f.mantissa_bits;
  if (std::isnan(value)) {
    switch (f.specials) {
      case Specials::kIeee: return infinity | (1u << (f.mantissa_bits - 1));
      case Specials::kOnlyNaN: return (1u << (f.exponent_bits + f.mantissa_bits)) - 1;
      case Specials::kMinusZeroNaN: return 1u << (f.mantissa_bits + f.exponent_bits);
    }
  }
  const double magnitude = std::fabs(value);
  const double largest = max_finite(type);
  double rounded = magnitude;
  if (!std::isinf(magnitude) && magnitude != 0) {
    // The spacing of representable values at this magnitude; all steps are exact in double, the default rounding mode
    // of nearbyint is ties-to-even, and an even multiple of the spacing has an even mantissa.
    int exponent;
    std::frexp(magnitude, &exponent);
    exponent = std::max(exponent - 1, 1 - f.bias);
    const int spacing = exponent - f.mantissa_bits;
    rounded = std::ldexp(std::nearbyint(std::ldexp(magnitude, -spacing)), spacing);
  }
  if (rounded > largest) {
    if (!is_fp8(type)) return sign | infinity;
    rounded = largest;
  }
  if (rounded == 0) return f.specials == Specials::kMinusZeroNaN ? 0 : sign;
  int exponent;
  std::frexp(rounded, &exponent);
  exponent = std::max(exponent - 1, 1 - f.bias);
  const auto multiple = static_cast<uint32_t>(std::ldexp(rounded, f.mantissa_bits - exponent));
  // A normal number's multiple carries the implicit one, which the biased exponent then takes in.
  const uint32_t hidden = 1u << f.mantissa_bits;
  if (multiple < hidden) return sign | multiple;
  return sign | (static_cast<uint32_t>(exponent + f.bias) << f.mantissa_bits) | (multiple - hidden);
}

double round_to(Type type, double value) {
  const Format f = format_of(type);
  const double magnitude = std::fabs(value);
  const bool normal = magnitude >= std::ldexp(1.0, 1 - f.bias) && magnitude <= max_finite(type);
  if (!normal) return decode_bits(type, encode_bits(type, value));
  // Round the 52-bit mantissa to f.mantissa_bits, ties to even; a carry moves into the exponent as it should. The
  // largest value cannot be left upwards except by rounding, which the slow path decides.
  uint64_t bits;
  std::memcpy(&bits, &value, 8);
  const int dropped = 52 - f.mantissa_bits;
  bits += ((uint64_t{1} << (dropped - 1)) - 1) + ((bits >> dropped) & 1);
  bits &= ~((uint64_t{1} << dropped) - 1);
  double result;
  std::memcpy(&result, &bits, 8);
  return result;
}

namespace {

std::vector<double> decode_table(Type type) {
  std::vector<double> table(size_t{1} << (8 * bytes_of(type)));
  for (size_t i = 0; i < table.size(); ++i) table[i] = decode_bits(type, static_cast<uint32_t>(i));
  return table;
}

const double* table_of(Type type) {
  static const std::vector<double> f16 = decode_table(Type::kF16);
  static const std::vector<double> bf16 = decode_table(Type::kBF16);
  static const std::vector<double> e4m3fn = decode_table(Type::kE4M3FN);
  static const std::vector<double> e4m3fnuz = decode_table(Type::kE4M3FNUZ);
  static const std::vector<double> e5m2 = decode_table(Type::kE5M2);
  switch (type) {
    case Type::kF32: return nullptr;
    case Type::kF16: return f16.data();
    case Type::kBF16: return bf16.data();
    case Type::kE4M3FN: return e4m3fn.data();
    case Type::kE4M3FNUZ: return e4m3fnuz.data();
    case Type::kE5M2: return e5m2.data();
  }
  return nullptr;
}

}  // namespace

uint32_t load_bits(Type type, const void* data, int64_t element) {
  const size_t size = bytes_of(type);
  const char* p = static_cast<const char*>(data) + element * static_cast<int64_t>(size);
  uint32_t bits = 0;
  std::memcpy(&bits, p, size);  // the formats here are little-endian in memory
  return bits;
}

void store_bits(Type type, void* data, int64_t element, uint32_t bits) {
  const size_t size = bytes_of(type);
  std::memcpy(static_cast<char*>(data) + element * static_cast<int64_t>(size), &bits, size);
}

Loader::Loader(Type type) : bytes_(bytes_of(type)), table_(table_of(type)) {}

double load(Type type, const void* data, int64_t element) { return Loader(type)(data, element); }

void store(Type type, void* data, int64_t element, double value) {
  store_bits(type, data, element, encode_bits(type, value));
}

uint32_t encode_scaled(Type type, float value, float scale) {
  const float quotient = value / scale;
  return encode_bits(type, quotient);
}

}  // namespace fovea_reference
