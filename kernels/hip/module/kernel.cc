// Layers: which kernels they use, what memory these need, and the launches. Sizes, plan and forward all follow from Layout,
// so they cannot disagree.
#include "kernels/hip/module/kernel.h"

#include <algorithm>
#include <cstdint>
#include <new>

#include "kernels/hip/module/instances.h"
#include "kernels/hip/module/report.h"

struct FoveaModuleKernel {
  FoveaModuleLayer config;
  fovea::hip::Layer layer;  // as the kernels see it
  bool unified;             // one kernel computes all kinds
  // By kind; the unified one is the same for all.
  fovea::hip::LaunchShape attention[fovea::hip::kNumKinds];
  int resident[fovea::hip::kNumKinds];  // workgroups that the device holds at once
  int target[fovea::hip::kNumKinds];    // of them for each KV head
  int smallest;                         // the first kind that there is
  int large_rows;                       // of an entry of the last
};

namespace fovea::hip {
namespace {

// A split multiplies the launch's workgroups at most by this.
constexpr int kRounds[kNumKinds] = {4, 2, 1};

// An offset that is handed out in order.
class Carver {
 public:
  size_t take(size_t bytes) {
    const size_t at = size_;
    size_ = (size_ + bytes + 255) / 256 * 256;
    return at;
  }
  size_t size() const { return size_; }

 private:
  size_t size_ = 0;
};

// What a launch depends on besides the layer.
struct Extent {
  int64_t num_seqs;
  int64_t num_tokens;
  int64_t max_query_len;
  int64_t max_seq_len;
};

// Where everything lies in plan and workspace.
struct Layout {
  bool launched[kNumKinds];
  int64_t capacity[kNumKinds];  // entries
  int64_t groups[2];
  int64_t slots[2];
  int64_t num_counters;  // of the unified kernel
  size_t header, entries[kNumKinds], group_lists[2], block_max, counters, plan_size;
  size_t partials[2], stats[2], workspace_size;  // behind a plan, where there is none
};

Layout layout_of(const FoveaModuleKernel& kernel, const Extent& e) {
  Layout l = {};
  const int64_t group = kernel.layer.group;
  const int64_t most_rows = e.max_query_len * group;
  const int64_t splits = std::min<int64_t>(e.max_seq_len / 1024 + 1, 34);  // of a sequence whose bits do not depend on the batch
  const int64_t tiles = std::max<int64_t>((e.max_seq_len + kPlanTile - 1) / kPlanTile, 1);
  Carver plan;
  l.header = plan.take(sizeof(PlanHeader));
  for (int k = 0; k < kNumKinds; ++k) {
    l.launched[k] = k >= kernel.smallest && (k == kernel.smallest || most_rows > rows_of_kind(k - 1));
    if (k == kLarge) {
      l.capacity[k] = e.num_tokens * group / kernel.large_rows + e.num_seqs;
    } else {
      const int64_t wanted = int64_t{kernel.target[k]} * kRounds[k];
      // Workgroups that find no entry cost: of one sequence of 1024, with 133 entries launched and 16 used, a third of the time.
      l.capacity[k] = e.num_seqs * (kernel.config.batch_invariant ? splits : tiles);
      if (!kernel.config.batch_invariant) l.capacity[k] = std::min(l.capacity[k], e.num_seqs + wanted);
      l.slots[k] = kernel.config.batch_invariant ? e.num_seqs * splits : wanted * 4 / 3 + 1;
      l.groups[k] = std::min(e.num_seqs, l.slots[k] / 2);
      l.group_lists[k] = plan.take(static_cast<size_t>(l.groups[k]) * sizeof(SplitGroup));
    }
    l.entries[k] = plan.take(static_cast<size_t>(l.capacity[k]) * sizeof(WorkEntry));
  }
  l.block_max = plan.take(static_cast<size_t>(e.num_seqs) * 8);
  l.num_counters = kernel.unified ? kNumQueues + (l.slots[kSmall] + l.slots[kMedium]) * kernel.layer.num_kv_heads : 0;
  l.counters = plan.take(static_cast<size_t>(l.num_counters) * 4);
  l.plan_size = plan.size();
  Carver workspace;
  for (int k = 0; k < 2; ++k) {
    if (!l.launched[k]) continue;
    const size_t rows = static_cast<size_t>(l.slots[k] * kernel.layer.num_kv_heads * rows_of_kind(k));
    l.partials[k] = workspace.take(rows * static_cast<size_t>(kernel.layer.head_size_v) * 4);
    l.stats[k] = workspace.take(rows * 8);
  }
  l.workspace_size = workspace.size();
  return l;
}

Extent extent_of(const FoveaModuleBatch& batch) {
  return {batch.num_seqs, batch.num_tokens, batch.max_query_len, batch.max_seq_len};
}
// Of the largest batch that a workspace or plan is for.
Extent extent_of(const FoveaModuleLimits& limits) {
  return {limits.max_num_seqs, limits.max_num_tokens, limits.max_query_len, limits.max_seq_len};
}

PlanView plan_view(const FoveaModuleKernel& kernel, const Layout& l, void* memory) {
  char* base = static_cast<char*>(memory);
  PlanView v = {};
  v.header = reinterpret_cast<PlanHeader*>(base + l.header);
  for (int k = 0; k < kNumKinds; ++k) {
    v.entries[k] = reinterpret_cast<WorkEntry*>(base + l.entries[k]);
    v.capacity[k] = static_cast<int32_t>(l.capacity[k]);
  }
  for (int k = 0; k < 2; ++k) v.groups[k] = reinterpret_cast<SplitGroup*>(base + l.group_lists[k]);
  v.block_max = reinterpret_cast<int32_t*>(base + l.block_max);
  if (kernel.unified) {
    v.tickets = reinterpret_cast<int32_t*>(base + l.counters);
    v.arrivals[kSmall] = v.tickets + kNumQueues;
    v.arrivals[kMedium] = v.arrivals[kSmall] + l.slots[kSmall] * kernel.layer.num_kv_heads;
  }
  return v;
}

Batch batch_of(const FoveaModuleBatch& b) {
  return {.query_start_loc = b.query_start_loc,
          .seq_lens = b.seq_lens,
          .block_table = b.block_table,
          .causal_per_sequence = b.causal_per_sequence,
          .range_start_loc = b.range_start_loc,
          .ranges = b.ranges,
          .block_table_stride = b.block_table_stride,
          .block_table_columns = b.block_table_columns,
          .num_seqs = b.num_seqs,
          .num_tokens = b.num_tokens,
          .max_query_len = b.max_query_len,
          .max_seq_len = b.max_seq_len,
          .causal = b.causal};
}

int64_t bytes_of(int32_t type) { return type == kTypeF32 ? 4 : type == kTypeF16 || type == kTypeBF16 ? 2 : 1; }

Rows rows_of(const FoveaModuleRows& rows, int32_t type) {
  return {static_cast<char*>(rows.data), rows.row_stride * bytes_of(type), rows.head_stride * bytes_of(type)};
}

Cache cache_of(const FoveaModuleCache& cache, int32_t type) {
  const int64_t size = bytes_of(type);
  return {static_cast<char*>(cache.data), cache.num_blocks,         cache.block_stride * size,
          cache.row_stride * size,        cache.head_stride * size, cache.group_stride * size};
}

bool is_fp8(int32_t type) { return type == kTypeE4M3FN || type == kTypeE4M3FNUZ || type == kTypeE5M2; }

template <size_t N>
int head_size_bucket(const FoveaModuleLayer& layer, const int (&buckets)[N]) {
  const int larger = std::max(layer.head_size, layer.head_size_v);
  for (const int size : buckets) {
    if (larger <= size) return size;
  }
  return 0;
}

int32_t compute_type(const FoveaModuleLayer& layer) { return is_fp8(layer.query_type) ? kTypeBF16 : layer.query_type; }

template <class Params>
int32_t launch(const void* function, dim3 grid, int threads, int lds_bytes, const Params& params, hipStream_t stream,
               FoveaModuleMessage message) {
  void* arguments[] = {const_cast<Params*>(&params)};
  FOVEA_HIP_TRY(hipLaunchKernel(function, grid, dim3(static_cast<unsigned>(threads)), arguments,
                                static_cast<size_t>(lds_bytes), stream));
  return kSuccess;
}

// The kernels move 16 bytes at a time, of an fp8 cache also 8.
int32_t check_alignment(const char* name, int64_t stride_bytes, const char* axis, FoveaModuleMessage message, int multiple = 16) {
  if (stride_bytes % multiple == 0) return kSuccess;
  return report(message, kNotSupported, "%s: the stride of its %s is %lld bytes, on a GPU it must be a multiple of %d", name, axis,
                static_cast<long long>(stride_bytes), multiple);
}

int32_t check_rows(const char* name, const Rows& rows, FoveaModuleMessage message) {
  if (rows.data == nullptr) return kSuccess;
  if (const int32_t status = check_alignment(name, rows.row_stride, "tokens", message); status != kSuccess) return status;
  return check_alignment(name, rows.head_stride, "heads", message);
}

int32_t check_cache(const char* name, const Cache& cache, bool vectorized, bool fp8, FoveaModuleMessage message) {
  if (cache.data == nullptr) return kSuccess;
  const int multiple = fp8 && !vectorized ? 8 : 16;
  if (const int32_t status = check_alignment(name, cache.block_stride, "blocks", message, multiple); status != kSuccess) return status;
  if (const int32_t status = check_alignment(name, cache.head_stride, "heads", message, multiple); status != kSuccess) return status;
  if (cache.block_stride >= int64_t{1} << 32) {
    return report(message, kNotSupported, "%s: a block spans %lld bytes, on a GPU it must be less than 4 GiB", name,
                  static_cast<long long>(cache.block_stride));
  }
  return check_alignment(name, vectorized ? cache.group_stride : cache.row_stride, vectorized ? "head elements" : "rows", message, multiple);
}

#define FOVEA_HIP_CHECK(call)                                       \
  do {                                                              \
    if (const int32_t status = (call); status != kSuccess) return status; \
  } while (0)

int32_t launch_plan(const FoveaModuleContext& context, const FoveaModuleKernel& kernel, const FoveaModuleBatch& batch,
                    const Layout& l, void* memory, hipStream_t stream, FoveaModuleMessage message) {
  PlanParams p = {};
  p.layer = kernel.layer;
  p.batch = batch_of(batch);
  p.plan = plan_view(kernel, l, memory);
  p.async_error = batch.async_error;
  p.smallest_kind = kernel.smallest;
  p.large_rows = kernel.large_rows;
  p.num_counters = static_cast<int32_t>(l.num_counters);
  p.batch_invariant = kernel.config.batch_invariant;
  for (int k = 0; k < kNumKinds; ++k) {
    p.target[k] = k == kLarge ? 0 : kernel.target[k];
    p.rounds[k] = kRounds[k];
  }
  // One workgroup makes the lists, the others look at the block table: each thread at a few entries, while there are compute units.
  const LaunchShape k = plan_kernel();
  int64_t readers = 0;
  if (batch.block_table != nullptr) {
    constexpr int64_t kSmallestWave = 32, kEntriesOfThread = 4;
    const int64_t units = std::max(context.info.num_compute_units - 1, 1);
    const int64_t columns = std::min<int64_t>(batch.block_table_columns, batch.max_seq_len / kernel.layer.block_size + 1);
    int64_t threads = kSmallestWave;
    while (threads < k.threads && threads * kEntriesOfThread < columns && threads * 2 * batch.num_seqs <= units * k.threads) threads *= 2;
    p.check_threads = static_cast<int32_t>(threads);
    readers = std::clamp<int64_t>((threads * batch.num_seqs + k.threads - 1) / k.threads, 1, units);
  }
  return launch(k.function, dim3(static_cast<unsigned>(1 + readers)), k.threads, k.lds_bytes, p, stream, message);
}

// The launches of ROCM_ATTN: a kernel for each kind of rows that the batch may have, with its merge.
int32_t launch_kinds(const FoveaModuleKernel& kernel, const Layout& l, int64_t max_query_len, ForwardParams& p, hipStream_t stream,
                     FoveaModuleMessage message) {
  const auto kv_heads = static_cast<unsigned>(kernel.layer.num_kv_heads);
  for (int k = kNumKinds - 1; k >= 0; --k) {
    if (!l.launched[k]) continue;
    p.kind = k;
    const LaunchShape& attention = kernel.attention[k];
    const auto entries = static_cast<unsigned>(l.capacity[k]);
    FOVEA_HIP_CHECK(launch(attention.function, k == kLarge ? dim3(entries, kv_heads) : dim3(entries * kv_heads), attention.threads,
                           attention.lds_bytes, p, stream, message));
    if (k == kLarge || l.groups[k] == 0) continue;
    const LaunchShape merge = split_merge_kernel();
    const auto slices = static_cast<unsigned>(
        (std::min<int64_t>(rows_of_kind(k), max_query_len * kernel.layer.group) + kRowsOfSplitMerge - 1) / kRowsOfSplitMerge);
    FOVEA_HIP_CHECK(launch(merge.function, dim3(static_cast<unsigned>(l.groups[k]), kv_heads, slices), merge.threads, merge.lds_bytes,
                           p, stream, message));
  }
  return kSuccess;
}

// The launch of ROCM_UNIFIED_ATTN: as many workgroups as the device holds, or as there can be items.
int32_t launch_unified(const FoveaModuleKernel& kernel, const Layout& l, const ForwardParams& p, hipStream_t stream,
                       FoveaModuleMessage message) {
  int64_t items = 0;
  for (int k = 0; k < kNumKinds; ++k) items += l.launched[k] ? l.capacity[k] * kernel.layer.num_kv_heads : 0;
  const LaunchShape& unified = kernel.attention[kLarge];
  return launch(unified.function, dim3(static_cast<unsigned>(std::min<int64_t>(items, kernel.resident[kLarge]))), unified.threads,
                unified.lds_bytes, p, stream, message);
}

}  // namespace

void check_layer(const char*, const FoveaModuleLayer& layer, FoveaModuleReasons reasons) {
  const auto add = [&](int32_t code, const char* sentence) { reasons.add(reasons.user, code, sentence); };
  const int32_t type = compute_type(layer);
  if (layer.attention_type != kEncoder && layer.cache_type != type) {
    if (type == kTypeF32) {
      add(kReasonKvCacheDataType, "KV cache data type: the GPU kernels take an f32 query with an f32 cache only");
    } else if (!is_fp8(layer.cache_type)) {
      add(kReasonKvCacheDataType, "KV cache data type: the GPU kernels take fp8 or the query's type (bf16 for fp8 queries)");
    }
  }
  if (layer.num_kv_heads > 65535) add(kReasonHeads, "num_kv_heads: a GPU's grid takes at most 65535");
  if (layer.dense_type != type) {
    add(kReasonDataType, "key and value data type: the GPU kernels take those of the query's type (bf16 for fp8 queries)");
  }
}

int32_t kernel_create(FoveaModuleContext& context, const FoveaModuleLayer& config, FoveaModuleKernel** out,
                      FoveaModuleMessage message) {
  FoveaModuleKernel made = {};
  made.config = config;
  made.layer = {.num_query_heads = config.num_query_heads,
                .num_kv_heads = config.num_kv_heads,
                .group = config.num_query_heads / config.num_kv_heads,
                .head_size = config.head_size,
                .head_size_v = config.head_size_v,
                .block_size = config.block_size,
                .window_left = config.window_left,
                .window_right = config.window_right,
                .attention_type = static_cast<AttentionType>(config.attention_type),
                .alibi = static_cast<Alibi>(config.alibi),
                .prefix_ranges = static_cast<PrefixRanges>(config.prefix_ranges),
                .vectorized = config.cache_layout == kLayoutVectorized,
                .query_type = static_cast<DataType>(config.query_type),
                .cache_type = static_cast<DataType>(config.cache_type),
                .output_type = static_cast<DataType>(config.output_type),
                .scales_per_head = config.kv_scales == kScalesPerHead,
                .scale = config.scale,
                .softcap = config.softcap};
  const bool features = config.softcap > 0.0f || config.alibi != kAlibiNone || config.prefix_ranges != kRangesNone;
  const int32_t number = compute_type(config);
  const ComputeType type = number == kTypeF32 ? kComputeF32 : number == kTypeF16 ? kComputeF16 : kComputeBF16;
  // An encoder's config may name a cache that its kernel never sees.
  const bool fp8 = is_fp8(config.cache_type) && type != kComputeF32;
  const char* architecture = context.info.architecture;
  made.unified = config.backend == kBackendRocmUnifiedAttn;
  const int unified_bucket = head_size_bucket(config, kUnifiedHeadSizeBuckets);
  const UnifiedSizes unified = unified_sizes(architecture, unified_bucket, fp8);
  made.smallest = made.unified ? unified.smallest_kind : kSmall;
  made.large_rows = made.unified ? unified.large_rows : kLargeRows;
  for (int k = 0; k < kNumKinds; ++k) {
    made.attention[k] =
        made.unified ? unified_kernel(architecture, type, unified_bucket, fp8, features)
                     : attention_kernel(architecture, type, head_size_bucket(config, kHeadSizeBuckets), static_cast<WorkKind>(k), fp8, features);
    const LaunchShape& a = made.attention[k];
    // Also loads the kernel, so that no forward has to.
    FOVEA_HIP_TRY(hipFuncSetAttribute(a.function, hipFuncAttributeMaxDynamicSharedMemorySize, a.lds_bytes));
    int resident = 0;
    FOVEA_HIP_TRY(hipOccupancyMaxActiveBlocksPerMultiprocessor(&resident, a.function, a.threads, static_cast<size_t>(a.lds_bytes)));
    if (resident == 0) {
      return report(message, kInternalError, "an attention kernel does not fit a compute unit of %s", context.info.architecture);
    }
    made.resident[k] = context.info.num_compute_units * resident;
    made.target[k] = std::max(made.resident[k] / config.num_kv_heads, 1);
  }
  for (const LaunchShape& support : {plan_kernel(), split_merge_kernel(), state_merge_kernel(), write_kernel()}) {
    hipFuncAttributes attributes;
    FOVEA_HIP_TRY(hipFuncGetAttributes(&attributes, support.function));
  }
  *out = new FoveaModuleKernel(made);
  return kSuccess;
}

void kernel_destroy(FoveaModuleContext&, FoveaModuleKernel* kernel) { delete kernel; }

uint64_t plan_key(const FoveaModuleKernel& kernel) {
  // FNV-1a over all that a plan depends on.
  uint64_t key = 14695981039346656037u;
  const auto add = [&](int64_t value) {
    for (int i = 0; i < 8; ++i) key = (key ^ ((static_cast<uint64_t>(value) >> (8 * i)) & 0xff)) * 1099511628211u;
  };
  const Layer& l = kernel.layer;
  for (const int64_t value : {l.num_kv_heads, l.group, l.block_size, l.window_left, l.window_right, static_cast<int32_t>(l.attention_type),
                              static_cast<int32_t>(l.prefix_ranges), kernel.config.batch_invariant, kernel.config.backend}) {
    add(value);
  }
  for (int k = 0; k < kNumKinds; ++k) add(kernel.target[k]);
  return key;
}

int32_t workspace_size(const FoveaModuleKernel& kernel, const FoveaModuleLimits& limits, size_t* size, FoveaModuleMessage) {
  const Layout l = layout_of(kernel, extent_of(limits));
  *size = l.plan_size + l.workspace_size;
  return kSuccess;
}

int32_t plan_size(const FoveaModuleKernel& kernel, const FoveaModuleLimits& limits, size_t* size, FoveaModuleMessage) {
  *size = layout_of(kernel, extent_of(limits)).plan_size;
  return kSuccess;
}

int32_t plan(const FoveaModuleContext& context, const FoveaModuleKernel& kernel, const FoveaModuleBatch& batch, void* memory,
             size_t size, hipStream_t stream, FoveaModuleMessage message) {
  const Layout l = layout_of(kernel, extent_of(batch));
  if (size < l.plan_size) return report(message, kWorkspaceTooSmall, "plan: %zu bytes are needed, there are %zu", l.plan_size, size);
  return launch_plan(context, kernel, batch, l, memory, stream, message);
}

int32_t write(const FoveaModuleContext&, const FoveaModuleKernel& kernel, const FoveaModuleWrite& w, hipStream_t stream,
              FoveaModuleMessage message) {
  const FoveaModuleLayer& config = kernel.config;
  WriteParams p = {};
  p.key = rows_of(w.key, config.dense_type);
  p.value = rows_of(w.value, config.dense_type);
  p.key_cache = cache_of(w.key_cache, config.cache_type);
  p.value_cache = cache_of(w.value_cache, config.cache_type);
  FOVEA_HIP_CHECK(check_rows("key", p.key, message));
  FOVEA_HIP_CHECK(check_rows("value", p.value, message));
  FOVEA_HIP_CHECK(check_cache("key_cache", p.key_cache, kernel.layer.vectorized, is_fp8(config.cache_type), message));
  FOVEA_HIP_CHECK(check_cache("value_cache", p.value_cache, kernel.layer.vectorized, is_fp8(config.cache_type), message));
  p.slot_mapping = w.slot_mapping;
  p.k_scale = w.k_scale;
  p.v_scale = w.v_scale;
  p.num_tokens = w.num_tokens;
  p.num_kv_heads = config.num_kv_heads;
  p.head_size = config.head_size;
  p.head_size_v = config.head_size_v;
  p.block_size = config.block_size;
  p.vectorized = kernel.layer.vectorized;
  p.scales_per_head = kernel.layer.scales_per_head;
  p.input_type = static_cast<DataType>(config.dense_type);
  p.cache_type = static_cast<DataType>(config.cache_type);
  const LaunchShape k = write_kernel();
  const int64_t threads = int64_t{w.num_tokens} * config.num_kv_heads * ((config.head_size + config.head_size_v) / 8);
  const auto workgroups = static_cast<unsigned>((threads + k.threads - 1) / k.threads);
  return launch(k.function, dim3(workgroups), k.threads, k.lds_bytes, p, stream, message);
}

int32_t forward(const FoveaModuleContext& context, const FoveaModuleKernel& kernel, const FoveaModuleBatch& batch,
                const FoveaModuleForward& f, hipStream_t stream, FoveaModuleMessage message) {
  const FoveaModuleLayer& config = kernel.config;
  const Layout l = layout_of(kernel, extent_of(batch));
  ForwardParams p = {};
  p.layer = kernel.layer;
  p.batch = batch_of(batch);
  p.query = rows_of(f.query, config.query_type);
  p.key = rows_of(f.key, config.dense_type);
  p.value = rows_of(f.value, config.dense_type);
  p.key_cache = cache_of(f.key_cache, config.cache_type);
  p.value_cache = cache_of(f.value_cache, config.cache_type);
  p.output = rows_of(f.output, f.output_type);
  p.output_type = static_cast<DataType>(f.output_type);
  // Eight fp8 elements, or four of the output, are moved at a time.
  if (is_fp8(config.query_type)) {
    if ((p.query.row_stride | p.query.head_stride) % 8 != 0) {
      return report(message, kNotSupported, "query: its strides must be multiples of 8 bytes on a GPU");
    }
  } else {
    FOVEA_HIP_CHECK(check_rows("query", p.query, message));
  }
  FOVEA_HIP_CHECK(check_rows("key", p.key, message));
  FOVEA_HIP_CHECK(check_rows("value", p.value, message));
  FOVEA_HIP_CHECK(check_cache("key_cache", p.key_cache, kernel.layer.vectorized, is_fp8(config.cache_type), message));
  FOVEA_HIP_CHECK(check_cache("value_cache", p.value_cache, kernel.layer.vectorized, is_fp8(config.cache_type), message));
  if ((p.output.row_stride | p.output.head_stride) % (4 * bytes_of(f.output_type)) != 0) {
    return report(message, kNotSupported, "output: its strides must be multiples of 4 elements on a GPU");
  }
  p.lse = static_cast<float*>(f.lse.data);
  p.lse_row_stride = f.lse.row_stride;
  p.lse_head_stride = f.lse.head_stride;
  for (const Cache* cache : {&p.key_cache, &p.value_cache}) {
    if ((cache->block_stride | cache->row_stride | cache->head_stride) % 16 != 0) p.narrow_rows = 1;
    if (cache->num_blocks * cache->block_stride > int64_t{16} << 32) p.far_rows = 1;
  }
  for (const Rows* rows : {&p.key, &p.value}) {
    if (batch.num_tokens * rows->row_stride > int64_t{16} << 32) p.far_rows = 1;
  }
  if (config.head_size % 16 != 0 || config.head_size_v % 16 != 0) p.narrow_rows = 1;
  p.q_scale = f.q_scale;
  p.k_scale = f.k_scale;
  p.v_scale = f.v_scale;
  p.output_scale = f.output_scale;
  p.alibi_slopes = f.alibi_slopes;
  p.sinks = f.sinks;
  p.async_error = batch.async_error;

  char* workspace = static_cast<char*>(f.workspace);
  void* plan_memory = const_cast<void*>(f.plan);
  const size_t needed = l.workspace_size + (plan_memory == nullptr ? l.plan_size : 0);
  if (f.workspace_size < needed) {
    return report(message, kWorkspaceTooSmall, "workspace: %zu bytes are needed, there are %zu", needed, f.workspace_size);
  }
  if (plan_memory == nullptr) {
    plan_memory = workspace;
    workspace += l.plan_size;
    FOVEA_HIP_CHECK(launch_plan(context, kernel, batch, l, plan_memory, stream, message));
  }
  p.plan = plan_view(kernel, l, plan_memory);
  for (int k = 0; k < kLarge; ++k) {
    if (!l.launched[k]) continue;
    p.partials[k] = reinterpret_cast<float*>(workspace + l.partials[k]);
    p.partial_stats[k] = reinterpret_cast<float*>(workspace + l.stats[k]);
  }
  return kernel.unified ? launch_unified(kernel, l, p, stream, message)
                        : launch_kinds(kernel, l, batch.max_query_len, p, stream, message);
}

int32_t merge(const FoveaModuleContext&, const FoveaModuleMerge& m, hipStream_t stream, FoveaModuleMessage message) {
  if (m.head_size_v % 8 != 0) {
    return report(message, kNotSupported, "outputs: head_size_v is %d, on a GPU it must be a multiple of 8", m.head_size_v);
  }
  MergeParams p = {};
  for (int i = 0; i < m.num_states; ++i) {
    const Rows rows = rows_of(m.outputs[i], kTypeF32);
    FOVEA_HIP_CHECK(check_rows("outputs", rows, message));
    p.outputs[i] = {rows.data, rows.row_stride, rows.head_stride};
    for (const int64_t stride : {m.lses[i].row_stride, m.lses[i].head_stride}) {
      if (stride > INT32_MAX || stride < 0) {
        return report(message, kNotSupported, "lse: state %d has a stride of %lld elements, on a GPU it must be below 2^31", i,
                      static_cast<long long>(stride));
      }
    }
    p.lses[i] = static_cast<const float*>(m.lses[i].data);
    p.lse_row_strides[i] = static_cast<int32_t>(m.lses[i].row_stride);
    p.lse_head_strides[i] = static_cast<int32_t>(m.lses[i].head_stride);
  }
  p.output = rows_of(m.output, m.output_type);
  if ((p.output.row_stride | p.output.head_stride) % (4 * bytes_of(m.output_type)) != 0) {
    return report(message, kNotSupported, "output: its strides must be multiples of 4 elements on a GPU");
  }
  p.lse = static_cast<float*>(m.lse.data);
  p.lse_row_stride = m.lse.row_stride;
  p.lse_head_stride = m.lse.head_stride;
  p.sinks = m.sinks;
  p.output_scale = m.output_scale;
  p.num_states = m.num_states;
  p.num_tokens = m.num_tokens;
  p.num_query_heads = m.num_query_heads;
  p.head_size_v = m.head_size_v;
  p.output_type = static_cast<DataType>(m.output_type);
  const LaunchShape k = state_merge_kernel();
  const int64_t threads = int64_t{m.num_tokens} * m.num_query_heads * (m.head_size_v / 4);
  return launch(k.function, dim3(static_cast<unsigned>((threads + k.threads - 1) / k.threads)), k.threads, k.lds_bytes, p, stream,
                message);
}

}  // namespace fovea::hip
