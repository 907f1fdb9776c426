// Copies 16 keys' rows of keys or values from global memory into a tile in shared memory, for GPUs that do so by themselves.
//
// Tiles of the cache begin at multiples of 16 keys and blocks are multiples of 16, so 16 keys always lie in one block: their
// address is uniform, and lanes add offsets that are the same for every 16 keys of the kernel.
#pragma once

#include "kernels/hip/attention/tile_layout.h"

namespace fovea::hip {

// A tile of kTileKeys keys, each a row of kPieces 16-byte pieces, copied by kThreads threads. Transposed: a row of
// kTileKeys / 8 pieces for each element of the head. Keys outside [first, last) of the 16 become zeros and are not read.
template <class Layout, int kPieces, int kTileKeys, int kThreads, int kElementBytes>
struct TileCopy {
  static constexpr int kPieceElements = 16 / kElementBytes;
  // Values of the vectorised cache lie in the tile as they do there, not in rows.
  static constexpr bool kTransposed = kElementBytes == 2;
  static constexpr int kCopies = (16 * kPieces + kThreads - 1) / kThreads;
  static constexpr bool kExact = 16 * kPieces % kThreads == 0;

  // Row and piece of a thread's copy `c`, lanes side by side at pieces side by side.
  static FOVEA_DEVICE Int row_of(const Workgroup& wg, int c) {
    if constexpr (kThreads % kPieces == 0) return quotient<kPieces>(wg.thread()) + c * (kThreads / kPieces);
    return quotient<kPieces>(wg.thread() + c * kThreads);
  }
  static FOVEA_DEVICE Int piece_of(const Workgroup& wg, int c) {
    if constexpr (kThreads % kPieces == 0) return remainder<kPieces>(wg.thread());
    return remainder<kPieces>(wg.thread() + c * kThreads);
  }
  static FOVEA_DEVICE Bool takes_part(const Workgroup& wg, int c) { return wg.thread() + c * kThreads < 16 * kPieces; }

  // Rows that are all wanted and fill their pieces, which is nearly all, of a whole tile: place(g) is where its g-th 16 keys lie, in
  // bytes from `from`. What differs by lane is the same for every 16 keys.
  template <class Place>
  static FOVEA_DEVICE void whole_tile(const Workgroup& wg, const char* from, int row_stride, int tile, Place place) {
    // One pointer for each copy, to which one instruction adds an offset.
    Pointer base[kCopies];
#pragma unroll
    for (int c = 0; c < kCopies; ++c) base[c] = opaque(from + to_long(row_of(wg, c) * row_stride + piece_of(wg, c) * 16));
#pragma unroll
    for (int g = 0; g < kTileKeys / 16; ++g) {
      const uint64_t offset = place(g);
#pragma unroll
      for (int c = 0; c < kCopies; ++c) {
        copy_async16<kExact>(wg, takes_part(wg, c), Layout::key(row_of(wg, c), piece_of(wg, c), g) + tile, base[c] + offset, Bool(true));
      }
    }
  }

  // `tile`: byte offset of the tile; `sixteen`: which 16 keys of it; row_bytes: what exists of a row, zeros follow.
  static FOVEA_DEVICE void rows(const Workgroup& wg, const char* from, int row_stride, int row_bytes, int tile, int sixteen, int first,
                                int last) {
#pragma unroll
    for (int c = 0; c < kCopies; ++c) {
      const Int row = row_of(wg, c), piece = piece_of(wg, c);
      copy_async16<kExact>(wg, takes_part(wg, c), Layout::key(row, piece, sixteen) + tile,
                           from + to_long(row * row_stride + piece * 16), (row >= first) & (row < last) & (piece * 16 < row_bytes));
    }
  }

  // The same for rows of which load(row) says whether they are wanted.
  template <class Load>
  static FOVEA_DEVICE void some_rows(const Workgroup& wg, const char* from, int row_stride, int row_bytes, int tile, int sixteen,
                                     Load load) {
#pragma unroll
    for (int c = 0; c < kCopies; ++c) {
      const Int row = row_of(wg, c), piece = piece_of(wg, c);
      copy_async16<kExact>(wg, takes_part(wg, c), Layout::key(row, piece, sixteen) + tile,
                           from + to_long(row * row_stride + piece * 16), load(row) & (piece * 16 < row_bytes));
    }
  }

  // Keys of the vectorised cache: [piece][key][16 bytes].
  static FOVEA_DEVICE void vectorized_keys(const Workgroup& wg, const char* from, int piece_stride, int row_bytes, int tile, int sixteen,
                                           int first, int last) {
#pragma unroll
    for (int c = 0; c < kCopies; ++c) {
      const Int index = wg.thread() + c * kThreads;
      const Int row = remainder<16>(index), piece = quotient<16>(index);
      copy_async16<kExact>(wg, index < 16 * kPieces, Layout::key(row, piece, sixteen) + tile,
                           from + to_long(row * 16 + piece * piece_stride),
                           (row >= first) & (row < last) & (piece * 16 < row_bytes));
    }
  }

  // Values of the vectorised cache: [element][key], 16 bytes of keys in a piece; those among them that nobody may see are
  // copied too, see hide_transposed.
  static FOVEA_DEVICE void vectorized_values(const Workgroup& wg, const char* from, int element_stride, int num_elements, int tile,
                                             int sixteen, int last) {
#pragma unroll
    for (int c = 0; c < kCopies; ++c) {
      const Int index = wg.thread() + c * kThreads;
      if constexpr (kElementBytes == 4) {
        const Int element = quotient<4>(index), part = remainder<4>(index);
        const Bool here = index < 16 * kPieces;
        const Quad q = global_load_quad(from + to_long(element * element_stride + part * 16),
                                        here & (element < num_elements) & (part * 4 < last));
        store_column_f32<kPieces>(wg, element, part * 4 + sixteen * 16, q, tile, here);
        continue;
      }
      const Int element = quotient<2>(index), half = remainder<2>(index);
      copy_async16<kExact>(wg, index < 16 * kPieces, Layout::transposed(element, half + sixteen * 2) + tile,
                           from + to_long(element * element_stride + half * 16), (element < num_elements) & (half * 8 < last));
    }
  }

  // Makes the values of keys that load() refuses zeros in a transposed tile that has arrived.
  template <class Load>
  static FOVEA_DEVICE void hide_transposed(const Workgroup& wg, int tile, Load load) {
#pragma unroll 1
    for (int i = 0; i < kPieces * kPieceElements * kTileKeys; i += kThreads) {
      const Int index = opaque(wg.thread()) + i;
      const Int element = quotient<kTileKeys>(index), key = remainder<kTileKeys>(index);
      Int at;
      if constexpr (kTransposed) {
        at = Layout::transposed(element, quotient<8>(key)) + remainder<8>(key) * 2;
      } else {
        at = swizzled<kPieces>(key, quotient<kPieceElements>(element)) + remainder<kPieceElements>(element) * kElementBytes;
      }
      if constexpr (kElementBytes == 4) {
        lds_store(wg, at + tile, Float(0.0f), !load(key));
      } else {
        lds_store_half(wg, at + tile, Uint(0), !load(key));
      }
    }
  }
};

}  // namespace fovea::hip
