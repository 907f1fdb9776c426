// The two small matrix products of the tile path on vector instructions: C[i][row] (+)= sum_k A[i][k] * B[k][row], with A
// broadcast one 32-bit word at a time and B, C one strip of rows wide. A word is one float, or a pair of bf16 where the
// processor multiplies pairs.
//
// M outputs x V vectors are kept in registers: 4 x 3 with 16 registers, 8 x 3 with 32; then the loads (M broadcasts and V
// vectors for M * V multiply-adds) stay well below the load ports, and head sizes, multiples of 8, leave no remainder.
#pragma once

#include "kernels/cpu/simd.h"

#if defined(__AVX512BF16__)
#include <immintrin.h>
#endif

namespace fovea::cpu::FOVEA_ISA_NAMESPACE {

#if HWY_TARGET == HWY_AVX3 || HWY_TARGET == HWY_NEON
inline constexpr int32_t kGemmRows = 8;
#else
inline constexpr int32_t kGemmRows = 4;
#endif
inline constexpr int32_t kMaxStripVectors = 3;

// Words are floats.
struct FloatWords {
  static constexpr int32_t kPerWord = 1;
  static HWY_INLINE Vec broadcast(const float* word) { return hn::Set(FloatTag(), *word); }
  static HWY_INLINE Vec multiply_add(Vec a, Vec b, Vec c) { return hn::MulAdd(a, b, c); }
};

#if defined(__AVX512BF16__) || defined(FOVEA_EMULATE_BF16_PAIRS)
// Words are pairs of bf16: c + a.lo * b.lo + a.hi * b.hi.
struct Bf16Words {
  static constexpr int32_t kPerWord = 2;
  static HWY_INLINE Vec broadcast(const float* word) { return hn::Set(FloatTag(), *word); }
  static HWY_INLINE Vec multiply_add(Vec a, Vec b, Vec c) {
#if defined(FOVEA_EMULATE_BF16_PAIRS)
    const FloatTag d;
    const hn::RebindToUnsigned<FloatTag> du;
    const auto low = [&](Vec x) { return hn::BitCast(d, hn::ShiftLeft<16>(hn::BitCast(du, x))); };
    const auto high = [&](Vec x) { return hn::BitCast(d, hn::And(hn::BitCast(du, x), hn::Set(du, 0xffff0000u))); };
    return hn::MulAdd(high(a), high(b), hn::MulAdd(low(a), low(b), c));
#else
    return Vec{_mm512_dpbf16_ps(c.raw, (__m512bh)_mm512_castps_si512(a.raw), (__m512bh)_mm512_castps_si512(b.raw))};
#endif
  }
};
#endif

// Scores of M keys: a[i] points to the key's row, b is the strip's queries [words][V vectors], c the scores [M][V vectors].
template <class Words, int M, int V>
HWY_INLINE void scores_block(const char* const* rows, int32_t words, const float* HWY_RESTRICT b, float* HWY_RESTRICT c) {
  const FloatTag d;
  const int64_t lanes = static_cast<int64_t>(hn::Lanes(d));
  const float* a[M];
#pragma GCC unroll 8
  for (int i = 0; i < M; ++i) a[i] = reinterpret_cast<const float*>(rows[i]);
  Vec acc[M][V];
#pragma GCC unroll 8
  for (int i = 0; i < M; ++i) {
#pragma GCC unroll 3
    for (int v = 0; v < V; ++v) acc[i][v] = hn::Zero(d);
  }
  for (int32_t w = 0; w < words; ++w) {
    Vec q[V];
#pragma GCC unroll 3
    for (int v = 0; v < V; ++v) q[v] = hn::Load(d, b + v * lanes);
#pragma GCC unroll 8
    for (int i = 0; i < M; ++i) {
      const Vec k = Words::broadcast(a[i] + w);
#pragma GCC unroll 3
      for (int v = 0; v < V; ++v) acc[i][v] = Words::multiply_add(k, q[v], acc[i][v]);
    }
    b += V * lanes;
  }
#pragma GCC unroll 8
  for (int i = 0; i < M; ++i) {
#pragma GCC unroll 3
    for (int v = 0; v < V; ++v) hn::Store(acc[i][v], d, c + (i * V + v) * lanes);
  }
}

// Scores of `keys` keys, rounded up to a multiple of kGemmRows: `rows` and `scores` have room for that.
template <class Words, int V>
HWY_INLINE void strip_scores(const char* const* rows, int32_t keys, int32_t words, const float* queries, float* scores) {
  const int64_t lanes = static_cast<int64_t>(hn::Lanes(FloatTag()));
  for (int32_t k = 0; k < keys; k += kGemmRows) {
    scores_block<Words, kGemmRows, V>(rows + k, words, queries, scores + k * V * lanes);
  }
}

// kGemmRows outputs of one strip: out[i] = out[i] * alpha + sum_k v[k][i] * p[k]. rows[k] points to the value row of word k,
// p is [words][V vectors]; alpha has V vectors; `fresh` starts from zero.
template <class Words, int V>
HWY_INLINE void values_block(const char* const* rows, int64_t byte_offset, int32_t words, const float* HWY_RESTRICT p,
                             const float* HWY_RESTRICT alpha, bool fresh, float* HWY_RESTRICT out) {
  constexpr int M = kGemmRows;
  const FloatTag d;
  const int64_t lanes = static_cast<int64_t>(hn::Lanes(d));
  Vec acc[M][V];
  if (fresh) {
#pragma GCC unroll 8
    for (int i = 0; i < M; ++i) {
#pragma GCC unroll 3
      for (int v = 0; v < V; ++v) acc[i][v] = hn::Zero(d);
    }
  } else {
#pragma GCC unroll 3
    for (int v = 0; v < V; ++v) {
      const Vec a = hn::Load(d, alpha + v * lanes);
#pragma GCC unroll 8
      for (int i = 0; i < M; ++i) acc[i][v] = hn::Mul(hn::Load(d, out + (i * V + v) * lanes), a);
    }
  }
  for (int32_t k = 0; k < words; ++k) {
    const float* a = reinterpret_cast<const float*>(rows[k] + byte_offset);
    Vec w[V];
#pragma GCC unroll 3
    for (int v = 0; v < V; ++v) w[v] = hn::Load(d, p + v * lanes);
#pragma GCC unroll 8
    for (int i = 0; i < M; ++i) {
      const Vec x = Words::broadcast(a + i);
#pragma GCC unroll 3
      for (int v = 0; v < V; ++v) acc[i][v] = Words::multiply_add(x, w[v], acc[i][v]);
    }
    p += V * lanes;
  }
#pragma GCC unroll 8
  for (int i = 0; i < M; ++i) {
#pragma GCC unroll 3
    for (int v = 0; v < V; ++v) hn::Store(acc[i][v], d, out + (i * V + v) * lanes);
  }
}

// All head_size_v outputs of one strip: out is [head_size_v][V vectors].
template <class Words, int V>
HWY_INLINE void strip_values(const char* const* rows, int32_t words, int32_t head_size_v, const float* p, const float* alpha,
                             bool fresh, float* out) {
  const int64_t lanes = static_cast<int64_t>(hn::Lanes(FloatTag()));
  for (int32_t i = 0; i < head_size_v; i += kGemmRows) {
    values_block<Words, V>(rows, static_cast<int64_t>(i) * 4, words, p, alpha, fresh, out + i * V * lanes);
  }
}

}  // namespace fovea::cpu::FOVEA_ISA_NAMESPACE
