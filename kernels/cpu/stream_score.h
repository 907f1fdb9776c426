// Decode path, first half of a tile: scores of a block of rows against keys, and the softmax over the tile.
//
// Lanes are elements of the head. Several keys times several rows are accumulated at once, so that a loaded key serves all
// rows and the adder's latency is hidden; the sums across lanes are then made four at a time by transposing.
//
// Scores of a tile are [key][stride] with stride 1, 2 or 4 rows, so a vector holds whole keys and every lane keeps its row.
#pragma once

#include "kernels/cpu/kv_rows.h"
#include "kernels/cpu/stream_load.h"

namespace fovea::cpu::FOVEA_ISA_NAMESPACE {

inline constexpr bool kManyRegisters =
    HWY_TARGET == HWY_AVX3 || HWY_TARGET == HWY_AVX3_DL || (HWY_TARGET == HWY_NEON && HWY_ARCH_ARM_A64);

// Rows of one block: 1 where vectors have one lane.
inline constexpr int32_t kMaxBlockRows = kLanes >= 4 ? 4 : 1;

// Units of more packed rows take the tile path.
inline constexpr int32_t kStreamMaxRows = 8;

// Zero rows behind a tile's keys, for kernels that take several keys at once.
inline constexpr int32_t kTilePadding = 32;

constexpr int32_t row_stride(int32_t rows) { return rows == 3 ? 4 : rows; }

// Keys that one step of the score kernel takes: as many sums as registers allow beside a pack of each key, and a multiple of
// four of them.
template <DataType kType>
constexpr int32_t keys_per_step(int32_t rows) {
  return (kManyRegisters ? 16 : Pack<kType>::kVectors == 1 ? 12 : 8) / row_stride(rows);
}

// Asks for a line of memory that will be needed soon. It goes to the second-level cache: rows of one head often lie a power of
// two apart, so only few fit into the first.
HWY_INLINE void request(const void* line) { __builtin_prefetch(line, 0, 2); }

// The sums of four vectors' lanes, stored at out[0..3].
HWY_INLINE void store_sums_of_four(Vec a, Vec b, Vec c, Vec e, float* out) {
#if HWY_TARGET == HWY_SCALAR
  out[0] = hn::GetLane(a);
  out[1] = hn::GetLane(b);
  out[2] = hn::GetLane(c);
  out[3] = hn::GetLane(e);
#else
  const FloatTag d;
  const hn::Full128<float> d4;
  const Vec ac = hn::Add(hn::InterleaveLower(d, a, c), hn::InterleaveUpper(d, a, c));
  const Vec be = hn::Add(hn::InterleaveLower(d, b, e), hn::InterleaveUpper(d, b, e));
  const Vec sums = hn::Add(hn::InterleaveLower(d, ac, be), hn::InterleaveUpper(d, ac, be));
#if HWY_MAX_BYTES == 64
  const auto half = hn::Add(hn::LowerHalf(sums), hn::UpperHalf(hn::Full256<float>(), sums));
  hn::StoreU(hn::Add(hn::LowerHalf(half), hn::UpperHalf(d4, half)), d4, out);
#elif HWY_MAX_BYTES == 32
  hn::StoreU(hn::Add(hn::LowerHalf(sums), hn::UpperHalf(d4, sums)), d4, out);
#else
  hn::StoreU(sums, d4, out);
#endif
#endif
}

// Makes the compiler keep a loaded vector in a register. It would rather repeat the load in every instruction that uses it,
// and the load ports are as busy as the multipliers.
HWY_INLINE Vec keep_in_register(Vec v) {
#if HWY_TARGET != HWY_SCALAR && HWY_ARCH_X86
  asm("" : "+v"(v.raw));
#elif HWY_TARGET != HWY_SCALAR && HWY_ARCH_ARM
  asm("" : "+w"(v.raw));
#endif
  return v;
}

// One pack of each of kKeys keys against kRows rows. q: this pack's vectors of all rows, [vectors][rows][lanes].
template <DataType kType, int kRows, int kKeys, bool kPartial>
HWY_INLINE void accumulate_scores(const char* const* k, int64_t offset, int32_t bytes, const float* q, Vec (&acc)[kKeys][kRows]) {
  constexpr int kVectors = Pack<kType>::kVectors;
  const FloatTag d;
  if constexpr (kRows <= 2) {
    Vec query[kVectors][kRows];
#pragma GCC unroll 2
    for (int n = 0; n < kVectors; ++n) {
#pragma GCC unroll 2
      for (int r = 0; r < kRows; ++r) query[n][r] = keep_in_register(hn::Load(d, q + (n * kRows + r) * kLanes));
    }
#pragma GCC unroll 16
    for (int i = 0; i < kKeys; ++i) {
      Vec x[kVectors];
      Pack<kType>::template load<kPartial>(k[i] + offset, bytes, x);
#pragma GCC unroll 2
      for (int n = 0; n < kVectors; ++n) {
#pragma GCC unroll 2
        for (int r = 0; r < kRows; ++r) acc[i][r] = hn::MulAdd(query[n][r], x[n], acc[i][r]);
      }
    }
  } else {
    Vec x[kKeys][kVectors];
#pragma GCC unroll 16
    for (int i = 0; i < kKeys; ++i) Pack<kType>::template load<kPartial>(k[i] + offset, bytes, x[i]);
#pragma GCC unroll 2
    for (int n = 0; n < kVectors; ++n) {
#pragma GCC unroll 4
      for (int r = 0; r < kRows; ++r) {
        const Vec query = keep_in_register(hn::Load(d, q + (n * kRows + r) * kLanes));
#pragma GCC unroll 16
        for (int i = 0; i < kKeys; ++i) acc[i][r] = hn::MulAdd(query, x[i][n], acc[i][r]);
      }
    }
  }
}

// scores[key][stride] of `count` keys, a multiple of keys_per_step. q: the block's rows, [vectors][rows][lanes]. Meanwhile
// each key's value row is requested from memory.
template <DataType kType, int kRows>
HWY_INLINE void score_keys(const char* const* k, const char* const* v, int32_t count, int32_t head_size, const float* q,
                           float* scores) {
  constexpr int kStride = row_stride(kRows);
  constexpr int kKeys = keys_per_step<kType>(kRows);
  using Row = PackedRow<kType>;
  constexpr int kPacksPerLine = Row::kBytes < 64 ? 64 / Row::kBytes : 1;
  const Row row(head_size);
  for (int32_t j = 0; j < count; j += kKeys) {
    Vec acc[kKeys][kRows];
#pragma GCC unroll 16
    for (int i = 0; i < kKeys; ++i) {
#pragma GCC unroll 4
      for (int r = 0; r < kRows; ++r) acc[i][r] = hn::Zero(FloatTag());
    }
    int32_t p = 0;
    for (; p + kPacksPerLine <= row.full; p += kPacksPerLine) {
#pragma GCC unroll 16
      for (int i = 0; i < kKeys; ++i) request(v[j + i] + int64_t{p} * Row::kBytes);
#pragma GCC unroll 8
      for (int32_t n = 0; n < kPacksPerLine; ++n) {
        accumulate_scores<kType, kRows, kKeys, false>(k + j, int64_t{p + n} * Row::kBytes, Row::kBytes,
                                                      q + (p + n) * Row::kElements * kRows, acc);
      }
    }
    if constexpr (kPacksPerLine > 1) {
      for (; p < row.full; ++p) {
        accumulate_scores<kType, kRows, kKeys, false>(k + j, int64_t{p} * Row::kBytes, Row::kBytes,
                                                      q + p * Row::kElements * kRows, acc);
      }
    }
    if constexpr (Row::kHasTail) {
      if (row.tail_bytes != 0) {
        accumulate_scores<kType, kRows, kKeys, true>(k + j, int64_t{row.full} * Row::kBytes, row.tail_bytes,
                                                     q + row.full * Row::kElements * kRows, acc);
      }
    }
    float* out = scores + j * kStride;
#pragma GCC unroll 16
    for (int i = 0; i < kKeys * kStride; i += 4) {
      // Index i + n of the output is key (i + n) / stride, row (i + n) % stride; a stride of 4 may have 3 rows.
      const auto sum = [&](int n) __attribute__((always_inline)) {
        const int r = (i + n) % kStride;
        return r < kRows ? acc[(i + n) / kStride][r < kRows ? r : 0] : hn::Zero(FloatTag());
      };
      store_sums_of_four(sum(0), sum(1), sum(2), sum(3), out + i);
    }
  }
}

// What the softmax knows of a block's rows: lane i belongs to row i % stride and holds its values.
struct BlockLanes {
  alignas(64) int32_t position[kLanes];
  alignas(64) int32_t base_begin[kLanes];  // visible: base_begin <= t < base_end, or range_begin <= t < range_end
  alignas(64) int32_t base_end[kLanes];
  alignas(64) int32_t range_begin[kLanes];
  alignas(64) int32_t range_end[kLanes];
  alignas(64) float slope[kLanes];  // alibi
  alignas(64) float m[kLanes];      // running maximum, equal in all lanes of a row
  alignas(64) float l[kLanes];      // partial sums: a row's sum is that of its lanes
  alignas(64) float alpha[kLanes];  // exp2(old maximum - new maximum) of the last tile
  Interval all;                     // keys that every row sees
};

// Combines the lanes of each row: all lanes i with equal i % kStride get the same value.
template <int kStride, class Op>
HWY_INLINE Vec combine_lanes(Vec v, Op op) {
  (void)op;
#if HWY_TARGET != HWY_SCALAR
  const FloatTag d;
  (void)d;
#if HWY_MAX_BYTES == 64
  v = op(v, hn::ConcatLowerUpper(d, v, v));
#endif
#if HWY_MAX_BYTES >= 32
  v = op(v, hn::ReverseBlocks(d, v));
#endif
  if constexpr (kStride <= 2) v = op(v, hn::Shuffle1032(v));
  if constexpr (kStride == 1) v = op(v, hn::Shuffle2301(v));
#endif
  return v;
}

// Scores to weights, in place: scale, cap, bias, mask, running maximum, exp2. count keys of the tile at position `begin`;
// the padding behind them gets weight 0. Weights are multiplied by v_scale, their sum is not.
template <int kStride>
HWY_INLINE void softmax_tile(const Layer& layer, int32_t begin, int32_t count, float scale, float v_scale, BlockLanes& rows,
                             float* scores) {
  const FloatTag d;
  const IntTag di;
  constexpr int32_t kKeysPerVector = kLanes / kStride;
  const int32_t end = begin + count;
  const int32_t size = round_up(count * kStride, kLanes);
  const bool masked = rows.all.begin > begin || rows.all.end < end || size != count * kStride;
  const bool features = layer.softcap > 0.0f || layer.alibi != Alibi::kNone;
  const Vec old_max = hn::Load(d, rows.m);
  Vec max = old_max;
  const Vec factor = hn::Set(d, features ? scale : scale * kLog2E);
  if (!masked && !features) {
    for (int32_t i = 0; i < size; i += kLanes) {
      const Vec s = hn::Mul(hn::Load(d, scores + i), factor);
      hn::Store(s, d, scores + i);
      max = hn::Max(max, s);
    }
  } else {
    const Vec cap = hn::Set(d, layer.softcap);
    const Vec cap_factor = hn::Set(d, layer.softcap > 0.0f ? -2.0f * kLog2E / layer.softcap : 0.0f);
    const IntVec last = hn::Set(di, end);
    const IntVec base_begin = hn::Load(di, rows.base_begin);
    const IntVec base_end = hn::Min(hn::Load(di, rows.base_end), last);
    const IntVec range_begin = hn::Load(di, rows.range_begin);
    const IntVec range_end = hn::Min(hn::Load(di, rows.range_end), last);
    const IntVec position = hn::Load(di, rows.position);
    const Vec minus_slope = hn::Neg(hn::Load(d, rows.slope));
    const Vec hidden = hn::Set(d, -kInfinity);
    alignas(64) int32_t first[kLanes];
    for (int32_t i = 0; i < kLanes; ++i) first[i] = begin + i / kStride;
    IntVec t = hn::Load(di, first);
    for (int32_t i = 0; i < size; i += kLanes) {
      Vec s = hn::Mul(hn::Load(d, scores + i), factor);
      if (layer.softcap > 0.0f) s = softcap_scores(s, cap, cap_factor);
      if (layer.alibi != Alibi::kNone) {
        Vec distance = hn::ConvertTo(d, hn::Abs(hn::Sub(position, t)));
        if (layer.alibi == Alibi::kSqrt) distance = hn::Sqrt(distance);
        s = hn::MulAdd(minus_slope, distance, s);
      }
      if (features) s = hn::Mul(s, hn::Set(d, kLog2E));
      const auto in_base = hn::AndNot(hn::Lt(t, base_begin), hn::Lt(t, base_end));
      const auto in_range = hn::AndNot(hn::Lt(t, range_begin), hn::Lt(t, range_end));
      s = hn::IfThenElse(hn::RebindMask(d, hn::Or(in_base, in_range)), s, hidden);
      hn::Store(s, d, scores + i);
      max = hn::Max(max, s);
      t = hn::Add(t, hn::Set(di, kKeysPerVector));
    }
  }
  max = combine_lanes<kStride>(max, [](Vec a, Vec b) __attribute__((always_inline)) { return hn::Max(a, b); });
  const Vec safe = finite_or_zero(max);
  const Vec alpha = exp2_nonpositive(hn::Sub(old_max, safe));
  Vec sum = hn::Mul(hn::Load(d, rows.l), alpha);
  const Vec weight_scale = hn::Set(d, v_scale);
  for (int32_t i = 0; i < size; i += kLanes) {
    const Vec p = exp2_nonpositive(hn::Sub(hn::Load(d, scores + i), safe));
    sum = hn::Add(sum, p);
    hn::Store(hn::Mul(p, weight_scale), d, scores + i);
  }
  hn::Store(max, d, rows.m);
  hn::Store(sum, d, rows.l);
  hn::Store(alpha, d, rows.alpha);
}

}  // namespace fovea::cpu::FOVEA_ISA_NAMESPACE
