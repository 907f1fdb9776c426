// Conversions between fp32 and what is in memory.
#pragma once

#include "kernels/hip/device/device.h"
#include "kernels/hip/kernel_params.h"

namespace fovea::hip {

using namespace device;

// fp32 to an fp8 flavour, round to nearest even, saturating, NaN stays NaN; in bits 0..7. kMantissa bits of mantissa,
// exponent bias kBias, largest finite value kMax, NaN as kNan (without sign if kUnsignedZero: there -0 is NaN).
template <int kMantissa, int kBias, bool kUnsignedZero>
FOVEA_DEVICE Uint round_to_fp8(Float x, float max, uint32_t nan) {
  const Uint bits = bits_of(x);
  const Uint sign = (bits >> 24) & 0x80u;
  const Uint magnitude = bits & 0x7fffffffu;
  const Float a = lane_min(float_of(magnitude), Float(max));
  // Subnormal results are multiples of 2^(1 - bias - mantissa): adding a power of two makes the hardware round there.
  constexpr float kStep = 1.0f / static_cast<float>(1ll << (kBias - 1 + kMantissa));
  const Float shifted = a + kStep * 8388608.0f;
  const Uint small = bits_of(shifted) & 0xffu;
  const Uint abits = bits_of(a);
  const Uint rounded = abits + ((1u << (22 - kMantissa)) - 1u) + ((abits >> (23 - kMantissa)) & 1u);
  const Uint normal = (rounded >> (23 - kMantissa)) - ((127u - kBias) << kMantissa);
  constexpr float kSmallest = 2.0f / static_cast<float>(1ll << kBias);  // 2^(1 - bias), the smallest normal value
  Uint out = select(a < kSmallest, small, normal);
  if (kUnsignedZero) {
    out = select(out == 0u, out, out | sign);
  } else {
    out = out | sign;
  }
  return select(magnitude > 0x7f800000u, kUnsignedZero ? Uint(nan) : (sign | nan), out);
}

FOVEA_DEVICE Uint to_fp8(Float x, DataType type) {
  if (type == DataType::kE4M3FN) return round_to_fp8<3, 7, false>(x, 448.0f, 0x7fu);
  if (type == DataType::kE4M3FNUZ) return round_to_fp8<3, 8, true>(x, 240.0f, 0x80u);
  return round_to_fp8<2, 15, false>(x, 57344.0f, 0x7eu);
}

// fp8 in bits 0..7 to fp32, exactly.
FOVEA_DEVICE Float from_fp8(Uint byte, DataType type) {
  const bool e5m2 = type == DataType::kE5M2;
  const bool fnuz = type == DataType::kE4M3FNUZ;
  const Uint magnitude = byte & 0x7fu;
  const Uint sign = (byte & 0x80u) << 24;
  const Uint placed = e5m2 ? magnitude << 21 : magnitude << 20;
  // The exponent is off by the difference of the biases; multiplying makes subnormals right too.
  const Float value = float_of(placed) * (e5m2 ? 0x1p112f : fnuz ? 0x1p119f : 0x1p120f);
  Bool nan = magnitude == 0x7fu;
  Float magnitude_value = value;
  if (e5m2) {
    nan = magnitude > 0x7cu;
    magnitude_value = select(magnitude == 0x7cu, Float(INFINITY), value);
  }
  if (fnuz) nan = byte == 0x80u;
  return select(nan, float_of(Uint(0x7fc00000u)), float_of(bits_of(magnitude_value) | sign));
}

// Four fp8 elements to two pairs of Type.
template <class Type>
FOVEA_DEVICE void widen_fp8(Uint bytes, DataType type, Uint& low, Uint& high) {
  if constexpr (kConvertsFp8) {
    if (type == DataType::kE5M2) return convert_fp8<Type, true>(bytes, low, high);
    if (type == DataType::kE4M3FN) return convert_fp8<Type, false>(bytes, low, high);
  }
  low = Pack16<Type>::pack(from_fp8(bytes & 0xffu, type), from_fp8((bytes >> 8) & 0xffu, type));
  high = Pack16<Type>::pack(from_fp8((bytes >> 16) & 0xffu, type), from_fp8(bytes >> 24, type));
}

// Four elements at element index `element` of a row.
FOVEA_DEVICE void store_elements(Lane<char*> row, Int element, DataType type, float scale, const Float (&v)[4], Bool mask) {
  if (type == DataType::kF32) {
    Quad q;
#pragma unroll
    for (int i = 0; i < 4; ++i) q.w[i] = bits_of(v[i]);
    global_store_quad(row + to_long(element * 4), q, mask);
  } else if (type == DataType::kF16) {
    global_store_pair(row + to_long(element * 2), Pack16<F16>::pack(v[0], v[1]), Pack16<F16>::pack(v[2], v[3]), mask);
  } else if (type == DataType::kBF16) {
    global_store_pair(row + to_long(element * 2), Pack16<BF16>::pack(v[0], v[1]), Pack16<BF16>::pack(v[2], v[3]), mask);
  } else {
    Uint bytes = Uint(0);
#pragma unroll
    for (int i = 0; i < 4; ++i) bytes = bytes | (to_fp8(v[i] / scale, type) << (8 * i));
    global_store(reinterpret_pointer<uint32_t>(row + to_long(element)), bytes, mask);
  }
}

// One element.
FOVEA_DEVICE void store_element(Lane<char*> to, DataType type, Float v, Bool mask) {
  if (type == DataType::kF32) {
    global_store(reinterpret_pointer<float>(to), v, mask);
  } else if (type == DataType::kF16) {
    global_store_half(to, Pack16<F16>::pack(v, v), mask);
  } else if (type == DataType::kBF16) {
    global_store_half(to, Pack16<BF16>::pack(v, v), mask);
  } else {
    global_store_byte(to, to_fp8(v, type), mask);
  }
}

// Eight elements at element index `element` of a row, as fp32.
FOVEA_DEVICE void load_eight(Pointer row, Int element, DataType type, Float (&v)[8], Bool mask) {
  if (type == DataType::kF32) {
    const Quad low = global_load_quad(row + to_long(element * 4), mask), high = global_load_quad(row + to_long(element * 4 + 16), mask);
#pragma unroll
    for (int i = 0; i < 4; ++i) {
      v[i] = float_of(low.w[i]);
      v[i + 4] = float_of(high.w[i]);
    }
  } else if (type == DataType::kF16 || type == DataType::kBF16) {
    const Quad q = global_load_quad(row + to_long(element * 2), mask);
#pragma unroll
    for (int i = 0; i < 8; ++i) {
      const Uint pair = q.w[i / 2];
      v[i] = type == DataType::kF16 ? (i % 2 == 0 ? Pack16<F16>::low(pair) : Pack16<F16>::high(pair))
                                    : (i % 2 == 0 ? Pack16<BF16>::low(pair) : Pack16<BF16>::high(pair));
    }
  } else {
    const Quad q = global_load_half_quad(row + to_long(element), mask);
#pragma unroll
    for (int i = 0; i < 8; ++i) v[i] = from_fp8((q.w[i / 4] >> (i % 4 * 8)) & 0xffu, type);
  }
}

}  // namespace fovea::hip
