#include "bench_case.h"

#include <sys/mman.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <memory>
#include <random>
#include <stdexcept>
#include <vector>

namespace {

void check(foveaStatus_t status) {
  if (status != FOVEA_STATUS_SUCCESS) {
    throw std::runtime_error(std::string(foveaStatusName(status)) + ": " + foveaGetLastErrorMessage());
  }
}

using Config = std::unique_ptr<foveaConfig_st, void (*)(foveaConfig_t)>;
using Attention = std::unique_ptr<foveaAttention_st, void (*)(foveaAttention_t)>;
using Metadata = std::unique_ptr<foveaMetadata_st, void (*)(foveaMetadata_t)>;

// Memory as an engine should allocate its cache: in huge pages. The rows of one head lie in pieces of some hundred bytes all
// over the cache, and with pages of 4 KiB nearly each of them would need a translation of its own.
class Buffer {
 public:
  Buffer(size_t bytes, const GpuRuntime* gpu) : gpu_(gpu), bytes_((bytes + kHugePage - 1) / kHugePage * kHugePage) {
    if (gpu_ != nullptr) {
      data_ = static_cast<char*>(gpu_->allocate(bytes_));
      return;
    }
    data_ = static_cast<char*>(std::aligned_alloc(kHugePage, bytes_));
    if (data_ == nullptr) throw std::bad_alloc();
    madvise(data_, bytes_, MADV_HUGEPAGE);
    std::memset(data_, 0, bytes_);
  }
  Buffer(Buffer&& other) noexcept : gpu_(other.gpu_), bytes_(other.bytes_), data_(other.data_) { other.data_ = nullptr; }
  Buffer(const Buffer&) = delete;
  Buffer& operator=(const Buffer&) = delete;
  ~Buffer() {
    if (gpu_ == nullptr) {
      std::free(data_);
    } else if (data_ != nullptr) {
      gpu_->release(data_);
    }
  }
  char* data() { return data_; }
  size_t size() const { return bytes_; }

 private:
  static constexpr size_t kHugePage = size_t{2} << 20;
  const GpuRuntime* gpu_;
  size_t bytes_;
  char* data_ = nullptr;
};

foveaTensor_t tensor(void* data, foveaDataType_t dtype, std::initializer_list<int64_t> shape) {
  foveaTensor_t t = {};
  t.data = data;
  t.dtype = dtype;
  t.ndim = static_cast<int32_t>(shape.size());
  std::copy(shape.begin(), shape.end(), t.shape);
  return t;
}

// N(0, 1) values of one type, repeated from a table of 2^16: the library converts them through a cache write, so that this
// program needs no conversions of its own.
class Values {
 public:
  Values() : table_(size_t{1} << 16) {
    std::mt19937 generator(7);
    std::normal_distribution<float> normal;
    for (float& value : table_) value = normal(generator);
  }

  // Fills `count` rows of `row` elements of `dtype`, by writing f32 rows into a small cache of that type.
  void fill(foveaContext_t context, char* to, foveaDataType_t dtype, int64_t count, int32_t row) {
    foveaConfig_t raw = nullptr;
    check(foveaConfigCreate(&raw));
    const Config config(raw, foveaConfigDestroy);
    check(foveaConfigSetHeads(raw, 1, 1));
    check(foveaConfigSetHeadSizes(raw, row, row));
    check(foveaConfigSetDataTypes(raw, FOVEA_DATA_TYPE_F32, dtype, FOVEA_DATA_TYPE_F32));
    foveaAttention_t handle = nullptr;
    check(foveaAttentionCreate(context, raw, FOVEA_BACKEND_AUTO, &handle));
    const Attention attention(handle, foveaAttentionDestroy);
    constexpr int32_t kRows = 256;
    std::vector<float> rows(static_cast<size_t>(kRows) * static_cast<size_t>(row));
    std::vector<int64_t> slots(kRows);
    for (int32_t i = 0; i < kRows; ++i) slots[static_cast<size_t>(i)] = i;
    std::vector<char> scratch(rows.size() * foveaDataTypeSize(dtype));
    for (int64_t done = 0; done < count; done += kRows) {
      const auto n = static_cast<int32_t>(std::min<int64_t>(kRows, count - done));
      for (float& value : rows) value = table_[next_++ * 7919 % table_.size()];
      foveaKvWriteArgs_t args = FOVEA_KV_WRITE_ARGS_INIT;
      args.key = tensor(rows.data(), FOVEA_DATA_TYPE_F32, {n, 1, row});
      args.value = args.key;
      args.key_cache = tensor(scratch.data(), dtype, {kRows / 16, 16, 1, row});
      args.value_cache = args.key_cache;
      args.slot_mapping = slots.data();
      args.num_tokens = n;
      check(foveaAttentionWriteKvCache(handle, &args));
      const size_t bytes = static_cast<size_t>(n) * static_cast<size_t>(row) * foveaDataTypeSize(dtype);
      std::memcpy(to + static_cast<size_t>(done) * static_cast<size_t>(row) * foveaDataTypeSize(dtype), scratch.data(), bytes);
    }
  }

 private:
  std::vector<float> table_;
  uint64_t next_ = 1;
};

struct DataSet {
  Buffer query;
  Buffer key;
  Buffer value;
  Buffer key_cache;
  Buffer value_cache;
};

// Seconds of one call, sorted: each sample is a row of calls, long enough that what it takes to launch the first and to see
// the last does not count, and short enough for many samples. All data sets occur in a row.
std::vector<double> time_on_gpu(const GpuRuntime& gpu, int samples, int copies, bool graph, const std::function<void()>& call) {
  constexpr double kRow = 2e-3;
  const auto calls = [&](int count) {
    return [&call, count] {
      for (int i = 0; i < count; ++i) call();
    };
  };
  const int first = std::max(copies, 3);
  gpu.time(1, calls(first));
  const double estimate = gpu.time(3, calls(first))[0] / first;
  const int count = (std::clamp(static_cast<int>(kRow / estimate), 1, 200) + copies - 1) / copies * copies;
  const std::function<void()> row = graph ? gpu.record(calls(count)) : calls(count);
  gpu.time(2, row);
  std::vector<double> seconds = gpu.time(samples, row);
  for (double& s : seconds) s /= count;
  return seconds;
}

struct Sequence {
  int32_t query_len;
  int32_t seq_len;
};

std::vector<Sequence> sequences_of(const BenchCase& b) {
  std::vector<Sequence> all(static_cast<size_t>(b.num_seqs), {b.query_len, b.query_len + b.context_len});
  all.insert(all.end(), static_cast<size_t>(b.second_num_seqs), {b.second_query_len, b.second_query_len + b.second_context_len});
  return all;
}

double visible_pairs(const BenchCase& b, const Sequence& s) {
  const double len = s.seq_len;
  double pairs = 0;
  for (int32_t i = 0; i < s.query_len; ++i) {
    const double p = s.seq_len - s.query_len + i;
    const double end = b.causal ? p + 1 : len;
    const double begin = b.window_left < 0 ? 0 : std::max(0.0, p - b.window_left);
    pairs += std::max(0.0, end - begin);
  }
  return pairs;
}

}  // namespace

std::vector<char> random_values(foveaDataType_t dtype) {
  foveaContextCreateInfo_t info = FOVEA_CONTEXT_CREATE_INFO_INIT;
  info.device = FOVEA_DEVICE_CPU;
  foveaContext_t handle = nullptr;
  check(foveaContextCreate(&info, &handle));
  const std::unique_ptr<foveaContext_st, void (*)(foveaContext_t)> context(handle, foveaContextDestroy);
  constexpr int32_t kRow = 128;
  std::vector<char> bytes(size_t{16} << 20);
  Values values;
  values.fill(handle, bytes.data(), dtype, static_cast<int64_t>(bytes.size() / foveaDataTypeSize(dtype) / kRow), kRow);
  return bytes;
}

BenchResult run_case(foveaContext_t context, const BenchCase& b, int repeats, double cold_bytes, const GpuRuntime* gpu) {
  void* const stream = gpu == nullptr ? nullptr : gpu->stream();
  const foveaDataType_t cache_dtype = b.cache_dtype == FOVEA_DATA_TYPE_NONE ? b.dtype : b.cache_dtype;
  const std::vector<Sequence> sequences = sequences_of(b);
  const auto num_seqs = static_cast<int32_t>(sequences.size());
  std::vector<int32_t> query_start_loc = {0}, seq_lens;
  for (const Sequence& s : sequences) {
    query_start_loc.push_back(query_start_loc.back() + s.query_len);
    seq_lens.push_back(s.seq_len);
  }
  const int32_t max_seq_len = *std::max_element(seq_lens.begin(), seq_lens.end());
  const int32_t blocks_per_seq = (max_seq_len + b.block_size - 1) / b.block_size;
  const int64_t num_blocks = int64_t{blocks_per_seq} * num_seqs;
  const int64_t num_tokens = query_start_loc.back();
  const size_t element = foveaDataTypeSize(b.dtype);
  const size_t cache_element = foveaDataTypeSize(cache_dtype);
  const bool has_cache = !b.dense || b.context_len > 0;

  foveaConfig_t config_handle = nullptr;
  check(foveaConfigCreate(&config_handle));
  const Config config(config_handle, foveaConfigDestroy);
  check(foveaConfigSetHeads(config_handle, b.num_query_heads, b.num_kv_heads));
  check(foveaConfigSetHeadSizes(config_handle, b.head_size, 0));
  check(foveaConfigSetDataTypes(config_handle, b.dtype, cache_dtype, FOVEA_DATA_TYPE_NONE));
  check(foveaConfigSetKvCacheLayout(config_handle, FOVEA_KV_CACHE_LAYOUT_STRIDED, b.block_size));
  check(foveaConfigSetNonCausal(config_handle, b.causal ? 0 : 1));
  check(foveaConfigSetSlidingWindow(config_handle, b.window_left, -1));
  check(foveaConfigSetBatchInvariant(config_handle, b.batch_invariant ? 1 : 0));
  foveaAttention_t attention_handle = nullptr;
  check(foveaAttentionCreate(context, config_handle, b.backend, &attention_handle));
  const Attention attention(attention_handle, foveaAttentionDestroy);

  foveaMetadataLimits_t limits = FOVEA_METADATA_LIMITS_INIT;
  limits.max_num_seqs = num_seqs;
  limits.max_num_tokens = static_cast<int32_t>(num_tokens);
  limits.max_seq_len = max_seq_len;
  limits.max_blocks_per_seq = blocks_per_seq;
  foveaMetadata_t metadata_handle = nullptr;
  check(foveaMetadataCreate(context, &limits, &metadata_handle));
  const Metadata metadata(metadata_handle, foveaMetadataDestroy);
  std::vector<int32_t> block_table(static_cast<size_t>(num_blocks));
  for (size_t i = 0; i < block_table.size(); ++i) block_table[i] = static_cast<int32_t>(i);
  std::shuffle(block_table.begin(), block_table.end(), std::mt19937(3));
  check(foveaMetadataSetSequences(metadata_handle, FOVEA_MEMORY_HOST, num_seqs, static_cast<int32_t>(num_tokens), 0, 0,
                                  query_start_loc.data(), seq_lens.data()));
  check(foveaMetadataSetBlockTable(metadata_handle, FOVEA_MEMORY_HOST, num_seqs, blocks_per_seq, 0, block_table.data()));
  check(foveaMetadataSetCausal(metadata_handle, b.causal ? 1 : 0));
  check(foveaMetadataCommit(metadata_handle, stream));

  const auto heads = static_cast<size_t>(b.num_query_heads);
  const auto kv_heads = static_cast<size_t>(b.num_kv_heads);
  const auto size = static_cast<size_t>(b.head_size);
  const size_t dense_bytes = b.dense ? static_cast<size_t>(num_tokens) * kv_heads * size * element : 0;
  const size_t cache_bytes =
      has_cache ? static_cast<size_t>(num_blocks) * static_cast<size_t>(b.block_size) * kv_heads * size * cache_element : 0;
  const double set_bytes = 2.0 * static_cast<double>(dense_bytes + cache_bytes);
  const double most_copies = gpu == nullptr ? static_cast<double>(repeats) : 64;
  const int copies = b.warm ? 1 : static_cast<int>(std::clamp(std::ceil(cold_bytes / set_bytes), 1.0, most_copies));
  Values values;
  // On a GPU everything is the same few numbers over and over, at addresses that differ.
  const std::vector<char> gpu_values = gpu == nullptr ? std::vector<char>() : random_values(b.dtype);
  const std::vector<char> gpu_cache_values = gpu == nullptr ? std::vector<char>() : random_values(cache_dtype);
  const auto fill = [&](Buffer& buffer, foveaDataType_t dtype, int64_t rows) {
    if (gpu == nullptr) return values.fill(context, buffer.data(), dtype, rows, b.head_size);
    const std::vector<char>& from = dtype == cache_dtype ? gpu_cache_values : gpu_values;
    for (size_t done = 0; done < buffer.size(); done += from.size()) {
      gpu->upload(buffer.data() + done, from.data(), std::min(from.size(), buffer.size() - done));
    }
  };
  std::vector<DataSet> sets;
  for (int i = 0; i < copies; ++i) {
    const size_t query_bytes = static_cast<size_t>(num_tokens) * heads * size * element;
    sets.push_back({Buffer(query_bytes, gpu), Buffer(dense_bytes + 1, gpu), Buffer(dense_bytes + 1, gpu),
                    Buffer(cache_bytes + 1, gpu), Buffer(cache_bytes + 1, gpu)});
    DataSet& set = sets.back();
    fill(set.query, b.dtype, num_tokens * b.num_query_heads);
    if (b.dense) {
      fill(set.key, b.dtype, num_tokens * b.num_kv_heads);
      fill(set.value, b.dtype, num_tokens * b.num_kv_heads);
    }
    if (has_cache) {
      const int64_t rows = num_blocks * b.block_size * b.num_kv_heads;
      if (i == 0) {
        fill(set.key_cache, cache_dtype, rows);
        fill(set.value_cache, cache_dtype, rows);
      } else if (gpu != nullptr) {
        gpu->copy_on_device(set.key_cache.data(), sets[0].key_cache.data(), cache_bytes);
        gpu->copy_on_device(set.value_cache.data(), sets[0].value_cache.data(), cache_bytes);
      } else {
        std::memcpy(set.key_cache.data(), sets[0].key_cache.data(), cache_bytes);
        std::memcpy(set.value_cache.data(), sets[0].value_cache.data(), cache_bytes);
      }
    }
  }

  size_t workspace_size = 0;
  check(foveaAttentionGetWorkspaceSize(attention_handle, &limits, &workspace_size));
  size_t plan_size = 0;
  check(foveaAttentionGetPlanSize(attention_handle, &limits, &plan_size));
  Buffer workspace(workspace_size, gpu);
  Buffer plan(plan_size, gpu);
  Buffer output(static_cast<size_t>(num_tokens) * heads * size * element, gpu);
  foveaPlanArgs_t plan_args = FOVEA_PLAN_ARGS_INIT;
  plan_args.plan = plan.data();
  plan_args.plan_size = plan.size();
  plan_args.stream = stream;
  const auto make_plan = [&] { check(foveaAttentionPlan(attention_handle, metadata_handle, &plan_args)); };
  make_plan();

  int next_set = 0;
  const auto forward = [&] {
    DataSet& set = sets[static_cast<size_t>(next_set++ % copies)];
    foveaForwardArgs_t args = FOVEA_FORWARD_ARGS_INIT;
    args.query = tensor(set.query.data(), b.dtype, {num_tokens, b.num_query_heads, b.head_size});
    if (b.dense) {
      args.key = tensor(set.key.data(), b.dtype, {num_tokens, b.num_kv_heads, b.head_size});
      args.value = tensor(set.value.data(), b.dtype, {num_tokens, b.num_kv_heads, b.head_size});
    }
    if (has_cache) {
      args.key_cache = tensor(set.key_cache.data(), cache_dtype, {num_blocks, b.block_size, b.num_kv_heads, b.head_size});
      args.value_cache = tensor(set.value_cache.data(), cache_dtype, {num_blocks, b.block_size, b.num_kv_heads, b.head_size});
    }
    args.output = tensor(output.data(), b.dtype, {num_tokens, b.num_query_heads, b.head_size});
    args.workspace = workspace.data();
    args.workspace_size = workspace.size();
    args.plan = plan.data();
    args.plan_size = plan.size();
    args.stream = stream;
    check(foveaAttentionForward(attention_handle, metadata_handle, &args));
  };
  BenchResult result = {};
  std::vector<double> seconds;
  if (gpu == nullptr) {
    for (int r = -2; r < repeats; ++r) {
      const auto start = std::chrono::steady_clock::now();
      forward();
      const std::chrono::duration<double> elapsed = std::chrono::steady_clock::now() - start;
      if (r >= 0) seconds.push_back(elapsed.count());
    }
    std::sort(seconds.begin(), seconds.end());
  } else {
    seconds = time_on_gpu(*gpu, repeats, copies, b.graph, forward);
    result.plan_seconds = time_on_gpu(*gpu, repeats, 1, true, make_plan)[static_cast<size_t>(repeats / 2)];
  }

  result.median_seconds = seconds[seconds.size() / 2];
  result.min_seconds = seconds[0];
  double pairs = 0, keys = 0;
  for (const Sequence& s : sequences) {
    pairs += visible_pairs(b, s);
    keys += b.window_left < 0 ? s.seq_len : std::min<double>(s.seq_len, static_cast<double>(b.window_left) + s.query_len);
  }
  result.flops = 4.0 * pairs * b.num_query_heads * b.head_size;
  const double kv_element = b.dense && b.context_len == 0 ? static_cast<double>(element) : static_cast<double>(cache_element);
  result.bytes = 2.0 * keys * b.num_kv_heads * b.head_size * kv_element +
                 2.0 * static_cast<double>(num_tokens) * b.num_query_heads * b.head_size * static_cast<double>(element);
  return result;
}
