// The plan of a batch: lengths become lists of work, on the device, so that the host needs to know no length.
//
// Workgroup 0 makes the lists; all others look for the largest block id that each sequence uses, so that a forward can
// refuse a sequence whose blocks are not in its cache. The order within a list has no influence on any result.
#pragma once

#include "kernels/hip/plan/block_check.h"
#include "kernels/hip/plan/work_lists.h"

namespace fovea::hip {

// Shared memory of the plan kernel, in bytes.
struct PlanLds {
  static constexpr int kBytes = WorkListLds::kBytes;
  static_assert(BlockCheck::kLdsBytes <= kBytes);
};

struct PlanKernel {
  const PlanParams& p;
  const Workgroup& wg;

  FOVEA_DEVICE PlanKernel(const PlanParams& params, const Workgroup& workgroup) : p(params), wg(workgroup) {}

  FOVEA_DEVICE void run() const {
    if (wg.x > 0) {
      BlockCheck(p, wg).run();
      return;
    }
    for (int i = 0; i < p.num_counters; i += kPlanThreads) {
      const Int at = wg.thread() + i;
      global_store(p.plan.tickets + at, Int(0), at < p.num_counters);
    }
    const bool any_large = p.smallest_kind == kLarge || p.batch.max_query_len * p.layer.group > kMediumRows;
    if (p.batch.num_seqs <= kWaveSize && !any_large) {
      if (wg.wave == 0) WorkLists<PlanSize::kOneWave>(p, wg).make();
    } else if (p.batch.num_seqs <= kPlanThreads) {
      WorkLists<PlanSize::kFew>(p, wg).make();
    } else {
      WorkLists<PlanSize::kMany>(p, wg).make();
    }
  }
};

}  // namespace fovea::hip
