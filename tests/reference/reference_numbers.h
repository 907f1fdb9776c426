// Number formats of the reference, written from their definitions: sign, exponent and mantissa fields, nothing else.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>

namespace fovea_reference {

enum class Type { kF32, kF16, kBF16, kE4M3FN, kE4M3FNUZ, kE5M2 };

// How a format encodes values that are not finite.
enum class Specials {
  kIeee,        // all-ones exponent: mantissa 0 is infinity, the others NaN
  kOnlyNaN,     // no infinity; only the all-ones pattern (either sign) is NaN
  kMinusZeroNaN // no infinity and no negative zero; its pattern is the one NaN
};

struct Format {
  int exponent_bits;
  int mantissa_bits;
  int bias;
  Specials specials;
};

Format format_of(Type type);
size_t bytes_of(Type type);
bool is_fp8(Type type);
double max_finite(Type type);

// The format's unit roundoff: half the distance from 1 to the next larger number.
double unit_roundoff(Type type);

// The value of an element's bits.
double decode_bits(Type type, uint32_t bits);

// Bits of the nearest representable value, ties to the even mantissa. Beyond the largest finite value: the fp8 formats
// saturate (infinities too), the others give infinity. NaN stays NaN.
uint32_t encode_bits(Type type, double value);

// decode_bits(encode_bits(value)), faster.
double round_to(Type type, double value);

double load(Type type, const void* data, int64_t element);

// load() for many elements of one type.
class Loader {
 public:
  explicit Loader(Type type);
  double operator()(const void* data, int64_t element) const {
    if (bytes_ == 1) return table_[static_cast<const uint8_t*>(data)[element]];
    if (bytes_ == 2) {
      uint16_t bits;
      std::memcpy(&bits, static_cast<const char*>(data) + 2 * element, 2);
      return table_[bits];
    }
    float value;
    std::memcpy(&value, static_cast<const char*>(data) + 4 * element, 4);
    return value;
  }

 private:
  size_t bytes_;
  const double* table_;  // the value of each bit pattern; null for f32
};

void store(Type type, void* data, int64_t element, double value);
void store_bits(Type type, void* data, int64_t element, uint32_t bits);
uint32_t load_bits(Type type, const void* data, int64_t element);

// What a KV cache write stores: the quotient is taken in fp32, then rounded to the type.
uint32_t encode_scaled(Type type, float value, float scale);

}  // namespace fovea_reference
