// Tiles of f32 where no matrix instruction takes f32 whole: FMAs, by waves of 32.
//
// Sixteen lanes share rows: a wave is two sixteens, one of the even rows and one of the odd. Of its rows' scores, column c of a
// sixteen has those of keys c, c + 16, and so on; of their sums, elements 4c to 4c + 3 of each 64 and 2c, 2c + 1 of what is left.
// So a lane multiplies a block of rows and keys, whose operands are 16-byte reads that banks serve side by side, and weights
// reach the lanes of the other elements without shared memory.
//
// Q is read from shared memory beside K, or stays in registers where the sixteen can read each other's.
#pragma once

namespace fovea::hip {

template <int kHeadSize_, int kRows_, int kKeys_>
struct device::Tile<device::F32, kHeadSize_, kRows_, kKeys_> {
  static constexpr int kHeadSize = kHeadSize_, kRows = kRows_, kKeys = kKeys_;
  static_assert(kWaveSize == 32 && kRows % 2 == 0 && kKeys % 16 == 0 && kHeadSize % 32 == 0);
  static constexpr int kPieces = kHeadSize / 4;    // of a row in shared memory
  static constexpr int kChunks = kHeadSize / 64;   // of which a lane has four elements each
  static constexpr bool kHalfChunk = kHeadSize % 64 != 0;
  static constexpr int kLaneElements = kHeadSize / 16;
  static constexpr int kKeySlots = kKeys / 16;
  static constexpr int kRowSlots = kRows / 2;  // rows that one lane holds values of
  static constexpr int kScoreSlots = kRowSlots * kKeySlots;
  static constexpr int kOutSlots = kRowSlots * kLaneElements;
  static constexpr bool kKeepQuery = kSharesRegisters;
  static constexpr int kQueryPieces = (kPieces + 15) / 16;  // of a row in a lane

  struct Query {
    Quad f[kKeepQuery ? kRowSlots : 1][kKeepQuery ? kQueryPieces : 1];  // piece c + 16i of a row in column c
    Int at;
  };
  struct Scores {
    Float v[kRowSlots][kKeySlots];
  };
  struct Sums {
    Float v[kRowSlots][kLaneElements];
  };
  struct RowValues {
    Float v[kRowSlots];
  };

  static FOVEA_DEVICE Int column_of(Int lane) {
    if constexpr (kSharesRegisters) return remainder<16>(lane);
    return quotient<2>(lane);
  }
  static FOVEA_DEVICE Int sixteen_of(Int lane) {
    if constexpr (kSharesRegisters) return quotient<16>(lane);
    return remainder<2>(lane);
  }

  static FOVEA_DEVICE Int row_of(Int lane, int row_slot) { return sixteen_of(lane) + row_slot * 2; }
  static FOVEA_DEVICE constexpr int score_row_slot(int slot) { return slot / kKeySlots; }
  static FOVEA_DEVICE Int score_key(Int lane, int slot) { return column_of(lane) + slot % kKeySlots * 16; }
  static FOVEA_DEVICE constexpr int out_row_slot(int slot) { return slot / kLaneElements; }
  static FOVEA_DEVICE Int out_element(Int lane, int slot) {
    const int i = slot % kLaneElements;
    return i < kChunks * 4 ? column_of(lane) * 4 + (i / 4 * 64 + i % 4) : column_of(lane) * 2 + (kChunks * 64 + i % 2);
  }
  static FOVEA_DEVICE Float& score(Scores& s, int slot) { return s.v[slot / kKeySlots][slot % kKeySlots]; }
  static FOVEA_DEVICE Float& sum(Sums& s, int slot) { return s.v[slot / kLaneElements][slot % kLaneElements]; }
  // True for one of the lanes that hold a row's values.
  static FOVEA_DEVICE Bool row_leader(Int lane) { return column_of(lane) == 0; }

  static FOVEA_DEVICE void row_max(RowValues& r) {
#pragma unroll
    for (int i = 0; i < kRowSlots; ++i) {
#pragma unroll
      for (int distance = 1; distance < 16; distance *= 2) {
        r.v[i] = lane_max(r.v[i], shuffle_xor(r.v[i], distance * kColumnDistance));
      }
    }
  }
  static FOVEA_DEVICE void row_sum(RowValues& r) {
#pragma unroll
    for (int i = 0; i < kRowSlots; ++i) {
#pragma unroll
      for (int distance = 1; distance < 16; distance *= 2) {
        r.v[i] = r.v[i] + shuffle_xor(r.v[i], distance * kColumnDistance);
      }
    }
  }

  // The wave's rows of Q, tile in shared memory at byte `lds`, the wave's first row at `first` (a multiple of 8 or of kRows).
  static FOVEA_DEVICE void load_query(const Workgroup& wg, int lds, int first, Query& q) {
    q.at = swizzled<kPieces>(sixteen_of(wg.lane) + first, Int(0)) + lds;
    if constexpr (kKeepQuery) {
      const Int column = opaque(column_of(wg.lane));
      const Int at = q.at ^ ((column & 7) * 16);
#pragma unroll
      for (int r = 0; r < kRowSlots; ++r) {
#pragma unroll
        for (int i = 0; i < kQueryPieces; ++i) {
          q.f[r][i] = lds_load_quad<kPieces % 16 == 0>(wg, moved(at, r * 2, i * 16) + (column & 8) * 16, column + i * 16 < kPieces);
        }
      }
    }
  }

  // scores = Q * K^T for keys [first, first + kKeys) of the tile at byte `lds`.
  static FOVEA_DEVICE void scores(const Workgroup& wg, const Query& q, int lds, int first, Scores& s) {
#pragma unroll
    for (int i = 0; i < kScoreSlots; ++i) score(s, i) = Float(0.0f);
    const Int at = opaque(swizzled<kPieces>(column_of(wg.lane), Int(0)) + (first * kPieces * 16 + lds));
    if constexpr (kKeepQuery) {
      Quad k[kAhead][kKeySlots];
      load_pieces<0>(wg, at, k);
      add_pieces<0>(wg, q, at, k, s);
    } else {
      // The swizzle repeats after eight pieces.
#pragma unroll 1
      for (int block = 0; block < kPieces; block += 8) {
#pragma unroll
        for (int piece = 0; piece < 8; ++piece) {
          Quad k[kKeySlots];
#pragma unroll
          for (int n = 0; n < kKeySlots; ++n) k[n] = lds_load_quad(wg, moved(at, n * 16, piece) + block * 16);
#pragma unroll
          for (int r = 0; r < kRowSlots; ++r) {
            const Quad row = lds_load_quad(wg, moved(q.at, r * 2, piece) + block * 16);
#pragma unroll
            for (int e = 0; e < 4; ++e) {
#pragma unroll
              for (int n = 0; n < kKeySlots; ++n) {
                s.v[r][n] = lane_fma(float_of(row.w[e]), float_of(k[n].w[e]), s.v[r][n]);
              }
            }
          }
        }
      }
    }
  }

  // sums += weights * V, keys as above.
  template <bool kTransposed, int kTileKeys>
  static FOVEA_DEVICE void values(const Workgroup& wg, const Scores& weights, int lds, int first, Sums& o) {
    static_assert(!kTransposed);
    const Int column = opaque(column_of(wg.lane));
    const int base = first * kPieces * 16 + lds;
    const Int at = column * 16 + base, half = column * 8 + (base + kChunks * 256);
    Float v[kLaneElements];
    load_key<0>(wg, at, half, v);
    add_keys<0>(wg, weights, at, half, v, o);
  }

 private:
  // Between the lanes of columns side by side.
  static constexpr int kColumnDistance = kSharesRegisters ? 1 : 2;
  // Pieces of K that are loaded while as many before them are multiplied.
  static constexpr int kAhead = 2;

  // The address `rows` rows and `pieces` pieces further on. What they add must not carry in the low three bits of the row and
  // of the piece at `address`.
  static FOVEA_DEVICE Int moved(Int address, int rows, int pieces) {
    static_assert(kPieces % 8 == 0);
    return (address ^ (((rows ^ pieces) & 7) * 16)) + (rows * kPieces + (pieces & ~7)) * 16;
  }

  // Pieces of K from kPiece on.
  template <int kPiece>
  static FOVEA_DEVICE void load_pieces(const Workgroup& wg, Int at, Quad (&k)[kAhead][kKeySlots]) {
#pragma unroll
    for (int i = 0; i < kAhead; ++i) {
#pragma unroll
      for (int n = 0; n < kKeySlots; ++n) k[i][n] = lds_load_quad(wg, moved(at, n * 16, kPiece + i));
    }
  }

  // The products of Q's pieces from kPiece on with those of K, which have been loaded, and those behind them.
  template <int kPiece>
  static FOVEA_DEVICE void add_pieces(const Workgroup& wg, const Query& q, Int at, const Quad (&k)[kAhead][kKeySlots], Scores& s) {
    constexpr int kNext = kPiece + kAhead;
    constexpr bool kMore = kNext < kPieces;
    Quad next[kAhead][kKeySlots];
    if constexpr (kMore) load_pieces<kNext>(wg, at, next);
    add_piece<kPiece>(q, k[0], s);
    add_piece<kPiece + 1>(q, k[1], s);
    keep_order();
    if constexpr (kMore) add_pieces<kNext>(wg, q, at, next, s);
  }
  template <int kPiece>
  static FOVEA_DEVICE void add_piece(const Query& q, const Quad (&k)[kKeySlots], Scores& s) {
#pragma unroll
    for (int e = 0; e < 4; ++e) {
#pragma unroll
      for (int r = 0; r < kRowSlots; ++r) {
        const Float row = float_of(q.f[r][kPiece / 16].w[e]);
#pragma unroll
        for (int n = 0; n < kKeySlots; ++n) s.v[r][n] = fma_shared<kPiece % 16>(row, float_of(k[n].w[e]), s.v[r][n]);
      }
    }
  }

  // A lane's elements of key kKey. half: where those of the half chunk lie.
  template <int kKey>
  static FOVEA_DEVICE void load_key(const Workgroup& wg, Int at, Int half, Float (&v)[kLaneElements]) {
#pragma unroll
    for (int i = 0; i < kChunks; ++i) {
      const Quad q = lds_load_quad(wg, moved(at, kKey, i * 16));
#pragma unroll
      for (int e = 0; e < 4; ++e) v[i * 4 + e] = float_of(q.w[e]);
    }
    if constexpr (kHalfChunk) {
      Uint pair[2];
      lds_load_pair(wg, moved(half, kKey, 0), pair);
      v[kChunks * 4] = float_of(pair[0]);
      v[kChunks * 4 + 1] = float_of(pair[1]);
    }
  }

  // The values of key kKey, which have been loaded, and of those behind it.
  template <int kKey>
  static FOVEA_DEVICE void add_keys(const Workgroup& wg, const Scores& weights, Int at, Int half, const Float (&v)[kLaneElements], Sums& o) {
    constexpr bool kMore = kKey + 1 < kKeys;
    Float next[kLaneElements];
    if constexpr (kMore) load_key<kKey + 1>(wg, at, half, next);
#pragma unroll
    for (int r = 0; r < kRowSlots; ++r) {
      const Float weight = shared_by_sixteen<kKey % 16>(weights.v[r][kKey / 16]);
#pragma unroll
      for (int i = 0; i < kLaneElements; ++i) o.v[r][i] = lane_fma(weight, v[i], o.v[r][i]);
    }
    keep_order();
    if constexpr (kMore) add_keys<kKey + 1>(wg, weights, at, half, next, o);
  }
};

}  // namespace fovea::hip
