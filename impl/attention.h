// A configuration bound to a backend.
#pragma once

#include "fovea/fovea.h"
#include "impl/backend/claims.h"
#include "impl/config.h"
#include "impl/context.h"
#include "impl/metadata.h"
#include "impl/object.h"

namespace fovea {

struct Backend;

// Behind foveaAttention_t: immutable and shared. Each backend derives its own.
class Attention : public Object {
 public:
  static constexpr ObjectKind kKind = ObjectKind::kAttention;

  foveaBackend_t backend() const;
  const Context* context() const { return context_.get(); }
  const LayerConfig& config() const { return config_; }

  virtual foveaStatus_t workspace_size(const foveaMetadataLimits_t& limits, size_t* size) const = 0;
  virtual foveaStatus_t plan_size(const foveaMetadataLimits_t& limits, size_t* size) const = 0;
  // None of these allocates. Arguments are as the caller gave them, but complete (struct_size).
  virtual foveaStatus_t plan(const Metadata& metadata, const foveaPlanArgs_t& args) const = 0;
  virtual foveaStatus_t write_kv_cache(const foveaKvWriteArgs_t& args) const = 0;
  virtual foveaStatus_t forward(const Metadata& metadata, const foveaForwardArgs_t& args) const = 0;
  virtual foveaStatus_t validate(const Metadata& metadata, int64_t num_cache_blocks) const = 0;

 protected:
  // `claims` are the backend's.
  Attention(Context* context, const Backend& backend, const Claims& claims, const LayerConfig& config)
      : Object(kKind), context_(context), backend_(backend), claims_(claims), config_(config) {}

  // What every use of a batch checks before anything else; also says how the batch is masked.
  foveaStatus_t open_batch(const Metadata& metadata, int32_t causal, const CommittedBatch** batch,
                           CausalMode* mode) const;
  // The flags of a forward: known ones, and none that the backend does not claim.
  foveaStatus_t check_forward_flags(uint32_t flags) const;
  // Encoder attention has no context: what the host knows of the lengths must agree.
  foveaStatus_t check_encoder_lengths(const CommittedBatch& batch) const;

  Ref<Context> context_;

 private:
  const Backend& backend_;
  Claims claims_;
  LayerConfig config_;
};

// Selects the backend where none is named, and binds to it.
foveaStatus_t create_attention(Context* context, const LayerConfig& config, foveaBackend_t requested,
                               Attention** attention);

// Combines partial states on the context's device.
foveaStatus_t merge_attention_states(const Context& context, const foveaMergeArgs_t& args);

}  // namespace fovea
