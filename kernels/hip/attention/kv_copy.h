// Copies 16 keys' rows of keys or values from global memory into a tile in shared memory.
//
// Tiles of the cache begin at multiples of 16 keys and blocks are multiples of 16, so 16 keys always lie in one block: their
// address is uniform, and lanes add offsets that are the same for every 16 keys of the kernel.
#pragma once

#include "kernels/hip/attention/visibility.h"

namespace fovea::hip {

// A tile of kTileKeys keys, each a row of kPieces 16-byte pieces, copied by kThreads threads. Transposed: a row of
// kTileKeys / 8 pieces for each element of the head.
template <int kPieces, int kTileKeys, int kThreads>
struct TileCopy {
  static constexpr int kCopies = (16 * kPieces + kThreads - 1) / kThreads;
  static constexpr bool kExact = 16 * kPieces % kThreads == 0;

  // `tile`: byte offset of the tile; `sixteen`: which 16 keys of it; row_bytes: what exists of a row, zeros follow;
  // load(key): whether a key of the 16 is wanted, else it becomes zeros.
  template <class Load>
  static FOVEA_DEVICE void rows(const Workgroup& wg, const char* from, int row_stride, int row_bytes, int tile, int sixteen, Load load) {
#pragma unroll
    for (int c = 0; c < kCopies; ++c) {
      const Int index = wg.thread() + c * kThreads;
      const Int row = index / kPieces, piece = index % kPieces;
      const Int bytes = lane_min(lane_max(row_bytes - piece * 16, 0), 16);
      copy_async16<kExact>(wg, index < 16 * kPieces, swizzled<kPieces>(row, piece) + (tile + sixteen * 16 * kPieces * 16),
                           from + to_long(row * row_stride + piece * 16), select(load(row), bytes, Int(0)));
    }
  }

  // Keys of the vectorised cache: [piece][key][16 bytes].
  template <class Load>
  static FOVEA_DEVICE void vectorized_keys(const Workgroup& wg, const char* from, int piece_stride, int row_bytes, int tile, int sixteen,
                                           Load load) {
#pragma unroll
    for (int c = 0; c < kCopies; ++c) {
      const Int index = wg.thread() + c * kThreads;
      const Int row = index % 16, piece = index / 16;
      copy_async16<kExact>(wg, index < 16 * kPieces, swizzled<kPieces>(row, piece) + (tile + sixteen * 16 * kPieces * 16),
                           from + to_long(row * 16 + piece * piece_stride),
                           select(load(row) & (piece * 16 < row_bytes), Int(16), Int(0)));
    }
  }

  // Values of the vectorised cache: [element][key]. The first `count` of the 16 keys are copied, the others become zeros.
  static FOVEA_DEVICE void vectorized_values(const Workgroup& wg, const char* from, int element_stride, int num_elements, int tile,
                                             int sixteen, int count) {
#pragma unroll
    for (int c = 0; c < kCopies; ++c) {
      const Int index = wg.thread() + c * kThreads;
      const Int element = index / 2, half = index % 2;
      const Int keys = lane_min(lane_max(count - half * 8, 0), 8);
      copy_async16<kExact>(wg, index < 16 * kPieces, swizzled<kTileKeys / 8>(element, half + sixteen * 2) + tile,
                           from + to_long(element * element_stride + half * 16), select(element < num_elements, keys * 2, Int(0)));
    }
  }

  // Makes the values of keys that load() refuses zeros in a transposed tile that has arrived.
  template <class Load>
  static FOVEA_DEVICE void hide_transposed(const Workgroup& wg, int tile, Load load) {
    for (int i = 0; i < kPieces * 8 * kTileKeys; i += kThreads) {
      const Int index = wg.thread() + i;
      const Int element = index / kTileKeys, key = index % kTileKeys;
      lds_store_half(wg, swizzled<kTileKeys / 8>(element, key / 8) + (key % 8 * 2 + tile), Uint(0), !load(key));
    }
  }
};

}  // namespace fovea::hip
