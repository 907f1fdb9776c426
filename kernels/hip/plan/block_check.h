// The largest block id among those that the rows of each sequence dereference, INT32_MAX if there is a negative one or the table
// has no column for it: forwards refuse a sequence whose blocks are not in their cache. Entries that no row needs may be stale.
#pragma once

#include "kernels/hip/plan/plan_sequence.h"

namespace fovea::hip {

// Of workgroups 1 and later. Each sequence has a team of waves in one workgroup.
struct BlockCheck : PlanInput {
  static constexpr int kWaves = kPlanThreads / kWaveSize;
  static constexpr int kLargest = 0;  // [kWaves][2] in shared memory
  static constexpr int kLdsBytes = kWaves * 8;

  int team_waves;

  FOVEA_DEVICE BlockCheck(const PlanParams& params, const Workgroup& workgroup)
      : PlanInput(params, workgroup), team_waves(uniform_max(params.check_threads / kWaveSize, 1)) {}

  // Largest id of the context, as where this step's keys are given, and of all keys; -1: none is needed.
  struct Largest {
    Int context, all;
  };

  FOVEA_DEVICE Largest look_at(Int seq, const PlanSequence& s) const {
    const Batch& b = p.batch;
    const int block_size = p.layer.block_size;
    const Interval<Int> keys = needed(s);
    const auto end_of = [&](Int key) { return select(key > keys.begin, (key + (block_size - 1)) / block_size, Int(0)); };
    const Int end = end_of(keys.end), context_end = end_of(lane_min(keys.end, s.context_len()));
    const Long row = to_long(seq) * b.block_table_stride;
    constexpr int kAtOnce = 4;
    const int step = team_waves * kWaveSize;
    Largest largest = {Int(-1), Int(-1)};
    Int i = keys.begin / block_size + ((wg.wave & (team_waves - 1)) * kWaveSize + wg.lane);
    while (any_lane(i < end)) {
      Int id[kAtOnce];
#pragma unroll
      for (int n = 0; n < kAtOnce; ++n) {
        const Int column = i + n * step;
        id[n] = global_load(b.block_table + (row + to_long(column)), (column < end) & (column < b.block_table_columns), -1);
      }
#pragma unroll
      for (int n = 0; n < kAtOnce; ++n) {
        const Int column = i + n * step;
        const Int known = select(id[n] < 0, Int(kNoLimit), id[n]);
        largest.all = lane_max(largest.all, select(column < end, known, Int(-1)));
        largest.context = lane_max(largest.context, select(column < context_end, known, Int(-1)));
      }
      i = i + kAtOnce * step;
    }
    return largest;
  }

  FOVEA_DEVICE void run() const {
    const int num_seqs = p.batch.num_seqs;
    const int teams = kWaves / team_waves, team = wg.wave / team_waves;
    for (int base = (wg.x - 1) * teams; base < num_seqs; base += (wg.num_x - 1) * teams) {
      const int seq = base + team;
      const bool exists = seq < num_seqs;
      Largest lanes = {Int(-1), Int(-1)};
      if (exists) lanes = look_at(Int(seq), load_sequence(Int(seq)));
      int context = wave_max(lanes.context), all = wave_max(lanes.all);
      if (team_waves > 1) {
        wg.barrier();
        lds_store_int(wg, Int(kLargest + wg.wave * 8), Int(context), wg.lane == 0);
        lds_store_int(wg, Int(kLargest + wg.wave * 8 + 4), Int(all), wg.lane == 0);
        wg.barrier();
        if (!exists || wg.wave % team_waves != 0) continue;
        const Int at = (wg.wave + lane_min(wg.lane, Int(team_waves - 1))) * 8 + kLargest;
        context = wave_max(as_int(bits_of(lds_load(wg, at))));
        all = wave_max(as_int(bits_of(lds_load(wg, at + 4))));
      }
      global_store(p.plan.block_max + Int(seq * 2), Int(context), (wg.lane == 0) & exists);
      global_store(p.plan.block_max + Int(seq * 2 + 1), Int(all), (wg.lane == 0) & exists);
    }
  }
};

}  // namespace fovea::hip
