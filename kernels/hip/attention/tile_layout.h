// How pieces of 16 bytes lie in a tile in shared memory, and in a cache.
#pragma once

#include "kernels/hip/attention/block_table.h"

namespace fovea::hip {

// Writes eight keys of one element of the head into a tile of rows of 16-bit elements.
template <int kPieces>
FOVEA_DEVICE void store_column(const Workgroup& wg, Int element, Int key, const Quad& q, int tile, Bool mask) {
#pragma unroll
  for (int i = 0; i < 8; ++i) {
    const Uint bits = i % 2 == 0 ? q.w[i / 2] : q.w[i / 2] >> 16;
    lds_store_half(wg, swizzled<kPieces>(key + i, quotient<8>(element)) + (remainder<8>(element) * 2 + tile), bits, mask);
  }
}

// The same for four keys and rows of f32.
template <int kPieces>
FOVEA_DEVICE void store_column_f32(const Workgroup& wg, Int element, Int key, const Quad& q, int tile, Bool mask) {
#pragma unroll
  for (int i = 0; i < 4; ++i) {
    lds_store(wg, swizzled<kPieces>(key + i, quotient<4>(element)) + (remainder<4>(element) * 4 + tile), float_of(q.w[i]), mask);
  }
}

// Where 16-byte pieces lie in a tile: rows of kPieces, or for each element of the head a row of kTileKeys / 8.
template <int kPieces, int kTileKeys>
struct RowLayout {
  static FOVEA_DEVICE Int query(Int row, Int piece) { return swizzled<kPieces>(row, piece); }
  static FOVEA_DEVICE Int key(Int row, Int piece, int sixteen) { return swizzled<kPieces>(row, piece) + sixteen * 16 * kPieces * 16; }
  static FOVEA_DEVICE Int transposed(Int element, Int piece) { return swizzled<kTileKeys / 8>(element, piece); }
};

// How pieces of 16 elements of an fp8 cache lie in memory.
enum Fp8Order : int {
  kFp8Rows,              // a row's pieces side by side
  kFp8VectorizedKeys,    // [piece][key][16 elements]
  kFp8VectorizedValues,  // [element][16 keys]
};

}  // namespace fovea::hip
