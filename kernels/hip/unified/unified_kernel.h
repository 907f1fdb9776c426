// One kernel for a whole batch of prefill and decode: workgroups that stay take items, an entry of the plan for one KV head
// each, until none is left. Causal attention over the strided cache.
//
// Entries of few rows wait for memory and those of many rows for the multipliers, so both should run at the same time: there
// is a queue of each, a part of the workgroups begins with the one and the rest with the other, and who finds his own empty
// helps out. Within a queue the longest items come first: of a causal prefill those at the end of the diagonal, with their
// short halves from its beginning to fill up the gaps.
//
// Nobody waits for anybody, so workgroups need not run at the same time. The first item of each workgroup is fixed, the others
// are drawn by a ticket while the item before is computed. Rows whose keys were split are merged, in the order of the keys, by
// the last of their entries to arrive. Whoever draws the last ticket, or arrives last, clears the counter: a plan is made with
// zeros and left with zeros.
#pragma once

#include "kernels/hip/attention/split_merge.h"
#include "kernels/hip/attention/tile_kernel.h"

namespace fovea::hip {

inline constexpr int kNoTicket = -1;
// Of so many workgroups one begins with few rows. On a GPU a third of the compute units keeps the memory busy.
inline constexpr int kFewRowsShare = 3;

template <class Type, int kHeadSize, bool kFp8, bool kFeatures>
struct UnifiedTraits {
  template <int kKind>
  using Tile = TileTraits<Type, kHeadSize, kKind, kFp8, kFeatures, true>;
  static constexpr UnifiedSizes kSizes = unified_sizes<TargetShapes>(kHeadSize, kFp8);
  static constexpr int kSmallest = kSizes.smallest_kind;
  static constexpr int kThreads = kSizes.threads;
  static constexpr int kWorkgroupsPerUnit = kSizes.workgroups;
  static constexpr int kLdsBytes = kSizes.lds_bytes;
  static_assert(Tile<kSmallest>::kThreads == kThreads && Tile<kMedium>::kThreads == kThreads && Tile<kLarge>::kThreads == kThreads,
                "one workgroup computes all kinds");
};

template <class Traits>
struct UnifiedKernel {
  const ForwardParams& p;
  const Workgroup& wg;

  FOVEA_DEVICE UnifiedKernel(const ForwardParams& params, const Workgroup& workgroup) : p(params), wg(workgroup) {}

  // A value of the first lane becomes everybody's. Shared memory is free before and after.
  FOVEA_DEVICE int hand_out(Int value) const {
    wg.barrier();
    if (wg.wave == 0) lds_store_int(wg, wg.lane * 0, value, wg.lane == 0);
    wg.barrier();
    const int given = lane_value(as_int(bits_of(lds_load(wg, wg.lane * 0))), 0);
    wg.barrier();
    return given;
  }

  // What the counter was before, in the first lane.
  FOVEA_DEVICE Int count_up(int32_t* counter) const {
    Int before = wg.lane * 0;
    if (wg.wave == 0) before = global_fetch_add(counter, wg.lane * 0 + 1, wg.lane == 0);
    return before;
  }
  FOVEA_DEVICE void clear(int32_t* counter) const {
    if (wg.wave == 0) global_store(counter + wg.lane * 0, wg.lane * 0, wg.lane == 0);
  }

  template <int kKind>
  FOVEA_DEVICE void compute(int item) const {
    using Tile = TileKernel<typename Traits::template Tile<kKind>>;
    const int heads = p.layer.num_kv_heads;
    // What follows from the lane is made anew for each item: kept for all kinds, it would take the registers of the sums.
    Workgroup here = wg;
    here.lane = opaque(wg.lane);
    Tile tile(p, here);
    tile.compute(p.plan.entries[kKind][item / heads], item % heads);
    if constexpr (kKind != kLarge) {
      const WorkEntry& entry = tile.entry;
      if (entry.num_splits == 1) return;
      release_to_device();
      wg.barrier();
      int32_t* arrivals = p.plan.arrivals[kKind] + (static_cast<int64_t>(entry.first_slot) * heads + tile.kv_head);
      Int arrived = wg.lane * 0;
      if (wg.wave == 0) arrived = publish_and_add(arrivals, wg.lane * 0 + 1, wg.lane == 0);
      if (hand_out(arrived) != entry.num_splits - 1) return;
      acquire_from_device();
      merge_splits<Traits::kThreads>(p, wg, tile.s, tile.kv_head, kKind, entry.first_slot, entry.num_splits, 0, tile.rows);
      clear(arrivals);
    }
  }

  // What there is to do, and how many of a queue's items, the first ones, have a fixed workgroup. Read anew for each item:
  // between two of them every register is needed.
  struct Queues {
    bool both;  // have items
    int medium;
    int items[kNumQueues];
    int fixed[kNumQueues];
  };
  FOVEA_DEVICE Queues queues() const {
    const int heads = p.layer.num_kv_heads;
    Queues q;
    q.medium = p.plan.header->num_entries[kMedium] * heads;
    q.items[kFewRows] = q.medium + (Traits::kSmallest == kSmall ? p.plan.header->num_entries[kSmall] * heads : 0);
    q.items[kManyRows] = p.plan.header->num_entries[kLarge] * heads;
    q.both = q.items[kFewRows] > 0 && q.items[kManyRows] > 0;
    q.fixed[kFewRows] = q.both ? (wg.num_x + kFewRowsShare - 1) / kFewRowsShare : wg.num_x;
    q.fixed[kManyRows] = q.both ? wg.num_x - q.fixed[kFewRows] : wg.num_x;
    return q;
  }

  FOVEA_DEVICE void run() const {
    int turn = 0;          // 0: the own queue, 1: the other
    int ticket = kNoTicket;
    while (turn < kNumQueues) {
      const Queues q = queues();
      const int own = q.both ? (wg.x % kFewRowsShare == 0 ? kFewRows : kManyRows) : (q.items[kFewRows] > 0 ? kFewRows : kManyRows);
      const int queue = turn == 0 ? own : kNumQueues - 1 - own;
      const int items = q.items[queue], fixed = q.fixed[queue];
      const int drawn = uniform_max(items - fixed, 0);
      int32_t* tickets = p.plan.tickets + queue;
      int item = items;
      if (ticket != kNoTicket) {
        item = fixed + ticket;
      } else if (turn == 0) {
        const int place = wg.x / kFewRowsShare;
        item = !q.both ? wg.x : own == kFewRows ? place : wg.x - place - 1;
      } else if (drawn > 0) {
        ticket = hand_out(count_up(tickets));
        item = fixed + ticket;
      }
      if (item >= items) {
        // Everybody draws one ticket too many.
        if (drawn > 0 && ticket == drawn + wg.num_x - 1) clear(tickets);
        ticket = kNoTicket;
        ++turn;
        continue;
      }
      Int next = wg.lane * 0 + kNoTicket;
      if (drawn > 0) next = count_up(tickets);
      if (queue == kManyRows) {
        compute<kLarge>(item);
      } else if (item < q.medium) {
        compute<kMedium>(item);
      } else if constexpr (Traits::kSmallest == kSmall) {
        compute<kSmall>(item - q.medium);
      }
      if (drawn > 0) {
        ticket = hand_out(next);
      } else if (q.both) {
        ++turn;
      } else {
        return;
      }
    }
  }
};

}  // namespace fovea::hip
