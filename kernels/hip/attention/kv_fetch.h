// Copies of tiles by way of registers, for GPUs that copy nothing to shared memory by themselves: what a thread reads of a tile
// (fetch) stays on its way while the tile before is computed, and is written to shared memory when it is needed (land).
//
// The threads of a workgroup share the pieces of 16 keys; where 16 keys have fewer pieces than there are threads, groups of waves
// take every kGroups-th 16 keys. An fp8 cache is widened between registers and shared memory, so products never see fp8.
#pragma once

#include "kernels/hip/attention/tile_layout.h"
#include "kernels/hip/device/numbers.h"

namespace fovea::hip {

// Who copies what of a tile whose 16 keys are k16Pieces pieces of 16 bytes.
template <int k16Pieces, int kTileKeys, int kThreads>
struct FetchShares {
  static constexpr int kSixteens = kTileKeys / 16;
  static constexpr int kGroups = [] {
    int groups = 1;
    while (k16Pieces % kWaveSize == 0 && kSixteens % (groups * 2) == 0 && k16Pieces * groups * 2 <= kThreads) groups *= 2;
    return groups;
  }();
  static constexpr int kGroupThreads = kThreads / kGroups;
  static constexpr int kSteps = kSixteens / kGroups;  // 16 keys each
  static constexpr int kCopies = (k16Pieces + kGroupThreads - 1) / kGroupThreads;  // of a thread in a step
  static constexpr bool kExact = k16Pieces % kGroupThreads == 0;
  static constexpr int kCount = kSteps * kCopies;

  static FOVEA_DEVICE int group(const Workgroup& wg) { return kGroups == 1 ? 0 : wg.wave / (kGroupThreads / kWaveSize); }
  // The thread's place in its group, for copy `c` of a step.
  static FOVEA_DEVICE Int index_of(const Workgroup& wg, int c) {
    if constexpr (kGroups == 1) return wg.thread() + c * kThreads;
    return wg.lane + (wg.wave % (kGroupThreads / kWaveSize) * kWaveSize + c * kGroupThreads);
  }
  static FOVEA_DEVICE Bool takes_part(Int index) { return index < k16Pieces; }
  // Which 16 keys of the tile a step is about.
  static FOVEA_DEVICE int sixteen_of(const Workgroup& wg, int step) { return step * kGroups + group(wg); }
};

// Pieces of a thread on their way. Functions take a step's pieces or, where those are too many, one of kCuts parts of them.
template <int kCount>
struct Pieces {
  Quad q[kCount];
};

// Rows of 16-bit or f32 elements. `step` counts the thread's sixteens of keys, `from` is where a step's first key lies.
template <int kPieces, int kTileKeys, int kThreads, int kElementBytes>
struct TileFetch : FetchShares<16 * kPieces, kTileKeys, kThreads> {
  using Shares = FetchShares<16 * kPieces, kTileKeys, kThreads>;
  using Shares::kCopies;
  using Shares::kCount;
  using Shares::kExact;
  using Shares::index_of;
  using Shares::sixteen_of;
  using Shares::takes_part;
  static constexpr int kPieceElements = 16 / kElementBytes;
  static constexpr int kParts = 16 / kPieceElements;  // of 16 keys of one element

  // Row and piece that a thread copies: lanes side by side take pieces side by side, as they lie in memory.
  static FOVEA_DEVICE Int row_of(Int index, bool vectorized) {
    return vectorized ? remainder<16>(index) : quotient<kPieces>(index);
  }
  static FOVEA_DEVICE Int piece_of(Int index, bool vectorized) {
    return vectorized ? quotient<16>(index) : remainder<kPieces>(index);
  }

  // Rows that are all wanted and fill their pieces.
  template <int kCuts>
  static FOVEA_DEVICE void fetch_whole(const Workgroup& wg, int cut, const char* from, int row_stride, int step,
                                       Pieces<kCount>& p) {
#pragma unroll
    for (int c = 0; c < kCopies / kCuts; ++c) {
      const Int index = index_of(wg, c + cut * (kCopies / kCuts));
      const Int offset = quotient<kPieces>(index) * row_stride + remainder<kPieces>(index) * 16;
      p.q[step * (kCopies / kCuts) + c] = fetch16<kExact>(takes_part(index), offset_by(from, offset), Bool(true));
    }
  }

  // Rows of which load(row) says whether they are wanted; row_bytes: what exists of a row, zeros follow. Of the vectorised cache,
  // which keeps keys as [piece][key], `stride` leads from piece to piece, else from row to row.
  template <int kCuts, class Load>
  static FOVEA_DEVICE void fetch_rows(const Workgroup& wg, int cut, bool vectorized, const char* from, int stride, int row_bytes,
                                      int step, Load load, Pieces<kCount>& p) {
    const int row_stride = vectorized ? 16 : stride, piece_stride = vectorized ? stride : 16;
#pragma unroll
    for (int c = 0; c < kCopies / kCuts; ++c) {
      const Int index = index_of(wg, c + cut * (kCopies / kCuts));
      const Int row = row_of(index, vectorized), piece = piece_of(index, vectorized);
      const Int offset = row * row_stride + piece * piece_stride;
      p.q[step * (kCopies / kCuts) + c] =
          fetch16<kExact>(takes_part(index), offset_by(from, offset), load(row) & (piece * 16 < row_bytes));
    }
  }
  template <int kCuts>
  static FOVEA_DEVICE void land_rows(const Workgroup& wg, int cut, bool vectorized, int tile, int step, const Pieces<kCount>& p) {
    const int to = tile + sixteen_of(wg, step) * 16 * kPieces * 16;
#pragma unroll
    for (int c = 0; c < kCopies / kCuts; ++c) {
      const Int index = index_of(wg, c + cut * (kCopies / kCuts));
      const Int at = swizzled<kPieces>(row_of(index, vectorized), piece_of(index, vectorized)) + to;
      lds_store_quad(wg, at, p.q[step * (kCopies / kCuts) + c], kExact ? Bool(true) : takes_part(index));
    }
  }

  // Values. The vectorised cache keeps them as [element][key]: a piece holds keys of one element, of which those from `last` on do
  // not exist, and `stride` leads from element to element.
  template <int kCuts, class Load>
  static FOVEA_DEVICE void fetch_values(const Workgroup& wg, int cut, bool vectorized, const char* from, int stride,
                                        int head_size, int step, Load load, int last, Pieces<kCount>& p) {
#pragma unroll
    for (int c = 0; c < kCopies / kCuts; ++c) {
      const Int index = index_of(wg, c + cut * (kCopies / kCuts));
      // Row and piece, or element and part of its keys.
      const Int a = vectorized ? quotient<kParts>(index) : quotient<kPieces>(index);
      const Int b = vectorized ? remainder<kParts>(index) : remainder<kPieces>(index);
      const Bool exists = vectorized ? (a < head_size) & (b * kPieceElements < last) : load(a) & (b * kPieceElements < head_size);
      p.q[step * (kCopies / kCuts) + c] = fetch16<kExact>(takes_part(index), offset_by(from, a * stride + b * 16), exists);
    }
  }
  // Columns become rows. load(key): whether a key of the step's 16 is wanted, asked if `some` are not.
  template <int kCuts, class Load>
  static FOVEA_DEVICE void land_columns(const Workgroup& wg, int cut, int tile, int step, bool some, Load load,
                                        const Pieces<kCount>& p) {
    const int to = tile + sixteen_of(wg, step) * 16 * kPieces * 16;
#pragma unroll
    for (int c = 0; c < kCopies / kCuts; ++c) {
      const Int index = index_of(wg, c + cut * (kCopies / kCuts));
      const Int element = quotient<kParts>(index), first = remainder<kParts>(index) * kPieceElements;
      Quad q = p.q[step * (kCopies / kCuts) + c];
      if (some) hide<kElementBytes>(q, first, load);
      if constexpr (kElementBytes == 4) {
        store_column_f32<kPieces>(wg, element, first, q, to, kExact ? Bool(true) : takes_part(index));
      } else {
        store_column<kPieces>(wg, element, first, q, to, kExact ? Bool(true) : takes_part(index));
      }
    }
  }

  // Zeros where load refuses the key of an element of the piece, whose first key is `first`.
  template <int kBytes, class Load>
  static FOVEA_DEVICE void hide(Quad& q, Int first, Load load) {
#pragma unroll
    for (int i = 0; i < 16 / kBytes; ++i) {
      const Uint others = kBytes == 4 ? Uint(0) : i % 2 == 0 ? Uint(0xffff0000u) : Uint(0xffffu);
      Uint& w = q.w[i * kBytes / 4];
      w = select(load(first + i), w, w & others);
    }
  }
};

// Rows of fp8.
template <class Type, int kHeadSize, int kTileKeys, int kThreads>
struct Fp8Fetch : FetchShares<kHeadSize, kTileKeys, kThreads> {
  using Shares = FetchShares<kHeadSize, kTileKeys, kThreads>;
  using Shares::kCopies;
  using Shares::kExact;
  using Shares::index_of;
  using Shares::sixteen_of;
  using Shares::takes_part;
  static constexpr int kRowPieces = kHeadSize / 16;
  static constexpr int kPieces = kHeadSize / 8;  // of a widened row

  static FOVEA_DEVICE Int row_of(Int index, Fp8Order order) {
    return order == kFp8Rows ? quotient<kRowPieces>(index) : remainder<16>(index);
  }
  static FOVEA_DEVICE Int piece_of(Int index, Fp8Order order) {
    return order == kFp8Rows ? remainder<kRowPieces>(index) : quotient<16>(index);
  }

  template <int kCuts, int kCount>
  static FOVEA_DEVICE void fetch_whole(const Workgroup& wg, int cut, const char* from, int row_stride, int step,
                                       Pieces<kCount>& p) {
#pragma unroll
    for (int c = 0; c < kCopies / kCuts; ++c) {
      const Int index = index_of(wg, c + cut * (kCopies / kCuts));
      const Int offset = quotient<kRowPieces>(index) * row_stride + remainder<kRowPieces>(index) * 16;
      p.q[step * (kCopies / kCuts) + c] = fetch16<kExact>(takes_part(index), offset_by(from, offset), Bool(true));
    }
  }

  // stride: from row to row, from piece to piece, or from element to element. load(row): whether a key is wanted, of values of the
  // vectorised cache the first of the 16. narrow: pieces are aligned to 8 bytes only, and may be half there.
  template <int kCuts, int kCount, class Load>
  static FOVEA_DEVICE void fetch(const Workgroup& wg, int cut, Fp8Order order, const char* from, int stride, int head_size,
                                 bool narrow, int step, Load load, Pieces<kCount>& p) {
#pragma unroll
    for (int c = 0; c < kCopies / kCuts; ++c) {
      const Int index = index_of(wg, c + cut * (kCopies / kCuts));
      const Bool here = takes_part(index);
      Quad& q = p.q[step * (kCopies / kCuts) + c];
      const Int row = row_of(index, order), piece = piece_of(index, order);
      const bool values = order == kFp8VectorizedValues;
      const Int offset = values ? index * stride : order == kFp8Rows ? row * stride + piece * 16 : row * 16 + piece * stride;
      const Pointer at = offset_by(from, offset);
      const Bool wanted = load(values ? index * 0 : row);
      const Int first = values ? index : piece * 16;  // element
      if (narrow) {
        q = fetch8<kExact>(here, at, wanted & (first < head_size));
        const Quad high = fetch8<kExact>(here, at + 8, wanted & (first + 8 < head_size));
        q.w[2] = high.w[0];
        q.w[3] = high.w[1];
      } else {
        q = fetch16<kExact>(here, at, wanted & (first < head_size));
      }
    }
  }

  // load(key): whether a key of the step's 16 is wanted, asked of values of the vectorised cache if `some` are not.
  template <int kCuts, int kCount, class Load>
  static FOVEA_DEVICE void land(const Workgroup& wg, int cut, Fp8Order order, DataType type, int tile, int step, bool some,
                                Load load, const Pieces<kCount>& p) {
    const int to = tile + sixteen_of(wg, step) * 16 * kPieces * 16;
#pragma unroll
    for (int c = 0; c < kCopies / kCuts; ++c) {
      const Int index = index_of(wg, c + cut * (kCopies / kCuts));
      const Bool here = kExact ? Bool(true) : takes_part(index);
      const Quad& bytes = p.q[step * (kCopies / kCuts) + c];
      Quad first, second;
      widen_fp8<Type>(bytes, type, first, second);
      keep_order();
      if (order == kFp8VectorizedValues) {
        using Wide = TileFetch<kPieces, kTileKeys, kThreads, 2>;
        if (some) {
          Wide::template hide<2>(first, index * 0, load);
          Wide::template hide<2>(second, index * 0 + 8, load);
        }
        store_column<kPieces>(wg, index, index * 0, first, to, here);
        store_column<kPieces>(wg, index, index * 0 + 8, second, to, here);
      } else {
        const Int row = row_of(index, order), piece = piece_of(index, order) * 2;
        lds_store_quad(wg, swizzled<kPieces>(row, piece) + to, first, here);
        lds_store_quad(wg, swizzled<kPieces>(row, piece + 1) + to, second, here);
      }
    }
  }
};

}  // namespace fovea::hip
