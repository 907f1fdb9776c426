#include "kernels/hip/instances/entry.h"

using namespace fovea::hip;

#ifdef FOVEA_DEVICE
static_assert(PlanLds::kBytes <= 12288, "module/instances.cc");
#endif

FOVEA_KERNEL(fovea_plan, PlanParams, kPlanThreads, 1, PlanKernel)
FOVEA_KERNEL(fovea_split_merge, ForwardParams, kMergeThreads, 1, SplitMergeKernel)
FOVEA_KERNEL(fovea_state_merge, MergeParams, kMergeStateThreads, 1, StateMergeKernel)
FOVEA_KERNEL(fovea_write, WriteParams, kWriteThreads, 1, WriteKernel)
