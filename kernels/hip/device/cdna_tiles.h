// Matrix tiles on CDNA: mfma 16x16x16, on gfx950 16x16x32, waves of 64.
//
// Lane L has query L % 16 of each 16 rows; its scores are of keys 4(L/16) + r of each 16. Two blocks of 16 keys make the
// operand of a product over 32 keys, element e of which is key 16(e/4) + 4(L/16) + e%4, in K * Q^T element 8(L/16) + e of 32
// elements of the head: what an operand's element stands for is free as long as both operands agree.
#pragma once

#include "kernels/hip/device/amd_tiles.h"

namespace fovea::hip::amd {

// c += a * b over 32 elements.
template <class T>
FOVEA_DEVICE void multiply_deep(Float (&c)[4], const Uint (&a)[4], const Uint (&b)[4]) {
  if constexpr (kDeepMatrices) {
    multiply_16x16x32<T>(c, a, b);
  } else {
    const Uint a0[2] = {a[0], a[1]}, a1[2] = {a[2], a[3]}, b0[2] = {b[0], b[1]}, b1[2] = {b[2], b[3]};
    multiply_16x16x16<T>(c, a0, b0);
    multiply_16x16x16<T>(c, a1, b1);
  }
}
template <class T>
FOVEA_DEVICE void multiply_deep(Float (&c)[4], const Uint (&a)[2], const Uint (&b)[2]) {
  multiply_16x16x16<T>(c, a, b);
}

// What one wave computes: kRows packed query rows against kKeys keys of a tile.
template <class T, int kHeadSize_, int kRows_, int kKeys_>
struct Tile {
  static constexpr int kHeadSize = kHeadSize_, kRows = kRows_, kKeys = kKeys_;
  static constexpr int kRowBlocks = kRows / 16;
  static constexpr int kKeyBlocks = kKeys / 16;
  static constexpr int kPieces = kHeadSize / 8;  // of a row in LDS
  static constexpr int kFragments = kHeadSize / 16;
  static constexpr int kScoreSlots = kRowBlocks * kKeyBlocks * 4;
  static constexpr int kOutSlots = kRowBlocks * kFragments * 4;
  static constexpr int kRowSlots = kRowBlocks;  // rows that one lane holds values of
  using Chunks = HeadChunks<kHeadSize, 8>;

  struct Query {
    Quad f[kRowBlocks][kHeadSize / 32];
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
  // Elements of a row that a lane holds side by side, in slots side by side.
  static constexpr int kOutRun = 1;
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
      for (int k = 0; k < kHeadSize / 32; ++k) q.f[m][k] = lds_load_quad(wg, advanced<kPieces>(at, m * 16, k * 4));
    }
  }

  // scores = Q * K^T for keys [first, first + kKeys) of the tile at byte `lds`.
  static FOVEA_DEVICE void scores(const Workgroup& wg, const Query& q, int lds, int first, Scores& s) {
#pragma unroll
    for (int m = 0; m < kRowBlocks; ++m) {
#pragma unroll
      for (int n = 0; n < kKeyBlocks; ++n) {
#pragma unroll
        for (int e = 0; e < 4; ++e) s.v[m][n][e] = Float(0.0f);
      }
    }
    const Int at = opaque(operand_place(wg, lds, first));
    Quad a[2][kKeyBlocks];
#pragma unroll
    for (int n = 0; n < kKeyBlocks; ++n) a[0][n] = lds_load_quad(wg, advanced<kPieces>(at, n * 16, 0));
#pragma unroll
    for (int k = 0; k < kHeadSize / 32; ++k) {
#pragma unroll
      for (int n = 0; n < kKeyBlocks; ++n) {
        if (k + 1 < kHeadSize / 32) a[(k + 1) % 2][n] = lds_load_quad(wg, advanced<kPieces>(at, n * 16, (k + 1) * 4));
      }
#pragma unroll
      for (int n = 0; n < kKeyBlocks; ++n) {
#pragma unroll
        for (int m = 0; m < kRowBlocks; ++m) multiply_deep<T>(s.v[m][n], a[k % 2][n].w, q.f[m][k].w);
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
    constexpr int kDepth = kKeys % 32 == 0 ? 32 : 16;
#pragma unroll
    for (int k = 0; k < kKeys / kDepth; ++k) {
      Uint p[kRowBlocks][kDepth / 8];
#pragma unroll
      for (int m = 0; m < kRowBlocks; ++m) {
#pragma unroll
        for (int i = 0; i < kDepth / 8; ++i) {
          const auto& s = weights.v[m][k * (kDepth / 16) + i / 2];
          p[m][i] = pack_weights<T>(s[i % 2 * 2], s[i % 2 * 2 + 1]);
        }
      }
      Uint rows[kDepth / 4][Chunks::run(0) / 2];
      load_chunk<kDepth, 0>(here, lds, first + k * kDepth, rows);
      add_chunks<kDepth, 0>(here, p, lds, first + k * kDepth, rows, o);
    }
  }

 private:
  // Row and piece of a lane in the first operand of 16 rows from `first` (a multiple of 16).
  static FOVEA_DEVICE Int operand_place(const Workgroup& wg, int lds, int first) {
    return swizzled<kPieces>(remainder<16>(wg.lane), quotient<16>(wg.lane)) + (first * kPieces * 16 + lds);
  }

  // Rows 16(e/4) + 4(L/16) + e%4 of V, a lane's elements of the chunk that begins at fragment kFirst.
  template <int kDepth, int kFirst>
  static FOVEA_DEVICE void load_chunk(const Workgroup& wg, int lds, int first, Uint (&rows)[kDepth / 4][Chunks::run(kFirst) / 2]) {
    constexpr int kRun = Chunks::run(kFirst);
    const Int at = run_place<kPieces, kRun>(quotient<16>(wg.lane) * 4, remainder<16>(wg.lane)) + (first * kPieces * 16 + lds);
#pragma unroll
    for (int e = 0; e < kDepth / 4; ++e) load_run<kRun>(wg, advanced<kPieces>(at, e / 4 * 16 + e % 4, kFirst * 2), rows[e]);
  }

  // The chunk that begins at fragment kFirst, whose rows have been loaded, and those behind it.
  template <int kDepth, int kFirst>
  static FOVEA_DEVICE void add_chunks(const Workgroup& wg, const Uint (&p)[kRowBlocks][kDepth / 8], int lds, int first,
                                      const Uint (&rows)[kDepth / 4][Chunks::run(kFirst) / 2], Sums& o) {
    constexpr int kRun = Chunks::run(kFirst), kNext = kFirst + kRun;
    constexpr bool kMore = kNext < kFragments;
    Uint next[kDepth / 4][Chunks::run(kMore ? kNext : 0) / 2];
    if constexpr (kMore) load_chunk<kDepth, kNext>(wg, lds, first, next);
#pragma unroll
    for (int n = 0; n < kRun; ++n) {
      Uint a[kDepth / 8];
#pragma unroll
      for (int i = 0; i < kDepth / 8; ++i) a[i] = join(rows[i * 2], rows[i * 2 + 1], n);
#pragma unroll
      for (int m = 0; m < kRowBlocks; ++m) multiply_deep<T>(o.v[m][kFirst + n], a, p[m]);
    }
#pragma unroll
    for (int m = 0; m < kRowBlocks; ++m) keep_order(o.v[m], kFirst, kFirst + kRun);
    if constexpr (kMore) add_chunks<kDepth, kNext>(wg, p, lds, first, next, o);
  }
};

}  // namespace fovea::hip::amd
