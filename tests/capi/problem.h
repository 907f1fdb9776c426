// A small paged batch with its objects, made through the public header alone: what the tests of the C ABI, of threads
// and of faults compute with. Results are compared with the definition, evaluated in double precision.
#pragma once

#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <random>
#include <string>
#include <vector>

#include "fovea/fovea.h"

namespace fovea_test {

// Memory aligned to 64 bytes, as workspaces should be.
class AlignedBuffer {
 public:
  AlignedBuffer() = default;
  explicit AlignedBuffer(size_t size) : bytes_(size + 64) {}
  void* data() {
    return reinterpret_cast<void*>((reinterpret_cast<uintptr_t>(bytes_.data()) + 63) & ~static_cast<uintptr_t>(63));
  }
  size_t size() const { return bytes_.empty() ? 0 : bytes_.size() - 64; }

 private:
  std::vector<unsigned char> bytes_;
};

struct Shape {
  int32_t num_query_heads = 4;
  int32_t num_kv_heads = 2;
  int32_t head_size = 32;
  int32_t block_size = 16;
  std::vector<int32_t> query_lens = {5, 1, 0, 17};
  std::vector<int32_t> seq_lens = {37, 20, 9, 17};
};

inline foveaTensor_t tensor(void* data, foveaDataType_t dtype, const std::vector<int64_t>& shape) {
  foveaTensor_t view = FOVEA_TENSOR_INIT;
  view.data = data;
  view.dtype = dtype;
  view.ndim = static_cast<int32_t>(shape.size());
  for (size_t axis = 0; axis < shape.size(); ++axis) view.shape[axis] = shape[axis];
  return view;
}

// The batch in host memory, f32: query and caches N(0, 1), rows of the cache that no sequence owns NaN, blocks scattered.
struct Batch {
  explicit Batch(const Shape& shape_in = Shape(), uint32_t seed = 1) : shape(shape_in) {
    std::mt19937 random(seed);
    std::normal_distribution<float> normal;
    num_seqs = static_cast<int32_t>(shape.seq_lens.size());
    query_start_loc.push_back(0);
    for (int32_t length : shape.query_lens) query_start_loc.push_back(query_start_loc.back() + length);
    num_tokens = query_start_loc.back();
    for (int32_t length : shape.seq_lens) {
      max_seq_len = std::max(max_seq_len, length);
      num_blocks += (length + shape.block_size - 1) / shape.block_size;
    }
    num_columns = std::max(1, (max_seq_len + shape.block_size - 1) / shape.block_size);
    num_blocks += 1;  // one that nobody owns
    block_table.assign(static_cast<size_t>(num_seqs) * num_columns, 1 << 30);  // entries past the end may be anything
    int32_t next = num_blocks - 1;
    for (int32_t seq = 0; seq < num_seqs; ++seq) {
      for (int32_t column = 0; column * shape.block_size < shape.seq_lens[seq]; ++column) {
        block_table[static_cast<size_t>(seq) * num_columns + column] = --next;
      }
    }
    const size_t row = static_cast<size_t>(shape.num_kv_heads) * shape.head_size;
    key_cache.assign(num_blocks * shape.block_size * row, std::nanf(""));
    value_cache = key_cache;
    for (int32_t seq = 0; seq < num_seqs; ++seq) {
      for (int32_t t = 0; t < shape.seq_lens[seq]; ++t) {
        for (size_t i = 0; i < row; ++i) {
          key_cache[slot(seq, t) * row + i] = normal(random);
          value_cache[slot(seq, t) * row + i] = normal(random);
        }
      }
    }
    query.resize(static_cast<size_t>(num_tokens) * shape.num_query_heads * shape.head_size);
    for (float& x : query) x = normal(random);
  }

  int64_t slot(int32_t seq, int32_t t) const {
    return static_cast<int64_t>(block_table[static_cast<size_t>(seq) * num_columns + t / shape.block_size]) *
               shape.block_size +
           t % shape.block_size;
  }
  size_t output_size() const { return query.size(); }
  size_t lse_size() const { return static_cast<size_t>(num_tokens) * shape.num_query_heads; }

  foveaTensor_t query_tensor() {
    return tensor(query.data(), FOVEA_DATA_TYPE_F32, {num_tokens, shape.num_query_heads, shape.head_size});
  }
  foveaTensor_t cache_tensor(std::vector<float>& cache) {
    return tensor(cache.data(), FOVEA_DATA_TYPE_F32,
                  {num_blocks, shape.block_size, shape.num_kv_heads, shape.head_size});
  }
  foveaTensor_t output_tensor(std::vector<float>& output) {
    return tensor(output.data(), FOVEA_DATA_TYPE_F32, {num_tokens, shape.num_query_heads, shape.head_size});
  }
  foveaTensor_t lse_tensor(std::vector<float>& lse) {
    return tensor(lse.data(), FOVEA_DATA_TYPE_F32, {num_tokens, shape.num_query_heads});
  }

  // The definition: softmax over the visible keys, in double precision.
  std::vector<float> expected(bool causal) const {
    std::vector<float> result(output_size());
    const int32_t group = shape.num_query_heads / shape.num_kv_heads;
    const double scale = 1.0 / std::sqrt(static_cast<double>(shape.head_size));
    const size_t row = static_cast<size_t>(shape.num_kv_heads) * shape.head_size;
    for (int32_t seq = 0; seq < num_seqs; ++seq) {
      for (int32_t i = 0; i < shape.query_lens[seq]; ++i) {
        const int32_t position = shape.seq_lens[seq] - shape.query_lens[seq] + i;
        const int32_t visible = causal ? position + 1 : shape.seq_lens[seq];
        for (int32_t head = 0; head < shape.num_query_heads; ++head) {
          const size_t at =
              (static_cast<size_t>(query_start_loc[seq] + i) * shape.num_query_heads + head) * shape.head_size;
          const size_t kv = static_cast<size_t>(head / group) * shape.head_size;
          std::vector<double> score(std::max(visible, 0));
          double largest = -INFINITY, sum = 0;
          for (int32_t t = 0; t < visible; ++t) {
            for (int32_t d = 0; d < shape.head_size; ++d) {
              score[t] += scale * query[at + d] * key_cache[slot(seq, t) * row + kv + d];
            }
            largest = std::max(largest, score[t]);
          }
          std::vector<double> sums(shape.head_size);
          for (int32_t t = 0; t < visible; ++t) {
            const double weight = std::exp(score[t] - largest);
            sum += weight;
            for (int32_t d = 0; d < shape.head_size; ++d) {
              sums[d] += weight * value_cache[slot(seq, t) * row + kv + d];
            }
          }
          for (int32_t d = 0; d < shape.head_size; ++d) result[at + d] = static_cast<float>(sum > 0 ? sums[d] / sum : 0);
        }
      }
    }
    return result;
  }

  Shape shape;
  int32_t num_seqs = 0, num_tokens = 0, max_seq_len = 0, num_blocks = 0, num_columns = 0;
  std::vector<int32_t> query_start_loc, block_table;
  std::vector<float> query, key_cache, value_cache;
};

// Largest difference; infinity if one side is not finite.
inline double largest_difference(const std::vector<float>& a, const std::vector<float>& b) {
  double result = a.size() == b.size() ? 0 : INFINITY;
  for (size_t i = 0; i < a.size() && i < b.size(); ++i) {
    const double difference = std::fabs(static_cast<double>(a[i]) - b[i]);
    result = std::isfinite(difference) ? std::max(result, difference) : INFINITY;
  }
  return result;
}

// f32 at head size 32 and some ten keys: far above rounding, far below the effect of one key too many or too few.
constexpr double kTolerance = 2e-5;

// Status and sentence of the last call, for failure output.
inline std::string explain(foveaStatus_t status) {
  return std::string(foveaStatusName(status)) + ": " + foveaGetLastErrorMessage();
}

inline foveaMetadataLimits_t limits_of(const Batch& batch) {
  foveaMetadataLimits_t limits = FOVEA_METADATA_LIMITS_INIT;
  limits.max_num_seqs = batch.num_seqs;
  limits.max_num_tokens = std::max(1, batch.num_tokens);
  limits.max_seq_len = std::max(1, batch.max_seq_len);
  limits.max_blocks_per_seq = batch.num_columns;
  limits.max_prefix_ranges = 8;
  return limits;
}

// A config for the batch that declares non-causal use, and lse.
inline foveaStatus_t make_config(const Batch& batch, foveaConfig_t* config) {
  foveaStatus_t status = foveaConfigCreate(config);
  const Shape& shape = batch.shape;
  if (status == 0) status = foveaConfigSetHeads(*config, shape.num_query_heads, shape.num_kv_heads);
  if (status == 0) status = foveaConfigSetHeadSizes(*config, shape.head_size, 0);
  if (status == 0) {
    status = foveaConfigSetDataTypes(*config, FOVEA_DATA_TYPE_F32, FOVEA_DATA_TYPE_NONE, FOVEA_DATA_TYPE_NONE);
  }
  if (status == 0) {
    status = foveaConfigSetKvCacheLayout(*config, FOVEA_KV_CACHE_LAYOUT_STRIDED, shape.block_size);
  }
  if (status == 0) status = foveaConfigSetNonCausal(*config, 1);
  if (status == 0) status = foveaConfigSetLse(*config, 1);
  return status;
}

// Metadata that holds the batch, committed.
inline foveaStatus_t make_metadata(foveaContext_t context, const Batch& batch, foveaMetadata_t* metadata) {
  const foveaMetadataLimits_t limits = limits_of(batch);
  foveaStatus_t status = foveaMetadataCreate(context, &limits, metadata);
  if (status == 0) {
    status = foveaMetadataSetSequences(*metadata, FOVEA_MEMORY_HOST, batch.num_seqs, batch.num_tokens, 0, 0,
                                       batch.query_start_loc.data(), batch.shape.seq_lens.data());
  }
  if (status == 0) {
    status = foveaMetadataSetBlockTable(*metadata, FOVEA_MEMORY_HOST, batch.num_seqs, batch.num_columns, 0,
                                        batch.block_table.data());
  }
  if (status == 0) status = foveaMetadataCommit(*metadata, nullptr);
  return status;
}

// A context on the CPU with everything that a forward needs.
class Problem {
 public:
  explicit Problem(const Shape& shape = Shape(), int32_t num_threads = 2, uint32_t seed = 1,
                   const foveaContextCreateInfo_t* info_in = nullptr)
      : batch(shape, seed) {
    foveaContextCreateInfo_t info = FOVEA_CONTEXT_CREATE_INFO_INIT;
    info.device = FOVEA_DEVICE_CPU;
    info.num_threads = num_threads;
    status = foveaContextCreate(info_in ? info_in : &info, &context);
    if (status == 0) status = make_config(batch, &config);
    if (status == 0) status = foveaAttentionCreate(context, config, FOVEA_BACKEND_AUTO, &attention);
    if (status == 0) status = make_metadata(context, batch, &metadata);
    const foveaMetadataLimits_t limits = limits_of(batch);
    size_t size = 0;
    if (status == 0) status = foveaAttentionGetWorkspaceSize(attention, &limits, &size);
    workspace = AlignedBuffer(size);
    if (status == 0) status = foveaAttentionGetPlanSize(attention, &limits, &size);
    plan = AlignedBuffer(size);
    output.assign(batch.output_size(), -77.0f);
    lse.assign(batch.lse_size(), -77.0f);
    message = status == 0 ? "" : explain(status);
  }
  ~Problem() {
    foveaMetadataDestroy(metadata);
    foveaAttentionDestroy(attention);
    foveaConfigDestroy(config);
    foveaContextDestroy(context);
  }
  Problem(const Problem&) = delete;
  Problem& operator=(const Problem&) = delete;

  foveaForwardArgs_t forward_args() {
    foveaForwardArgs_t args = FOVEA_FORWARD_ARGS_INIT;
    args.query = batch.query_tensor();
    args.key_cache = batch.cache_tensor(batch.key_cache);
    args.value_cache = batch.cache_tensor(batch.value_cache);
    args.output = batch.output_tensor(output);
    args.lse = batch.lse_tensor(lse);
    args.workspace = workspace.data();
    args.workspace_size = workspace.size();
    return args;
  }
  // Writes every key and value of the cache anew, in place: one token per owned row.
  foveaKvWriteArgs_t write_args(std::vector<float>* key, std::vector<float>* value, std::vector<int64_t>* slots) {
    const Shape& shape = batch.shape;
    const size_t row = static_cast<size_t>(shape.num_kv_heads) * shape.head_size;
    slots->clear();
    key->clear();
    value->clear();
    for (int32_t seq = 0; seq < batch.num_seqs; ++seq) {
      for (int32_t t = 0; t < shape.seq_lens[seq]; ++t) {
        const int64_t slot = batch.slot(seq, t);
        slots->push_back(slot);
        key->insert(key->end(), batch.key_cache.begin() + slot * row, batch.key_cache.begin() + (slot + 1) * row);
        value->insert(value->end(), batch.value_cache.begin() + slot * row,
                      batch.value_cache.begin() + (slot + 1) * row);
      }
    }
    foveaKvWriteArgs_t args = FOVEA_KV_WRITE_ARGS_INIT;
    args.num_tokens = static_cast<int32_t>(slots->size());
    args.key = tensor(key->data(), FOVEA_DATA_TYPE_F32, {args.num_tokens, shape.num_kv_heads, shape.head_size});
    args.value = tensor(value->data(), FOVEA_DATA_TYPE_F32, {args.num_tokens, shape.num_kv_heads, shape.head_size});
    args.key_cache = batch.cache_tensor(batch.key_cache);
    args.value_cache = batch.cache_tensor(batch.value_cache);
    args.slot_mapping = slots->data();
    return args;
  }
  foveaStatus_t forward(bool causal) {
    foveaForwardArgs_t args = forward_args();
    args.causal = causal ? 1 : 2;
    return foveaAttentionForward(attention, metadata, &args);
  }

  Batch batch;
  foveaContext_t context = nullptr;
  foveaConfig_t config = nullptr;
  foveaAttention_t attention = nullptr;
  foveaMetadata_t metadata = nullptr;
  AlignedBuffer workspace, plan;
  std::vector<float> output, lse;
  foveaStatus_t status = FOVEA_STATUS_SUCCESS;
  std::string message;
};

}  // namespace fovea_test
