// The work lists of a batch, by one workgroup. A lane has a sequence: how its keys are split follows from the work of all, its
// places in the lists from how many entries are longer.
//
// At most as many sequences as threads are loaded once and stay in registers; of more each pass loads anew. Those of one wave
// are its work alone, which saves the waits at barriers.
#pragma once

#include "kernels/hip/plan/plan_sequence.h"

namespace fovea::hip {

inline constexpr int kMaxRounds = 4;

// How many sequences a batch has.
enum class PlanSize {
  kOneWave,  // a lane for each, and none is kLarge
  kFew,      // a thread for each
  kMany
};

// Shared memory of the work lists, in bytes.
struct WorkListLds {
  static constexpr int kMaxWaves = 32;
  static constexpr int kBuckets = 64;    // of lengths, for each kind
  static constexpr int kSplitKinds = 2;  // kSmall and kMedium

  static constexpr int kWork = 0;                                       // [kMaxWaves][4]
  static constexpr int kLargeOfWaves = kWork + kMaxWaves * 16;          // [kMaxWaves][2]
  static constexpr int kRoundsOfWaves = kLargeOfWaves + kMaxWaves * 8;  // [kSplitKinds][2][kMaxWaves][kMaxRounds]
  static constexpr int kPlaces = kRoundsOfWaves + kSplitKinds * 2 * kMaxWaves * kMaxRounds * 4;  // [kNumKinds][kBuckets]
  static constexpr int kTaken = kPlaces + kNumKinds * kBuckets * 4;     // slots, then groups, [kSplitKinds] each
  static constexpr int kGroups = kTaken + 2 * kSplitKinds * 4;          // [kSplitKinds]
  static constexpr int kLargeSeqs = kGroups + kSplitKinds * 4;          // [kPlanThreads]
  static constexpr int kLargeFirsts = kLargeSeqs + kPlanThreads * 4;    // [kPlanThreads + 1]
  static constexpr int kBytes = kLargeFirsts + (kPlanThreads + 1) * 4;
  static constexpr int kCounters = (kLargeSeqs - kPlaces) / 4;  // words that begin as 0
};

template <PlanSize kSize>
struct WorkLists : PlanInput, WorkListLds {
  static constexpr bool kFew = kSize != PlanSize::kMany;
  static constexpr int kWaves = kSize == PlanSize::kOneWave ? 1 : kPlanThreads / kWaveSize;
  static_assert(kWaves <= kMaxWaves && kWaves <= kWaveSize && kBuckets % kWaveSize == 0);

  // A lane's sequence.
  struct Item {
    Int seq;   // as in a WorkEntry
    Int kind;  // kNumKinds: no rows
    Int rows;
    Int seq_len;
    Interval<Int> keys;
    Int tiles;
  };

  // How many entries share the tiles of a sequence: `longer` with `most`, the others with `least`.
  struct Share {
    Int count, longer, most, least;
    Int longer_place, rest_place;  // of their buckets in shared memory
    Int longer_at, rest_at;        // among the entries of their buckets, then in the list
  };

  // Work of each kind that can be split, and how it is: a sequence has as many entries as its tiles are of those of an entry.
  struct Work {
    int tiles[kSplitKinds], longest[kSplitKinds];
    bool splits[kSplitKinds];  // some sequence may have more than one entry
    bool any_splits;
    float entries_per_tile[kSplitKinds];
    bool any_large;
  };

  // Entries of rows that are kLarge.
  struct LargeList {
    int num_seqs, num_entries;
  };
  struct LargeEntry {
    Quad low;   // half of a WorkEntry
    Int place;  // of its bucket in shared memory
    Int at;     // as of a share
  };

  FOVEA_DEVICE WorkLists(const PlanParams& params, const Workgroup& workgroup) : PlanInput(params, workgroup) {}

  FOVEA_DEVICE int own() const { return kWaves == 1 ? 0 : wg.wave * kWaveSize; }  // the wave's first thread
  FOVEA_DEVICE Int thread() const { return wg.lane + own(); }
  FOVEA_DEVICE void barrier() const {
    if constexpr (kWaves == 1) {
      wave_sync();
    } else {
      wg.barrier();
    }
  }
  FOVEA_DEVICE Int load_int(Int at) const { return as_int(bits_of(lds_load(wg, at))); }

  // Sum over the wave's lanes up to this one.
  FOVEA_DEVICE Int wave_scan(Int x) const {
#pragma unroll
    for (int d = 1; d < kWaveSize; d *= 2) x = x + select(wg.lane >= d, shuffle_up(x, d), Int(0));
    return x;
  }

  FOVEA_DEVICE Item load_item(Int seq) const {
    Item item;
    const PlanSequence s = load_sequence(seq);
    const Bool exists = seq < p.batch.num_seqs;
    item.seq = select(s.valid | !exists, seq, Int(-1) - seq);
    item.rows = s.rows;
    item.seq_len = s.seq_len;
    item.kind = select(s.rows <= kSmallRows, Int(kSmall), select(s.rows <= kMediumRows, Int(kMedium), Int(kLarge)));
    item.kind = select(exists & (s.rows > 0), lane_max(item.kind, Int(p.smallest_kind)), Int(kNumKinds));
    item.keys = needed(s);
    item.tiles = quotient<kPlanTile>(item.keys.end - item.keys.begin + (kPlanTile - 1));
    return item;
  }

  // --- how the work is split ---

  // Entries of a sequence with that many tiles.
  FOVEA_DEVICE static Int wanted_entries(Int tiles, Float entries_per_tile) {
    return lane_max(lane_min(to_int(to_float(tiles) * entries_per_tile + 0.5f), tiles), Int(1));
  }

  // The device is done when its last workgroup is: entries of equal length run in waves; unequal ones, longest first, end
  // within half an entry of each other.
  FOVEA_DEVICE float entries_per_tile(int kind, int tiles, const int (&entries)[kMaxRounds], const int (&longest)[kMaxRounds]) const {
    const float target = static_cast<float>(p.target[kind]), per_workgroup = 1.0f / target;
    float best = 0;
    int rounds = 1;
#pragma unroll
    for (int r = 0; r < kMaxRounds; ++r) {
      if (r >= p.rounds[kind]) continue;
      const float waves = static_cast<float>(static_cast<int>((static_cast<float>(entries[r]) + target - 0.5f) * per_workgroup));
      const float length = static_cast<float>(longest[r]);
      const float in_waves = waves * length;
      const float balanced = static_cast<float>(tiles) * per_workgroup + 0.5f * length;
      const float cost = (in_waves < balanced ? in_waves : balanced) + 0.5f * waves;
      if (r == 0 || cost < 0.97f * best) {
        best = cost;
        rounds = r + 1;
      }
    }
    return target * static_cast<float>(rounds) / static_cast<float>(tiles);
  }

  // First sequences of the passes of all threads; few have one pass.
  template <class F>
  FOVEA_DEVICE void for_each_pass(F f) const {
    if constexpr (kFew) {
      f(0);
    } else {
      for (int first = 0; first < p.batch.num_seqs; first += kPlanThreads) f(first);
    }
  }

  // Adds up what all sequences have.
  FOVEA_DEVICE Work measure(Item& item) const {
    int sum[kSplitKinds] = {0, 0}, longest[kSplitKinds] = {0, 0};
    bool large = false;
    for_each_pass([&](int first) {
      if (first + own() >= p.batch.num_seqs) return;
      item = load_item(thread() + first);
#pragma unroll
      for (int k = 0; k < kSplitKinds; ++k) {
        const Int tiles = select(item.kind == k, item.tiles, Int(0));
        sum[k] += wave_sum(tiles);
        longest[k] = uniform_max(longest[k], wave_max(tiles));
      }
      if (kWaves > 1) large = large || any_lane(item.kind == kLarge);
    });
    Work work;
    work.any_large = large;
    for (int k = 0; k < kSplitKinds; ++k) {
      work.tiles[k] = sum[k];
      work.longest[k] = longest[k];
    }
    if constexpr (kWaves > 1) {
      // The sign says whether there are large ones.
      const int of_wave[4] = {sum[0], sum[1], longest[0], large ? longest[1] | INT32_MIN : longest[1]};
      lds_store_quad(wg, Int(kWork + wg.wave * 16), quad_of(of_wave), wg.lane == 0);
      barrier();
      const Quad q = lds_load_quad<kWaves == kWaveSize>(wg, wg.lane * 16 + kWork, wg.lane < kWaves);
#pragma unroll
      for (int k = 0; k < kSplitKinds; ++k) {
        work.tiles[k] = wave_sum(as_int(q.w[k]));
        work.longest[k] = wave_max(as_int(q.w[kSplitKinds + k] & 0x7fffffffu));
      }
      work.any_large = any_lane(as_int(q.w[3]) < 0);
    }
    return work;
  }

  // Chooses in how many rounds of the device's workgroups the entries of each kind run.
  FOVEA_DEVICE void choose_splits(Item& item, Work& work) const {
    work.any_splits = p.batch_invariant != 0;
    if (p.batch_invariant) return;
#pragma unroll
    for (int k = 0; k < kSplitKinds; ++k) {
      // Where the longest sequence is not worth two entries, none is.
      work.splits[k] = static_cast<float>(p.target[k] * p.rounds[k]) * static_cast<float>(work.longest[k]) >=
                       1.499f * static_cast<float>(work.tiles[k]) && work.longest[k] > 1;
      work.any_splits = work.any_splits || work.splits[k];
    }
    if (!work.any_splits) return;
    // Entries and the longest entry for each number of rounds.
    int entries[kSplitKinds][kMaxRounds] = {}, longest[kSplitKinds][kMaxRounds] = {};
    for_each_pass([&](int first) {
      if (first + own() >= p.batch.num_seqs) return;
      if (!kFew) item = load_item(thread() + first);
#pragma unroll
      for (int k = 0; k < kSplitKinds; ++k) {
        const Bool mine = item.kind == k;
        if (!work.splits[k] || !any_lane(mine)) continue;
        const float one_round = static_cast<float>(p.target[k]) / static_cast<float>(work.tiles[k]);
#pragma unroll
        for (int r = 0; r < kMaxRounds; ++r) {
          if (r >= p.rounds[k]) continue;
          const Int n = wanted_entries(item.tiles, Float(one_round * static_cast<float>(r + 1)));
          // Off by one where the quotient is next to an integer, which the choice bears.
          const Int length = to_int((to_float(item.tiles) + (to_float(n) - 0.5f)) * reciprocal_fast(to_float(n)));
          entries[k][r] += wave_sum(select(mine, n, Int(0)));
          longest[k][r] = uniform_max(longest[k][r], wave_max(select(mine, length, Int(0))));
        }
      }
    });
    if constexpr (kWaves > 1) {
#pragma unroll
      for (int k = 0; k < kSplitKinds; ++k) {
        if (!work.splits[k]) continue;
        const int at = kRoundsOfWaves + (k * 2 * kMaxWaves + wg.wave) * (kMaxRounds * 4);
        lds_store_quad(wg, Int(at), quad_of(entries[k]), wg.lane == 0);
        lds_store_quad(wg, Int(at + kMaxWaves * kMaxRounds * 4), quad_of(longest[k]), wg.lane == 0);
      }
      barrier();
      if (own() >= p.batch.num_seqs) return;  // the rest is for waves with sequences, and not to be slowed down by others
#pragma unroll
      for (int k = 0; k < kSplitKinds; ++k) {
        if (!work.splits[k]) continue;
        const Int at = (wg.lane + k * 2 * kMaxWaves) * (kMaxRounds * 4) + kRoundsOfWaves;
        const Bool mine = wg.lane < kWaves;
        const Quad e = lds_load_quad<kWaves == kWaveSize>(wg, at, mine);
        const Quad l = lds_load_quad<kWaves == kWaveSize>(wg, at + kMaxWaves * kMaxRounds * 4, mine);
#pragma unroll
        for (int r = 0; r < kMaxRounds; ++r) {
          entries[k][r] = wave_sum(as_int(e.w[r]));
          longest[k][r] = wave_max(as_int(l.w[r]));
        }
      }
    }
#pragma unroll
    for (int k = 0; k < kSplitKinds; ++k) {
      if (work.splits[k]) work.entries_per_tile[k] = entries_per_tile(k, work.tiles[k], entries[k], longest[k]);
    }
  }
  FOVEA_DEVICE static Quad quad_of(const int (&x)[4]) {
    return {{as_uint(Int(x[0])), as_uint(Int(x[1])), as_uint(Int(x[2])), as_uint(Int(x[3]))}};
  }

  FOVEA_DEVICE Share share(const Item& item, const Work& work) const {
    Share s = {Int(1), Int(1), item.tiles, Int(0), Int(0), Int(0), Int(0), Int(0)};
    if (!work.any_splits) return s;
    if (p.batch_invariant) {
      // A multiple of the row's own length only: bits must not depend on the batch.
      s.most = lane_max(quotient<2048>(lane_max(item.seq_len, Int(0)) + 2047), Int(1024 / kPlanTile));
      s.longer = as_int(as_uint(item.tiles) / as_uint(s.most));
      s.least = item.tiles - s.longer * s.most;
      s.count = lane_max(s.longer + select(s.least > 0, Int(1), Int(0)), Int(1));
      return s;
    }
    const Bool splits = ((item.kind == kSmall) & work.splits[kSmall]) | ((item.kind == kMedium) & work.splits[kMedium]);
    const Float per_tile = select(item.kind == kSmall, Float(work.entries_per_tile[kSmall]), Float(work.entries_per_tile[kMedium]));
    s.count = select(splits, wanted_entries(item.tiles, per_tile), Int(1));
    s.least = as_int(as_uint(item.tiles) / as_uint(s.count));
    s.longer = item.tiles - s.least * s.count;
    const Bool equal = s.longer == 0;
    s.most = s.least + select(equal, Int(0), Int(1));
    s.longer = select(equal, s.count, s.longer);
    return s;
  }

  // --- lists, longest first ---

  // Steps of a quarter of a power of two, the longest first.
  FOVEA_DEVICE static Int bucket_place(Int kind, Int tiles) {
    const Int quarters = as_int(bits_of(to_float(lane_max(tiles, Int(1)))) >> 21) - (127 << 2);
    return (kind * kBuckets + (Int(kBuckets - 1) - lane_min(quarters, Int(kBuckets - 1)))) * 4 + kPlaces;
  }

  // Adds n to a word of shared memory and returns what was there, as if lanes came one after another; kOnes: n is 1. Where many
  // lanes meet in a word, as of a batch of equal lengths, they add together: one by one they would wait for each other.
  template <bool kOnes>
  FOVEA_DEVICE Int take(Int place, Int n, Bool mask) const {
    constexpr int kMany = kWaveSize / 4;
    Int before = Int(0);
    while (any_lane(mask)) {
      const int common = lane_value(place, first_where(mask));
      const Bool together = mask & (place == common);
      const int lanes = count_lanes(together);
      if (lanes < kMany) return select(mask, lds_fetch_add(wg, place, kOnes ? Int(1) : n, mask), before);
      Int ahead = Int(0), sum = Int(lanes);
      if constexpr (kOnes) {
        ahead = lanes_before(together);
      } else {
        const Int mine = select(together, n, Int(0)), upto = wave_scan(mine);
        ahead = upto - mine;
        sum = Int(last_lane(upto));
      }
      before = select(together, ahead + lane_value(lds_fetch_add(wg, Int(common), sum, wg.lane == 0), 0), before);
      mask = mask & !together;
    }
    return before;
  }

  // Counts the entries of a share in their buckets. Where buckets are places already, these are positions.
  FOVEA_DEVICE void take_places(const Item& item, const Work& work, Share& s) const {
    const Bool mine = item.kind < kLarge;
    s.longer_place = s.rest_place = bucket_place(lane_min(item.kind, Int(kMedium)), s.most);
    if (!work.any_splits) {
      s.longer_at = take<true>(s.longer_place, Int(1), mine);
      return;
    }
    s.rest_place = bucket_place(lane_min(item.kind, Int(kMedium)), s.least);
    s.longer_at = take<false>(s.longer_place, s.longer, mine & (s.longer > 0));
    s.rest_at = take<false>(s.rest_place, s.count - s.longer, mine & (s.count > s.longer));
  }

  FOVEA_DEVICE Int large_tiles(Int rows) const {
    static_assert(kLargeRows == 2 * kMediumRows);
    return p.large_rows == kLargeRows ? quotient<kLargeRows>(rows) : quotient<kMediumRows>(rows);
  }

  // Puts the wave's large sequences on a list in shared memory, each with the number of entries before it. All waves call it.
  FOVEA_DEVICE LargeList list_large(Int seq, const Item& item, bool loaded) const {
    Int tiles = Int(0);
    if (loaded) tiles = select(item.kind == kLarge, large_tiles(item.rows + (p.large_rows - 1)), Int(0));
    const Bool large = tiles > 0;
    const Int upto = wave_scan(tiles);
    barrier();
    lds_store_int(wg, Int(kLargeOfWaves + wg.wave * 8), Int(count_lanes(large)), wg.lane == 0);
    lds_store_int(wg, Int(kLargeOfWaves + wg.wave * 8 + 4), upto, wg.lane == kWaveSize - 1);
    barrier();
    const Int at = lane_min(wg.lane, Int(kWaves - 1)) * 8 + kLargeOfWaves;
    const Int seqs = select(wg.lane < kWaves, load_int(at), Int(0)), entries = select(wg.lane < kWaves, load_int(at + 4), Int(0));
    const LargeList list = {wave_sum(seqs), wave_sum(entries)};
    const Int index = lanes_before(large) + wave_sum(select(wg.lane < wg.wave, seqs, Int(0)));
    const Int first = upto - tiles + wave_sum(select(wg.lane < wg.wave, entries, Int(0)));
    lds_store_int(wg, index * 4 + kLargeSeqs, seq, large);
    lds_store_int(wg, index * 4 + kLargeFirsts, first, large);
    lds_store_int(wg, Int(kLargeFirsts + list.num_seqs * 4), Int(list.num_entries), thread() == 0);
    barrier();
    return list;
  }

  FOVEA_DEVICE LargeEntry large_entry(const LargeList& list, Int index) const {
    Int low = Int(0), high = Int(list.num_seqs);  // first(low) <= index < first(high)
    for (int step = list.num_seqs; step > 1; step = (step + 1) / 2) {
      const Int middle = quotient<2>(low + high);
      const Bool inside = high - low > 1;
      const Bool above = load_int(middle * 4 + kLargeFirsts) <= index;
      low = select(inside & above, middle, low);
      high = select(inside & !above, middle, high);
    }
    const Int seq = load_int(low * 4 + kLargeSeqs);
    const PlanSequence s = load_sequence(seq);
    const Int row_begin = (index - load_int(low * 4 + kLargeFirsts)) * p.large_rows;
    const Int row_last = lane_min(row_begin + p.large_rows, s.rows) - 1;
    const Interval<Int> keys = needed(s, s.context_len() + row_begin / p.layer.group, s.context_len() + row_last / p.layer.group);
    LargeEntry entry;
    entry.low = {{as_uint(select(s.valid, seq, Int(-1) - seq)), as_uint(row_begin), as_uint(keys.begin), as_uint(keys.end)}};
    entry.place = bucket_place(Int(kLarge), quotient<kPlanTile>(keys.end - keys.begin + (kPlanTile - 1)));
    entry.at = take<true>(entry.place, Int(1), index < list.num_entries);
    return entry;
  }

  FOVEA_DEVICE void store_entry(Int kind, Int at, const Quad& low, const Quad& high, Bool mask) const {
    const PlanView& plan = p.plan;
    const auto of = [&](int k) { return Lane<char*>(reinterpret_cast<char*>(plan.entries[k])); };
    const Lane<char*> to = select(kind == kSmall, of(kSmall), select(kind == kMedium, of(kMedium), of(kLarge))) + to_long(at) * 32;
    const Int of_others = select(kind == kMedium, Int(plan.capacity[kMedium]), Int(plan.capacity[kLarge]));
    const Int capacity = select(kind == kSmall, Int(plan.capacity[kSmall]), of_others);
    const Bool fits = mask & (at < capacity);
    global_store_quad(to, low, fits);
    global_store_quad(to + 16, high, fits);
  }

  // Counts become first positions.
  FOVEA_DEVICE void place_buckets(int kind) const {
    constexpr int kEach = kBuckets / kWaveSize;
    const Int at = (wg.lane * kEach + kind * kBuckets) * 4 + kPlaces;
    Int count[kEach];
    Int sum = Int(0);
#pragma unroll
    for (int i = 0; i < kEach; ++i) {
      count[i] = load_int(at + i * 4);
      sum = sum + count[i];
    }
    const Int upto = wave_scan(sum);
    Int before = upto - sum;
#pragma unroll
    for (int i = 0; i < kEach; ++i) {
      lds_store_int(wg, at + i * 4, before, wg.lane >= 0);
      before = before + count[i];
    }
    global_store(&p.plan.header->num_entries[kind] + Int(0), upto, wg.lane == kWaveSize - 1);
  }
  FOVEA_DEVICE void place_all_buckets() const {
#pragma unroll
    for (int kind = 0; kind < kNumKinds; ++kind) {
      if (kWaves == 1 || wg.wave == kind) place_buckets(kind);
    }
    if (kWaves == 1 || wg.wave == kNumKinds) {
      const Int groups = load_int(lane_min(wg.lane, Int(kSplitKinds - 1)) * 4 + kGroups);
      global_store(&p.plan.header->num_groups[0] + wg.lane, groups, wg.lane < kSplitKinds);
    }
  }

  FOVEA_DEVICE void store_part(const Item& item, const Share& s, Int first_slot, Int part, Bool mask) const {
    const Bool longer = part < s.longer;
    const Int behind = part - s.longer;
    const Int begin = item.keys.begin + select(longer, part * s.most, s.longer * s.most + behind * s.least) * kPlanTile;
    const Int end = lane_min(begin + select(longer, s.most, s.least) * kPlanTile, item.keys.end);
    store_entry(item.kind, select(longer, s.longer_at + part, s.rest_at + behind),
                {{as_uint(item.seq), Uint(0u), as_uint(begin), as_uint(end)}},
                {{as_uint(part), as_uint(s.count), as_uint(first_slot), Uint(0u)}}, mask);
  }

  // The entries of each lane's sequence.
  FOVEA_DEVICE void store_parts(const Item& item, const Share& s, Int first_slot) const {
    constexpr int kLong = 16;  // more entries than these are stored by all lanes together
    const Bool alone = (item.kind < kLarge) & (s.count <= kLong);
    Bool together = (item.kind < kLarge) & (s.count > kLong);
    for (int part = 0; any_lane(alone & (s.count > part)); ++part) store_part(item, s, first_slot, Int(part), alone & (s.count > part));
    while (any_lane(together)) {
      const int lane = first_where(together);
      const auto of = [&](Int x) { return Int(lane_value(x, lane)); };
      const Item one = {of(item.seq), of(item.kind), Int(0), Int(0), {of(item.keys.begin), of(item.keys.end)}, Int(0)};
      const Share its = {of(s.count), of(s.longer), of(s.most), of(s.least), Int(0), Int(0), of(s.longer_at), of(s.rest_at)};
      const Int slot = of(first_slot);
      for (Int part = wg.lane; any_lane(part < its.count); part = part + kWaveSize) store_part(one, its, slot, part, part < its.count);
      together = together & (wg.lane != lane);
    }
  }

  // Gives each split sequence its partial states, and puts it on the list of those that are merged.
  FOVEA_DEVICE Int store_groups(const Item& item, const Share& s) const {
    const Bool split = (item.kind < kLarge) & (s.count > 1);
    if (!any_lane(split)) return Int(0);
    Int upto[kSplitKinds], before[kSplitKinds];
    Int wanted = Int(0);
#pragma unroll
    for (int k = 0; k < kSplitKinds; ++k) {
      const Bool mine = split & (item.kind == k);
      upto[k] = wave_scan(select(mine, s.count, Int(0)));
      before[k] = lanes_before(mine);
      wanted = select(wg.lane == k, Int(last_lane(upto[k])), wanted);
      wanted = select(wg.lane == kSplitKinds + k, Int(count_lanes(mine)), wanted);
    }
    const Int taken = lds_fetch_add(wg, wg.lane * 4 + kTaken, wanted, wg.lane < 2 * kSplitKinds);
    const Bool small = item.kind == kSmall;
    const Int slot = select(small, upto[0] + lane_value(taken, 0), upto[1] + lane_value(taken, 1)) - s.count;
    const Int index = select(small, before[0] + lane_value(taken, 2), before[1] + lane_value(taken, 3));
    const Lane<char*> small_groups = reinterpret_cast<char*>(p.plan.groups[kSmall]);
    const Lane<char*> medium_groups = reinterpret_cast<char*>(p.plan.groups[kMedium]);
    global_store_quad(select(small, small_groups, medium_groups) + to_long(index) * 16,
                      {{as_uint(lane_max(item.seq, Int(-1) - item.seq)), as_uint(item.rows), as_uint(s.count), as_uint(slot)}}, split);
    return select(split, slot, Int(0));
  }

  // Counts entries, in their buckets and of those that are merged.
  FOVEA_DEVICE void count(const Item& item, const Work& work, Share& s) const {
    s = share(item, work);
    take_places(item, work, s);
    if (work.any_splits) {
#pragma unroll
      for (int k = 0; k < kSplitKinds; ++k) {
        const int groups = count_lanes((item.kind == k) & (s.count > 1));
        if (groups > 0) lds_add(wg, Int(kGroups + k * 4), Int(groups), wg.lane == 0);
      }
    }
    const Bool invalid = item.seq < 0;
    if (any_lane(invalid) && p.async_error != nullptr) global_min(p.async_error, as_uint(Int(-1) - item.seq), invalid);
  }

  FOVEA_DEVICE void store(const Item& item, const Work& work, const Share& s) const {
    if (work.any_splits) {
      store_parts(item, s, store_groups(item, s));
    } else {
      store_entry(item.kind, s.longer_at, {{as_uint(item.seq), Uint(0u), as_uint(item.keys.begin), as_uint(item.keys.end)}},
                  {{Uint(0u), Uint(1u), Uint(0u), Uint(0u)}}, item.kind < kLarge);
    }
  }

  FOVEA_DEVICE void make() const {
    for (int i = own(); i < kCounters; i += kWaves * kWaveSize) {
      lds_store_int(wg, (wg.lane + i) * 4 + kPlaces, Int(0), wg.lane + i < kCounters);
    }
    if constexpr (kWaves == 1) wave_sync();
    Item item;
    Work work = measure(item);
    choose_splits(item, work);
    Share s;
    LargeList large;
    LargeEntry entry;
    for_each_pass([&](int first) {
      const Int seq = thread() + first;
      const bool mine = first + own() < p.batch.num_seqs;
      if (mine) {
        if (!kFew) item = load_item(seq);
        count(item, work, s);
      }
      if (kWaves == 1 || !work.any_large) return;
      large = list_large(seq, item, mine);
      for (int i = own(); i < large.num_entries; i += kWaves * kWaveSize) entry = large_entry(large, wg.lane + i);
    });
    barrier();
    place_all_buckets();
    barrier();
    for_each_pass([&](int first) {
      const Int seq = thread() + first;
      const bool mine = first + own() < p.batch.num_seqs;
      if (mine) {
        if (kFew) {
          s.longer_at = s.longer_at + load_int(s.longer_place);
          if (work.any_splits) s.rest_at = s.rest_at + load_int(s.rest_place);
        } else {
          item = load_item(seq);
          s = share(item, work);
          take_places(item, work, s);
        }
        store(item, work, s);
      }
      if (kWaves == 1 || !work.any_large) return;
      if (!kFew) large = list_large(seq, item, mine);
      const bool kept = kFew && large.num_entries <= kPlanThreads;
      for (int i = own(); i < large.num_entries; i += kPlanThreads) {
        if (kept) {
          entry.at = entry.at + load_int(entry.place);
        } else {
          entry = large_entry(large, wg.lane + i);
        }
        store_entry(Int(kLarge), entry.at, entry.low, {{Uint(0u), Uint(1u), Uint(0u), Uint(0u)}}, wg.lane + i < large.num_entries);
      }
    });
  }
};

}  // namespace fovea::hip
