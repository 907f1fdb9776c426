// Matrix tiles on RDNA: wmma 16x16x16, waves of 32.
//
// Lane L has query L % 16 of each 16 rows. On gfx12 its scores are of keys 8(L/16) + r of each 16, which is what the next
// instruction's operand holds there. On gfx11 operands are mirrored: lanes L and L + 16 hold the same 16 elements, while scores
// are split among them by odd and even keys, so the halves of a wave swap their weights, and element e of the operand is key
// 2(e%8) + e/8.
#pragma once

#include "kernels/hip/device/amd_tiles.h"

namespace fovea::hip::amd {

// What one wave computes: kRows packed query rows against kKeys keys of a tile.
template <class T, int kHeadSize_, int kRows_, int kKeys_>
struct Tile {
  static constexpr int kHeadSize = kHeadSize_, kRows = kRows_, kKeys = kKeys_;
  static constexpr int kRowBlocks = kRows / 16;
  static constexpr int kKeyBlocks = kKeys / 16;
  static constexpr int kPieces = kHeadSize / 8;  // of a row in LDS
  static constexpr int kFragments = kHeadSize / 16;
  static constexpr int kScoreSlots = kRowBlocks * kKeyBlocks * 8;
  static constexpr int kOutSlots = kRowBlocks * kFragments * 8;
  static constexpr int kRowSlots = kRowBlocks;                // rows that one lane holds values of
  static constexpr int kWords = kMirroredLanes ? 8 : 4;       // of a matrix operand
  static constexpr bool kWide = kHeadSize > 128;
  // Beside the sums of a wide head there are no registers left for Q, which then stays in LDS.
  static constexpr bool kKeepQuery = !kWide;
  // Values are loaded while those before them are multiplied, where there are registers for both.
  static constexpr bool kAhead = !(kMirroredLanes && kWide);
  using Chunks = HeadChunks<kHeadSize, kMirroredLanes ? 2 : 4>;

  struct Query {
    Uint f[kRowBlocks][kKeepQuery ? kFragments : 1][kWords];
    Int at;
  };
  struct Scores {
    Float v[kRowBlocks][kKeyBlocks][8];
  };
  struct Sums {
    Float v[kRowBlocks][kFragments][8];
  };
  struct RowValues {
    Float v[kRowSlots];
  };

  // Row of a product's register r.
  static FOVEA_DEVICE Int product_row(Int lane, int r) { return kMirroredLanes ? quotient<16>(lane) + r * 2 : quotient<16>(lane) * 8 + r; }

  static FOVEA_DEVICE Int row_of(Int lane, int row_slot) { return remainder<16>(lane) + row_slot * 16; }
  static FOVEA_DEVICE constexpr int score_row_slot(int slot) { return slot / 8 / kKeyBlocks; }
  static FOVEA_DEVICE Int score_key(Int lane, int slot) { return product_row(lane, slot % 8) + slot / 8 % kKeyBlocks * 16; }
  static FOVEA_DEVICE constexpr int out_row_slot(int slot) { return slot / 8 / kFragments; }
  static FOVEA_DEVICE Int out_element(Int lane, int slot) {
    return Chunks::element(product_row(lane, slot % 8), slot / 8 % kFragments);
  }
  static FOVEA_DEVICE Float& score(Scores& s, int slot) { return s.v[slot / 8 / kKeyBlocks][slot / 8 % kKeyBlocks][slot % 8]; }
  static FOVEA_DEVICE Float& sum(Sums& s, int slot) { return s.v[slot / 8 / kFragments][slot / 8 % kFragments][slot % 8]; }
  // Elements of a row that a lane holds side by side, in slots side by side.
  static constexpr int kOutRun = 1;
  // True for one of the lanes that hold a row's values.
  static FOVEA_DEVICE Bool row_leader(Int lane) { return lane < 16; }

  static FOVEA_DEVICE void row_max(RowValues& r) {
#pragma unroll
    for (int i = 0; i < kRowSlots; ++i) r.v[i] = lane_max(r.v[i], shuffle_xor(r.v[i], 16));
  }
  static FOVEA_DEVICE void row_sum(RowValues& r) {
#pragma unroll
    for (int i = 0; i < kRowSlots; ++i) r.v[i] = r.v[i] + shuffle_xor(r.v[i], 16);
  }

  // Fragments of the wave's rows of Q, tile in LDS at byte `lds`, the wave's first row at `first`.
  static FOVEA_DEVICE void load_query(const Workgroup& wg, int lds, int first, Query& q) {
    q.at = operand_place(wg, lds, first);
    if constexpr (kKeepQuery) {
#pragma unroll
      for (int m = 0; m < kRowBlocks; ++m) {
#pragma unroll
        for (int k = 0; k < kFragments; ++k) load_operand<kPieces>(wg, q.at, m * 16, k * 2, q.f[m][k]);
      }
    }
  }

  // scores = Q * K^T for keys [first, first + kKeys) of the tile at byte `lds`.
  static FOVEA_DEVICE void scores(const Workgroup& wg, const Query& q, int lds, int first, Scores& s) {
#pragma unroll
    for (int m = 0; m < kRowBlocks; ++m) {
#pragma unroll
      for (int n = 0; n < kKeyBlocks; ++n) {
#pragma unroll
        for (int e = 0; e < 8; ++e) s.v[m][n][e] = Float(0.0f);
      }
    }
    const Int at = opaque(operand_place(wg, lds, first)), query_at = opaque(q.at);
    Uint a[2][kKeyBlocks][kWords], b[2][kRowBlocks][kWords];
    const auto load = [&](int k) {
#pragma unroll
      for (int n = 0; n < kKeyBlocks; ++n) load_operand<kPieces>(wg, at, n * 16, k * 2, a[k % 2][n]);
      if constexpr (!kKeepQuery) {
#pragma unroll
        for (int m = 0; m < kRowBlocks; ++m) load_operand<kPieces>(wg, query_at, m * 16, k * 2, b[k % 2][m]);
      }
    };
    load(0);
#pragma unroll
    for (int k = 0; k < kFragments; ++k) {
      if (k + 1 < kFragments) load(k + 1);
#pragma unroll
      for (int m = 0; m < kRowBlocks; ++m) {
#pragma unroll
        for (int n = 0; n < kKeyBlocks; ++n) {
          if constexpr (kKeepQuery) {
            multiply_16x16x16<T>(s.v[m][n], a[k % 2][n], q.f[m][k]);
          } else {
            multiply_16x16x16<T>(s.v[m][n], a[k % 2][n], b[k % 2][m]);
          }
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
      Uint p[kRowBlocks][kWords];
#pragma unroll
      for (int m = 0; m < kRowBlocks; ++m) {
        Uint own[4];
#pragma unroll
        for (int i = 0; i < 4; ++i) own[i] = pack_weights<T>(weights.v[m][k][i * 2], weights.v[m][k][i * 2 + 1]);
        if constexpr (kMirroredLanes) {
          mirror(wg, own, p[m]);
        } else {
#pragma unroll
          for (int i = 0; i < 4; ++i) p[m][i] = own[i];
        }
      }
      Uint rows[kWords * 2][Chunks::run(0) / 2];
      load_chunk<0>(here, lds, first + k * 16, rows);
      add_chunks<0>(here, p, lds, first + k * 16, rows, o);
    }
  }

 private:
  // Of an operand's two pieces, the one that a lane begins with.
  static FOVEA_DEVICE Int first_piece(const Workgroup& wg) { return kMirroredLanes ? Int(0) : quotient<16>(wg.lane); }

  // Row and piece of a lane in the operand of 16 rows from `first` (a multiple of 16).
  static FOVEA_DEVICE Int operand_place(const Workgroup& wg, int lds, int first) {
    return swizzled<kPieces>(remainder<16>(wg.lane), first_piece(wg)) + (first * kPieces * 16 + lds);
  }

  // A lane's part of an operand, or all of it: `rows` rows and `pieces` pieces from `at`.
  template <int kRowPieces, int kCount>
  static FOVEA_DEVICE void load_operand(const Workgroup& wg, Int at, int rows, int pieces, Uint (&words)[kCount]) {
#pragma unroll
    for (int half = 0; half < kCount / 4; ++half) {
      const Quad q = lds_load_quad(wg, advanced<kRowPieces>(at, rows, pieces + half));
#pragma unroll
      for (int i = 0; i < 4; ++i) words[half * 4 + i] = q.w[i];
    }
  }

  // What the lower half of the wave has, then what the upper half has, in both.
  static FOVEA_DEVICE void mirror(const Workgroup& wg, const Uint (&own)[4], Uint (&all)[kWords]) {
    const Bool lower = wg.lane < 16;
#pragma unroll
    for (int i = 0; i < 4; ++i) {
      const Uint other = shuffle_xor(own[i], 16);
      all[i] = select(lower, own[i], other);
      all[i + 4] = select(lower, other, own[i]);
    }
  }

  // Key, of 16, of element e of an operand.
  static FOVEA_DEVICE constexpr int operand_key(int e) { return kMirroredLanes ? e % 8 * 2 + e / 8 : e; }

  // A lane's elements of the chunk that begins at fragment kFirst, from the keys of its operand.
  template <int kFirst>
  static FOVEA_DEVICE void load_chunk(const Workgroup& wg, int lds, int first, Uint (&rows)[kWords * 2][Chunks::run(kFirst) / 2]) {
    constexpr int kRun = Chunks::run(kFirst);
    const Int at = run_place<kPieces, kRun>(first_piece(wg) * 8, remainder<16>(wg.lane)) + (first * kPieces * 16 + lds);
#pragma unroll
    for (int e = 0; e < kWords * 2; ++e) load_run<kRun>(wg, advanced<kPieces>(at, operand_key(e), kFirst * 2), rows[e]);
  }

  // The chunk that begins at fragment kFirst, whose rows have been loaded, and those behind it.
  template <int kFirst>
  static FOVEA_DEVICE void add_chunks(const Workgroup& wg, const Uint (&p)[kRowBlocks][kWords], int lds, int first,
                                      const Uint (&rows)[kWords * 2][Chunks::run(kFirst) / 2], Sums& o) {
    constexpr int kRun = Chunks::run(kFirst), kNext = kFirst + kRun;
    constexpr bool kMore = kNext < kFragments;
    Uint next[kWords * 2][Chunks::run(kMore ? kNext : 0) / 2];
    if constexpr (kMore && kAhead) load_chunk<kNext>(wg, lds, first, next);
#pragma unroll
    for (int n = 0; n < kRun; ++n) {
      Uint a[kWords];
#pragma unroll
      for (int i = 0; i < kWords; ++i) a[i] = join(rows[i * 2], rows[i * 2 + 1], n);
#pragma unroll
      for (int m = 0; m < kRowBlocks; ++m) multiply_16x16x16<T>(o.v[m][kFirst + n], a, p[m]);
    }
#pragma unroll
    for (int m = 0; m < kRowBlocks; ++m) keep_order(o.v[m], kFirst, kFirst + kRun);
    if constexpr (kMore && !kAhead) load_chunk<kNext>(wg, lds, first, next);
    if constexpr (kMore) add_chunks<kNext>(wg, p, lds, first, next, o);
  }
};

}  // namespace fovea::hip::amd
