// The check of a batch that lives on a GPU: everything is brought to the host and looked at as on a CPU.
#include <vector>

#include "impl/backend/rocm_attn.h"
#include "impl/error.h"
#include "impl/metadata_check.h"
#include "impl/plan/block_use.h"

namespace fovea {
namespace {

template <class To, class From>
To same(From value) {
  return static_cast<To>(static_cast<int32_t>(value));
}

// Only the masks and the cache of the layer matter here.
PlanKey mask_key(const LayerConfig& config) {
  return {config.num_query_heads,
          config.num_kv_heads,
          config.value_size(),
          config.has_cache() ? config.block_size : 16,
          same<cpu::AttentionType>(config.attention_type),
          same<cpu::PrefixRanges>(config.prefix_ranges),
          config.window_left,
          config.window_right,
          1,
          1};
}

// An array of the device, on the host; absent where it is absent there.
class HostCopy {
 public:
  foveaStatus_t take(const GpuDevice& gpu, const int32_t* from, int64_t count, const int32_t** copy) {
    *copy = nullptr;
    if (from == nullptr || count <= 0) return FOVEA_STATUS_SUCCESS;
    values_.resize(static_cast<size_t>(count));
    FOVEA_TRY(gpu.call(gpu.table().download, static_cast<void*>(values_.data()), static_cast<const void*>(from),
                       values_.size() * sizeof(int32_t), static_cast<void*>(nullptr)));
    *copy = values_.data();
    return FOVEA_STATUS_SUCCESS;
  }

 private:
  std::vector<int32_t> values_;
};

}  // namespace

foveaStatus_t RocmAttention::validate(const Metadata& metadata, int64_t num_cache_blocks) const {
  const CommittedBatch* batch = nullptr;
  CausalMode mode = CausalMode::kCausal;
  FOVEA_REQUIRE_ARGUMENT(num_cache_blocks >= 0, "num_cache_blocks: %lld, expected 0 or more",
                         static_cast<long long>(num_cache_blocks));
  FOVEA_TRY(gpu().check_process());
  FOVEA_TRY(open_batch(metadata, 0, &batch, &mode));
  if (batch->num_seqs == 0) return FOVEA_STATUS_SUCCESS;
  FOVEA_TRY(gpu().call(gpu().table().synchronize));

  CommittedBatch host = *batch;
  HostCopy query_start_loc, seq_lens, flags, range_start_loc, ranges, block_table;
  const int64_t seqs = batch->num_seqs;
  FOVEA_TRY(query_start_loc.take(gpu(), batch->query_start_loc, seqs + 1, &host.query_start_loc));
  FOVEA_TRY(seq_lens.take(gpu(), batch->seq_lens, seqs, &host.seq_lens));
  FOVEA_TRY(check_sequences(batch->num_seqs, batch->num_tokens, batch->max_query_len, batch->max_seq_len,
                            metadata.limits().max_seq_len, host.query_start_loc, host.seq_lens));
  FOVEA_TRY(flags.take(gpu(), batch->causal_per_sequence, seqs, &host.causal_per_sequence));
  if (host.causal_per_sequence != nullptr) FOVEA_TRY(check_flags(batch->num_seqs, host.causal_per_sequence));
  FOVEA_TRY(range_start_loc.take(gpu(), batch->range_start_loc, seqs + 1, &host.range_start_loc));
  FOVEA_TRY(ranges.take(gpu(), batch->ranges, 2 * int64_t{batch->num_ranges}, &host.ranges));
  if (host.range_start_loc != nullptr) {
    FOVEA_TRY(check_ranges(batch->num_seqs, batch->num_ranges, host.range_start_loc, host.ranges));
  }
  host.host_query_start_loc = host.query_start_loc;
  host.host_seq_lens = host.seq_lens;
  FOVEA_TRY(check_encoder_lengths(host));
  if (num_cache_blocks == 0 || !config().has_cache()) return FOVEA_STATUS_SUCCESS;

  const int64_t extent = (seqs - 1) * batch->table_stride + batch->table_columns;
  FOVEA_TRY(block_table.take(gpu(), batch->block_table, batch->table_columns == 0 ? 0 : extent, &host.block_table));
  return check_block_ids(mask_key(config()), host, mode, KeySource::kCache, num_cache_blocks);
}

}  // namespace fovea
