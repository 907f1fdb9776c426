// Tiles of an fp8 cache, copied as they are: products widen them.
#pragma once

#include "kernels/hip/attention/tile_layout.h"
#include "kernels/hip/device/fp8_tiles.h"

namespace fovea::hip {

// 16 keys' rows are kHeadSize pieces of 16 elements, in the order of the threads.
template <class Type, int kHeadSize, int kTileKeys, int kThreads>
struct Fp8Copy {
  static constexpr int kRowPieces = kHeadSize / 16;
  static constexpr int kCopies = (kHeadSize + kThreads - 1) / kThreads;
  static constexpr bool kExact = kHeadSize % kThreads == 0;

  static FOVEA_DEVICE Int index_of(const Workgroup& wg, int c) { return wg.thread() + c * kThreads; }
  static FOVEA_DEVICE Int row_of(Int index, Fp8Order order) {
    return order == kFp8Rows ? quotient<kRowPieces>(index) : remainder<16>(index);
  }
  static FOVEA_DEVICE Int piece_of(Int index, Fp8Order order) {
    return order == kFp8Rows ? remainder<kRowPieces>(index) : quotient<16>(index);
  }

  // Rows of fp8 in the order of Fp8Tile that fill their pieces, for all of a tile: place(g) is where its g-th 16 keys lie, in bytes
  // from `from`. kWhole: all keys are wanted, else those in [first, last) of the tile; the others become zeros and are not read.
  template <bool kWhole, class Place>
  static FOVEA_DEVICE void tile(const Workgroup& wg, const char* from, int stride, int stage, Place place, int first, int last) {
    Pointer base[kCopies];
    Int to[kCopies], key[kCopies];
#pragma unroll
    for (int c = 0; c < kCopies; ++c) {
      const Int index = index_of(wg, c);
      const Int row = quotient<kRowPieces>(index), piece = remainder<kRowPieces>(index);
      base[c] = opaque(from + to_long(row * stride + piece * 16));
      to[c] = swizzled<kRowPieces>(row, piece) + stage;
      key[c] = row - first;
    }
#pragma unroll
    for (int g = 0; g < kTileKeys / 16; ++g) {
      const uint64_t offset = place(g);
#pragma unroll
      for (int c = 0; c < kCopies; ++c) {
        const Bool load = kWhole ? Bool(true) : as_uint(key[c] + g * 16) < static_cast<uint32_t>(last - first);
        copy_async16<kExact>(wg, index_of(wg, c) < kHeadSize, to[c] + g * 16 * kHeadSize, base[c] + offset, load);
      }
    }
  }

  // The same for 16 keys, with checks. stride: from row to row, from piece to piece, or from element to element. load(row): whether a
  // key is wanted. any: some key of the 16 is. narrow: pieces are aligned to 8 bytes only, and may be half there.
  template <class Load>
  static FOVEA_DEVICE void issue_rows(const Workgroup& wg, Fp8Order order, const char* from, int stride, int head_size, bool narrow,
                                      int stage, int sixteen, bool any, Load load) {
#pragma unroll
    for (int c = 0; c < kCopies; ++c) {
      const Int index = index_of(wg, c);
      const Bool here = index < kHeadSize;
      if (order == kFp8VectorizedValues) {
        // Sixteen keys of an element become bytes of sixteen rows.
        const Quad q = global_load_quad(from + to_long(index * stride), here & (index < head_size) & any);
#pragma unroll
        for (int key = 0; key < 16; ++key) {
          const Uint byte = select(load(Int(key)), q.w[key / 4] >> (key % 4 * 8), Uint(0));
          lds_store_byte(wg, swizzled<kRowPieces>(Int(key), quotient<16>(index)) + remainder<16>(index) + (stage + sixteen * 16 * kHeadSize),
                         byte, here);
        }
        continue;
      }
      const Int row = row_of(index, order), piece = piece_of(index, order);
      const Bool wanted = load(row);
      const Int to = swizzled<kRowPieces>(row, piece) + (stage + sixteen * 16 * kHeadSize);
      const Pointer at = order == kFp8Rows ? from + to_long(row * stride + piece * 16) : from + to_long(row * 16 + piece * stride);
      if (narrow) {
        copy_async8<kExact>(wg, here, to, at, wanted & (piece * 16 < head_size));
        copy_async8<kExact>(wg, here, to + 8, at + 8, wanted & (piece * 16 + 8 < head_size));
      } else {
        copy_async16<kExact>(wg, here, to, at, wanted & (piece * 16 < head_size));
      }
    }
  }
};

}  // namespace fovea::hip
