// Vector helpers shared by the CPU kernels of one instruction set.
//
// Every implementation header of kernels/cpu lives in a namespace that the including isa_*.cc names, and uses no inline
// function of the standard library: a weak symbol compiled for AVX-512 must never be the copy the linker keeps.
#pragma once

#ifndef FOVEA_ISA_NAMESPACE
#error "include this only from an isa_*.cc, which defines FOVEA_ISA_NAMESPACE"
#endif

#include "hwy/highway.h"
#include "kernels/cpu/params.h"

namespace fovea::cpu::FOVEA_ISA_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;

using FloatTag = hn::ScalableTag<float>;
using IntTag = hn::RebindToSigned<FloatTag>;
using Vec = hn::Vec<FloatTag>;
using IntVec = hn::Vec<IntTag>;
using Mask = hn::Mask<FloatTag>;

inline constexpr float kLog2E = 1.44269504088896340736f;
inline constexpr float kLn2 = 0.69314718055994530942f;
inline constexpr float kInfinity = __builtin_inff();

HWY_INLINE int32_t min_of(int32_t a, int32_t b) { return a < b ? a : b; }
HWY_INLINE int32_t max_of(int32_t a, int32_t b) { return a > b ? a : b; }
HWY_INLINE int64_t min_of(int64_t a, int64_t b) { return a < b ? a : b; }
HWY_INLINE int64_t max_of(int64_t a, int64_t b) { return a > b ? a : b; }
HWY_INLINE int32_t round_up(int32_t value, int32_t step) { return (value + step - 1) / step * step; }

// 2^x for x <= 0 (a little above 0 is fine): exactly 1 at 0, exactly 0 at and below -127, NaN for NaN. A degree-5
// minimax polynomial with p(0) = 1; relative error below 2e-7. The sum with `magic` rounds x to an integer and leaves
// that integer + 127, an exponent field, in the low bits.
HWY_INLINE Vec exp2_nonpositive(Vec x) {
  const FloatTag d;
  const IntTag di;
  const Vec magic = hn::Set(d, 12582912.0f + 127.0f);
  x = hn::Max(hn::Set(d, -127.0f), x);  // the second operand is kept if it is NaN
  const Vec shifted = hn::Add(x, magic);
  const Vec f = hn::Sub(x, hn::Sub(shifted, magic));
  Vec p = hn::MulAdd(hn::Set(d, 0.0013264727f), f, hn::Set(d, 0.009671513f));
  p = hn::MulAdd(p, f, hn::Set(d, 0.055507336f));
  p = hn::MulAdd(p, f, hn::Set(d, 0.24022242f));
  p = hn::MulAdd(p, f, hn::Set(d, 0.693147f));
  p = hn::MulAdd(p, f, hn::Set(d, 1.0f));
  const Vec power = hn::BitCast(d, hn::ShiftLeft<23>(hn::BitCast(di, shifted)));
  return hn::Mul(p, power);
}

HWY_INLINE float exp2_nonpositive(float x) { return hn::GetLane(exp2_nonpositive(hn::Set(FloatTag(), x))); }

// cap * tanh(s / cap) as cap * (1 - 2 / (1 + exp2(2 log2(e) s / cap))), evaluated on |s| so that the exponential is at
// most 1: tanh(a) = (1 - e) / (1 + e) with e = exp(-2a).
HWY_INLINE Vec softcap_scores(Vec s, Vec cap, Vec minus_two_log2e_over_cap) {
  const FloatTag d;
  const Vec e = exp2_nonpositive(hn::Mul(hn::Abs(s), minus_two_log2e_over_cap));
  const Vec one = hn::Set(d, 1.0f);
  const Vec t = hn::Mul(cap, hn::Div(hn::Sub(one, e), hn::Add(one, e)));
  return hn::CopySign(t, s);
}

// log2 of a positive finite number, for the log-sum-exp; one call a row, so speed does not matter.
HWY_INLINE float log2_of(float x) { return __builtin_log2f(x); }

// A running maximum with which differences are defined: rows that saw nothing have -inf.
HWY_INLINE Vec finite_or_zero(Vec m) {
  const FloatTag d;
  return hn::IfThenElse(hn::Eq(m, hn::Set(d, -kInfinity)), hn::Zero(d), m);
}
HWY_INLINE float finite_or_zero(float m) { return m == -kInfinity ? 0.0f : m; }

// Out[c][r] = in[r][c] for 32-bit elements: rows r < num_rows at `in(r)`, num_columns columns; row c of the output at
// out + c * out_stride. Columns beyond a multiple of 4 and rows beyond num_rows are handled one by one.
template <class InRow>
HWY_INLINE void transpose_32(int32_t num_rows, int32_t num_columns, InRow in, float* HWY_RESTRICT out, int64_t out_stride) {
#if HWY_TARGET != HWY_SCALAR
  const hn::Full128<float> d4;
  using D2 = hn::Full128<double>;
  const D2 d2;
  int32_t r = 0;
  for (; r + 4 <= num_rows; r += 4) {
    const float* HWY_RESTRICT r0 = in(r);
    const float* HWY_RESTRICT r1 = in(r + 1);
    const float* HWY_RESTRICT r2 = in(r + 2);
    const float* HWY_RESTRICT r3 = in(r + 3);
    int32_t c = 0;
    for (; c + 4 <= num_columns; c += 4) {
      const auto a = hn::LoadU(d4, r0 + c), b = hn::LoadU(d4, r1 + c);
      const auto e = hn::LoadU(d4, r2 + c), f = hn::LoadU(d4, r3 + c);
      const auto ab_lo = hn::BitCast(d2, hn::InterleaveLower(d4, a, b));
      const auto ab_hi = hn::BitCast(d2, hn::InterleaveUpper(d4, a, b));
      const auto ef_lo = hn::BitCast(d2, hn::InterleaveLower(d4, e, f));
      const auto ef_hi = hn::BitCast(d2, hn::InterleaveUpper(d4, e, f));
      float* HWY_RESTRICT to = out + c * out_stride + r;
      hn::StoreU(hn::BitCast(d4, hn::InterleaveLower(d2, ab_lo, ef_lo)), d4, to);
      hn::StoreU(hn::BitCast(d4, hn::InterleaveUpper(d2, ab_lo, ef_lo)), d4, to + out_stride);
      hn::StoreU(hn::BitCast(d4, hn::InterleaveLower(d2, ab_hi, ef_hi)), d4, to + 2 * out_stride);
      hn::StoreU(hn::BitCast(d4, hn::InterleaveUpper(d2, ab_hi, ef_hi)), d4, to + 3 * out_stride);
    }
    for (; c < num_columns; ++c) {
      float* to = out + c * out_stride + r;
      to[0] = r0[c];
      to[1] = r1[c];
      to[2] = r2[c];
      to[3] = r3[c];
    }
  }
#else
  int32_t r = 0;
#endif
  for (; r < num_rows; ++r) {
    const float* row = in(r);
    for (int32_t c = 0; c < num_columns; ++c) out[c * out_stride + r] = row[c];
  }
}

}  // namespace fovea::cpu::FOVEA_ISA_NAMESPACE
