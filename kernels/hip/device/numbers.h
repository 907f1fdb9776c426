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

// Two fp8 elements, each the upper half of a 16-bit number, to a pair of Type. NaN of e4m3: see widen_fp8.
template <class Type>
struct WidenFp8;
template <>
struct WidenFp8<F16> {
  static constexpr int kNanShift = 6;  // 0x8000 - (0x8000 >> 6) is a NaN
  static FOVEA_DEVICE Uint of_e5m2(Uint pair) { return pair; }
  static FOVEA_DEVICE Uint of_e4m3(Uint pair, bool fnuz) {
    // The exponent of an f16 is off by 8, or 7.
    return multiply_halves(((pair >> 1) & 0x3f803f80u) | (pair & 0x80008000u), fnuz ? 0x58005800u : 0x5c005c00u);
  }
};
template <>
struct WidenFp8<BF16> {
  static constexpr int kNanShift = 9;
  static FOVEA_DEVICE Uint of_e5m2(Uint pair) { return join_high(bits_of(Pack16<F16>::low(pair)), bits_of(Pack16<F16>::high(pair))); }
  static FOVEA_DEVICE Uint of_e4m3(Uint pair, bool fnuz) {
    // The exponent of a bf16 is off by 120, or 119. Three bits of mantissa are not rounded.
    const Uint placed = ((pair >> 4) & 0x07f007f0u) | (pair & 0x80008000u);
    const float factor = fnuz ? 0x1p119f : 0x1p120f;
    return join_high(bits_of(float_of(placed << 16) * factor), bits_of(float_of(placed & 0xffff0000u) * factor));
  }
};

// Bytes 0 and 1, or 2 and 3, as the upper halves of two 16-bit numbers.
FOVEA_DEVICE Uint spread_bytes(Uint x, bool upper) {
  return upper ? (x & 0xff000000u) | ((x >> 8) & 0xff00u) : ((x << 16) & 0xff000000u) | ((x << 8) & 0xff00u);
}
// What makes NaNs of those elements of a pair of e4m3 that are.
template <class Type>
FOVEA_DEVICE Uint nan_of_e4m3(Uint pair, bool fnuz) {
  const Uint x = fnuz ? pair ^ 0x80008000u : pair;
  const Uint nan = (fnuz ? ~(((x & 0x7f007f00u) + 0x7f007f00u) | x) : (x & 0x7f007f00u) + 0x01000100u) & 0x80008000u;
  return nan - (nan >> WidenFp8<Type>::kNanShift);
}

// Four fp8 elements to two pairs of Type.
template <class Type>
FOVEA_DEVICE void widen_fp8(Uint bytes, DataType type, Uint& low, Uint& high) {
  if constexpr (kConvertsFp8) {
    if (type == DataType::kE5M2) return convert_fp8<Type, true>(bytes, low, high);
    if (type == DataType::kE4M3FN) return convert_fp8<Type, false>(bytes, low, high);
  }
  low = spread_bytes(bytes, false);
  high = spread_bytes(bytes, true);
  if (type == DataType::kE5M2) {
    low = WidenFp8<Type>::of_e5m2(low);
    high = WidenFp8<Type>::of_e5m2(high);
    return;
  }
  const bool fnuz = type == DataType::kE4M3FNUZ;
  low = WidenFp8<Type>::of_e4m3(low, fnuz) | nan_of_e4m3<Type>(low, fnuz);
  high = WidenFp8<Type>::of_e4m3(high, fnuz) | nan_of_e4m3<Type>(high, fnuz);
}

#if !FOVEA_HAS_ASYNC_COPIES
// Sixteen fp8 elements to two times eight of Type, exactly: without instructions of the hardware's own two to four instructions for an
// element.
//
// As the upper half of a 16-bit number an e5m2 is the f16 of the same value. An e4m3 becomes one by a shift and a multiplication with a
// power of two, which also makes subnormals right; its NaN, which nothing tells from a number then, is looked for beforehand and put in
// again only where there is one.
template <class Type>
FOVEA_DEVICE void widen_fp8(const Quad& bytes, DataType type, Quad& first, Quad& second) {
  if constexpr (kConvertsFp8) {
    if (type != DataType::kE4M3FNUZ) {
#pragma unroll
      for (int w = 0; w < 4; ++w) {
        Quad& out = w < 2 ? first : second;
        if (type == DataType::kE5M2) {
          convert_fp8<Type, true>(bytes.w[w], out.w[w % 2 * 2], out.w[w % 2 * 2 + 1]);
        } else {
          convert_fp8<Type, false>(bytes.w[w], out.w[w % 2 * 2], out.w[w % 2 * 2 + 1]);
        }
      }
      return;
    }
  }
  const bool e5m2 = type == DataType::kE5M2, fnuz = type == DataType::kE4M3FNUZ;
  Uint pairs[8];
#pragma unroll
  for (int i = 0; i < 8; ++i) pairs[i] = spread_bytes(bytes.w[i / 2], i % 2 != 0);
  Quad* const outs[2] = {&first, &second};
  if (e5m2) {
#pragma unroll
    for (int i = 0; i < 8; ++i) outs[i / 4]->w[i % 4] = WidenFp8<Type>::of_e5m2(pairs[i]);
    return;
  }
  Uint odd = Uint(0);  // the top bit of a byte, where some word has a NaN there
#pragma unroll
  for (int w = 0; w < 4; ++w) {
    const Uint x = fnuz ? bytes.w[w] ^ 0x80808080u : bytes.w[w];
    odd = odd | (fnuz ? ~(((x & 0x7f7f7f7fu) + 0x7f7f7f7fu) | x) : (x & 0x7f7f7f7fu) + 0x01010101u);
  }
#pragma unroll
  for (int i = 0; i < 8; ++i) outs[i / 4]->w[i % 4] = WidenFp8<Type>::of_e4m3(pairs[i], fnuz);
  if (any_lane((odd & 0x80808080u) != 0u)) {
#pragma unroll
    for (int i = 0; i < 8; ++i) outs[i / 4]->w[i % 4] = outs[i / 4]->w[i % 4] | nan_of_e4m3<Type>(pairs[i], fnuz);
  }
}
#endif

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
