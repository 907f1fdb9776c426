// How an attention tile is cut for each architecture: data for kernels, for whoever launches them and for whoever lists them.
#pragma once

#include "kernels/hip/kernel_params.h"

namespace fovea::hip {

struct TileShape {
  int most_rows;     // that a workgroup computes at once, 0: all of its entry's
  int wave_rows;     // packed rows of one wave
  int key_waves;     // waves that share the keys of a tile
  int tile_keys;
  int stages;        // tiles of keys and values in shared memory
  int workgroups;    // per compute unit at least: bounds a lane's registers
  int state_parts;   // states go through shared memory in this many parts: of the rows, beyond whole waves of the elements
  bool query_first;  // queries are in registers before the first tile is copied, and tiles take their place
  bool async;        // products run while waves do other things: a loop of its own
  int copy_waves;    // besides those that compute: they bring the tiles (of async only)
  bool narrow_tiles;      // an fp8 cache's tiles are fp8 in shared memory too; else they are widened on their way
  int element_bytes = 2;  // of queries, and of keys and values in tiles
  bool ahead = true;      // without asynchronous copies: registers hold the next tile while one is computed
};

// Of a stage: whether its keys and its values have arrived, and whether they were read.
enum StageBarrier : int { kKeysArrived, kValuesArrived, kKeysRead, kValuesRead, kStageBarriers };

constexpr int rows_of_kind(int kind) { return kind == kSmall ? kSmallRows : kind == kMedium ? kMediumRows : kLargeRows; }

// Bytes of shared memory and what else follows from a shape.
struct TileSizes {
  int threads;
  int compute_threads;  // without the copy waves
  int rows;           // that a workgroup computes at once
  int query_bytes;
  int tile_bytes;     // keys or values of one tile
  int stage_bytes;    // the same where it is fp8
  int tiles_at;       // offset of the first tile
  int barriers_at;    // of those between copy waves and the others, if there are any
  int state_stride;   // floats of a row's sums
  int state_rows;     // of one part
  int element_parts;  // into which a part's rows are cut
  int lds_bytes;
};

constexpr TileSizes tile_sizes(const TileShape& shape, int wave_size, int head_size, int kind, bool fp8) {
  TileSizes s = {};
  const int kind_rows = rows_of_kind(kind);
  const int rows = shape.most_rows != 0 && shape.most_rows < kind_rows ? shape.most_rows : kind_rows;
  s.rows = rows;
  s.compute_threads = rows / shape.wave_rows * shape.key_waves * wave_size;
  s.threads = s.compute_threads + shape.copy_waves * wave_size;
  s.query_bytes = rows * head_size * shape.element_bytes;
  s.tile_bytes = shape.tile_keys * head_size * shape.element_bytes;
  s.tiles_at = shape.query_first ? 0 : s.query_bytes;
  s.state_rows = rows / shape.state_parts > shape.wave_rows ? rows / shape.state_parts : shape.wave_rows;
  s.element_parts = shape.state_parts * s.state_rows / rows;
  s.state_stride = head_size / s.element_parts + 4;
  s.stage_bytes = fp8 && shape.narrow_tiles ? s.tile_bytes / 2 : s.tile_bytes;
  s.lds_bytes = s.tiles_at + shape.stages * 2 * s.stage_bytes;
  const int state_bytes = shape.key_waves * s.state_rows * (s.state_stride + 2) * 4;
  if (s.lds_bytes < s.query_bytes) s.lds_bytes = s.query_bytes;
  if (s.lds_bytes < state_bytes) s.lds_bytes = state_bytes;
  s.barriers_at = s.lds_bytes;
  if (shape.copy_waves > 0) s.lds_bytes += shape.stages * kStageBarriers * 8;
  return s;
}

// A tile for the kernel that computes all kinds, whose workgroups have four waves.
constexpr TileShape of_four_waves(TileShape s, int kind) {
  if (kind == kLarge && s.wave_rows == 16) s.most_rows = 64;
  return s;
}

// Of the kernel that computes all kinds.
struct UnifiedSizes {
  int threads;
  int workgroups;
  int lds_bytes;
  int smallest_kind;
  int large_rows;  // of an entry of kLarge: no tile is turned to twice
};

template <class Shapes>
constexpr UnifiedSizes unified_sizes(int head_size, bool fp8) {
  UnifiedSizes u = {0, 1 << 30, 0, Shapes::smallest_unified(head_size), 0};
  for (int kind = u.smallest_kind; kind < kNumKinds; ++kind) {
    const TileShape shape = Shapes::unified(head_size, kind, fp8);
    const TileSizes sizes = tile_sizes(shape, Shapes::kWaveSize, head_size, kind, fp8);
    u.threads = sizes.threads;
    u.large_rows = sizes.rows;
    if (u.workgroups > shape.workgroups) u.workgroups = shape.workgroups;
    if (u.lds_bytes < sizes.lds_bytes) u.lds_bytes = sizes.lds_bytes;
  }
  return u;
}

}  // namespace fovea::hip
