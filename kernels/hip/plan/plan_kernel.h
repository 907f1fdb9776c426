// The plan of a batch: lengths become lists of work, on the device, so that the host needs to know no length.
//
// Workgroup 0 makes the lists; all others look for the largest block id that each sequence uses, so that a forward can
// refuse a sequence whose blocks are not in its cache. The order within a list has no influence on any result.
#pragma once

#include "kernels/hip/attention/key_visibility.h"

namespace fovea::hip {

inline constexpr int kPlanThreads = 1024;
inline constexpr int kPlanTile = 64;    // keys; splits are cut at multiples
inline constexpr int kPlanBuckets = 64;
inline constexpr int kMaxRounds = 4;
inline constexpr int kPlanScans = 5;         // sums that are made together
inline constexpr int kPlanLdsFirsts = 2048;  // sequences whose first entries are kept in shared memory too

// Shared memory of the plan kernel, in bytes.
struct PlanLds {
  static constexpr int kScan = 0;                                          // [kPlanScans][kMaxWaves + 1]
  static constexpr int kMaxWaves = 32;
  static constexpr int kTotals = kScan + kPlanScans * (kMaxWaves + 1) * 4;  // [kNumKinds][kMaxRounds][4]
  static constexpr int kBuckets = kTotals + kNumKinds * kMaxRounds * 16;    // [kNumKinds][kPlanBuckets]
  static constexpr int kCleared = kBuckets + kNumKinds * kPlanBuckets * 4;
  static constexpr int kFirsts = kCleared;                                 // [kPlanLdsFirsts]
  static constexpr int kBytes = kFirsts + kPlanLdsFirsts * 4;
};

struct PlanKernel {
  const PlanParams& p;
  const Workgroup& wg;

  struct Extent {
    Int query_len, seq_len, kind, rows, row_tiles;
    Bool valid;      // lengths make sense; else the rows become NaN
  };

  FOVEA_DEVICE PlanKernel(const PlanParams& params, const Workgroup& workgroup) : p(params), wg(workgroup) {}

  FOVEA_DEVICE Extent extent(Int seq, Bool mask) const {
    const Batch& b = p.batch;
    Extent e;
    const Int begin = global_load(b.query_start_loc + seq, mask, 0), end = global_load(b.query_start_loc + (seq + 1), mask, 0);
    e.seq_len = global_load(b.seq_lens + seq, mask, 0);
    const Bool rows_known = (begin >= 0) & (end >= begin) & (end <= b.num_tokens) & (end - begin <= b.max_query_len);
    e.query_len = select(rows_known, end - begin, Int(0));
    e.valid = rows_known & (e.seq_len >= 0) & (e.seq_len <= b.max_seq_len);
    if (p.layer.attention_type == AttentionType::kEncoder) e.valid = e.valid & (e.seq_len == e.query_len);
    e.rows = e.query_len * p.layer.group;
    e.kind = select(e.rows <= kSmallRows, Int(kSmall), select(e.rows <= kMediumRows, Int(kMedium), Int(kLarge)));
    e.kind = lane_max(e.kind, Int(p.smallest_kind));
    const Int per_tile = select(e.kind == kSmall, Int(kSmallRows), select(e.kind == kMedium, Int(kMediumRows), Int(kLargeRows)));
    e.row_tiles = (e.rows + per_tile - 1) / per_tile;
    return e;
  }

  // Keys that rows [first, last] (query tokens) of a sequence need, the lower end rounded down to 16.
  FOVEA_DEVICE Interval<Int> hull(Int seq, const Extent& e, Int first, Int last, Bool mask) const {
    const Layer& layer = p.layer;
    const Batch& b = p.batch;
    const Int context = e.seq_len - e.query_len;
    Bool causal = first * 0 + (layer.attention_type == AttentionType::kDecoder && b.causal != 0) != 0;
    if (layer.attention_type == AttentionType::kDecoder && b.causal_per_sequence != nullptr) {
      causal = global_load(b.causal_per_sequence + seq, mask, 1) != 0;
    }
    Interval<Int> v = {Int(0) * first, e.seq_len};
    const Int high = context + last;
    v.end = select(causal, lane_min(v.end, high + 1), v.end);
    if (layer.window_right >= 0) v.end = select(causal, v.end, lane_min(v.end, high + 1 + layer.window_right));
    if (layer.window_left >= 0) v.begin = lane_max(v.begin, context + first - layer.window_left);
    if (layer.prefix_ranges != PrefixRanges::kNone) {
      Int i = global_load(b.range_start_loc + seq, mask, 0);
      const Int stop = global_load(b.range_start_loc + (seq + 1), mask, 0);
      while (any_lane(i < stop)) {
        const Bool active = mask & (i < stop);
        const Int begin = global_load(b.ranges + i * 2, active, 0), end = global_load(b.ranges + (i * 2 + 1), active, 0);
        const Int first_row = lane_max(begin, context + first);
        Int from = lane_max(begin, Int(0));
        if (layer.prefix_ranges == PrefixRanges::kWindowed && layer.window_left >= 0) from = lane_max(from, first_row - layer.window_left);
        const Bool meets = active & (begin < end) & (first_row <= lane_min(end, high));
        v.begin = select(meets, lane_min(v.begin, from), v.begin);
        v.end = select(meets, lane_max(v.end, lane_min(e.seq_len, select(end == kNoLimit, end, end + 1))), v.end);
        i = i + 1;
      }
    }
    v.begin = v.begin / 16 * 16;
    v.end = lane_max(v.end, v.begin);
    v.end = select(e.valid, v.end, v.begin);
    return v;
  }

  // Splits of rows that are not large, for `rounds` times as many entries as fill the device.
  FOVEA_DEVICE Int splits(const Interval<Int>& keys, Int seq_len, Int total, int target, int rounds) const {
    const Int length = keys.end - keys.begin;
    if (p.batch_invariant) {
      // A multiple of the row's own length only: bits must not depend on the batch.
      const Int chunk = lane_max((seq_len + 2047) / 2048 * 64, Int(1024));
      return lane_max((length + chunk - 1) / chunk, Int(1));
    }
    if (target == 0) return Int(1) + length * 0;
    const Int tiles = (length + kPlanTile - 1) / kPlanTile;
    // round(tiles / (total / (target * rounds))), at least one tile each.
    const Float per_entry = to_float(total) / static_cast<float>(target * rounds);
    const Int wanted = to_int(to_float(tiles) / per_entry + 0.5f);
    return lane_max(lane_min(wanted, tiles), Int(1));
  }

  FOVEA_DEVICE Int split_keys(const Interval<Int>& keys, Int seq_len, Int count) const {
    if (p.batch_invariant) return lane_max((seq_len + 2047) / 2048 * 64, Int(1024));
    return ((keys.end - keys.begin + kPlanTile - 1) / kPlanTile + count - 1) / count * kPlanTile;
  }

  // Steps of a quarter of a power of two, 0..kPlanBuckets - 1.
  FOVEA_DEVICE static Int quarter_log2(Int x) {
    const Uint bits = bits_of(to_float(lane_max(x, Int(1))));
    return lane_min(as_int(bits >> 21) - (127 << 2), Int(kPlanBuckets - 1));
  }

  FOVEA_DEVICE Int total_place(Int kind, int round, int what) const { return ((kind * kMaxRounds + round) * 4 + what) * 4 + PlanLds::kTotals; }

  FOVEA_DEVICE static Int exchange(Int x, int mask) { return as_int(bits_of(shuffle_xor(float_of(as_uint(x)), mask))); }
  FOVEA_DEVICE static Int wave_sum(Int x) {
#pragma unroll
    for (int d = 1; d < kWaveSize; d *= 2) x = x + exchange(x, d);
    return x;
  }
  FOVEA_DEVICE static Int wave_max(Int x) {
#pragma unroll
    for (int d = 1; d < kWaveSize; d *= 2) x = lane_max(x, exchange(x, d));
    return x;
  }
  // Sum over the wave's lanes up to this one.
  FOVEA_DEVICE Int wave_scan(Int x) const {
#pragma unroll
    for (int d = 1; d < kWaveSize; d *= 2) {
      const Int other = shuffle_up(x, d);
      x = x + select(wg.lane >= d, other, Int(0) * x);
    }
    return x;
  }

  // Each value becomes the sum over all threads before this one, plus its carry, to which everything is added.
  FOVEA_DEVICE void scan(Int (&values)[kPlanScans], int (&carries)[kPlanScans]) const {
    constexpr int kWaves = kPlanThreads / kWaveSize;
    static_assert(kWaves <= PlanLds::kMaxWaves && kWaves <= kWaveSize && kPlanScans <= kWaves);
    Int sums[kPlanScans];
#pragma unroll
    for (int i = 0; i < kPlanScans; ++i) sums[i] = wave_scan(values[i]);
    wg.barrier();
#pragma unroll
    for (int i = 0; i < kPlanScans; ++i) {
      lds_store_int(wg, wg.lane * 0 + (PlanLds::kScan + (i * (PlanLds::kMaxWaves + 1) + wg.wave) * 4), sums[i], wg.lane == kWaveSize - 1);
    }
    wg.barrier();
    if (wg.wave < kPlanScans) {
      // Totals of the waves become what lies before each, and of all.
      const int row = PlanLds::kScan + wg.wave * (PlanLds::kMaxWaves + 1) * 4;
      const Int at = lane_min(wg.lane, Int(kWaves - 1)) * 4 + row;
      const Int total = select(wg.lane < kWaves, load_int(at), Int(0) * wg.lane);
      const Int upto = wave_scan(total);
      wave_sync();
      lds_store_int(wg, at, upto - total, wg.lane < kWaves);
      lds_store_int(wg, wg.lane * 0 + (row + kWaves * 4), upto, wg.lane == kWaves - 1);
    }
    wg.barrier();
#pragma unroll
    for (int i = 0; i < kPlanScans; ++i) {
      const int row = PlanLds::kScan + i * (PlanLds::kMaxWaves + 1) * 4;
      values[i] = sums[i] - values[i] + (lds_load_uniform(wg, row + wg.wave * 4) + carries[i]);
      carries[i] += lds_load_uniform(wg, row + kWaves * 4);
    }
  }

  FOVEA_DEVICE Int load_int(Int at) const { return as_int(bits_of(lds_load(wg, at))); }

  // Position in the list of all entries where those of a sequence begin.
  FOVEA_DEVICE Int first_entry(Int seq, Bool mask) const {
    if (p.batch.num_seqs < kPlanLdsFirsts) return load_int(select(mask, seq, Int(0) * seq) * 4 + PlanLds::kFirsts);
    return global_load(p.firsts + seq, mask, 0);
  }

  // A sequence, and the keys that its rows need.
  struct Item {
    Extent e;
    Interval<Int> keys;
  };
  FOVEA_DEVICE Item load_item(Int seq, Bool mask) const {
    Item item;
    item.e = extent(seq, mask);
    item.keys = hull(seq, item.e, Int(0) * seq, lane_max(item.e.query_len - 1, Int(0)), mask);
    return item;
  }

  // An entry before it has its place in a list.
  struct PlannedEntry {
    Quad low, high;  // the two halves of a WorkEntry
    Int kind;
    Int place;       // of its bucket in shared memory
  };
  FOVEA_DEVICE PlannedEntry planned_entry(Int index, Bool mask) const {
    const int num_seqs = p.batch.num_seqs;
    Int low = Int(0) * index, high = Int(0) * index + num_seqs;  // first_entry(low) <= index < first_entry(high)
    for (int step = num_seqs; step > 1; step = (step + 1) / 2) {
      const Int middle = (low + high) / 2;
      const Bool above = (first_entry(middle, mask) <= index) & (high - low > 1);
      low = select(above, middle, low);
      high = select(above | (high - low <= 1), high, middle);
    }
    const Int seq = low;
    const Int part = index - first_entry(seq, mask);
    const Int parts = first_entry(seq + 1, mask) - (index - part);
    const Extent e = extent(seq, mask);
    const Bool large = e.kind == kLarge;
    const Int row_begin = select(large, part * kLargeRows, Int(0) * part);
    const Int row_end = select(large, lane_min(row_begin + kLargeRows, e.rows), e.rows);
    Interval<Int> keys = hull(seq, e, row_begin / p.layer.group, lane_max(row_end - 1, Int(0)) / p.layer.group, mask);
    const Int chunk = split_keys(keys, e.seq_len, lane_max(parts, Int(1)));
    const Int start = keys.begin;
    keys.begin = select(large, start, lane_min(start + part * chunk, keys.end));
    keys.end = select(large, keys.end, lane_min(start + (part + 1) * chunk, keys.end));
    const Int tiles = (keys.end - keys.begin + kPlanTile - 1) / kPlanTile;
    const Bool split = (!large) & (parts > 1);
    const Int first_slot = global_load(p.slots + seq, mask & split, 0);
    PlannedEntry entry;
    entry.kind = e.kind;
    // Finer than a power of two, longest first.
    entry.place = (e.kind * kPlanBuckets + (Int(kPlanBuckets - 1) - quarter_log2(tiles))) * 4 + PlanLds::kBuckets;
    entry.low = {{as_uint(select(e.valid, seq, Int(-1) - seq)), as_uint(row_begin), as_uint(keys.begin), as_uint(keys.end)}};
    entry.high = {{as_uint(select(split, part, Int(0) * part)), as_uint(select(split, parts, Int(1) + part * 0)), as_uint(first_slot),
                   as_uint(part * 0)}};
    return entry;
  }

  FOVEA_DEVICE void make_lists() const {
    const int num_seqs = p.batch.num_seqs;
    for (int i = 0; i < p.num_counters; i += kPlanThreads) {
      const Int at = wg.thread() + i;
      global_store(p.counters + at, Int(0) * at, at < p.num_counters);
    }
    for (int i = 0; i < PlanLds::kCleared; i += kPlanThreads * 4) {
      const Int at = wg.thread() * 4 + i;
      lds_store_int(wg, at, Int(0) * at, at < PlanLds::kCleared);
    }
    wg.barrier();
    // What few sequences need is computed once and kept; of many it is computed anew in each of the three passes.
    const bool few = num_seqs <= kPlanThreads;
    Item item;
    // How much work there is of each kind.
    for (int first = 0; first < num_seqs; first += kPlanThreads) {
      const Int seq = wg.thread() + first;
      const Bool mask = seq < num_seqs;
      if (!any_lane(mask)) continue;
      item = load_item(seq, mask);
      const Int tiles = (item.keys.end - item.keys.begin + kPlanTile - 1) / kPlanTile;
      for (int k = 0; k < kLarge; ++k) {
        const Bool mine = mask & (item.e.rows > 0) & (item.e.kind == k);
        if (any_lane(mine)) lds_add(wg, total_place(Int(k) + wg.lane * 0, 0, 0), wave_sum(select(mine, tiles, Int(0) * tiles)), wg.lane == 0);
      }
    }
    wg.barrier();
    int rounds[kNumKinds] = {1, 1, 1};
    int totals[kNumKinds] = {0, 0, 0};
    for (int k = 0; k < kLarge; ++k) totals[k] = lds_load_uniform(wg, PlanLds::kTotals + k * kMaxRounds * 16);
    if (!p.batch_invariant) {
      // Entries and the longest entry for each number of rounds; the device is done when its last workgroup is.
      for (int first = 0; first < num_seqs; first += kPlanThreads) {
        const Int seq = wg.thread() + first;
        const Bool mask = seq < num_seqs;
        if (!any_lane(mask)) continue;
        if (!few) item = load_item(seq, mask);
        const Extent& e = item.e;
        const Interval<Int>& keys = item.keys;
        const Bool counts = mask & (e.rows > 0) & (e.kind != kLarge);
#pragma unroll
        for (int r = 0; r < kMaxRounds; ++r) {
          for (int k = 0; k < kLarge; ++k) {
            if (r >= p.rounds[k]) continue;
            const Bool mine = counts & (e.kind == k);
            if (!any_lane(mine)) continue;
            const Int n = splits(keys, e.seq_len, Int(totals[k]), p.target[k], r + 1);
            const Int longest = split_keys(keys, e.seq_len, n) / kPlanTile;
            lds_add(wg, total_place(Int(k) + wg.lane * 0, r, 1), wave_sum(select(mine, n, Int(0) * n)), wg.lane == 0);
            lds_max(wg, total_place(Int(k) + wg.lane * 0, r, 2), wave_max(select(mine, longest, Int(0) * n)), wg.lane == 0);
          }
        }
      }
      wg.barrier();
      for (int k = 0; k < kLarge; ++k) {
        float best = 0;
        for (int r = 0; r < p.rounds[k]; ++r) {
          const int entries = lds_load_uniform(wg, PlanLds::kTotals + ((k * kMaxRounds + r) * 4 + 1) * 4);
          const int longest = lds_load_uniform(wg, PlanLds::kTotals + ((k * kMaxRounds + r) * 4 + 2) * 4);
          if (entries == 0 || p.target[k] == 0) break;
          const int waves = (entries + p.target[k] - 1) / p.target[k];
          // Entries of equal length run in waves; unequal ones, longest first, end within half an entry of each other.
          const float in_waves = static_cast<float>(waves) * longest;
          const float balanced = static_cast<float>(totals[k]) / p.target[k] + 0.5f * longest;
          const float cost = (in_waves < balanced ? in_waves : balanced) + 0.5f * waves;
          if (r == 0 || cost < 0.97f * best) {
            best = cost;
            rounds[k] = r + 1;
          }
        }
      }
      wg.barrier();
    }
    // Entries of each sequence, and where they and their partial states begin.
    int sums[kPlanScans] = {0, 0, 0, 0, 0};  // entries; slots and groups of kSmall and kMedium
    for (int first = 0; first < num_seqs; first += kPlanThreads) {
      const Int seq = wg.thread() + first;
      const Bool mask = seq < num_seqs;
      const bool any = any_lane(mask);
      Int before[kPlanScans] = {Int(0) * seq, Int(0) * seq, Int(0) * seq, Int(0) * seq, Int(0) * seq};
      Int count = Int(0) * seq;
      if (any) {
        if (!few) item = load_item(seq, mask);
        const Extent& e = item.e;
        count = e.row_tiles;
        for (int k = 0; k < kLarge; ++k) {
          const Bool mine = e.kind == k;
          if (!any_lane(mine)) continue;
          count = select(mine, splits(item.keys, e.seq_len, Int(uniform_max(totals[k], 1)), p.target[k], rounds[k]), count);
        }
        count = select(mask & (e.rows > 0), count, Int(0) * count);
        before[0] = count;
#pragma unroll
        for (int k = 0; k < kLarge; ++k) {
          const Bool split = (e.kind == k) & (count > 1);
          before[1 + k] = select(split, count, Int(0) * count);
          before[3 + k] = select(split, Int(1) + count * 0, Int(0) * count);
        }
      }
      scan(before, sums);
      if (!any) continue;
      const Extent& e = item.e;
      global_store(p.firsts + seq, before[0], mask);
      lds_store_int(wg, seq * 4 + PlanLds::kFirsts, before[0], mask & (seq < kPlanLdsFirsts));
#pragma unroll
      for (int k = 0; k < kLarge; ++k) {
        const Bool split = (e.kind == k) & (count > 1);
        global_store(p.slots + seq, before[1 + k], split);
        char* list = reinterpret_cast<char*>(p.plan.groups[k]);
        const Quad q = {{as_uint(seq), as_uint(e.rows), as_uint(count), as_uint(before[1 + k])}};
        global_store_quad(list + to_long(before[3 + k]) * 16, q, split);
      }
      if (p.async_error != nullptr) global_min(p.async_error, as_uint(seq), mask & !e.valid);
    }
    const int entries = sums[0];
    if (wg.wave == 0) {
      global_store(p.firsts + (wg.lane * 0 + num_seqs), wg.lane * 0 + entries, wg.lane == 0);
      lds_store_int(wg, wg.lane * 0 + (uniform_min(num_seqs, kPlanLdsFirsts - 1) * 4 + PlanLds::kFirsts), wg.lane * 0 + entries,
                    (wg.lane == 0) & (wg.lane * 0 + num_seqs < kPlanLdsFirsts));
      for (int k = 0; k < kLarge; ++k) global_store(&p.plan.header->num_groups[k] + wg.lane * 0, wg.lane * 0 + sums[3 + k], wg.lane == 0);
    }
    wg.barrier();
    // Twice over all entries: count the lengths, then place them, longest first.
    PlannedEntry entry;
    for (int pass = 0; pass < 2; ++pass) {
      for (int first = 0; first < entries; first += kPlanThreads) {
        const Int index = wg.thread() + first;
        const Bool mask = index < entries;
        if (!any_lane(mask)) continue;
        if (pass == 0 || entries > kPlanThreads) entry = planned_entry(index, mask);
        if (pass == 0) {
          lds_add(wg, entry.place, Int(1) + index * 0, mask);
          continue;
        }
        const Int position = lds_fetch_add(wg, entry.place, Int(1) + index * 0, mask);
        for (int k = 0; k < kNumKinds; ++k) {
          char* list = reinterpret_cast<char*>(p.plan.entries[k]);
          const Bool mine = mask & (entry.kind == k) & (position < p.plan.capacity[k]);
          if (!any_lane(mine)) continue;
          global_store_quad(list + to_long(position) * 32, entry.low, mine);
          global_store_quad(list + (to_long(position) * 32 + 16), entry.high, mine);
        }
      }
      wg.barrier();
      if (pass == 0) {
        // Buckets become first positions.
        if (wg.wave < kNumKinds) {
          Int before = wg.lane * 0;
#pragma unroll
          for (int b = 0; b < kPlanBuckets; b += kWaveSize) {
            const Int at = (wg.lane + (wg.wave * kPlanBuckets + b)) * 4 + PlanLds::kBuckets;
            const Int n = load_int(at);
            const Int upto = wave_scan(n);
            lds_store_int(wg, at, upto - n + before, wg.lane >= 0);
            before = before + wave_max(upto);
          }
          global_store(&p.plan.header->num_entries[wg.wave] + wg.lane * 0, before, wg.lane == 0);
        }
        wg.barrier();
      }
    }
  }

  // The largest block id among those a sequence's rows may read, INT32_MAX if there is a negative one or none at all where one
  // is needed; for the context alone, as where this step's keys are given, and for all keys.
  FOVEA_DEVICE void check_blocks() const {
    const int groups = wg.num_x - 1;
    const int block_size = p.layer.block_size;
    for (int seq = wg.x - 1; seq < p.batch.num_seqs; seq += groups) {
      const Int lanes = wg.lane * 0 + seq;
      const Extent e = extent(lanes, lanes >= 0);
      const Interval<Int> keys = hull(lanes, e, Int(0) * lanes, lane_max(e.query_len - 1, Int(0)), lanes >= 0);
      const Int begin = keys.begin / block_size;
      const Int end = (keys.end + block_size - 1) / block_size;
      const Int context_end = lane_min((lane_max(e.seq_len - e.query_len, Int(0)) + block_size - 1) / block_size, end);
      Int largest[2] = {Int(-1), Int(-1)};
      Int i = begin + wg.thread();
      while (any_lane(i < end)) {
        const Bool here = i < end, known = here & (i < p.batch.block_table_columns);
        Int id = global_load(p.batch.block_table + (to_long(i) + static_cast<int64_t>(seq) * p.batch.block_table_stride), known, -1);
        id = select(here & (id < 0), Int(kNoLimit), id);
        largest[0] = lane_max(largest[0], select(i < context_end, id, Int(-1)));
        largest[1] = lane_max(largest[1], id);
        i = i + kPlanThreads;
      }
      wg.barrier();
      lds_store_int(wg, wg.lane * 4, Int(-1), wg.thread() < 2);
      wg.barrier();
      for (int k = 0; k < 2; ++k) lds_max(wg, wg.lane * 0 + k * 4, largest[k], largest[k] >= 0);
      wg.barrier();
      for (int k = 0; k < 2; ++k) {
        global_store(p.plan.block_max + (wg.thread() * 0 + (seq * 2 + k)), wg.lane * 0 + lds_load_uniform(wg, k * 4), wg.thread() == 0);
      }
    }
  }

  FOVEA_DEVICE void run() const {
    if (wg.x == 0) {
      make_lists();
    } else {
      check_blocks();
    }
  }
};

}  // namespace fovea::hip
