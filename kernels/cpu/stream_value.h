// Decode path, second half of a tile: the weighted sum of the values.
//
// A strip of the head, a few vectors wide, is summed over all keys of the tile with its accumulators in registers for all
// rows of the block; the tile is small enough that its rows stay in the first-level cache from strip to strip.
#pragma once

#include "kernels/cpu/stream_score.h"

namespace fovea::cpu::FOVEA_ISA_NAMESPACE {

// Vectors of one strip: together with the loaded values they must fit into the registers.
constexpr int32_t strip_vectors(int32_t rows) {
  const int32_t vectors = (kManyRegisters ? 16 : 8) / row_stride(rows);
  return vectors > 8 ? 8 : vectors;
}

// acc[row][...] <- alpha[row] * acc + sum over keys of weights[key][row] * value[key], for one strip at byte `offset` of
// the value rows. fresh: acc holds nothing yet.
template <DataType kType, int kRows, int kPacks, bool kPartial>
HWY_INLINE void value_strip(const char* const* v, int64_t offset, int32_t bytes, int32_t count, const float* weights,
                            const float* alpha, bool fresh, float* acc, int64_t acc_stride, const Ahead& ahead,
                            int32_t ahead_begin, int32_t ahead_end) {
  constexpr int kVectors = Pack<kType>::kVectors;
  constexpr int kStride = row_stride(kRows);
  constexpr int64_t kBytes = PackedRow<kType>::kBytes;
  const FloatTag d;
  Vec sums[kRows][kPacks][kVectors];
#pragma GCC unroll 4
  for (int r = 0; r < kRows; ++r) {
    const Vec scale = hn::Set(d, alpha[r]);
#pragma GCC unroll 8
    for (int p = 0; p < kPacks; ++p) {
#pragma GCC unroll 2
      for (int i = 0; i < kVectors; ++i) {
        const float* at = acc + r * acc_stride + (p * kVectors + i) * kLanes;
        sums[r][p][i] = fresh ? hn::Zero(d) : hn::Mul(hn::Load(d, at), scale);
      }
    }
  }
  const auto add_key = [&](int32_t j) __attribute__((always_inline)) {
    Vec w[kRows];
#pragma GCC unroll 4
    for (int r = 0; r < kRows; ++r) w[r] = hn::Set(d, weights[j * kStride + r]);
#pragma GCC unroll 8
    for (int p = 0; p < kPacks; ++p) {
      Vec x[kVectors];
      Pack<kType>::template load<kPartial>(v[j] + offset + p * kBytes, bytes, x);
#pragma GCC unroll 2
      for (int i = 0; i < kVectors; ++i) {
#pragma GCC unroll 4
        for (int r = 0; r < kRows; ++r) sums[r][p][i] = hn::MulAdd(x[i], w[r], sums[r][p][i]);
      }
    }
  };
  // Requests are spread over the keys: too many at once would fill the miss buffers and hold up the loads behind them.
  int32_t j = 0;
  for (int32_t i = ahead_begin; i < ahead_end; ++i) {
    prefetch_row(ahead.rows[i], ahead.bytes);
    const int32_t until = static_cast<int32_t>(int64_t{count} * (i + 1 - ahead_begin) / (ahead_end - ahead_begin));
    for (; j < until; ++j) add_key(j);
  }
  for (; j < count; ++j) add_key(j);
#pragma GCC unroll 4
  for (int r = 0; r < kRows; ++r) {
#pragma GCC unroll 8
    for (int p = 0; p < kPacks; ++p) {
#pragma GCC unroll 2
      for (int i = 0; i < kVectors; ++i) {
        hn::Store(sums[r][p][i], d, acc + r * acc_stride + (p * kVectors + i) * kLanes);
      }
    }
  }
}

// All strips of a tile. `ahead` are rows of the next tile.
template <DataType kType, int kRows>
HWY_INLINE void weigh_values(const char* const* v, int32_t count, int32_t head_size_v, const float* weights, const float* alpha,
                             bool fresh, float* acc, int64_t acc_stride, const Ahead& ahead) {
  constexpr int kVectors = Pack<kType>::kVectors;
  constexpr int kPacks = strip_vectors(kRows) > kVectors ? strip_vectors(kRows) / kVectors : 1;
  using Row = PackedRow<kType>;
  const Row row(head_size_v);
  const int32_t packs = row.full + (row.tail_bytes != 0 ? 1 : 0);
  int32_t p = 0;
  const auto requested = [&](int32_t packs_done) { return ahead.count * packs_done / packs; };
  for (; p + kPacks <= row.full; p += kPacks) {
    value_strip<kType, kRows, kPacks, false>(v, int64_t{p} * Row::kBytes, Row::kBytes, count, weights, alpha, fresh,
                                             acc + p * Row::kElements, acc_stride, ahead, requested(p), requested(p + kPacks));
  }
  if constexpr (kPacks > 1) {
    for (; p < row.full; ++p) {
      value_strip<kType, kRows, 1, false>(v, int64_t{p} * Row::kBytes, Row::kBytes, count, weights, alpha, fresh,
                                          acc + p * Row::kElements, acc_stride, ahead, requested(p), requested(p + 1));
    }
  }
  if constexpr (Row::kHasTail) {
    if (row.tail_bytes != 0) {
      value_strip<kType, kRows, 1, true>(v, int64_t{p} * Row::kBytes, row.tail_bytes, count, weights, alpha, fresh,
                                         acc + p * Row::kElements, acc_stride, ahead, requested(p), ahead.count);
    }
  }
}

}  // namespace fovea::cpu::FOVEA_ISA_NAMESPACE
