// Decode path, second half of a tile: the weighted sum of the values.
//
// A strip of the head, a few vectors wide, is summed over all keys of the tile with its accumulators in registers for all
// rows of the block; the tile is small enough that its rows stay in the first-level cache from strip to strip.
#pragma once

#include "kernels/cpu/stream_score.h"

namespace fovea::cpu::FOVEA_ISA_NAMESPACE {

// The lines of memory that some rows lie in, row by row. On a Zen 3 with AVX2 this is 15 % faster than asking for the same
// place of each row in turn; on a Sapphire Rapids with AVX-512 it is not.
inline constexpr bool kRequestRowByRow = !kManyRegisters;
struct RowLines {
  const char* const* rows;
  int32_t bytes;  // of a row
  int32_t at = 0;
  HWY_INLINE void request_place(int32_t row, int64_t place) const { request(rows[row] + place); }
  HWY_INLINE void request_next() {
    request(*rows + at);
    at += 64;
    const bool row_ends = at >= bytes;
    at = row_ends ? 0 : at;
    rows += row_ends;
  }
};

// Vectors of one strip: together with the loaded values they must fit into the registers.
constexpr int32_t strip_vectors(int32_t rows) {
  const int32_t vectors = (kManyRegisters ? 16 : 8) / row_stride(rows);
  return vectors > 8 ? 8 : vectors;
}

// acc <- alpha[row] * acc + sum over keys of weights[key][row] * value[key], for one strip at byte `offset` of the value
// rows; acc is [vectors][rows][lanes]. fresh: acc holds nothing yet. kAhead: goes on with the requests at `ahead`, spread over
// the time the strip takes.
template <DataType kType, int kRows, int kPacks, bool kPartial, bool kAhead>
HWY_INLINE void value_strip(const char* const* v, int64_t offset, int32_t bytes, int32_t count, const float* weights,
                            const float* alpha, bool fresh, float* acc, RowLines* ahead) {
  constexpr int kVectors = Pack<kType>::kVectors;
  constexpr int kStride = row_stride(kRows);
  constexpr int64_t kBytes = PackedRow<kType>::kBytes;
  const FloatTag d;
  Vec sums[kPacks * kVectors][kRows];
#pragma GCC unroll 4
  for (int r = 0; r < kRows; ++r) {
    const Vec scale = hn::Set(d, alpha[r]);
#pragma GCC unroll 16
    for (int i = 0; i < kPacks * kVectors; ++i) {
      sums[i][r] = fresh ? hn::Zero(d) : hn::Mul(hn::Load(d, acc + (i * kRows + r) * kLanes), scale);
    }
  }
  for (int32_t j = 0; j < count; ++j) {
    if constexpr (kAhead) {
#pragma GCC unroll 8
      for (int64_t line = 0; line < kPacks * kBytes; line += 64) {
        if constexpr (kRequestRowByRow) {
          ahead->request_next();
        } else {
          ahead->request_place(j, offset + line);
        }
      }
    }
    Vec w[kRows];
#pragma GCC unroll 4
    for (int r = 0; r < kRows; ++r) w[r] = hn::Set(d, weights[j * kStride + r]);
#pragma GCC unroll 8
    for (int p = 0; p < kPacks; ++p) {
      Vec x[kVectors];
      Pack<kType>::template load<kPartial>(v[j] + offset + p * kBytes, bytes, x);
#pragma GCC unroll 2
      for (int n = 0; n < kVectors; ++n) {
#pragma GCC unroll 4
        for (int r = 0; r < kRows; ++r) sums[p * kVectors + n][r] = hn::MulAdd(x[n], w[r], sums[p * kVectors + n][r]);
      }
    }
  }
#pragma GCC unroll 16
  for (int i = 0; i < kPacks * kVectors; ++i) {
#pragma GCC unroll 4
    for (int r = 0; r < kRows; ++r) hn::Store(sums[i][r], d, acc + (i * kRows + r) * kLanes);
  }
}

// All strips of a tile. `next` holds as many pointers to rows that will be needed next, or is nullptr.
template <DataType kType, int kRows>
HWY_INLINE void weigh_values(const char* const* v, int32_t count, int32_t head_size_v, const float* weights, const float* alpha,
                             bool fresh, float* acc, const char* const* next) {
  constexpr int kVectors = Pack<kType>::kVectors;
  constexpr int kPacks = strip_vectors(kRows) > kVectors ? strip_vectors(kRows) / kVectors : 1;
  using Row = PackedRow<kType>;
  const Row row(head_size_v);
  RowLines ahead = {next, head_size_v * static_cast<int32_t>(size_of(kType))};
  int32_t p = 0;
  for (; p + kPacks <= row.full; p += kPacks) {
    const int64_t offset = int64_t{p} * Row::kBytes;
    float* sums = acc + p * Row::kElements * kRows;
    // Strips narrower than a line of memory: only those that begin a line make requests.
    if (next != nullptr && (kPacks * Row::kBytes >= 64 || offset % 64 == 0)) {
      value_strip<kType, kRows, kPacks, false, true>(v, offset, Row::kBytes, count, weights, alpha, fresh, sums, &ahead);
    } else {
      value_strip<kType, kRows, kPacks, false, false>(v, offset, Row::kBytes, count, weights, alpha, fresh, sums, nullptr);
    }
  }
  if constexpr (kPacks > 1) {
    for (; p < row.full; ++p) {
      value_strip<kType, kRows, 1, false, false>(v, int64_t{p} * Row::kBytes, Row::kBytes, count, weights, alpha, fresh,
                                                 acc + p * Row::kElements * kRows, nullptr);
    }
  }
  if constexpr (Row::kHasTail) {
    if (row.tail_bytes != 0) {
      value_strip<kType, kRows, 1, true, false>(v, int64_t{p} * Row::kBytes, row.tail_bytes, count, weights, alpha, fresh,
                                                acc + p * Row::kElements * kRows, nullptr);
    }
  }
}

}  // namespace fovea::cpu::FOVEA_ISA_NAMESPACE
