// Where the keys of a tile lie: the block of every 16 of them, looked up tile by tile.
//
// 16 keys lie in one block, so their address is uniform. A GPU with scalar registers looks the blocks up one by one (ScalarBlocks);
// on others each would cost every lane a load and the arithmetic of an address, so there a lane does it for 16 keys, and all
// take the result from it (LaneBlocks): of a prefill on an H100, addresses made in every lane took two fifths of the time.
#pragma once

#include "kernels/hip/attention/key_visibility.h"

namespace fovea::hip {

FOVEA_DEVICE uint64_t wide(uint32_t a, uint32_t b) { return static_cast<uint64_t>(a) * b; }

// A block's bytes fit 32 bits, a cache's do not.
#if !FOVEA_HAS_ASYNC_COPIES
// What one wave copies of a tile: every kGroups-th 16 keys, kSteps of them.
template <int kSteps, int kGroups>
struct ScalarBlocks {
  static constexpr int kCount = kSteps;
  int index, next_within;        // column of the table and key of the block where the next 16 keys begin
  int step_index, step_within;   // from these to those after them
  int id[kSteps];                // -1: no key is wanted
  int within[kSteps];            // the first key in its block

  // begin: the wave's first key.
  FOVEA_DEVICE void start(int begin, int block_size) {
    index = begin / block_size;
    next_within = begin % block_size;
    step_index = kGroups == 1 ? 0 : kGroups * 16 / block_size;
    step_within = kGroups == 1 ? 16 : kGroups * 16 % block_size;
  }
  // Looks the next tile up. any(step): whether a key of the 16 is wanted.
  template <class Any>
  FOVEA_DEVICE void load(const int32_t* table, int block_size, Any any) {
#pragma unroll
    for (int step = 0; step < kSteps; ++step) {
      id[step] = any(step) ? constant_load(table + index) : -1;
      within[step] = next_within;
      index += step_index;
      next_within += step_within;
      if (next_within >= block_size) {
        next_within -= block_size;
        ++index;
      }
    }
  }
  FOVEA_DEVICE int id_of(int step) const { return id[step]; }
  FOVEA_DEVICE int within_of(int step) const { return within[step]; }
};
#else
// Tiles of kSixteens * 16 keys.
template <int kSixteens>
struct LaneBlocks {
  static_assert(2 * kSixteens <= kWaveSize);
  int step_index, step_within;  // from a tile to the next
  Int index, next_within;       // of the lane's 16 keys in the next tile
  Int id, within;               // of those in this one

  // The 16 keys of a lane: lanes behind the first kSixteens hold the same again, for the values.
  static FOVEA_DEVICE Int sixteen_of(const Workgroup& wg) { return remainder<kSixteens>(wg.lane); }

  FOVEA_DEVICE void start(const Workgroup& wg, int begin, int block_size) {
    step_index = kSixteens * 16 / block_size;
    step_within = kSixteens * 16 % block_size;
    const Int first = sixteen_of(wg) * 16 + begin;
    index = first / block_size;
    next_within = first - index * block_size;
  }
  template <class Any>
  FOVEA_DEVICE void load(const Workgroup& wg, const int32_t* table, int block_size, Any any) {
    id = global_load(table + index, any(sixteen_of(wg)), -1);
    within = next_within;
    index = index + step_index;
    next_within = next_within + step_within;
    const Bool over = next_within >= block_size;
    index = index + select(over, Int(1), Int(0));
    next_within = next_within - select(over, Int(block_size), Int(0));
  }
  FOVEA_DEVICE int id_of(int g) const { return lane_value(id, g); }
  FOVEA_DEVICE int within_of(int g) const { return lane_value(within, g); }

  // Where the g-th 16 keys lie, in units of 16 bytes, in lane g; their values in lane g + kSixteens. Strides are multiples of 16
  // bytes, and nothing is longer than 2^32 units.
  FOVEA_DEVICE Uint places(const Workgroup& wg, const Cache& keys, const Cache& values) const {
    return as_uint(id) * units(wg, keys.block_stride, values.block_stride) + as_uint(within) * units(wg, keys.row_stride, values.row_stride);
  }
  // The same for rows of this step from a token on.
  static FOVEA_DEVICE Uint places_of_rows(const Workgroup& wg, int token, const Rows& keys, const Rows& values) {
    return as_uint(sixteen_of(wg) * 16 + token) * units(wg, keys.row_stride, values.row_stride);
  }
  static FOVEA_DEVICE uint64_t key_offset(Uint places, int g) { return wide(static_cast<uint32_t>(lane_value(as_int(places), g)), 16); }
  static FOVEA_DEVICE uint64_t value_offset(Uint places, int g) { return key_offset(places, g + kSixteens); }

 private:
  static FOVEA_DEVICE Uint units(const Workgroup& wg, int64_t of_keys, int64_t of_values) {
    return select(remainder<2 * kSixteens>(wg.lane) >= kSixteens, Uint(static_cast<uint32_t>(of_values >> 4)),
                  Uint(static_cast<uint32_t>(of_keys >> 4)));
  }
};
#endif

}  // namespace fovea::hip
