#include "paged_attention.h"

#include <cstring>
#include <new>
#include <numeric>

#include "error.h"

namespace generate {
namespace {

constexpr std::align_val_t kAlignment{64};

void check(foveaStatus_t status, const char* call) {
  if (status != FOVEA_STATUS_SUCCESS) fail(call, ": ", foveaStatusString(status), ": ", foveaGetLastErrorMessage());
}

void run_tasks(void* user, int32_t num_tasks, foveaTask_t task, void* task_data) {
  static_cast<TaskPool*>(user)->run(num_tasks, task, task_data);
}

foveaTensor_t tensor(void* data, foveaDataType_t dtype, std::initializer_list<int64_t> shape) {
  foveaTensor_t result{};
  result.data = data;
  result.dtype = dtype;
  for (const int64_t extent : shape) result.shape[result.ndim++] = extent;
  return result;
}

}  // namespace

void PagedAttention::AlignedDelete::operator()(std::byte* memory) const { ::operator delete(memory, kAlignment); }

PagedAttention::AlignedMemory PagedAttention::allocate(size_t size) {
  return AlignedMemory(static_cast<std::byte*>(::operator new(size, kAlignment)));
}

PagedAttention::PagedAttention(const AttentionShape& shape, const CacheOptions& options, TaskPool& pool)
    : shape_(shape), options_(options) {
  if (options_.block_table.empty()) {
    options_.block_table.resize(static_cast<size_t>(options_.num_blocks()));
    std::iota(options_.block_table.begin(), options_.block_table.end(), 0);
  }
  create_context(pool);
  create_attention();
  create_metadata();
  create_cache();
}

void PagedAttention::create_context(TaskPool& pool) {
  foveaContextCreateInfo_t info = FOVEA_CONTEXT_CREATE_INFO_INIT;
  info.device = FOVEA_DEVICE_CPU;  // queries, caches and outputs are in host memory
  info.num_threads = pool.num_threads();
  info.parallel_for = run_tasks;
  info.parallel_for_user = &pool;
  foveaContext_t context = nullptr;
  check(foveaContextCreate(&info, &context), "foveaContextCreate");
  context_.reset(context);
}

void PagedAttention::create_attention() {
  foveaConfig_t config = nullptr;
  check(foveaConfigCreate(&config), "foveaConfigCreate");
  const Owner<foveaConfig_t, foveaConfigDestroy> owner(config);
  check(foveaConfigSetHeads(config, shape_.num_query_heads, shape_.num_kv_heads), "foveaConfigSetHeads");
  check(foveaConfigSetHeadSizes(config, shape_.head_size, 0), "foveaConfigSetHeadSizes");
  check(foveaConfigSetDataTypes(config, FOVEA_DATA_TYPE_F32, options_.data_type, FOVEA_DATA_TYPE_F32),
        "foveaConfigSetDataTypes");
  check(foveaConfigSetKvCacheLayout(config, options_.layout, options_.block_size), "foveaConfigSetKvCacheLayout");
  check(foveaSelectBackend(context_.get(), config, FOVEA_BACKEND_AUTO, &backend_), "foveaSelectBackend");
  foveaAttention_t attention = nullptr;
  check(foveaAttentionCreate(context_.get(), config, backend_, &attention), "foveaAttentionCreate");
  attention_.reset(attention);
}

void PagedAttention::create_metadata() {
  foveaMetadataLimits_t limits = FOVEA_METADATA_LIMITS_INIT;
  limits.max_num_seqs = 1;
  limits.max_num_tokens = options_.max_query_len;
  limits.max_seq_len = options_.max_seq_len;
  limits.max_blocks_per_seq = options_.num_blocks();
  foveaMetadata_t metadata = nullptr;
  check(foveaMetadataCreate(context_.get(), &limits, &metadata), "foveaMetadataCreate");
  metadata_.reset(metadata);
  check(
      foveaMetadataSetBlockTable(metadata, FOVEA_MEMORY_HOST, 1, options_.num_blocks(), 0, options_.block_table.data()),
      "foveaMetadataSetBlockTable");

  check(foveaAttentionGetWorkspaceSize(attention_.get(), &limits, &workspace_size_), "foveaAttentionGetWorkspaceSize");
  check(foveaAttentionGetPlanSize(attention_.get(), &limits, &plan_size_), "foveaAttentionGetPlanSize");
  workspace_ = allocate(workspace_size_);
  plan_ = allocate(plan_size_);
}

void PagedAttention::create_cache() {
  const int64_t num_blocks = options_.num_blocks();
  const int64_t block_size = options_.block_size;
  const int64_t num_heads = shape_.num_kv_heads;
  const int64_t head_size = shape_.head_size;
  const size_t element = foveaDataTypeSize(options_.data_type);
  const auto layer_elements = static_cast<size_t>(num_blocks * block_size * num_heads * head_size);
  const size_t tensor_bytes = (layer_elements * element + 63) / 64 * 64;
  cache_bytes_ = 2 * static_cast<size_t>(shape_.num_layers) * tensor_bytes;
  cache_ = allocate(cache_bytes_);
  // All bits set are NaN in every type but e4m3fnuz, where that is the largest negative number.
  if (options_.poison_cache) std::memset(cache_.get(), 0xff, cache_bytes_);

  std::byte* memory = cache_.get();
  for (int32_t layer = 0; layer < shape_.num_layers; ++layer) {
    std::byte* key = memory;
    std::byte* value = memory + tensor_bytes;
    memory += 2 * tensor_bytes;
    if (options_.layout == FOVEA_KV_CACHE_LAYOUT_STRIDED) {
      const auto shape = {num_blocks, block_size, num_heads, head_size};
      key_caches_.push_back(tensor(key, options_.data_type, shape));
      value_caches_.push_back(tensor(value, options_.data_type, shape));
    } else {
      const int64_t x = 16 / static_cast<int64_t>(element);
      key_caches_.push_back(tensor(key, options_.data_type, {num_blocks, num_heads, head_size / x, block_size, x}));
      value_caches_.push_back(tensor(value, options_.data_type, {num_blocks, num_heads, head_size, block_size}));
    }
  }
}

std::string PagedAttention::description() const {
  foveaContextInfo_t info{};
  info.struct_size = sizeof(info);
  check(foveaContextGetInfo(context_.get(), &info), "foveaContextGetInfo");
  return concat("libfovea ", foveaGetVersionString(), ", backend ", backend_name(), " (", info.architecture, ") on ",
                info.device_name, ", ", info.num_threads, info.num_threads == 1 ? " thread" : " threads");
}

void PagedAttention::begin_step(int32_t num_tokens) {
  if (num_tokens < 1 || num_tokens > options_.max_query_len || num_tokens > options_.max_seq_len - seq_len_) {
    fail("a step of ", num_tokens, " tokens after ", seq_len_, " does not fit a cache of ", options_.max_seq_len,
         " positions and steps of at most ", options_.max_query_len);
  }
  slot_mapping_.resize(static_cast<size_t>(num_tokens));
  for (int32_t i = 0; i < num_tokens; ++i) {
    const int32_t position = seq_len_ + i;
    const int64_t block = options_.block_table[static_cast<size_t>(position / options_.block_size)];
    slot_mapping_[static_cast<size_t>(i)] = block * options_.block_size + position % options_.block_size;
  }
  num_tokens_ = num_tokens;
  seq_len_ += num_tokens;

  const int32_t query_start_loc[] = {0, num_tokens};
  check(foveaMetadataSetSequences(metadata_.get(), FOVEA_MEMORY_HOST, 1, num_tokens, num_tokens, seq_len_,
                                  query_start_loc, &seq_len_),
        "foveaMetadataSetSequences");
  check(foveaMetadataCommit(metadata_.get(), nullptr), "foveaMetadataCommit");
  if (options_.plan_once) {
    foveaPlanArgs_t args = FOVEA_PLAN_ARGS_INIT;
    args.plan = plan_.get();
    args.plan_size = plan_size_;
    check(foveaAttentionPlan(attention_.get(), metadata_.get(), &args), "foveaAttentionPlan");
  }
}

foveaTensor_t PagedAttention::rows(float* data, int32_t num_heads) const {
  return tensor(data, FOVEA_DATA_TYPE_F32, {num_tokens_, num_heads, shape_.head_size});
}

void PagedAttention::run_layer(int32_t layer, float* query, float* key, float* value, float* output) {
  const auto index = static_cast<size_t>(layer);
  foveaKvWriteArgs_t write{};
  write.struct_size = sizeof(write);
  write.key = rows(key, shape_.num_kv_heads);
  write.value = rows(value, shape_.num_kv_heads);
  write.key_cache = key_caches_[index];
  write.value_cache = value_caches_[index];
  write.slot_mapping = slot_mapping_.data();
  write.num_tokens = num_tokens_;
  check(foveaAttentionWriteKvCache(attention_.get(), &write), "foveaAttentionWriteKvCache");

  // Key and value are left out: all is read from the cache, so that with a narrow cache type the text does not depend
  // on where the prompt was cut into chunks.
  foveaForwardArgs_t forward{};
  forward.struct_size = sizeof(forward);
  forward.query = rows(query, shape_.num_query_heads);
  forward.key_cache = key_caches_[index];
  forward.value_cache = value_caches_[index];
  forward.output = rows(output, shape_.num_query_heads);
  forward.workspace = workspace_.get();
  forward.workspace_size = workspace_size_;
  if (options_.plan_once) {
    forward.plan = plan_.get();
    forward.plan_size = plan_size_;
  }
  check(foveaAttentionForward(attention_.get(), metadata_.get(), &forward), "foveaAttentionForward");
}

}  // namespace generate
