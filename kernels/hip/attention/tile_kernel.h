// Attention of one workgroup: packed query rows of one KV head of one sequence against an interval of its keys.
//
// Waves share the rows (row waves) or the keys of a tile (key waves): many rows need no exchange between waves, and few rows
// keep all waves busy. Keys and values stream through shared memory in kStages tiles. The state of a row (maximum, sum,
// weighted values) stays in registers until the end, where the key waves' states are combined in order.
//
// Entries that share rows with others leave their state in memory for split_merge.h. A merge by the last workgroup to arrive
// would save a launch and cost counters that somebody has to clear, because workspace is anybody's, and fences.
#pragma once

#include "kernels/hip/attention/write_rows.h"
#if FOVEA_HAS_ASYNC_COPIES
#if FOVEA_HAS_WGMMA
#include "kernels/hip/attention/async_loop.h"
#endif
#include "kernels/hip/attention/copy_loop.h"
#include "kernels/hip/attention/fp8_loop.h"
#else
#include "kernels/hip/attention/fetch_loop.h"
#endif

namespace fovea::hip {

template <class Traits>
struct TileKernel : TileSoftmax<Traits> {
  using Softmax = TileSoftmax<Traits>;
  using Softmax::Softmax;
  using Ops = typename Softmax::Ops;
  using RowValues = typename Softmax::RowValues;
  using Sums = typename Softmax::Sums;
  using Softmax::kRows;
  using Softmax::kThreads;
  using Softmax::p;
  using Softmax::wg;
  using Softmax::entry;
  using Softmax::s;
  using Softmax::kv_head;
  using Softmax::rows;
  using Softmax::context_tiles;
  using Softmax::num_tiles;
  using Softmax::begin;

  static constexpr int kPartials = Traits::kKind == kSmall ? kSmall : kMedium;  // many rows are never split

  // --- the end: states go through shared memory, where waves meet and rows become contiguous ---

  // `element` of the part's elements.
  FOVEA_DEVICE static Int sums_place(Int row, Int element) { return (row * Traits::kStateStride + element) * 4; }
  // The first row, and the first element of all rows, of a part.
  FOVEA_DEVICE static int first_row(int part) { return part / Traits::kElementParts * Traits::kStateRows; }
  FOVEA_DEVICE static int first_element(int part) { return part % Traits::kElementParts * Traits::kPartElements; }
  // The element of a row that a slot of the sums is.
  FOVEA_DEVICE static Int out_element(Int lane, int slot) {
#if FOVEA_HAS_ASYNC_COPIES
    if constexpr (Traits::kFp8) return Softmax::Fp8Ops::out_element(lane, slot);
#endif
    return Ops::out_element(lane, slot);
  }
  FOVEA_DEVICE static Int stats_place(Int row) { return (Traits::kKeyWaves * Traits::kStateRows * Traits::kStateStride + row * 2) * 4; }

  // The states of one part.
  FOVEA_DEVICE void publish(int part, Sums& sums, const RowValues& max, const RowValues& sum) const {
    constexpr int kPartWaves = Traits::kStateRows / Traits::kWaveRows;
    const int row_wave = wg.wave / Traits::kKeyWaves - part / Traits::kElementParts * kPartWaves, key_wave = wg.wave % Traits::kKeyWaves;
    if (part > 0) wg.barrier();
    if (Traits::kStateParts == Traits::kElementParts || (row_wave >= 0 && row_wave < kPartWaves)) {
      const int first = key_wave * Traits::kStateRows + row_wave * Traits::kWaveRows;
      // Places are made anew for each turn: kept, they would take registers that tiles need.
      const Int lane = Traits::kTurns > 1 ? opaque(wg.lane) : wg.lane;
#pragma unroll
      for (int r = 0; r < Ops::kRowSlots; ++r) {
        const Int row = Ops::row_of(lane, r) + first;
        const Bool leader = Ops::row_leader(lane);
        lds_store(wg, stats_place(row), max.v[r], leader);
        lds_store(wg, stats_place(row) + 4, sum.v[r], leader);
      }
#pragma unroll
      for (int i = 0; i < Ops::kOutSlots; ++i) {
        const Int row = Ops::row_of(lane, Ops::out_row_slot(i)) + first;
        const Int element = out_element(lane, i) - first_element(part);
        const Bool here = Traits::kElementParts == 1 ? row >= 0 : (element >= 0) & (element < Traits::kPartElements);
        lds_store(wg, sums_place(row, element), Ops::sum(sums, i), here);
      }
    }
    wg.barrier();
  }

  // Once for each row of the published part: the states of its key waves become what their values are to be multiplied with. Beside
  // the first of them, token and head of the row, counted from base_token and the KV head's first: no division is left for the
  // values.
  static constexpr int kEmptyRow = INT32_MIN;
  FOVEA_DEVICE void weigh_waves(const RowWriter& writer, int first, int count, int base_token) const {
    // Each wave has rows of its own.
    for (int begin = wg.wave * kWaveSize; begin < count; begin += kThreads) {
      const Bool mask = wg.lane + begin < count;
      const Int row = select(mask, wg.lane, Int(0)) + begin;
      RowState waves[Traits::kKeyWaves];
      RowState state = {Float(-INFINITY), Float(0.0f)};
#pragma unroll
      for (int w = 0; w < Traits::kKeyWaves; ++w) {
        const Int at = stats_place(row + w * Traits::kStateRows);
        waves[w] = {lds_load(wg, at), lds_load(wg, at + 4)};
        state.max = lane_max(state.max, waves[w].max);
      }
      const Float base = select(state.max == -INFINITY, Float(0.0f), state.max);
      Float factors[Traits::kKeyWaves];
#pragma unroll
      for (int w = 0; w < Traits::kKeyWaves; ++w) {
        factors[w] = exp2_fast(waves[w].max - base);
        state.sum = state.sum + waves[w].sum * factors[w];
      }
      Int told = Int(0);
      if (entry.num_splits == 1) {
        const RowPlace place = writer.place(row + (first + entry.row_begin));
        Bool empty;
        const Float factor = writer.finish(place, state, empty, mask, mask);
        told = select(empty, Int(kEmptyRow), Int(0)) | ((place.head - kv_head * p.layer.group) << 8) | (place.token - base_token);
#pragma unroll
        for (int w = 0; w < Traits::kKeyWaves; ++w) factors[w] = factors[w] * factor;
      } else {
        float* stats = p.partial_stats[kPartials];
        const Long at = to_long(row) + (partial_row() + first);
        global_store(stats + at * 2, state.max, mask);
        global_store(stats + at * 2 + 1, state.sum, mask);
      }
      wave_sync();
#pragma unroll
      for (int w = 0; w < Traits::kKeyWaves; ++w) lds_store(wg, stats_place(row + w * Traits::kStateRows), factors[w], mask);
      lds_store_int(wg, stats_place(row) + 4, told, mask);
    }
    wg.barrier();
  }

  // Four values of a row of the published part; `element` of the part's.
  FOVEA_DEVICE void collect(Int row, Int element, Float (&v)[4]) const {
#pragma unroll
    for (int w = 0; w < Traits::kKeyWaves; ++w) {
      const Int at = row + w * Traits::kStateRows;
      const Float factor = lds_load(wg, stats_place(at));
      const Quad q = lds_load_quad(wg, sums_place(at, element));
#pragma unroll
      for (int i = 0; i < 4; ++i) v[i] = w == 0 ? float_of(q.w[i]) * factor : v[i] + float_of(q.w[i]) * factor;
    }
  }

  // Entries that share rows have all of a sequence's, so a turn's first row is its place among them.
  FOVEA_DEVICE int64_t partial_row() const {
    return (static_cast<int64_t>(entry.first_slot + entry.split) * p.layer.num_kv_heads + kv_head) * rows_of_kind(Traits::kKind) +
           (Traits::kTurns > 1 ? entry.row_begin : 0);
  }

  // Calls f(row, element, mask) for every four elements of `num_elements` of rows [0, count).
  template <class F>
  FOVEA_DEVICE void for_each_four(int count, int num_elements, F f) const {
    constexpr int kFours = Traits::kPartElements / 4;
    const int fours = num_elements / 4;
    const bool whole = fours == kFours;
    // Made anew where AMD's compiler would keep it for all kinds, and spill.
    const Int thread = Traits::kUnified && !FOVEA_HAS_ASYNC_COPIES ? opaque(wg.thread()) : wg.thread();
    for (int i = 0; i < count * fours; i += kThreads) {
      const Int index = thread + i;
      const Bool mask = index < count * fours;
      const Int row = whole ? quotient<kFours>(index) : index / fours;
      f(select(mask, row, Int(0)), select(mask, index - row * fours, Int(0)) * 4, mask);
    }
  }

  FOVEA_DEVICE void finish(Sums& sums, const RowValues& max, const RowValues& sum) const {
    const RowWriter writer(p, s, kv_head);
    float* partials = p.partials[kPartials];
    const int head_size_v = p.layer.head_size_v;
    for (int part = 0; part < Traits::kStateParts; ++part) {
      publish(part, sums, max, sum);
      const int first = first_row(part), begin = first_element(part);
      const int count = uniform_min(rows - first, Traits::kStateRows);
      const int num_elements = Traits::kElementParts == 1 ? head_size_v : uniform_min(head_size_v - begin, Traits::kPartElements);
      const int base_token = s.first_token + (first + entry.row_begin) / p.layer.group;
      weigh_waves(writer, first, count, base_token);
      if (entry.num_splits == 1) {
        for_each_four(count, num_elements, [&](Int row, Int element, Bool mask) {
          Float v[4];
          collect(row, element, v);
          const Int told = as_int(bits_of(lds_load(wg, stats_place(row) + 4)));
          const RowPlace place = {(told & 0xff) + base_token, ((told & INT32_MAX) >> 8) + kv_head * p.layer.group};
#pragma unroll
          for (int i = 0; i < 4; ++i) v[i] = select(told < 0, Float(0.0f), v[i]);
          writer.store(place, element + begin, v, mask);
        });
        continue;
      }
      for_each_four(count, num_elements, [&](Int row, Int element, Bool mask) {
        Float v[4];
        collect(row, element, v);
        const Long at = to_long(row) + (partial_row() + first);
        Quad q;
#pragma unroll
        for (int i = 0; i < 4; ++i) q.w[i] = bits_of(v[i]);
        global_store_quad(reinterpret_pointer<char>(partials + (at * head_size_v + to_long(element + begin))), q, mask);
      });
    }
  }

  FOVEA_DEVICE void run() {
    constexpr int kKind = Traits::kKind;
    const Place place = this_place();
    // Read beside the number of entries, not after it: there is memory for an entry of each workgroup.
    const WorkEntry work = p.plan.entries[kKind][place.entry];
    if (place.entry >= p.plan.header->num_entries[kKind]) return;
#if FOVEA_HAS_WGMMA
    if constexpr (Traits::kCopyWaves > 0) return run_with_copy_waves(work, place.head);
#endif
    compute(work, place.head);
  }

  // The work of a workgroup. The heads of few rows are side by side: so are their keys in memory, which is read faster then. Those
  // of many rows come one after another: entries of one head find its keys in the cache.
  struct Place {
    int entry, head;
  };
  FOVEA_DEVICE Place this_place() const {
    if constexpr (Traits::kKind == kLarge) return {wg.x, wg.y};
    const int entry = wg.x / p.layer.num_kv_heads;
    return {entry, wg.x - entry * p.layer.num_kv_heads};
  }

#if FOVEA_HAS_WGMMA
  FOVEA_DEVICE void run_with_copy_waves(const WorkEntry& work, int head) {
    static_assert(Traits::kTurns == 1 && Softmax::kCopyThreads == kWarpgroup && Traits::kThreads == 2 * kWarpgroup);
    constexpr int kComputeWaves = Traits::kThreads / kWaveSize;
    if (wg.wave == 0 && wg.lane < Traits::kStages) {
      const auto init = [&](StageBarrier what, int arrivals) { barrier_init(wg, Softmax::stage_barrier(wg.lane, what), arrivals); };
      init(kKeysArrived, Softmax::kCopyThreads);
      init(kValuesArrived, Softmax::kCopyThreads);
      init(kKeysRead, kComputeWaves);
      init(kValuesRead, kComputeWaves);
    }
    wg.barrier();
    Workgroup here = wg;
    here.sharers = kThreads;
    TileKernel tile(p, here);
    if (wg.wave < kComputeWaves) {
      registers_grow<kComputeRegisters>();
      tile.compute(work, head);
    } else {
      registers_shrink<kCopyRegisters>();
      here.wave -= kComputeWaves;
      if (!tile.take(work, head)) {
        tile.begin();
        copy_tiles<Traits>(tile);
      }
    }
  }
#endif

  // Takes an entry over. Returns whether its lengths or blocks make no sense.
  FOVEA_DEVICE bool take(const WorkEntry& work, int head) {
    entry = work;
    kv_head = head;
    bool invalid = entry.seq < 0;
    if (invalid) entry.seq = -1 - entry.seq;
    if (p.batch.block_table != nullptr && p.plan.block_max[entry.seq * 2 + (p.key.data == nullptr)] >= p.key_cache.num_blocks) {
      invalid = true;
    }
    return invalid;
  }

  FOVEA_DEVICE void compute(const WorkEntry& work, int head) {
    const bool invalid = take(work, head);
    if (invalid && p.async_error != nullptr && wg.wave == 0) {
      global_min(p.async_error, as_uint(wg.lane * 0 + entry.seq), wg.lane == 0);
    }
    for (int turn = 0; turn < Traits::kTurns; ++turn) {
      if (turn > 0) {
        entry.row_begin += kRows;
        if (entry.row_begin >= s.query_len * p.layer.group) return;
        wg.barrier();
      }
      compute_rows(invalid);
    }
  }

  // Everything between the first key and the last.
  FOVEA_DEVICE void loop(Sums& sums, RowValues& max, RowValues& sum, float c) const {
#if FOVEA_HAS_ASYNC_COPIES
    if constexpr (Traits::kAsync) {
#if FOVEA_HAS_WGMMA
      async_loop<Traits>(*this, sums, max, sum, c);
#endif
    } else if constexpr (Traits::kFp8) {
      fp8_loop<Traits>(*this, sums, max, sum, c);
    } else {
      copy_loop<Traits>(*this, sums, max, sum, c);
    }
#else
    fetch_loop<Traits>(*this, sums, max, sum, c);
#endif
  }

  // What the workgroup computes at once of its entry's rows.
  FOVEA_DEVICE void compute_rows(bool invalid) {
    begin();
    Sums sums;
    RowValues max, sum;
    float c = p.layer.scale * kLog2E;
    if (p.q_scale != nullptr) c *= *p.q_scale;
    if (invalid) num_tiles = 0, context_tiles = 0;
    loop(sums, max, sum, c);
    if (invalid) {
#pragma unroll
      for (int r = 0; r < Ops::kRowSlots; ++r) sum.v[r] = float_of(Uint(0x7fc00000u));
    }
    finish(sums, max, sum);
  }
};

}  // namespace fovea::hip
