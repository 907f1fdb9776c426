// Tiles of f32 on CDNA: mfma 16x16x4, which multiplies f32 whole, waves of 64.
//
// Scores lie in lanes as those of cdna_tiles.h: lane L has query L % 16 of each 16 rows and keys 4(L/16) + r of each 16. One
// instruction takes one element of each lane and sums over L/16, so register r of the scores is the operand of the product with
// keys 4(L/16) + r as it is. Element e of a lane's piece L/16 of K and Q makes the e-th of four products over 16 elements of the
// head.
#pragma once

#include "kernels/hip/device/cdna_tiles.h"

#define FOVEA_HAS_F32_MATRICES 1

namespace fovea::hip::amd {

template <int kHeadSize_, int kRows_, int kKeys_>
struct Tile<F32, kHeadSize_, kRows_, kKeys_> {
  static constexpr int kHeadSize = kHeadSize_, kRows = kRows_, kKeys = kKeys_;
  static constexpr int kRowBlocks = kRows / 16;
  static constexpr int kKeyBlocks = kKeys / 16;
  static constexpr int kPieces = kHeadSize / 4;  // of a row in LDS
  static constexpr int kFragments = kHeadSize / 16;
  static constexpr int kScoreSlots = kRowBlocks * kKeyBlocks * 4;
  static constexpr int kOutSlots = kRowBlocks * kFragments * 4;
  static constexpr int kRowSlots = kRowBlocks;  // rows that one lane holds values of
  using Chunks = HeadChunks<kHeadSize, 4>;

  struct Query {
    Quad f[kRowBlocks][kFragments];
  };
  struct Scores {
    Float v[kRowBlocks][kKeyBlocks][4];
  };
  struct Sums {
    Float v[kRowBlocks][kFragments][4];
  };
  struct RowValues {
    Float v[kRowSlots];
  };

  static FOVEA_DEVICE Int row_of(Int lane, int row_slot) { return remainder<16>(lane) + row_slot * 16; }
  static FOVEA_DEVICE constexpr int score_row_slot(int slot) { return slot / 4 / kKeyBlocks; }
  static FOVEA_DEVICE Int score_key(Int lane, int slot) { return quotient<16>(lane) * 4 + (slot / 4 % kKeyBlocks * 16 + slot % 4); }
  static FOVEA_DEVICE constexpr int out_row_slot(int slot) { return slot / 4 / kFragments; }
  static FOVEA_DEVICE Int out_element(Int lane, int slot) {
    return Chunks::element(quotient<16>(lane) * 4 + slot % 4, slot / 4 % kFragments);
  }
  static FOVEA_DEVICE Float& score(Scores& s, int slot) { return s.v[slot / 4 / kKeyBlocks][slot / 4 % kKeyBlocks][slot % 4]; }
  static FOVEA_DEVICE Float& sum(Sums& s, int slot) { return s.v[slot / 4 / kFragments][slot / 4 % kFragments][slot % 4]; }
  // True for one of the lanes that hold a row's values.
  static FOVEA_DEVICE Bool row_leader(Int lane) { return lane < 16; }

  static FOVEA_DEVICE void row_max(RowValues& r) {
#pragma unroll
    for (int i = 0; i < kRowSlots; ++i) {
      r.v[i] = lane_max(r.v[i], shuffle_xor(r.v[i], 16));
      r.v[i] = lane_max(r.v[i], shuffle_xor(r.v[i], 32));
    }
  }
  static FOVEA_DEVICE void row_sum(RowValues& r) {
#pragma unroll
    for (int i = 0; i < kRowSlots; ++i) {
      r.v[i] = r.v[i] + shuffle_xor(r.v[i], 16);
      r.v[i] = r.v[i] + shuffle_xor(r.v[i], 32);
    }
  }

  // Fragments of the wave's rows of Q, tile in LDS at byte `lds`, the wave's first row at `first`.
  static FOVEA_DEVICE void load_query(const Workgroup& wg, int lds, int first, Query& q) {
    const Int at = operand_place(wg, lds, first);
#pragma unroll
    for (int m = 0; m < kRowBlocks; ++m) {
#pragma unroll
      for (int k = 0; k < kFragments; ++k) q.f[m][k] = lds_load_quad(wg, advanced<kPieces>(at, m * 16, k * 4));
    }
  }

  // scores = Q * K^T for keys [first, first + kKeys) of the tile at byte `lds`.
  static FOVEA_DEVICE void scores(const Workgroup& wg, const Query& q, int lds, int first, Scores& s) {
#pragma unroll
    for (int i = 0; i < kScoreSlots; ++i) score(s, i) = Float(0.0f);
    const Int at = opaque(operand_place(wg, lds, first));
    Quad a[2][kKeyBlocks];
#pragma unroll
    for (int n = 0; n < kKeyBlocks; ++n) a[0][n] = lds_load_quad(wg, advanced<kPieces>(at, n * 16, 0));
#pragma unroll
    for (int k = 0; k < kFragments; ++k) {
#pragma unroll
      for (int n = 0; n < kKeyBlocks; ++n) {
        if (k + 1 < kFragments) a[(k + 1) % 2][n] = lds_load_quad(wg, advanced<kPieces>(at, n * 16, (k + 1) * 4));
      }
#pragma unroll
      for (int e = 0; e < 4; ++e) {
#pragma unroll
        for (int n = 0; n < kKeyBlocks; ++n) {
#pragma unroll
          for (int m = 0; m < kRowBlocks; ++m) multiply_16x16x4(s.v[m][n], float_of(a[k % 2][n].w[e]), float_of(q.f[m][k].w[e]));
        }
      }
#pragma unroll
      for (int m = 0; m < kRowBlocks; ++m) keep_order(s.v[m], 0, kKeyBlocks);
    }
  }

  // sums += weights * V, keys as above.
  template <bool kTransposed, int kTileKeys>
  static FOVEA_DEVICE void values(const Workgroup& wg, const Scores& weights, int lds, int first, Sums& o) {
    static_assert(!kTransposed);
    // Addresses are made anew for each tile: kept, they would take registers that the sums need.
    Workgroup here = wg;
    here.lane = opaque(wg.lane);
#pragma unroll
    for (int k = 0; k < kKeyBlocks; ++k) {
      Uint rows[4][Chunks::run(0)];
      load_chunk<0>(here, lds, first + k * 16, rows);
      add_chunks<0>(here, weights, k, lds, first + k * 16, rows, o);
    }
  }

 private:
  // Row and piece of a lane in the first operand of 16 rows from `first` (a multiple of 16).
  static FOVEA_DEVICE Int operand_place(const Workgroup& wg, int lds, int first) {
    return swizzled<kPieces>(remainder<16>(wg.lane), quotient<16>(wg.lane)) + (first * kPieces * 16 + lds);
  }

  // Rows 4(L/16) + e of V, a lane's elements of the chunk that begins at fragment kFirst.
  template <int kFirst>
  static FOVEA_DEVICE void load_chunk(const Workgroup& wg, int lds, int first, Uint (&rows)[4][Chunks::run(kFirst)]) {
    constexpr int kRun = Chunks::run(kFirst);
    const Int row = quotient<16>(wg.lane) * 4, column = remainder<16>(wg.lane);
    const int base = first * kPieces * 16 + lds;
    if constexpr (kRun == 4) {
      const Int at = swizzled<kPieces>(row, column) + base;
#pragma unroll
      for (int e = 0; e < 4; ++e) {
        const Quad q = lds_load_quad(wg, advanced<kPieces>(at, e, kFirst * 4));
#pragma unroll
        for (int n = 0; n < 4; ++n) rows[e][n] = q.w[n];
      }
    } else {
      const Int at = swizzled<kPieces>(row, quotient<2>(column)) + remainder<2>(column) * 8 + base;
#pragma unroll
      for (int e = 0; e < 4; ++e) lds_load_pair(wg, advanced<kPieces>(at, e, kFirst * 4), rows[e]);
    }
  }

  // The chunk that begins at fragment kFirst, whose rows have been loaded, and those behind it.
  template <int kFirst>
  static FOVEA_DEVICE void add_chunks(const Workgroup& wg, const Scores& weights, int block, int lds, int first,
                                      const Uint (&rows)[4][Chunks::run(kFirst)], Sums& o) {
    constexpr int kRun = Chunks::run(kFirst), kNext = kFirst + kRun;
    constexpr bool kMore = kNext < kFragments;
    Uint next[4][Chunks::run(kMore ? kNext : 0)];
    if constexpr (kMore) load_chunk<kNext>(wg, lds, first, next);
#pragma unroll
    for (int e = 0; e < 4; ++e) {
#pragma unroll
      for (int n = 0; n < kRun; ++n) {
#pragma unroll
        for (int m = 0; m < kRowBlocks; ++m) multiply_16x16x4(o.v[m][kFirst + n], float_of(rows[e][n]), weights.v[m][block][e]);
      }
    }
#pragma unroll
    for (int m = 0; m < kRowBlocks; ++m) keep_order(o.v[m], kFirst, kFirst + kRun);
    if constexpr (kMore) add_chunks<kNext>(wg, weights, block, lds, first, next, o);
  }
};

}  // namespace fovea::hip::amd
