// The attention of all layers of one sequence, computed by libfovea on a paged KV cache.
//
// This is the part to copy into an engine: what is made once (context, config, attention, metadata, memory), what is
// done once per step (sequences, commit, plan) and what is done per layer (write the cache, forward).
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "fovea/fovea.h"
#include "task_pool.h"

namespace generate {

struct AttentionShape {
  int32_t num_layers;
  int32_t num_query_heads;
  int32_t num_kv_heads;
  int32_t head_size;
};

struct CacheOptions {
  foveaDataType_t data_type = FOVEA_DATA_TYPE_F32;
  foveaKvCacheLayout_t layout = FOVEA_KV_CACHE_LAYOUT_STRIDED;
  int32_t block_size = 16;
  int32_t max_seq_len = 2048;
  int32_t max_query_len = 256;  // tokens of one step
  // Cache block of each block of the sequence, a permutation of 0 ... n - 1 with n = num_blocks(); empty = in order. An
  // engine with many sequences hands out whatever block is free.
  std::vector<int32_t> block_table;
  bool plan_once = true;      // one plan per step for all layers, instead of one inside each forward
  bool poison_cache = false;  // fill the cache with NaN first: what was never written must never matter

  int32_t num_blocks() const { return (max_seq_len + block_size - 1) / block_size; }
};

// Calls of one object must come one after another.
class PagedAttention {
 public:
  PagedAttention(const AttentionShape& shape, const CacheOptions& options, TaskPool& pool);

  // Forgets the sequence; the memory stays.
  void reset() { seq_len_ = 0; }
  int32_t seq_len() const { return seq_len_; }

  // Appends num_tokens positions to the sequence: every layer then runs once before the next step.
  void begin_step(int32_t num_tokens);

  // query [num_tokens, num_query_heads, head_size], key and value [num_tokens, num_kv_heads, head_size],
  // output [num_tokens, num_query_heads, head_size], all fp32.
  void run_layer(int32_t layer, float* query, float* key, float* value, float* output);

  const char* backend_name() const { return foveaBackendGetName(backend_); }
  std::string description() const;
  size_t cache_bytes() const { return cache_bytes_; }

 private:
  template <auto kDestroy>
  struct Destroyer {
    template <typename Handle>
    void operator()(Handle* handle) const {
      kDestroy(handle);
    }
  };
  template <typename Handle, auto kDestroy>
  using Owner = std::unique_ptr<std::remove_pointer_t<Handle>, Destroyer<kDestroy>>;

  // Memory that starts at a multiple of 64 bytes.
  struct AlignedDelete {
    void operator()(std::byte* memory) const;
  };
  using AlignedMemory = std::unique_ptr<std::byte, AlignedDelete>;
  static AlignedMemory allocate(size_t size);

  void create_context(TaskPool& pool);
  void create_attention();
  void create_metadata();
  void create_cache();
  foveaTensor_t rows(float* data, int32_t num_heads) const;

  AttentionShape shape_;
  CacheOptions options_;
  Owner<foveaContext_t, foveaContextDestroy> context_;
  Owner<foveaAttention_t, foveaAttentionDestroy> attention_;
  Owner<foveaMetadata_t, foveaMetadataDestroy> metadata_;
  foveaBackend_t backend_ = FOVEA_BACKEND_AUTO;

  AlignedMemory workspace_;
  AlignedMemory plan_;
  size_t workspace_size_ = 0;
  size_t plan_size_ = 0;

  AlignedMemory cache_;
  size_t cache_bytes_ = 0;
  std::vector<foveaTensor_t> key_caches_;  // [num_layers]
  std::vector<foveaTensor_t> value_caches_;

  int32_t seq_len_ = 0;
  int32_t num_tokens_ = 0;  // of this step
  std::vector<int64_t> slot_mapping_;
};

}  // namespace generate
