// ROCM_ATTN and ROCM_UNIFIED_ATTN: the HIP kernels of a GPU module, driven through its table. What tells them apart is
// the module's to know: here they differ in number and name alone.
#pragma once

#include "impl/backend/registry.h"
#include "kernels/hip/module/module_abi.h"

namespace fovea {

extern const Backend kRocmAttn;
extern const Backend kRocmUnifiedAttn;

class RocmAttention final : public Attention {
 public:
  // Takes the kernel over.
  RocmAttention(Context* context, const Backend& backend, const Claims& claims, const LayerConfig& config,
                FoveaModuleKernel* kernel);

  foveaStatus_t workspace_size(const foveaMetadataLimits_t& limits, size_t* size) const override;
  foveaStatus_t plan_size(const foveaMetadataLimits_t& limits, size_t* size) const override;
  foveaStatus_t plan(const Metadata& metadata, const foveaPlanArgs_t& args) const override;
  foveaStatus_t write_kv_cache(const foveaKvWriteArgs_t& args) const override;
  foveaStatus_t forward(const Metadata& metadata, const foveaForwardArgs_t& args) const override;
  foveaStatus_t validate(const Metadata& metadata, int64_t num_cache_blocks) const override;

 private:
  ~RocmAttention() override;

  const GpuDevice& gpu() const { return *context_->gpu(); }
  // What tells the plan of this batch from every other.
  uint64_t plan_identity(const Metadata& metadata, CausalMode mode) const;

  FoveaModuleKernel* kernel_;
  uint64_t plan_key_;
};

// The merge of partial states on a GPU context.
foveaStatus_t rocm_merge_states(const Context& context, const foveaMergeArgs_t& args);

}  // namespace fovea
