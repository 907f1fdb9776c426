// What the matrix tiles of CDNA and RDNA share: how tiles lie in LDS, and which elements of a head a lane owns.
//
// Both compute S^T = K * Q^T and O^T = V^T * P^T: a lane's column is a query, the scores that an instruction leaves in a lane
// are what the next one wants there as weights, and rows of O^T may stand for elements of the head in any order. That order is
// chosen so that a lane loads elements side by side from several rows of V and gets the transposed operands by permuting
// bytes: row i of fragment n is element i * kRun + n of a chunk of 16 * kRun elements.
//
// Included after the primitives that it is made of, amd.h's or those of a layer that stands for them.
#pragma once

namespace fovea::hip::amd {

// The vectorised cache's values become rows as they are copied. Two ways to read them here would be two branches of the loop,
// and the compiler keeps the sums apart in the branches of a loop, at twice the registers.
inline constexpr bool kTransposedValues = false;
// For the same reason sums are multiplied whether a maximum has moved or not.
inline constexpr bool kAlwaysRescales = true;

// Byte offset of a 16-byte piece in a tile with kPieces pieces a row; pieces are swapped around so that lanes that read the
// same piece of rows side by side hit different banks.
template <int kPieces>
FOVEA_DEVICE Int swizzled(Int row, Int piece) {
  static_assert(kPieces % 4 == 0);
  const Int key = kPieces % 8 == 0 ? (row & 7) : ((row >> 1) & 3);
  return (row * kPieces + (piece ^ key)) * 16;
}

// The address `rows` rows and `pieces` pieces further on. What they add must not carry in the low three bits of the row and of
// the piece at `address`: then the lane's part of the address is the same for all, and most of the rest is a constant offset.
template <int kPieces>
FOVEA_DEVICE Int advanced(Int address, int rows, int pieces) {
  constexpr int kMask = kPieces % 8 == 0 ? 7 : 3;
  const int key = kPieces % 8 == 0 ? rows & 7 : (rows >> 1) & 3;
  return (address ^ ((key ^ (pieces & kMask)) * 16)) + (rows * kPieces + (pieces & ~kMask)) * 16;
}

// Chunks of a head: as many as possible of 16 * kMost elements, then smaller ones. A fragment is 16 elements.
template <int kHeadSize, int kMost>
struct HeadChunks {
  static_assert(kHeadSize % 32 == 0);
  static constexpr int kFragments = kHeadSize / 16;
  static constexpr int kFull = kFragments / kMost * kMost;
  static constexpr int kHalf = kMost < 4 ? 0 : (kFragments - kFull) / (kMost / 2) * (kMost / 2);

  static FOVEA_DEVICE constexpr int run(int fragment) { return fragment < kFull ? kMost : fragment < kFull + kHalf ? kMost / 2 : kMost / 4; }
  static FOVEA_DEVICE constexpr int first(int fragment) {
    return fragment < kFull ? fragment / kMost * kMost : fragment < kFull + kHalf ? kFull : kFull + kHalf;
  }
  // Element of the head that row `row` of a fragment stands for.
  static FOVEA_DEVICE Int element(Int row, int fragment) { return row * run(fragment) + (first(fragment) * 16 + fragment - first(fragment)); }
};

// Where lane `column` of a chunk finds its kRun elements of row `row`.
template <int kPieces, int kRun>
FOVEA_DEVICE Int run_place(Int row, Int column) {
  if constexpr (kRun == 8) {
    return swizzled<kPieces>(row, column);
  } else {
    return swizzled<kPieces>(row, quotient<8 / kRun>(column)) + remainder<8 / kRun>(column) * (kRun * 2);
  }
}
template <int kRun>
FOVEA_DEVICE void load_run(const Workgroup& wg, Int at, Uint (&words)[kRun / 2]) {
  if constexpr (kRun == 8) {
    const Quad q = lds_load_quad(wg, at);
#pragma unroll
    for (int i = 0; i < 4; ++i) words[i] = q.w[i];
  } else if constexpr (kRun == 4) {
    lds_load_pair(wg, at, words);
  } else {
    words[0] = lds_load_word(wg, at);
  }
}

// Word n of the run of one row and of another become a pair: element `n` of each.
template <int kWords>
FOVEA_DEVICE Uint join(const Uint (&low)[kWords], const Uint (&high)[kWords], int n) {
  return n % 2 == 0 ? join_low(low[n / 2], high[n / 2]) : join_high(low[n / 2], high[n / 2]);
}

}  // namespace fovea::hip::amd
