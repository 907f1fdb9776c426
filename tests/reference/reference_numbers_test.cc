// The number formats on values that can be worked out by hand from their definitions.
#include "tests/reference/reference_numbers.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <random>

namespace fovea_reference {
namespace {

constexpr double kInf = std::numeric_limits<double>::infinity();
const double kNaN = std::numeric_limits<double>::quiet_NaN();

struct Known {
  Type type;
  uint32_t bits;
  double value;
};

// 1.0 is the biased exponent alone; the smallest subnormal is 2^(1 - bias - mantissa bits); the largest has every bit set
// that is not a special.
const Known kKnown[] = {
    {Type::kF32, 0x3f800000u, 1.0},
    {Type::kF32, 0x00000001u, 0x1p-149},
    {Type::kF16, 0x3c00u, 1.0},
    {Type::kF16, 0x0001u, 0x1p-24},
    {Type::kF16, 0x7bffu, 65504.0},
    {Type::kF16, 0xc000u, -2.0},
    {Type::kF16, 0x7c00u, kInf},
    {Type::kBF16, 0x3f80u, 1.0},
    {Type::kBF16, 0xff80u, -kInf},
    {Type::kBF16, 0x0080u, 0x1p-126},
    {Type::kE4M3FN, 0x38u, 1.0},
    {Type::kE4M3FN, 0x39u, 1.125},
    {Type::kE4M3FN, 0x01u, 0x1p-9},
    {Type::kE4M3FN, 0x08u, 0x1p-6},
    {Type::kE4M3FN, 0x7eu, 448.0},
    {Type::kE4M3FN, 0xfeu, -448.0},
    {Type::kE4M3FNUZ, 0x40u, 1.0},
    {Type::kE4M3FNUZ, 0x01u, 0x1p-10},
    {Type::kE4M3FNUZ, 0x7fu, 240.0},
    {Type::kE4M3FNUZ, 0xffu, -240.0},
    {Type::kE5M2, 0x3cu, 1.0},
    {Type::kE5M2, 0x01u, 0x1p-16},
    {Type::kE5M2, 0x7bu, 57344.0},
    {Type::kE5M2, 0xfcu, -kInf},
};

TEST(Numbers, KnownBitsHaveKnownValues) {
  for (const Known& known : kKnown) {
    EXPECT_EQ(decode_bits(known.type, known.bits), known.value) << std::hex << known.bits;
    if (is_fp8(known.type) && std::isinf(known.value)) continue;  // fp8 encoding never makes an infinity
    EXPECT_EQ(encode_bits(known.type, known.value), known.bits) << known.value;
  }
}

TEST(Numbers, NaNs) {
  EXPECT_TRUE(std::isnan(decode_bits(Type::kE4M3FN, 0x7f)));
  EXPECT_TRUE(std::isnan(decode_bits(Type::kE4M3FN, 0xff)));
  EXPECT_TRUE(std::isnan(decode_bits(Type::kE4M3FNUZ, 0x80)));
  for (uint32_t bits : {0x7du, 0x7eu, 0x7fu, 0xfdu, 0xfeu, 0xffu}) EXPECT_TRUE(std::isnan(decode_bits(Type::kE5M2, bits)));
  for (Type type : {Type::kF32, Type::kF16, Type::kBF16, Type::kE4M3FN, Type::kE4M3FNUZ, Type::kE5M2}) {
    EXPECT_TRUE(std::isnan(decode_bits(type, encode_bits(type, kNaN))));
  }
}

TEST(Numbers, TiesGoToTheEvenMantissa) {
  EXPECT_EQ(encode_bits(Type::kE4M3FN, 1.0625), 0x38u);      // between 1 (mantissa 0) and 1.125 (1)
  EXPECT_EQ(encode_bits(Type::kE4M3FN, 1.1875), 0x3au);      // between 1.125 (1) and 1.25 (2)
  EXPECT_EQ(encode_bits(Type::kE4M3FN, 1.9375), 0x40u);      // between 1.875 (7) and 2 (0 of the next exponent)
  EXPECT_EQ(encode_bits(Type::kE4M3FN, 0x1p-10), 0x00u);     // half of the smallest
  EXPECT_EQ(encode_bits(Type::kE4M3FN, 0x1.8p-9), 0x02u);    // 1.5 of the smallest
  EXPECT_EQ(encode_bits(Type::kE4M3FN, 0x1.01p-10), 0x01u);  // a little over half of the smallest
  EXPECT_EQ(encode_bits(Type::kE5M2, 1.125), 0x3cu);
  EXPECT_EQ(encode_bits(Type::kE5M2, 1.375), 0x3eu);
  EXPECT_EQ(encode_bits(Type::kBF16, 1.0 + 0x1p-8), 0x3f80u);
  EXPECT_EQ(encode_bits(Type::kBF16, 1.0 + 0x3p-8), 0x3f82u);
  EXPECT_EQ(encode_bits(Type::kF16, 0x1p-25), 0x0000u);
  EXPECT_EQ(encode_bits(Type::kF16, 0x3p-25), 0x0002u);
}

TEST(Numbers, Fp8SaturatesAndTheOthersOverflow) {
  for (double huge : {464.0, 1e9, kInf}) {
    EXPECT_EQ(encode_bits(Type::kE4M3FN, huge), 0x7eu) << huge;
    EXPECT_EQ(encode_bits(Type::kE4M3FN, -huge), 0xfeu) << huge;
  }
  EXPECT_EQ(encode_bits(Type::kE4M3FNUZ, 1e3), 0x7fu);
  EXPECT_EQ(encode_bits(Type::kE4M3FNUZ, -kInf), 0xffu);
  EXPECT_EQ(encode_bits(Type::kE5M2, 65536.0), 0x7bu);
  EXPECT_EQ(encode_bits(Type::kE5M2, -kInf), 0xfbu);
  EXPECT_EQ(encode_bits(Type::kF16, 65519.0), 0x7bffu);
  EXPECT_EQ(encode_bits(Type::kF16, 65520.0), 0x7c00u);
  EXPECT_EQ(encode_bits(Type::kBF16, 1e39), 0x7f80u);
}

TEST(Numbers, SignedZeros) {
  EXPECT_EQ(encode_bits(Type::kE4M3FN, -0.0), 0x80u);
  EXPECT_EQ(encode_bits(Type::kE5M2, -0.0), 0x80u);
  EXPECT_EQ(encode_bits(Type::kF16, -0x1p-26), 0x8000u);
  EXPECT_EQ(encode_bits(Type::kE4M3FNUZ, -0.0), 0x00u);      // 0x80 would be NaN
  EXPECT_EQ(encode_bits(Type::kE4M3FNUZ, -0x1p-12), 0x00u);  // rounds to zero
}

TEST(Numbers, EveryFiniteCodeSurvivesARoundTrip) {
  for (Type type : {Type::kF16, Type::kBF16, Type::kE4M3FN, Type::kE4M3FNUZ, Type::kE5M2}) {
    const uint32_t codes = 1u << (8 * bytes_of(type));
    int finite = 0;
    for (uint32_t bits = 0; bits < codes; ++bits) {
      const double value = decode_bits(type, bits);
      if (!std::isfinite(value)) continue;
      ++finite;
      ASSERT_EQ(encode_bits(type, value), bits) << value;
    }
    // 256 less the specials: two NaNs; one NaN; six NaNs and two infinities.
    const int expected = type == Type::kE4M3FN ? 254 : type == Type::kE4M3FNUZ ? 255 : 248;
    if (is_fp8(type)) {
      EXPECT_EQ(finite, expected);
    }
  }
}

TEST(Numbers, EncodingTakesTheNearestCode) {
  std::mt19937 random(7);
  std::normal_distribution<double> normal(0, 3);
  for (Type type : {Type::kE4M3FN, Type::kE4M3FNUZ, Type::kE5M2}) {
    for (int i = 0; i < 5000; ++i) {
      const double value = normal(random) * std::exp2(static_cast<double>(random() % 24) - 16);
      const double chosen = std::fabs(decode_bits(type, encode_bits(type, value)) - value);
      for (uint32_t bits = 0; bits < 256; ++bits) {
        const double other = decode_bits(type, bits);
        if (!std::isfinite(other)) continue;
        ASSERT_LE(chosen, std::fabs(other - value)) << value;
      }
    }
  }
}

TEST(Numbers, FastRoundingAgreesWithEncoding) {
  std::mt19937 random(11);
  std::normal_distribution<double> normal(0, 1);
  for (Type type : {Type::kF32, Type::kF16, Type::kBF16, Type::kE4M3FN, Type::kE4M3FNUZ, Type::kE5M2}) {
    for (int i = 0; i < 20000; ++i) {
      const double value = normal(random) * std::exp2(static_cast<double>(random() % 40) - 30);
      ASSERT_EQ(round_to(type, value), decode_bits(type, encode_bits(type, value))) << value;
    }
  }
}

TEST(Numbers, UnitRoundoff) {
  EXPECT_EQ(unit_roundoff(Type::kF32), 0x1p-24);
  EXPECT_EQ(unit_roundoff(Type::kF16), 0x1p-11);
  EXPECT_EQ(unit_roundoff(Type::kBF16), 0x1p-8);
  EXPECT_EQ(unit_roundoff(Type::kE4M3FN), 0x1p-4);
}

TEST(Numbers, ScaledEncodingDividesInSinglePrecision) {
  // One third lies between 0.3125 (0x2a) and 0.34375 (0x2b), nearer to the second.
  EXPECT_EQ(encode_scaled(Type::kE4M3FN, 1.0f, 3.0f), 0x2bu);
  EXPECT_EQ(encode_scaled(Type::kE4M3FN, 2.0f, 0.5f), 0x48u);      // 4
  EXPECT_EQ(encode_scaled(Type::kE4M3FN, 1e30f, 1e-30f), 0x7eu);   // the quotient overflows fp32, then saturates
}

}  // namespace
}  // namespace fovea_reference
