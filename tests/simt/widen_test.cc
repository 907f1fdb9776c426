// fp8 to 16 bits where it takes arithmetic: every byte of every flavour.
#include <gtest/gtest.h>

#include <cmath>

#include "kernels/hip/device/numbers.h"
#include "tests/reference/reference_numbers.h"

namespace fovea::hip {
namespace {

namespace reference = fovea_reference;
using reference::Type;

template <class T>
void check_widening(DataType type, Type from, Type to, bool with_nan) {
  Quad bytes, first, second;
  const auto byte_of = [&](int lane, int i) {
    const uint32_t byte = static_cast<uint32_t>(lane * 16 + i) & 0xffu;
    return !with_nan && std::isnan(reference::decode_bits(from, byte)) ? 0x55u : byte;
  };
  for (int lane = 0; lane < kWaveSize; ++lane) {
    for (int w = 0; w < 4; ++w) {
      bytes.w[w].v[lane] = 0;
      for (int i = 0; i < 4; ++i) bytes.w[w].v[lane] |= byte_of(lane, w * 4 + i) << (8 * i);
    }
  }
#if FOVEA_HAS_ASYNC_COPIES
  for (int w = 0; w < 4; ++w) {
    Quad& q = w < 2 ? first : second;
    widen_fp8<T>(bytes.w[w], type, q.w[w % 2 * 2], q.w[w % 2 * 2 + 1]);
  }
#else
  widen_fp8<T>(bytes, type, first, second);
#endif
  for (int lane = 0; lane < kWaveSize; ++lane) {
    for (int i = 0; i < 16; ++i) {
      const Quad& q = i < 8 ? first : second;
      const double expected = reference::decode_bits(from, byte_of(lane, i));
      const double widened = reference::decode_bits(to, q.w[i % 8 / 2].v[lane] >> (i % 2 * 16) & 0xffffu);
      if (std::isnan(expected)) {
        EXPECT_TRUE(std::isnan(widened)) << "byte " << byte_of(lane, i);
      } else {
        EXPECT_EQ(widened, expected) << "byte " << byte_of(lane, i);
        EXPECT_EQ(std::signbit(widened), std::signbit(expected)) << "byte " << byte_of(lane, i);
      }
    }
  }
}

TEST(Widening, every_byte) {
  const std::pair<DataType, Type> flavours[] = {
      {DataType::kE4M3FN, Type::kE4M3FN}, {DataType::kE4M3FNUZ, Type::kE4M3FNUZ}, {DataType::kE5M2, Type::kE5M2}};
  for (const auto& [type, from] : flavours) {
    for (const bool with_nan : {false, true}) {
      check_widening<F16>(type, from, Type::kF16, with_nan);
      check_widening<BF16>(type, from, Type::kBF16, with_nan);
    }
  }
}

}  // namespace
}  // namespace fovea::hip
