// Highway compiles this file once per instruction set: foreach_target.h includes it again for each.
//
// Targets with vectors of unknown size cannot keep them in arrays, as the tiles below do; Arm is served by NEON.
#ifndef HWY_DISABLED_TARGETS
#define HWY_DISABLED_TARGETS (HWY_SVE | HWY_SVE2 | HWY_SVE_256 | HWY_SVE2_128 | HWY_RVV)
#endif

#include "vector_kernels.h"

#include <cmath>
#include <cstring>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "vector_kernels.cc"
// The order is Highway's.
// clang-format off
#include <hwy/foreach_target.h>
#include <hwy/highway.h>
#include <hwy/contrib/math/math-inl.h>
// clang-format on

HWY_BEFORE_NAMESPACE();
namespace generate::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

using Floats = hn::ScalableTag<float>;
using Vector = hn::Vec<Floats>;
constexpr Floats kFloats;
constexpr auto kLanes = static_cast<int64_t>(hn::MaxLanes(kFloats));

// Half a quantised block at a time; longer vectors would reach past it.
using HalfBlock = hn::CappedTag<float, kQuantBlock / 2>;
constexpr HalfBlock kHalfBlock;
using HalfBlockVector = hn::Vec<HalfBlock>;

// A scale at the begin of a block. A vector instruction converts it where scalar code needs a dozen; the bytes behind
// it are converted for nothing, but they are of the same block.
HWY_INLINE float load_scale(const std::byte* p) {
  const hn::CappedTag<float, 4> few;
  const hn::Rebind<hwy::float16_t, decltype(few)> halves;
  return hn::GetLane(hn::PromoteTo(few, hn::LoadU(halves, reinterpret_cast<const hwy::float16_t*>(p))));
}

// weight = d * nibble + m, for Q4_0 with m = -8 d.
HWY_INLINE void dequantize_nibbles(const uint8_t* q, float d, float m, float* out) {
  const hn::RebindToSigned<HalfBlock> ints;
  const hn::Rebind<uint8_t, HalfBlock> bytes;
  const HalfBlockVector scale = hn::Set(kHalfBlock, d);
  const HalfBlockVector minimum = hn::Set(kHalfBlock, m);
  for (size_t i = 0; i < kQuantBlock / 2; i += hn::Lanes(kHalfBlock)) {
    const auto pairs = hn::PromoteTo(ints, hn::LoadU(bytes, q + i));
    const auto low = hn::ConvertTo(kHalfBlock, hn::And(pairs, hn::Set(ints, 15)));
    const auto high = hn::ConvertTo(kHalfBlock, hn::ShiftRight<4>(pairs));
    hn::StoreU(hn::MulAdd(low, scale, minimum), kHalfBlock, out + i);
    hn::StoreU(hn::MulAdd(high, scale, minimum), kHalfBlock, out + i + kQuantBlock / 2);
  }
}

HWY_INLINE void dequantize_bytes(const int8_t* q, float d, float* out) {
  const hn::RebindToSigned<HalfBlock> ints;
  const hn::Rebind<int8_t, HalfBlock> bytes;
  const HalfBlockVector scale = hn::Set(kHalfBlock, d);
  for (size_t i = 0; i < kQuantBlock; i += hn::Lanes(kHalfBlock)) {
    const auto values = hn::ConvertTo(kHalfBlock, hn::PromoteTo(ints, hn::LoadU(bytes, q + i)));
    hn::StoreU(hn::Mul(values, scale), kHalfBlock, out + i);
  }
}

void dequantize_halves(const std::byte* data, int64_t count, float* out) {
  const hn::Rebind<hwy::float16_t, Floats> halves;
  const auto* in = reinterpret_cast<const hwy::float16_t*>(data);
  int64_t i = 0;
  for (; i + kLanes <= count; i += kLanes) {
    hn::StoreU(hn::PromoteTo(kFloats, hn::LoadU(halves, in + i)), kFloats, out + i);
  }
  for (; i < count; ++i) {
    uint16_t half;
    std::memcpy(&half, data + 2 * i, sizeof(half));
    out[i] = half_to_float(half);
  }
}

void dequantize(TensorType type, const std::byte* data, int64_t count, float* out) {
  switch (type) {
    case TensorType::kF32:
      std::memcpy(out, data, static_cast<size_t>(count) * sizeof(float));
      break;
    case TensorType::kF16:
      dequantize_halves(data, count, out);
      break;
    case TensorType::kQ4_0:
      for (int64_t i = 0; i < count; i += kQuantBlock, data += 18) {
        const float d = load_scale(data);
        dequantize_nibbles(reinterpret_cast<const uint8_t*>(data + 2), d, -8.0f * d, out + i);
      }
      break;
    case TensorType::kQ4_1:
      for (int64_t i = 0; i < count; i += kQuantBlock, data += 20) {
        dequantize_nibbles(reinterpret_cast<const uint8_t*>(data + 4), load_scale(data), load_scale(data + 2), out + i);
      }
      break;
    case TensorType::kQ8_0:
      for (int64_t i = 0; i < count; i += kQuantBlock, data += 34) {
        dequantize_bytes(reinterpret_cast<const int8_t*>(data + 2), load_scale(data), out + i);
      }
      break;
  }
}

// Each product has one accumulator that walks along `size`; a tile has enough of them to hide the latency of an FMA.
template <int kRows, int kTokens>
HWY_INLINE void dot_tile(const float* rows, const float* x, int64_t size, float* out, int64_t out_stride) {
  Vector sums[kRows][kTokens];
  for (int row = 0; row < kRows; ++row) {
    for (int token = 0; token < kTokens; ++token) sums[row][token] = hn::Zero(kFloats);
  }
  int64_t i = 0;
  for (; i + kLanes <= size; i += kLanes) {
    Vector values[kTokens];
    for (int token = 0; token < kTokens; ++token) values[token] = hn::LoadU(kFloats, x + token * size + i);
    for (int row = 0; row < kRows; ++row) {
      const Vector weights = hn::LoadU(kFloats, rows + row * size + i);
      for (int token = 0; token < kTokens; ++token) {
        sums[row][token] = hn::MulAdd(weights, values[token], sums[row][token]);
      }
    }
  }
  for (int row = 0; row < kRows; ++row) {
    for (int token = 0; token < kTokens; ++token) {
      float sum = hn::GetLane(hn::SumOfLanes(kFloats, sums[row][token]));
      for (int64_t j = i; j < size; ++j) sum += rows[row * size + j] * x[token * size + j];
      out[token * out_stride + row] = sum;
    }
  }
}

template <int kTokens>
void dot_tokens(const float* rows, int64_t num_rows, const float* x, int64_t size, float* out, int64_t out_stride) {
  constexpr int kRows = kTokens == 1 ? 8 : 4;
  int64_t row = 0;
  for (; row + kRows <= num_rows; row += kRows) {
    dot_tile<kRows, kTokens>(rows + row * size, x, size, out + row, out_stride);
  }
  for (; row < num_rows; ++row) dot_tile<1, kTokens>(rows + row * size, x, size, out + row, out_stride);
}

void dot_products(const float* rows, int64_t num_rows, const float* x, int64_t num_tokens, int64_t size, float* out,
                  int64_t out_stride) {
  // 4 x 3 accumulators, 3 values and a weight are the 16 registers of AVX2.
  constexpr int kTokens = 3;
  int64_t token = 0;
  for (; token + kTokens <= num_tokens; token += kTokens) {
    dot_tokens<kTokens>(rows, num_rows, x + token * size, size, out + token * out_stride, out_stride);
  }
  for (; token < num_tokens; ++token) {
    dot_tokens<1>(rows, num_rows, x + token * size, size, out + token * out_stride, out_stride);
  }
}

void swiglu(float* gate, const float* up, int64_t count) {
  const Vector one = hn::Set(kFloats, 1.0f);
  const Vector largest = hn::Set(kFloats, 80.0f);  // Exp is not defined for much more; silu(-80) is 0 for fp32
  int64_t i = 0;
  for (; i + kLanes <= count; i += kLanes) {
    const Vector z = hn::LoadU(kFloats, gate + i);
    const Vector silu = hn::Div(z, hn::Add(one, hn::Exp(kFloats, hn::Min(hn::Neg(z), largest))));
    hn::StoreU(hn::Mul(silu, hn::LoadU(kFloats, up + i)), kFloats, gate + i);
  }
  for (; i < count; ++i) gate[i] = gate[i] / (1.0f + std::exp(-gate[i])) * up[i];
}

void rms_norm(const float* x, const float* weight, int64_t count, float epsilon, float* out) {
  Vector squares = hn::Zero(kFloats);
  int64_t i = 0;
  for (; i + kLanes <= count; i += kLanes) {
    const Vector values = hn::LoadU(kFloats, x + i);
    squares = hn::MulAdd(values, values, squares);
  }
  float sum = hn::GetLane(hn::SumOfLanes(kFloats, squares));
  for (; i < count; ++i) sum += x[i] * x[i];
  const float factor = 1.0f / std::sqrt(sum / static_cast<float>(count) + epsilon);
  const Vector factors = hn::Set(kFloats, factor);
  for (i = 0; i + kLanes <= count; i += kLanes) {
    const Vector scaled = hn::Mul(hn::LoadU(kFloats, x + i), factors);
    hn::StoreU(hn::Mul(scaled, hn::LoadU(kFloats, weight + i)), kFloats, out + i);
  }
  for (; i < count; ++i) out[i] = x[i] * factor * weight[i];
}

}  // namespace generate::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace generate {

HWY_EXPORT(dequantize);
HWY_EXPORT(dot_products);
HWY_EXPORT(swiglu);
HWY_EXPORT(rms_norm);

void dequantize(TensorType type, const std::byte* data, int64_t count, float* out) {
  HWY_DYNAMIC_DISPATCH(dequantize)(type, data, count, out);
}

void dot_products(const float* rows, int64_t num_rows, const float* x, int64_t num_tokens, int64_t size, float* out,
                  int64_t out_stride) {
  HWY_DYNAMIC_DISPATCH(dot_products)(rows, num_rows, x, num_tokens, size, out, out_stride);
}

void swiglu(float* gate, const float* up, int64_t count) { HWY_DYNAMIC_DISPATCH(swiglu)(gate, up, count); }

void rms_norm(const float* x, const float* weight, int64_t count, float epsilon, float* out) {
  HWY_DYNAMIC_DISPATCH(rms_norm)(x, weight, count, epsilon, out);
}

}  // namespace generate
#endif  // HWY_ONCE
