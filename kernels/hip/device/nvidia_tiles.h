// Matrix tiles on NVIDIA: mma.sync m16n8k16 with ldmatrix.
//
// Scores are S = Q * K^T: lane L holds rows L/4 and L/4 + 8 of each 16 and keys 2(L%4), +1 of each 8, which is also the
// layout of the first operand of P * V, so weights never leave their registers.
//
// Tiles in shared memory are rows of kHeadSize 16-bit elements; the 16-byte pieces of a row are swapped around so that the
// eight rows of an ldmatrix hit eight different bank groups.
//
// Included after the primitives that it is made of, nvidia.h's or those of a layer that stands for them.
#pragma once

namespace fovea::hip::nvidia {

// Values lie in shared memory as the vectorised cache stores them, a row for each element of the head.
inline constexpr bool kTransposedValues = true;
// Sums are multiplied where a maximum has moved only.
inline constexpr bool kAlwaysRescales = false;

// Byte offset of a 16-byte piece in a tile with kPieces pieces a row.
template <int kPieces>
FOVEA_DEVICE Int swizzled(Int row, Int piece) {
  static_assert(kPieces % 2 == 0);
  // Rows that begin in the same bank group differ in these bits.
  const Int key = kPieces % 8 == 0 ? (row & 7) : kPieces % 4 == 0 ? ((row >> 1) & 3) : ((row >> 2) & 1);
  return (row * kPieces + (piece ^ key)) * 16;
}

// The address of the piece that is `pieces` (even) further on in the same row, from that of an even or odd piece of the first two.
template <int kPieces>
FOVEA_DEVICE Int advanced(Int address, int pieces) {
  constexpr int kMask = kPieces % 8 == 0 ? 7 : 3;
  return (address ^ ((pieces & kMask) * 16)) + (pieces & ~kMask) * 16;
}

// What one wave computes: kRows packed query rows against kKeys keys of a tile.
template <class T, int kHeadSize_, int kRows_, int kKeys_>
struct Tile {
  static constexpr int kHeadSize = kHeadSize_, kRows = kRows_, kKeys = kKeys_;
  static constexpr int kRowBlocks = kRows / 16;
  static constexpr int kPieces = kHeadSize / 8;  // of a row in shared memory
  static constexpr int kScoreSlots = kRowBlocks * (kKeys / 8) * 4;
  static constexpr int kOutSlots = kRowBlocks * (kHeadSize / 8) * 4;
  static constexpr int kRowSlots = kRowBlocks * 2;  // rows that one lane holds values of
  // Query fragments stay in registers where they fit beside the sums.
  static constexpr bool kKeepQuery = kRowBlocks == 1 && kHeadSize <= 128;

  struct Query {
    Fragment4 f[kKeepQuery ? kHeadSize / 16 : 1];
    int lds;
  };
  struct Scores {
    Float v[kRowBlocks][kKeys / 8][4];
  };
  struct Sums {
    Float v[kRowBlocks][kHeadSize / 8][4];
  };
  struct RowValues {
    Float v[kRowSlots];
  };

  // Where the slots lie. Slot i of Scores is block (i / 4) / (kKeys / 8), and so on.
  static FOVEA_DEVICE Int row_of(Int lane, int row_slot) { return row_slot / 2 * 16 + row_slot % 2 * 8 + lane / 4; }
  static FOVEA_DEVICE constexpr int score_row_slot(int slot) { return slot / 4 / (kKeys / 8) * 2 + slot % 4 / 2; }
  static FOVEA_DEVICE Int score_key(Int lane, int slot) { return slot / 4 % (kKeys / 8) * 8 + lane % 4 * 2 + slot % 2; }
  static FOVEA_DEVICE constexpr int out_row_slot(int slot) { return slot / 4 / (kHeadSize / 8) * 2 + slot % 4 / 2; }
  static FOVEA_DEVICE Int out_element(Int lane, int slot) { return slot / 4 % (kHeadSize / 8) * 8 + lane % 4 * 2 + slot % 2; }
  static FOVEA_DEVICE Float& score(Scores& s, int slot) { return s.v[slot / 4 / (kKeys / 8)][slot / 4 % (kKeys / 8)][slot % 4]; }
  static FOVEA_DEVICE Float& sum(Sums& s, int slot) { return s.v[slot / 4 / (kHeadSize / 8)][slot / 4 % (kHeadSize / 8)][slot % 4]; }
  // Elements of a row that a lane holds side by side, in slots side by side.
  static constexpr int kOutRun = 2;
  // True for one of the lanes that hold a row's values.
  static FOVEA_DEVICE Bool row_leader(Int lane) { return lane % 4 == 0; }

  static FOVEA_DEVICE void row_max(RowValues& r) {
#pragma unroll
    for (int i = 0; i < kRowSlots; ++i) {
      r.v[i] = lane_max(r.v[i], shuffle_xor(r.v[i], 1));
      r.v[i] = lane_max(r.v[i], shuffle_xor(r.v[i], 2));
    }
  }
  static FOVEA_DEVICE void row_sum(RowValues& r) {
#pragma unroll
    for (int i = 0; i < kRowSlots; ++i) {
      r.v[i] = r.v[i] + shuffle_xor(r.v[i], 1);
      r.v[i] = r.v[i] + shuffle_xor(r.v[i], 2);
    }
  }

  // Fragments of the wave's rows of Q, tile in shared memory at byte `lds`, the wave's first row at `first`.
  static FOVEA_DEVICE void load_query(const Workgroup& wg, int lds, int first, Query& q) {
    q.lds = lds + first * kHeadSize * 2;
    if constexpr (kKeepQuery) {
#pragma unroll
      for (int k = 0; k < kHeadSize / 16; ++k) q.f[k] = query_fragment(wg, q, 0, k);
    }
  }

  static FOVEA_DEVICE Fragment4 query_fragment(const Workgroup& wg, const Query& q, int block, int k) {
    const Int address = wg.lds + q.lds + swizzled<kPieces>(remainder<16>(wg.lane), quotient<16>(wg.lane));
    return load_matrices(wg, advanced<kPieces>(opaque(address), k * 2) + block * 16 * kPieces * 16);
  }

  // scores = Q * K^T for keys [first, first + kKeys) of the tile at byte `lds`.
  static FOVEA_DEVICE void scores(const Workgroup& wg, const Query& q, int lds, int first, Scores& s) {
#pragma unroll
    for (int m = 0; m < kRowBlocks; ++m) {
#pragma unroll
      for (int n = 0; n < kKeys / 8; ++n) {
#pragma unroll
        for (int e = 0; e < 4; ++e) s.v[m][n][e] = 0.0f;
      }
    }
    const Int key = remainder<8>(wg.lane) + quotient<16>(wg.lane) * 8 + first;
    const Int address = wg.lds + lds + swizzled<kPieces>(key, remainder<2>(quotient<8>(wg.lane)));
#pragma unroll
    for (int k = 0; k < kHeadSize / 16; ++k) {
      Fragment4 a[kRowBlocks];
#pragma unroll
      for (int m = 0; m < kRowBlocks; ++m) {
        if constexpr (kKeepQuery) {
          a[m] = q.f[k];
        } else {
          a[m] = query_fragment(wg, q, m, k);
        }
      }
#pragma unroll
      for (int n = 0; n < kKeys / 8; n += 2) {
        const Fragment4 b = load_matrices(wg, advanced<kPieces>(address, k * 2) + n * 8 * kPieces * 16);
#pragma unroll
        for (int m = 0; m < kRowBlocks; ++m) {
          multiply<T>(s.v[m][n], a[m], b.r[0], b.r[1]);
          multiply<T>(s.v[m][n + 1], a[m], b.r[2], b.r[3]);
        }
      }
    }
  }

  // sums += weights * V, keys as above. kTransposed: the tile has a row per element of the head and its keys side by side
  // (kTileKeys of them), as the vectorised cache stores values.
  template <bool kTransposed, int kTileKeys>
  static FOVEA_DEVICE void values(const Workgroup& wg, const Scores& weights, int lds, int first, Sums& o) {
    const Int lane_row = remainder<16>(wg.lane), lane_half = quotient<16>(wg.lane);
    const Int address =
        kTransposed ? wg.lds + lds + swizzled<kTileKeys / 8>(remainder<8>(wg.lane) + lane_half * 8, quotient<8>(lane_row) + first / 8)
                    : wg.lds + lds + swizzled<kPieces>(lane_row + first, lane_half);
#pragma unroll
    for (int k = 0; k < kKeys / 16; ++k) {
      Fragment4 a[kRowBlocks];
#pragma unroll
      for (int m = 0; m < kRowBlocks; ++m) {
        const auto& s = weights.v[m];
        a[m].r[0] = Pack16<T>::pack(s[2 * k][0], s[2 * k][1]);
        a[m].r[1] = Pack16<T>::pack(s[2 * k][2], s[2 * k][3]);
        a[m].r[2] = Pack16<T>::pack(s[2 * k + 1][0], s[2 * k + 1][1]);
        a[m].r[3] = Pack16<T>::pack(s[2 * k + 1][2], s[2 * k + 1][3]);
      }
#pragma unroll
      for (int n = 0; n < kHeadSize / 8; n += 2) {
        Fragment4 b;
        if constexpr (kTransposed) {
          b = load_matrices(wg, advanced<kTileKeys / 8>(address, k * 2) + n * 8 * kTileKeys * 2);
        } else {
          b = load_matrices_transposed(wg, advanced<kPieces>(address, n) + k * 16 * kPieces * 16);
        }
#pragma unroll
        for (int m = 0; m < kRowBlocks; ++m) {
          multiply<T>(o.v[m][n], a[m], b.r[0], b.r[1]);
          multiply<T>(o.v[m][n + 1], a[m], b.r[2], b.r[3]);
        }
      }
    }
  }
};

}  // namespace fovea::hip::nvidia
