// Loads of the decode path: rows of the cache widened to fp32 in registers, pack by pack.
//
// A pack is what one step of a kernel loads of a row. Its lanes need not be in natural order: bf16 pairs come apart with a
// shift and a mask if even and odd elements go to different vectors, which is half the work of widening them in order.
// Queries and sums are kept in the order of the packs (reorder_row and its inverse).
#pragma once

#include "kernels/cpu/convert.h"

namespace fovea::cpu::FOVEA_ISA_NAMESPACE {

inline constexpr int32_t kLanes = static_cast<int32_t>(hn::MaxLanes(FloatTag()));

// Widest pack, in elements; rows of queries and sums are padded to a multiple of it.
inline constexpr int32_t kMaxPackElements = 2 * kLanes;

HWY_INLINE int32_t padded_size(int32_t head_size) { return round_up(head_size, kMaxPackElements); }

// `bytes` (a multiple of 8, less than a vector) of a row and zeros behind them; touches nothing beyond.
template <class D>
HWY_INLINE hn::Vec<D> load_partial(D d, const char* from, int32_t bytes) {
#if HWY_TARGET == HWY_AVX2 || HWY_TARGET == HWY_AVX3 || HWY_TARGET == HWY_AVX3_DL
  const hn::Repartition<uint32_t, D> dw;
  const auto mask = hn::FirstN(dw, static_cast<size_t>(bytes / 4));
  return hn::BitCast(d, hn::MaskedLoad(mask, dw, reinterpret_cast<const uint32_t*>(from)));
#else
  alignas(64) unsigned char copy[hn::MaxLanes(D()) * sizeof(hn::TFromD<D>)] = {};
  __builtin_memcpy(copy, from, static_cast<size_t>(bytes));
  return hn::Load(d, reinterpret_cast<const hn::TFromD<D>*>(copy));
#endif
}

// Loads a vector of D's type, the whole of it or (kPartial) its first `bytes` bytes.
template <bool kPartial, class D>
HWY_INLINE hn::Vec<D> load_bytes(D d, const char* from, int32_t bytes) {
  if constexpr (kPartial) {
    return load_partial(d, from, bytes);
  } else {
    (void)bytes;
    return hn::LoadU(d, reinterpret_cast<const hn::TFromD<D>*>(from));
  }
}

// A value of the pack times kFactor is the value in memory. kPaired: elements 2i are in vector 0, 2i + 1 in vector 1.
template <DataType kType>
struct Pack;

template <>
struct Pack<DataType::kF32> {
  static constexpr int32_t kVectors = 1;
  static constexpr bool kPaired = false;
  static constexpr float kFactor = 1.0f;
  template <bool kPartial>
  static HWY_INLINE void load(const char* from, int32_t bytes, Vec* out) {
    out[0] = load_bytes<kPartial>(FloatTag(), from, bytes);
  }
};

template <>
struct Pack<DataType::kBF16> {
  static constexpr int32_t kVectors = 2;
  static constexpr bool kPaired = true;
  static constexpr float kFactor = 1.0f;
  template <bool kPartial>
  static HWY_INLINE void load(const char* from, int32_t bytes, Vec* out) {
    const FloatTag d;
    const UintTag du;
    const UintVec pairs = load_bytes<kPartial>(du, from, bytes);
    out[0] = hn::BitCast(d, hn::ShiftLeft<16>(pairs));
    out[1] = hn::BitCast(d, hn::And(pairs, hn::Set(du, 0xffff0000u)));
  }
};

#if FOVEA_NATIVE_F16

template <>
struct Pack<DataType::kF16> {
  static constexpr int32_t kVectors = 1;
  static constexpr bool kPaired = false;
  static constexpr float kFactor = 1.0f;
  template <bool kPartial>
  static HWY_INLINE void load(const char* from, int32_t bytes, Vec* out) {
    const hn::Rebind<hwy::float16_t, FloatTag> df16;
    const auto bits = load_bytes<kPartial>(hn::Rebind<uint16_t, FloatTag>(), from, bytes);
    out[0] = hn::PromoteTo(FloatTag(), hn::BitCast(df16, bits));
  }
};

// fp8 goes through f16, whose conversion the hardware has: with the sign in place and the other bits moved below f16's
// wider exponent field, e4m3 becomes an f16 that differs by a power of two only, subnormals included.
template <DataType kType>
struct Fp8Pack {
  static constexpr int32_t kVectors = 2;
  static constexpr bool kPaired = false;
  static constexpr float kFactor = kType == DataType::kE4M3FN ? 256.0f : kType == DataType::kE4M3FNUZ ? 128.0f : 1.0f;
  using HalfTag = hn::Repartition<int16_t, FloatTag>;
  template <bool kPartial>
  static HWY_INLINE void load(const char* from, int32_t bytes, Vec* out) {
    const FloatTag d;
    const HalfTag dh;
    const hn::Rebind<hwy::float16_t, FloatTag> df16;
    // Sign-extended, so that a shift by 7 leaves the sign in bit 15, above the exponent field of f16.
    auto half = hn::PromoteTo(dh, load_bytes<kPartial>(hn::Rebind<int8_t, HalfTag>(), from, bytes));
    if constexpr (kType == DataType::kE5M2) {
      half = hn::ShiftLeft<8>(half);
    } else {
      half = hn::And(hn::ShiftLeft<7>(half), hn::Set(dh, static_cast<int16_t>(0xbf80)));
      const auto sign = hn::Set(dh, static_cast<int16_t>(0x8000));
      if constexpr (kType == DataType::kE4M3FN) {
        const auto is_nan = hn::Eq(hn::Or(half, sign), hn::Set(dh, static_cast<int16_t>(0xbf80)));
        half = hn::Or(half, hn::VecFromMask(dh, is_nan));
      } else {
        half = hn::Or(half, hn::VecFromMask(dh, hn::Eq(half, sign)));
      }
    }
    out[0] = hn::PromoteTo(d, hn::BitCast(df16, hn::LowerHalf(half)));
    out[1] = hn::PromoteTo(d, hn::BitCast(df16, hn::UpperHalf(hn::Half<HalfTag>(), half)));
  }
};

#else

template <DataType kType>
struct SmallPack {
  static constexpr int32_t kVectors = 1;
  static constexpr bool kPaired = false;
  static constexpr float kFactor = 1.0f;
  template <bool kPartial>
  static HWY_INLINE void load(const char* from, int32_t, Vec* out) {
    static_assert(kLanes <= 8, "head sizes are multiples of 8, so no pack is partial");
    out[0] = load_as_float<kType>(from);
  }
};
template <>
struct Pack<DataType::kF16> : SmallPack<DataType::kF16> {};
template <DataType kType>
struct Fp8Pack : SmallPack<kType> {};

#endif

template <>
struct Pack<DataType::kE4M3FN> : Fp8Pack<DataType::kE4M3FN> {};
template <>
struct Pack<DataType::kE4M3FNUZ> : Fp8Pack<DataType::kE4M3FNUZ> {};
template <>
struct Pack<DataType::kE5M2> : Fp8Pack<DataType::kE5M2> {};

// How a row falls into packs.
template <DataType kType>
struct PackedRow {
  static constexpr int32_t kElements = Pack<kType>::kVectors * kLanes;
  static constexpr int32_t kBytes = kElements * static_cast<int32_t>(size_of(kType));
  static constexpr bool kHasTail = kElements > 8;  // head sizes are multiples of 8
  int32_t full;        // whole packs
  int32_t tail_bytes;  // of the last, partial one
  explicit HWY_INLINE PackedRow(int32_t head_size)
      : full(head_size / kElements), tail_bytes(head_size % kElements * static_cast<int32_t>(size_of(kType))) {}
};

HWY_INLINE bool is_paired(DataType type) { return type == DataType::kBF16; }

// A row in natural order to the order of packs: vector i of the row goes to `to` + i * step, up to padded_size(n) elements,
// zeros behind the n-th.
HWY_INLINE void pack_row(bool paired, const float* from, int32_t n, float* to, int32_t step) {
  const FloatTag d;
  const int32_t padded = padded_size(n);
  for (int32_t i = 0; i < padded; i += kMaxPackElements) {
    alignas(64) float piece[kMaxPackElements];
    for (int32_t j = 0; j < kMaxPackElements; ++j) piece[j] = i + j < n ? from[i + j] : 0.0f;
    Vec even, odd;
    if (paired) {
      hn::LoadInterleaved2(d, piece, even, odd);
    } else {
      even = hn::Load(d, piece);
      odd = hn::Load(d, piece + kLanes);
    }
    hn::Store(even, d, to);
    hn::Store(odd, d, to + step);
    to += 2 * step;
  }
}

// The inverse: writes n elements.
HWY_INLINE void unpack_row(bool paired, const float* from, int32_t step, int32_t n, float* to) {
  const FloatTag d;
  for (int32_t i = 0; i < n; i += kMaxPackElements) {
    const Vec even = hn::Load(d, from);
    const Vec odd = hn::Load(d, from + step);
    from += 2 * step;
    alignas(64) float piece[kMaxPackElements];
    float* out = i + kMaxPackElements <= n ? to + i : piece;
    if (paired) {
      hn::StoreInterleaved2(even, odd, d, out);
    } else {
      hn::StoreU(even, d, out);
      hn::StoreU(odd, d, out + kLanes);
    }
    if (out != piece) continue;
    for (int32_t j = 0; i + j < n; ++j) to[i + j] = piece[j];
  }
}

}  // namespace fovea::cpu::FOVEA_ISA_NAMESPACE
