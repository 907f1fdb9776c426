// CPU_ATTN: everything of the semantics, in the core library, always available.
#pragma once

#include "impl/backend/registry.h"
#include "impl/plan/plan.h"
#include "impl/tensor.h"

namespace fovea {

extern const Backend kCpuAttn;

// What a configuration resolves to: the kernel's own description of the layer and everything that follows from it.
struct CpuKernel {
  cpu::Layer layer;
  const cpu::KernelTable* table;
  PlanKey key;
  size_t scratch_stride;
};

class CpuAttention final : public Attention {
 public:
  CpuAttention(Context* context, const Claims& claims, const LayerConfig& config, const CpuKernel& kernel)
      : Attention(context, kCpuAttn, claims, config), kernel_(kernel) {}

  foveaStatus_t workspace_size(const foveaMetadataLimits_t& limits, size_t* size) const override;
  foveaStatus_t plan_size(const foveaMetadataLimits_t& limits, size_t* size) const override;
  foveaStatus_t plan(const Metadata& metadata, const foveaPlanArgs_t& args) const override;
  foveaStatus_t write_kv_cache(const foveaKvWriteArgs_t& args) const override;
  foveaStatus_t forward(const Metadata& metadata, const foveaForwardArgs_t& args) const override;
  foveaStatus_t validate(const Metadata& metadata, int64_t num_cache_blocks) const override;

 private:
  // The parts of a workspace, from the same code for the query and for the launch.
  struct Workspace {
    PlanBounds bounds;
    size_t plan;
    size_t arrivals;
    size_t states;
    size_t scratch;
    size_t total;
  };
  foveaStatus_t lay_out(const BatchSize& size, Workspace* workspace) const;

  CpuKernel kernel_;
};

// The merge of partial states on the threads of a CPU context.
foveaStatus_t cpu_merge_states(const Context& context, const foveaMergeArgs_t& args);

}  // namespace fovea
