// Matrix tiles of an fp8 cache on NVIDIA: bytes go from shared memory straight into the registers of a product, and are widened
// there. Nothing is written back, so an fp8 tile costs half of what a 16-bit tile costs until it reaches the multipliers.
//
// An ldmatrix moves 16-bit elements, here pairs of bytes. Of a row of keys lane L gets the four elements from 4(L%4) on, which
// become its two pairs of a step of 16: queries have to lie in the same order (permuted below). Of the transposed values it
// gets elements 2(L/4) and 2(L/4) + 1, which go to two neighbouring blocks of 8 columns: even elements and odd ones.
#pragma once

#include <type_traits>

#include "kernels/hip/device/numbers.h"

namespace fovea::hip {

// Eight elements of a row, the q-th half of 16, in the order in which products take them: q.w[0], q.w[2] of the first 8 of the
// 16, q.w[1], q.w[3] of the second. place(piece): address of a piece in the row.
template <class Place>
FOVEA_DEVICE void store_permuted(const Workgroup& wg, Place place, Int piece, const Quad& q, Bool mask) {
  const Int first = quotient<2>(piece) * 2, half = remainder<2>(piece) * 8;
  lds_store_pair(wg, place(first) + half, q.w[0], q.w[2], mask);
  lds_store_pair(wg, place(first + 1) + half, q.w[1], q.w[3], mask);
}

// The same for values: even elements to the first 8, odd ones to the second.
template <class Place>
FOVEA_DEVICE void store_parted(const Workgroup& wg, Place place, Int piece, const Quad& q, Bool mask) {
  const Int first = quotient<2>(piece) * 2, half = remainder<2>(piece) * 8;
  lds_store_pair(wg, place(first) + half, (q.w[0] & 0xffffu) | (q.w[1] << 16), (q.w[2] & 0xffffu) | (q.w[3] << 16), mask);
  lds_store_pair(wg, place(first + 1) + half, (q.w[0] >> 16) | (q.w[1] & 0xffff0000u), (q.w[2] >> 16) | (q.w[3] & 0xffff0000u), mask);
}

template <class T, int kHeadSize, int kRows, int kKeys>
struct Fp8Tile {
  using Base = Tile<T, kHeadSize, kRows, kKeys>;
  using Query = typename Base::Query;
  // All fp8 is exact in f16, which takes a fourth of the instructions that bf16 takes; queries have to be in registers to follow.
  using Type = std::conditional_t<Base::kKeepQuery, F16, T>;
  static constexpr int kPieces = kHeadSize / 16;  // of a row in shared memory
  static constexpr int kRowBlocks = Base::kRowBlocks;

  static FOVEA_DEVICE Int place(Int row, Int piece) { return swizzled<kPieces>(row, piece); }
  static FOVEA_DEVICE Int out_element(Int lane, int slot) {
    const int block = slot / 4 % (kHeadSize / 8);
    return remainder<4>(lane) * 4 + (block / 2 * 16 + slot % 2 * 2 + block % 2);
  }

  // kFlavour: the type, or kNone where `type` says it as the kernel runs.
  template <DataType kFlavour>
  static FOVEA_DEVICE void widen(Uint bytes, DataType type, Uint& low, Uint& high) {
    widen_fp8<Type>(bytes, kFlavour == DataType::kNone ? type : kFlavour, low, high);
  }

  // As Tile's. factor: what each row's scores are multiplied with besides.
  static FOVEA_DEVICE void load_query(const Workgroup& wg, int lds, int first, Query& q, typename Base::RowValues& factor) {
    Base::load_query(wg, lds, first, q);
#pragma unroll
    for (int r = 0; r < Base::kRowSlots; ++r) factor.v[r] = 1.0f;
    if constexpr (std::is_same_v<T, BF16> && Base::kKeepQuery) scale_query(q, factor);
  }

  // bf16 queries become f16, times a power of two of each row: its largest element lies in [2^14, 2^15) then.
  static FOVEA_DEVICE void scale_query(Query& q, typename Base::RowValues& factor) {
    Int largest[2] = {Int(0), Int(0)};  // of the rows of a fragment, as bits of fp32 without sign
#pragma unroll
    for (int k = 0; k < kHeadSize / 16; ++k) {
#pragma unroll
      for (int i = 0; i < 4; ++i) {
        const Uint pair = q.f[k].r[i] & 0x7fff7fffu;
        largest[i % 2] = lane_max(largest[i % 2], lane_max(as_int(pair & 0x7fff0000u), as_int(pair << 16)));
      }
    }
    typename Base::RowValues max;
#pragma unroll
    for (int r = 0; r < 2; ++r) max.v[r] = float_of(as_uint(largest[r]));
    Base::row_max(max);
    Float scale[2];
#pragma unroll
    for (int r = 0; r < 2; ++r) {
      // Fields of exponents. Infinities stay, and what is finite beside them stays finite.
      const Int exponent = lane_min(Int(127 + 14 + 127) - as_int(bits_of(max.v[r]) >> 23), Int(253));
      scale[r] = float_of(as_uint(exponent) << 23);
      factor.v[r] = float_of(as_uint(Int(254) - exponent) << 23);
    }
#pragma unroll
    for (int k = 0; k < kHeadSize / 16; ++k) {
#pragma unroll
      for (int i = 0; i < 4; ++i) {
        const Uint pair = q.f[k].r[i];
        q.f[k].r[i] = Pack16<F16>::pack(Pack16<BF16>::low(pair) * scale[i % 2], Pack16<BF16>::high(pair) * scale[i % 2]);
      }
    }
  }

  // As Tile's.
  template <DataType kFlavour>
  static FOVEA_DEVICE void scores(const Workgroup& wg, const Query& q, int lds, int first, DataType type,
                                  typename Base::Scores& s) {
#pragma unroll
    for (int i = 0; i < Base::kScoreSlots; ++i) Base::score(s, i) = 0.0f;
    const Int key = remainder<8>(wg.lane) + quotient<16>(wg.lane) * 8 + first;
    const Int piece = remainder<2>(quotient<8>(wg.lane));
#pragma unroll
    for (int k = 0; k < kHeadSize / 32; ++k) {
      Fragment4 a[2][kRowBlocks];
#pragma unroll
      for (int h = 0; h < 2; ++h) {
#pragma unroll
        for (int m = 0; m < kRowBlocks; ++m) {
          if constexpr (Base::kKeepQuery) {
            a[h][m] = q.f[2 * k + h];
          } else {
            a[h][m] = Base::query_fragment(wg, q, m, 2 * k + h);
          }
        }
      }
#pragma unroll
      for (int n = 0; n < kKeys / 8; n += 2) {
        const Fragment4 b = load_matrices(wg, place(key + n * 8, piece + k * 2) + (wg.lds + lds));
#pragma unroll
        for (int h = 0; h < 2; ++h) {
          Uint low, high;
          widen<kFlavour>(b.r[h], type, low, high);
#pragma unroll
          for (int m = 0; m < kRowBlocks; ++m) multiply<Type>(s.v[m][n], a[h][m], low, high);
          widen<kFlavour>(b.r[2 + h], type, low, high);
#pragma unroll
          for (int m = 0; m < kRowBlocks; ++m) multiply<Type>(s.v[m][n + 1], a[h][m], low, high);
        }
      }
    }
  }

  template <DataType kFlavour>
  static FOVEA_DEVICE void values(const Workgroup& wg, const typename Base::Scores& weights, int lds, int first, DataType type,
                                  typename Base::Sums& o) {
    const Int row = remainder<16>(wg.lane) + first, half = quotient<16>(wg.lane);
#pragma unroll
    for (int k = 0; k < kKeys / 16; ++k) {
      Fragment4 a[kRowBlocks];
#pragma unroll
      for (int m = 0; m < kRowBlocks; ++m) {
        const auto& w = weights.v[m];
        a[m].r[0] = Pack16<Type>::pack(w[2 * k][0], w[2 * k][1]);
        a[m].r[1] = Pack16<Type>::pack(w[2 * k][2], w[2 * k][3]);
        a[m].r[2] = Pack16<Type>::pack(w[2 * k + 1][0], w[2 * k + 1][1]);
        a[m].r[3] = Pack16<Type>::pack(w[2 * k + 1][2], w[2 * k + 1][3]);
      }
#pragma unroll
      for (int n = 0; n < kPieces; n += 2) {
        const Fragment4 b = load_matrices_transposed(wg, place(row + k * 16, half + n) + (wg.lds + lds));
#pragma unroll
        for (int h = 0; h < 2; ++h) {
          // Bytes 0 and 2 are two keys' even element, 1 and 3 the odd one.
          Uint even[2], odd[2];
#pragma unroll
          for (int j = 0; j < 2; ++j) widen<kFlavour>(permute_bytes(b.r[2 * h + j], 0x3120u), type, even[j], odd[j]);
#pragma unroll
          for (int m = 0; m < kRowBlocks; ++m) {
            multiply<Type>(o.v[m][(n + h) * 2], a[m], even[0], even[1]);
            multiply<Type>(o.v[m][(n + h) * 2 + 1], a[m], odd[0], odd[1]);
          }
        }
      }
    }
  }
};

}  // namespace fovea::hip
