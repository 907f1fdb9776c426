// Conversions between fp32 and the storage types: f16, bf16, and the three fp8 flavours.
//
// Reading is exact for every bit pattern. Writing rounds to nearest even; the fp8 flavours saturate (+-inf becomes +-max)
// and keep NaN. Nothing here depends on the processor's flush-to-zero modes: subnormal codes are built from integers, or
// by the hardware's f16 conversion, which ignores those modes.
//
// The vector functions handle natural order: lane i is element i. The decode path has loads of its own (stream_load.h).
#pragma once

#include "kernels/cpu/simd.h"

namespace fovea::cpu::FOVEA_ISA_NAMESPACE {

using UintTag = hn::RebindToUnsigned<FloatTag>;
using UintVec = hn::Vec<UintTag>;

// True where the vector unit converts f16; elsewhere Highway's emulation truncates, so integers do it here.
#if HWY_TARGET == HWY_AVX2 || HWY_TARGET == HWY_AVX3 || HWY_TARGET == HWY_AVX3_DL || (HWY_TARGET == HWY_NEON && HWY_ARCH_ARM_A64)
#define FOVEA_NATIVE_F16 1
#else
#define FOVEA_NATIVE_F16 0
#endif

// A format of at most 16 bits with a sign, `kExponentBits` and `kMantissaBits`.
template <int kExponentBitsArg, int kMantissaBitsArg, int kBiasArg, uint32_t kMaxCodeArg, bool kSaturateArg>
struct SmallFloat {
  static constexpr int kMantissaBits = kMantissaBitsArg;
  static constexpr int kBias = kBiasArg;
  static constexpr int kSignBit = kExponentBitsArg + kMantissaBitsArg;
  static constexpr uint32_t kMaxCode = kMaxCodeArg;  // the largest finite magnitude
  static constexpr bool kSaturate = kSaturateArg;    // else overflow gives the code of infinity, kMaxCode + 1

  static constexpr int kShift = 23 - kMantissaBits;
  // Added to a code shifted into place, this gives the bits of its fp32 value.
  static constexpr uint32_t kRebias = static_cast<uint32_t>(127 - kBias) << 23;
  static constexpr uint32_t kMaxBits = (kMaxCode << kShift) + kRebias;
  static constexpr uint32_t kMinNormalBits = static_cast<uint32_t>(128 - kBias) << 23;
  // Magnitudes from here on round to more than kMaxCode.
  static constexpr uint32_t kOverflowBits = kMaxBits + (1u << (kShift - 1));
  // The value of code 1, and the power of two whose fp32 spacing is that value.
  static constexpr uint32_t kUnitBits = static_cast<uint32_t>(128 - kBias - kMantissaBits) << 23;
  static constexpr uint32_t kRoundBits = kUnitBits + (23u << 23);
};

using F16Format = SmallFloat<5, 10, 15, 0x7bff, false>;
using E5M2Format = SmallFloat<5, 2, 15, 0x7b, true>;
using E4M3FNFormat = SmallFloat<4, 3, 7, 0x7e, true>;
using E4M3FNUZFormat = SmallFloat<4, 3, 8, 0x7f, true>;

template <DataType kType>
struct FormatOf;
template <>
struct FormatOf<DataType::kF16> : F16Format {};
template <>
struct FormatOf<DataType::kE5M2> : E5M2Format {};
template <>
struct FormatOf<DataType::kE4M3FN> : E4M3FNFormat {};
template <>
struct FormatOf<DataType::kE4M3FNUZ> : E4M3FNUZFormat {};

// Codes (in the low bits of each lane) to values.
template <DataType kType>
HWY_INLINE Vec decode_small(UintVec code) {
  using Format = FormatOf<kType>;
  const FloatTag d;
  const UintTag du;
  const IntTag di;
  const UintVec magnitude = hn::And(code, hn::Set(du, (1u << Format::kSignBit) - 1));
  const UintVec sign = hn::ShiftLeft<31 - Format::kSignBit>(hn::AndNot(hn::Set(du, (1u << Format::kSignBit) - 1), code));
  const UintVec normal = hn::Add(hn::ShiftLeft<Format::kShift>(magnitude), hn::Set(du, Format::kRebias));
  const Vec unit = hn::BitCast(d, hn::Set(du, Format::kUnitBits));
  const UintVec subnormal = hn::BitCast(du, hn::Mul(hn::ConvertTo(d, hn::BitCast(di, magnitude)), unit));
  const auto is_subnormal = hn::Lt(hn::BitCast(di, magnitude), hn::Set(di, 1 << Format::kMantissaBits));
  UintVec bits = hn::IfThenElse(hn::RebindMask(du, is_subnormal), subnormal, normal);
  if constexpr (kType == DataType::kE4M3FNUZ) {
    const UintVec nan = hn::Set(du, 0x7fc00000u);
    return hn::BitCast(d, hn::IfThenElse(hn::Eq(code, hn::Set(du, 0x80u)), nan, hn::Or(bits, sign)));
  } else if constexpr (kType == DataType::kE4M3FN) {
    bits = hn::IfThenElse(hn::Eq(magnitude, hn::Set(du, 0x7fu)), hn::Set(du, 0x7fc00000u), bits);
  } else {
    // Infinity and NaN keep their mantissa: an exponent field of all ones stays one.
    const auto is_special = hn::Gt(hn::BitCast(di, magnitude), hn::Set(di, static_cast<int32_t>(Format::kMaxCode)));
    bits = hn::IfThenElse(hn::RebindMask(du, is_special), hn::Or(bits, hn::Set(du, 0x7f800000u)), bits);
  }
  return hn::BitCast(d, hn::Or(bits, sign));
}

// Values to codes, in the low bits of each lane.
template <DataType kType>
HWY_INLINE UintVec encode_small(Vec value) {
  using Format = FormatOf<kType>;
  const FloatTag d;
  const UintTag du;
  const IntTag di;
  const UintVec bits = hn::BitCast(du, value);
  const UintVec magnitude = hn::And(bits, hn::Set(du, 0x7fffffffu));
  const UintVec sign = hn::ShiftLeft<Format::kSignBit>(hn::ShiftRight<31>(bits));
  const auto is_nan = hn::Gt(hn::BitCast(di, magnitude), hn::Set(di, 0x7f800000));
  UintVec finite = magnitude;
  if constexpr (Format::kSaturate) finite = hn::Min(magnitude, hn::Set(du, Format::kMaxBits));

  // Normal results: add just under half of the last kept bit, plus one if that bit is odd.
  const UintVec odd = hn::And(hn::ShiftRight<Format::kShift>(finite), hn::Set(du, 1u));
  const UintVec half = hn::Add(hn::Set(du, (1u << (Format::kShift - 1)) - 1 - Format::kRebias), odd);
  UintVec code = hn::ShiftRight<Format::kShift>(hn::Add(finite, half));
  // Subnormal results: the adder rounds to a multiple of the unit.
  const Vec rounder = hn::BitCast(d, hn::Set(du, Format::kRoundBits));
  const UintVec small = hn::Sub(hn::BitCast(du, hn::Add(hn::BitCast(d, finite), rounder)), hn::Set(du, Format::kRoundBits));
  const auto is_small = hn::Lt(hn::BitCast(di, finite), hn::Set(di, static_cast<int32_t>(Format::kMinNormalBits)));
  code = hn::IfThenElse(hn::RebindMask(du, is_small), small, code);
  if constexpr (!Format::kSaturate) {
    const auto overflows = hn::Gt(hn::BitCast(di, magnitude), hn::Set(di, static_cast<int32_t>(Format::kOverflowBits - 1)));
    code = hn::IfThenElse(hn::RebindMask(du, overflows), hn::Set(du, Format::kMaxCode + 1), code);
  }
  if constexpr (kType == DataType::kE4M3FNUZ) {
    // No negative zero: its code is the one NaN.
    code = hn::IfThenElse(hn::Eq(code, hn::Zero(du)), code, hn::Or(code, sign));
    return hn::IfThenElse(hn::RebindMask(du, is_nan), hn::Set(du, 0x80u), code);
  }
  constexpr uint32_t kNan = kType == DataType::kF16 ? 0x7e00u : 0x7fu;
  code = hn::IfThenElse(hn::RebindMask(du, is_nan), hn::Set(du, kNan), code);
  return hn::Or(code, sign);
}

// bf16 in the low halves of the lanes.
HWY_INLINE UintVec encode_bf16(Vec value) {
  const UintTag du;
  const IntTag di;
  const UintVec bits = hn::BitCast(du, value);
  const UintVec odd = hn::And(hn::ShiftRight<16>(bits), hn::Set(du, 1u));
  const UintVec rounded = hn::ShiftRight<16>(hn::Add(bits, hn::Add(odd, hn::Set(du, 0x7fffu))));
  // Rounding could carry a NaN over into infinity or zero, so a NaN is cut and made quiet.
  const UintVec nan = hn::Or(hn::ShiftRight<16>(bits), hn::Set(du, 0x40u));
  const auto magnitude = hn::BitCast(di, hn::And(bits, hn::Set(du, 0x7fffffffu)));
  return hn::IfThenElse(hn::RebindMask(du, hn::Gt(magnitude, hn::Set(di, 0x7f800000))), nan, rounded);
}

template <class T>
HWY_INLINE UintVec load_widened(const void* from) {
  return hn::PromoteTo(UintTag(), hn::LoadU(hn::Rebind<T, UintTag>(), static_cast<const T*>(from)));
}

template <class T>
HWY_INLINE void store_narrowed(UintVec code, void* to) {
  const hn::Rebind<T, UintTag> dn;
  hn::StoreU(hn::DemoteTo(dn, hn::BitCast(IntTag(), code)), dn, static_cast<T*>(to));
}

// hn::Lanes(FloatTag()) elements of type kType at `from`, exactly as many bytes as they have.
template <DataType kType>
HWY_INLINE Vec load_as_float(const void* from) {
  const FloatTag d;
  if constexpr (kType == DataType::kF32) {
    return hn::LoadU(d, static_cast<const float*>(from));
  } else if constexpr (kType == DataType::kBF16) {
    return hn::BitCast(d, hn::ShiftLeft<16>(load_widened<uint16_t>(from)));
  } else if constexpr (kType == DataType::kF16) {
#if FOVEA_NATIVE_F16
    const hn::Rebind<uint16_t, FloatTag> du16;
    const hn::Rebind<hwy::float16_t, FloatTag> df16;
    return hn::PromoteTo(d, hn::BitCast(df16, hn::LoadU(du16, static_cast<const uint16_t*>(from))));
#else
    return decode_small<kType>(load_widened<uint16_t>(from));
#endif
  } else {
    return decode_small<kType>(load_widened<uint8_t>(from));
  }
}

// Writes hn::Lanes(FloatTag()) elements of type kType.
template <DataType kType>
HWY_INLINE void store_from_float(Vec value, void* to) {
  const FloatTag d;
  if constexpr (kType == DataType::kF32) {
    hn::StoreU(value, d, static_cast<float*>(to));
  } else if constexpr (kType == DataType::kBF16) {
    store_narrowed<uint16_t>(encode_bf16(value), to);
  } else if constexpr (kType == DataType::kF16) {
#if FOVEA_NATIVE_F16
    const hn::Rebind<uint16_t, FloatTag> du16;
    const hn::Rebind<hwy::float16_t, FloatTag> df16;
    hn::StoreU(hn::BitCast(du16, hn::DemoteTo(df16, value)), du16, static_cast<uint16_t*>(to));
#else
    store_narrowed<uint16_t>(encode_small<kType>(value), to);
#endif
  } else {
    store_narrowed<uint8_t>(encode_small<kType>(value), to);
  }
}

// One element.
template <DataType kType>
HWY_INLINE float load_one(const void* from) {
  alignas(64) unsigned char bytes[sizeof(float) * hn::MaxLanes(FloatTag())] = {};
  __builtin_memcpy(bytes, from, size_of(kType));
  return hn::GetLane(load_as_float<kType>(bytes));
}
template <DataType kType>
HWY_INLINE void store_one(float value, void* to) {
  alignas(64) unsigned char bytes[sizeof(float) * hn::MaxLanes(FloatTag())];
  store_from_float<kType>(hn::Set(FloatTag(), value), bytes);
  __builtin_memcpy(to, bytes, size_of(kType));
}

template <DataType kType>
inline constexpr size_t kSizeOf = size_of(kType);

// n elements to fp32.
template <DataType kType>
static HWY_NOINLINE void load_row_of(const void* from, float* to, int32_t n) {
  const FloatTag d;
  const int32_t lanes = static_cast<int32_t>(hn::Lanes(d));
  const char* in = static_cast<const char*>(from);
  int32_t i = 0;
  for (; i + lanes <= n; i += lanes) hn::StoreU(load_as_float<kType>(in + i * kSizeOf<kType>), d, to + i);
  for (; i < n; ++i) to[i] = load_one<kType>(in + i * kSizeOf<kType>);
}

// n elements of from / scale.
template <DataType kType>
static HWY_NOINLINE void store_row_of(const float* from, void* to, int32_t n, float scale) {
  const FloatTag d;
  const int32_t lanes = static_cast<int32_t>(hn::Lanes(d));
  const Vec divisor = hn::Set(d, scale);
  char* out = static_cast<char*>(to);
  int32_t i = 0;
  if (scale == 1.0f) {
    for (; i + lanes <= n; i += lanes) store_from_float<kType>(hn::LoadU(d, from + i), out + i * kSizeOf<kType>);
  } else {
    for (; i + lanes <= n; i += lanes) {
      store_from_float<kType>(hn::Div(hn::LoadU(d, from + i), divisor), out + i * kSizeOf<kType>);
    }
  }
  // Not divided by 1: that would flush a subnormal where the caller's thread flushes them.
  for (; i < n; ++i) store_one<kType>(scale == 1.0f ? from[i] : from[i] / scale, out + i * kSizeOf<kType>);
}

// The same with the type known at run time only.
HWY_INLINE void load_row(DataType type, const void* from, float* to, int32_t n) {
  switch (type) {
    case DataType::kF32: return load_row_of<DataType::kF32>(from, to, n);
    case DataType::kF16: return load_row_of<DataType::kF16>(from, to, n);
    case DataType::kBF16: return load_row_of<DataType::kBF16>(from, to, n);
    case DataType::kE4M3FN: return load_row_of<DataType::kE4M3FN>(from, to, n);
    case DataType::kE4M3FNUZ: return load_row_of<DataType::kE4M3FNUZ>(from, to, n);
    case DataType::kE5M2: return load_row_of<DataType::kE5M2>(from, to, n);
    case DataType::kNone: return;
  }
}

HWY_INLINE void store_row(DataType type, const float* from, void* to, int32_t n, float scale) {
  switch (type) {
    case DataType::kF32: return store_row_of<DataType::kF32>(from, to, n, scale);
    case DataType::kF16: return store_row_of<DataType::kF16>(from, to, n, scale);
    case DataType::kBF16: return store_row_of<DataType::kBF16>(from, to, n, scale);
    case DataType::kE4M3FN: return store_row_of<DataType::kE4M3FN>(from, to, n, scale);
    case DataType::kE4M3FNUZ: return store_row_of<DataType::kE4M3FNUZ>(from, to, n, scale);
    case DataType::kE5M2: return store_row_of<DataType::kE5M2>(from, to, n, scale);
    case DataType::kNone: return;
  }
}

}  // namespace fovea::cpu::FOVEA_ISA_NAMESPACE
