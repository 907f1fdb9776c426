#include "impl/attention.h"

#include <string>

#include "impl/backend/cpu_attn.h"
#include "impl/backend/registry.h"
#include "impl/backend/rocm_attn.h"
#include "impl/error.h"
#include "impl/log.h"
#include "impl/select.h"

namespace fovea {

foveaBackend_t Attention::backend() const { return backend_.id; }

foveaStatus_t Attention::check_encoder_lengths(const CommittedBatch& batch) const {
  if (config_.attention_type != FOVEA_ATTENTION_ENCODER || batch.host_seq_lens == nullptr) return FOVEA_STATUS_SUCCESS;
  for (int32_t s = 0; s < batch.num_seqs; ++s) {
    const int32_t query_len = batch.host_query_start_loc[s + 1] - batch.host_query_start_loc[s];
    FOVEA_REQUIRE_ARGUMENT(batch.host_seq_lens[s] == query_len,
                           "seq_lens: row %d is %d, expected its query_len (%d), because encoder attention has no "
                           "context",
                           s, batch.host_seq_lens[s], query_len);
  }
  return FOVEA_STATUS_SUCCESS;
}

foveaStatus_t Attention::check_forward_flags(uint32_t flags) const {
  FOVEA_REQUIRE_ARGUMENT((flags & ~static_cast<uint32_t>(FOVEA_FORWARD_PARTIAL_STATE)) == 0,
                         "flags: 0x%x holds unknown flags", flags);
  FOVEA_REQUIRE((flags & FOVEA_FORWARD_PARTIAL_STATE) == 0 || claims_.has(FOVEA_CAPABILITY_PARTIAL_STATE),
                FOVEA_STATUS_NOT_SUPPORTED, "partial states not supported: %s computes final rows only", backend_.name);
  return FOVEA_STATUS_SUCCESS;
}

foveaStatus_t Attention::open_batch(const Metadata& metadata, int32_t causal, const CommittedBatch** batch,
                                    CausalMode* mode) const {
  FOVEA_REQUIRE_ARGUMENT(metadata.context() == context(), "metadata: of another context than the attention");
  FOVEA_REQUIRE_ARGUMENT(causal >= 0 && causal <= 2,
                         "causal: %d, expected 0 (as the metadata says), 1 (causal) or 2 (non-causal)", causal);
  FOVEA_TRY(metadata.get_batch(batch));
  const LayerConfig& layer = config();
  if (layer.attention_type != FOVEA_ATTENTION_DECODER) {
    *mode = CausalMode::kNonCausal;
  } else if ((*batch)->causal_per_sequence != nullptr) {
    *mode = CausalMode::kPerSequence;
    FOVEA_REQUIRE(layer.per_sequence_causal || claims_.has(FOVEA_CAPABILITY_PER_SEQUENCE_CAUSAL),
                  FOVEA_STATUS_NOT_SUPPORTED,
                  "per-sequence causal not supported: the metadata holds flags, but %s is causal only; a config that "
                  "declares them (foveaConfigSetPerSequenceCausal) gets another backend",
                  backend_.name);
    FOVEA_REQUIRE(layer.per_sequence_causal, FOVEA_STATUS_NOT_SUPPORTED,
                  "per-sequence causal not supported: the metadata holds flags, but the config did not declare them "
                  "(foveaConfigSetPerSequenceCausal)");
  } else {
    const bool is_causal = causal == 0 ? metadata.causal() == 1 : causal == 1;
    *mode = is_causal ? CausalMode::kCausal : CausalMode::kNonCausal;
    FOVEA_REQUIRE(is_causal || layer.non_causal || claims_.has(FOVEA_CAPABILITY_NON_CAUSAL), FOVEA_STATUS_NOT_SUPPORTED,
                  "non-causal attention not supported: %s, but %s is causal only; a config that declares it "
                  "(foveaConfigSetNonCausal) gets another backend",
                  causal == 0 ? "the metadata's causal flag is 0" : "causal is 2", backend_.name);
    FOVEA_REQUIRE(is_causal || layer.non_causal, FOVEA_STATUS_NOT_SUPPORTED,
                  "non-causal attention not supported: the config did not declare it (foveaConfigSetNonCausal)");
  }
  FOVEA_REQUIRE(
      (*batch)->range_start_loc == nullptr || layer.prefix_ranges != FOVEA_PREFIX_RANGES_NONE,
      FOVEA_STATUS_NOT_SUPPORTED,
      "partial multimodal token full attention not supported: the metadata holds prefix ranges, but the config "
      "did not declare them (foveaConfigSetPrefixRanges)");
  return check_encoder_lengths(**batch);
}

foveaStatus_t create_attention(Context* context, const LayerConfig& config, foveaBackend_t requested,
                               Attention** attention) {
  const Backend* backend = nullptr;
  if (const foveaStatus_t status = select_backend(registry(), *context, config, requested, "backend", &backend);
      status != FOVEA_STATUS_SUCCESS) {
    return status;
  }
  const std::string description = config.describe();  // may throw: after bind that would lose the attention
  const foveaStatus_t status = backend->bind(context, config, attention);
  if (status == FOVEA_STATUS_SUCCESS) log(FOVEA_LOG_INFO, "attention on %s: %s", backend->name, description.c_str());
  return status;
}

foveaStatus_t merge_attention_states(const Context& context, const foveaMergeArgs_t& args) {
  return context.gpu() != nullptr ? rocm_merge_states(context, args) : cpu_merge_states(context, args);
}

}  // namespace fovea
