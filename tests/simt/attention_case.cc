#include "tests/simt/attention_case.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <random>

#include "kernels/hip/attention/split_merge.h"
#include "kernels/hip/plan/plan_kernel.h"

namespace fovea::hip::host {
namespace {

constexpr int32_t kStaleBlock = 0x7fff0000;

fovea_reference::Type reference_type(DataType type) {
  switch (type) {
    case DataType::kF16: return fovea_reference::Type::kF16;
    case DataType::kBF16: return fovea_reference::Type::kBF16;
    case DataType::kE4M3FN: return fovea_reference::Type::kE4M3FN;
    case DataType::kE4M3FNUZ: return fovea_reference::Type::kE4M3FNUZ;
    case DataType::kE5M2: return fovea_reference::Type::kE5M2;
    default: return fovea_reference::Type::kF32;
  }
}
int size_of(DataType type) { return static_cast<int>(fovea_reference::bytes_of(reference_type(type))); }

// Bits of N(0, 1) numbers, or of numbers that a test chooses.
class Numbers {
 public:
  Numbers(DataType type, uint64_t seed) : type_(reference_type(type)), random_(seed) {}
  void write(char* to, int count, float factor) {
    for (int i = 0; i < count; ++i) fovea_reference::store(type_, to, i, factor * normal_(random_));
  }
  void write_all(char* to, int count, const std::vector<float>& values) {
    for (int i = 0; i < count; ++i) fovea_reference::store(type_, to, i, values[i % values.size()]);
  }

 private:
  fovea_reference::Type type_;
  std::mt19937_64 random_;
  std::normal_distribution<float> normal_;
};

AttentionCase with_defaults(AttentionCase c) {
  if (c.head_size_v == 0) c.head_size_v = c.head_size;
  if (c.output_type == DataType::kNone) c.output_type = c.type;
  if (c.cache_type == DataType::kNone) c.cache_type = c.type;
  if (c.query_type == DataType::kNone) c.query_type = c.type;
  return c;
}

bool needs_features(const AttentionCase& c) {
  return c.features || c.softcap > 0 || c.alibi != Alibi::kNone || c.prefix_ranges != PrefixRanges::kNone;
}

TileKey unified_key(const AttentionCase& c) {
  return {c.type, std::max(c.head_size, c.head_size_v), 0, size_of(c.cache_type) == 1, needs_features(c)};
}

std::string errors_text(const Report& report) {
  std::string text;
  for (const std::string& error : report.errors) text += error + '\n';
  return text;
}

}  // namespace

std::map<TileKey, TileInstance>& tile_instances() {
  static std::map<TileKey, TileInstance> all;
  return all;
}

void add_tile(const TileKey& key, const TileInstance& instance) { tile_instances()[key] = instance; }

const TileInstance* find_tile(const TileKey& key) {
  const TileInstance* found = nullptr;
  int size = 1 << 30;
  for (const auto& [k, instance] : tile_instances()) {
    if (k.type != key.type || k.kind != key.kind || k.fp8 != key.fp8 || k.features < key.features) continue;
    if (k.head_size < key.head_size || k.head_size > size || (k.head_size == size && k.features != key.features)) continue;
    found = &instance;
    size = k.head_size;
  }
  return found;
}

std::map<TileKey, UnifiedInstance>& unified_instances() {
  static std::map<TileKey, UnifiedInstance> all;
  return all;
}

void add_unified(const TileKey& key, const UnifiedInstance& instance) { unified_instances()[key] = instance; }

const UnifiedInstance* find_unified(const TileKey& key) {
  for (const auto& [k, instance] : unified_instances()) {
    if (k.type == key.type && k.fp8 == key.fp8 && k.features >= key.features && k.head_size >= key.head_size) return &instance;
  }
  return nullptr;
}

PlanMemory::PlanMemory(const Layer& layer, const Batch& batch, int target, int rounds, bool batch_invariant) {
  const auto seqs = static_cast<size_t>(batch.num_seqs);
  header = std::make_unique<Array<PlanHeader>>("plan header", 1, Access::kReadWrite);
  block_max = std::make_unique<Array<int32_t>>("plan block_max", 2 * seqs, Access::kReadWrite);
  async_error = std::make_unique<Array<uint32_t>>("async_error", 1, Access::kReadWrite);
  async_error->fill(0xffffffffu);
  params.async_error = async_error->data();
  params.large_rows = kLargeRows;
  params.layer = layer;
  params.batch = batch;
  params.batch_invariant = batch_invariant;
  for (int k = 0; k < kNumKinds; ++k) {
    // The bounds that the launches are sized by.
    size_t count = seqs;
    if (k == kLarge) {
      count += static_cast<size_t>(batch.num_tokens) * layer.group / kMediumRows;  // the fewest rows that an entry may have
    } else if (batch_invariant) {
      num_slots[k] = count = seqs * std::min<size_t>(static_cast<size_t>(batch.max_seq_len) / 1024 + 1, 34);
    } else {
      const size_t wanted = static_cast<size_t>(target) * rounds;
      count += wanted;
      num_slots[k] = wanted * 4 / 3 + 1;
    }
    params.target[k] = k == kLarge ? 0 : target;
    params.rounds[k] = k == kLarge ? 0 : rounds;
    entries[k] = std::make_unique<Array<WorkEntry>>("plan entries", count, Access::kReadWrite);
    params.plan.entries[k] = entries[k]->data();
    params.plan.capacity[k] = static_cast<int32_t>(count);
    if (k == kLarge) continue;
    groups[k] = std::make_unique<Array<SplitGroup>>("plan groups", std::min(seqs, num_slots[k] / 2), Access::kReadWrite);
    params.plan.groups[k] = groups[k]->data();
  }
  // Teams of all sizes, for batches of all sizes.
  params.check_threads = 32 << (batch.num_seqs + batch.max_seq_len) % 6;
  params.plan.header = header->data();
  params.plan.block_max = block_max->data();
}

void PlanMemory::add_counters(int smallest_kind, int large_rows) {
  const size_t heads = static_cast<size_t>(params.layer.num_kv_heads);
  counters = std::make_unique<Array<int32_t>>("plan counters", kNumQueues + (num_slots[0] + num_slots[1]) * heads, Access::kReadWrite);
  counters->fill(-1);
  params.smallest_kind = smallest_kind;
  params.large_rows = large_rows;
  params.plan.tickets = counters->data();
  params.num_counters = static_cast<int32_t>(counters->size());
  params.plan.arrivals[kSmall] = params.plan.tickets + kNumQueues;
  params.plan.arrivals[kMedium] = params.plan.arrivals[kSmall] + num_slots[0] * heads;
}

Report PlanMemory::run(uint64_t seed, bool deliver_at_wait) {
  Launch launch;
  launch.kernel = "plan";
  launch.grid_x = 1 + std::min(params.batch.num_seqs, 5);
  launch.num_threads = kPlanThreads;
  launch.lds_bytes = PlanLds::kBytes;
  launch.seed = seed;
  launch.deliver_at_wait = deliver_at_wait;
  return host::run(launch, [this](const Workgroup& wg) { PlanKernel(params, wg).run(); });
}

AttentionProblem::AttentionProblem(const AttentionCase& c, uint64_t seed) : case_(with_defaults(c)), seed_(seed) {
  make_batch();
  make_mask();
  make_cache();
  make_rows();
  make_params();
}
AttentionProblem::~AttentionProblem() = default;

char* AttentionProblem::add(const char* name, size_t bytes, Access access, unsigned char fill) {
  regions_.push_back(std::make_unique<Region>(name, bytes, access));
  std::memset(regions_.back()->data(), fill, bytes);
  return regions_.back()->data();
}
template <class T>
const T* AttentionProblem::add(const char* name, const std::vector<T>& values) {
  char* data = add(name, values.size() * sizeof(T), Access::kRead, 0);
  if (!values.empty()) std::memcpy(data, values.data(), values.size() * sizeof(T));
  return reinterpret_cast<const T*>(data);
}

void AttentionProblem::make_batch() {
  fovea_reference::Problem& r = reference_;
  r.kind = static_cast<fovea_reference::Kind>(case_.attention_type);
  r.num_query_heads = case_.num_query_heads;
  r.num_kv_heads = case_.num_kv_heads;
  r.head_size = case_.head_size;
  r.head_size_v = case_.head_size_v;
  r.scale = 1.0f / std::sqrt(static_cast<float>(case_.head_size));
  r.softcap = case_.softcap;
  r.window_left = case_.window_left;
  r.window_right = case_.window_right;
  r.alibi = static_cast<fovea_reference::Alibi>(case_.alibi);
  r.ranges_kind = static_cast<fovea_reference::Ranges>(case_.prefix_ranges);
  r.p_type = reference_type(case_.type);
  r.output_type = reference_type(case_.output_type);
  r.causal = case_.causal;
  r.q_scale = case_.q_scale;
  r.output_scale = case_.output_scale;
  r.block_size = case_.block_size;
  r.query_start_loc = {0};
  bool own_flags = false;
  for (const SequenceShape& s : case_.sequences) {
    r.query_start_loc.push_back(r.query_start_loc.back() + s.query_len);
    r.seq_lens.push_back(s.seq_len);
    own_flags = own_flags || s.causal >= 0;
  }
  if (own_flags) {
    for (const SequenceShape& s : case_.sequences) r.causal_per_sequence.push_back(s.causal != 0);
  }
  if (case_.prefix_ranges != PrefixRanges::kNone) {
    r.range_start_loc = {0};
    for (const SequenceShape& s : case_.sequences) {
      for (const auto& range : s.ranges) r.ranges.insert(r.ranges.end(), range.begin(), range.end());
      r.range_start_loc.push_back(static_cast<int32_t>(r.ranges.size() / 2));
    }
  }
  std::mt19937 random(static_cast<uint32_t>(seed_));
  std::normal_distribution<float> normal;
  for (int h = 0; h < case_.num_query_heads; ++h) {
    if (case_.alibi != Alibi::kNone) r.alibi_slopes.push_back((h % 2 == 0 ? 0.05f : -0.01f) * static_cast<float>(h + 1));
    if (case_.sinks) r.sinks.push_back(h == 1 ? -std::numeric_limits<float>::infinity() : 2 * normal(random));
  }
  for (int h = 0; case_.kv_scales && h < case_.num_kv_heads; ++h) {
    r.k_scales.push_back(0.5f + 0.25f * static_cast<float>(h));
    r.v_scales.push_back(1.5f - 0.5f * static_cast<float>(h));
  }
  num_tokens_ = r.num_tokens();
}

void AttentionProblem::make_mask() {
  for (int s = 0; s < reference_.num_seqs(); ++s) {
    std::vector<uint8_t> seen(static_cast<size_t>(std::max(reference_.seq_lens[s], 0)), 0);
    for (int64_t i = 0; i < reference_.query_len(s); ++i) {
      for (size_t t = 0; t < seen.size(); ++t) seen[t] |= fovea_reference::visible(reference_, s, i, static_cast<int64_t>(t));
    }
    seen_.push_back(std::move(seen));
  }
}

void AttentionProblem::make_cache() {
  const AttentionCase& c = case_;
  const int size = size_of(c.cache_type), x = 16 / size;
  int64_t columns = 1, needed = 2;
  for (const auto& seen : seen_) {
    const int64_t blocks = (static_cast<int64_t>(seen.size()) + c.block_size - 1) / c.block_size;
    columns = std::max(columns, blocks + 1);
    needed += blocks;
  }
  num_blocks_ = needed;
  std::vector<int32_t> ids(static_cast<size_t>(num_blocks_));
  for (size_t i = 0; i < ids.size(); ++i) ids[i] = static_cast<int32_t>(i);
  std::mt19937_64 random(seed_ + 17);
  std::shuffle(ids.begin(), ids.end(), random);
  block_table_.assign(static_cast<size_t>(columns) * seen_.size(), kStaleBlock);

  const auto cache = [&](const char* name, int head_size, bool is_key, Cache& device, fovea_reference::Cache& r) {
    const int64_t row = c.vectorized ? 0 : static_cast<int64_t>(head_size) * c.num_kv_heads * size + (c.padded ? 32 : 0);
    const int64_t head = c.vectorized ? static_cast<int64_t>(c.block_size) * head_size * size + (c.padded ? 64 : 0)
                                      : static_cast<int64_t>(head_size) * size;
    const int64_t block = (c.vectorized ? head * c.num_kv_heads : row * c.block_size) + (c.padded ? 48 : 0);
    device.num_blocks = num_blocks_;
    device.block_stride = block;
    device.head_stride = head;
    if (!c.vectorized) {
      device.row_stride = row;
      device.group_stride = 0;
      const int64_t strides[5] = {block / size, row / size, head / size, 1, 0};
      std::copy(strides, strides + 5, r.strides);
    } else if (is_key) {
      device.row_stride = 16;
      device.group_stride = static_cast<int64_t>(c.block_size) * 16;
      const int64_t strides[5] = {block / size, head / size, static_cast<int64_t>(c.block_size) * x, x, 1};
      std::copy(strides, strides + 5, r.strides);
    } else {
      device.row_stride = size;
      device.group_stride = static_cast<int64_t>(c.block_size) * size;
      const int64_t strides[5] = {block / size, head / size, c.block_size, 1, 0};
      std::copy(strides, strides + 5, r.strides);
    }
    device.data = add(name, static_cast<size_t>(block * num_blocks_), Access::kRead, 0xff);
    r.data = device.data;
    r.type = reference_type(c.cache_type);
  };
  const bool has_cache = c.attention_type != AttentionType::kEncoder;
  if (!has_cache) return;
  cache("key cache", c.head_size, true, params_.key_cache, reference_.key_cache);
  cache("value cache", c.head_size_v, false, params_.value_cache, reference_.value_cache);

  Numbers numbers(c.cache_type, seed_ * 3 + 1);
  const auto layout = c.vectorized ? fovea_reference::Layout::kVectorized : fovea_reference::Layout::kStrided;
  reference_.layout = layout;
  std::vector<char> vector(static_cast<size_t>(std::max(c.head_size, c.head_size_v)) * size);
  size_t next = 0;
  for (size_t s = 0; s < seen_.size(); ++s) {
    const int64_t context = reference_.context_len(static_cast<int>(s));
    const size_t block_size = static_cast<size_t>(c.block_size);
    const size_t length = (seen_[s].size() + block_size - 1) / block_size * block_size;
    const auto is_written = [&](size_t t) {
      return t < seen_[s].size() && seen_[s][t] && (!c.dense || static_cast<int64_t>(t) < context);
    };
    for (size_t t = 0; t < length; ++t) {
      int32_t& id = block_table_[s * columns + t / block_size];
      if (is_written(t) && id == kStaleBlock) id = ids[next++];
    }
    for (size_t t = 0; t < length; ++t) {
      const int32_t id = block_table_[s * columns + t / block_size];
      const bool needle = std::any_of(c.needles.begin(), c.needles.end(), [&](const Needle& n) {
        return n.seq == static_cast<int>(s) && n.key == static_cast<int>(t);
      });
      if ((!is_written(t) && !needle) || id == kStaleBlock) continue;
      for (int h = 0; h < c.num_kv_heads; ++h) {
        if (needle) {
          numbers.write_all(vector.data(), c.head_size, {2.0f});
        } else {
          numbers.write(vector.data(), c.head_size, 1);
        }
        for (int d = 0; d < c.head_size; ++d) {
          const int64_t at = fovea_reference::key_element(reference_.key_cache, layout, id, t % c.block_size, h, d);
          std::memcpy(params_.key_cache.data + at * size, vector.data() + d * size, size);
        }
        if (needle) {
          numbers.write_all(vector.data(), c.head_size_v, {kNeedleValue});
        } else {
          numbers.write(vector.data(), c.head_size_v, 1);
        }
        for (int d = 0; d < c.head_size_v; ++d) {
          const int64_t at = fovea_reference::value_element(reference_.value_cache, layout, id, t % c.block_size, h, d);
          std::memcpy(params_.value_cache.data + at * size, vector.data() + d * size, size);
        }
      }
    }
  }
  reference_.block_table = block_table_.data();
  reference_.block_table_stride = columns;
  params_.batch.block_table = add("block table", block_table_);
  params_.batch.block_table_stride = columns;
  params_.batch.block_table_columns = static_cast<int32_t>(columns);
}

void AttentionProblem::make_rows() {
  const AttentionCase& c = case_;
  const auto rows = [&](const char* name, DataType type, int heads, int head_size, float factor, bool constant, Rows& device,
                        fovea_reference::Rows& r) {
    const int size = size_of(type);
    Numbers numbers(type, seed_ * 5 + static_cast<uint64_t>(name[0]));
    device.head_stride = static_cast<int64_t>(head_size) * size;
    device.row_stride = device.head_stride * heads + (c.padded ? 64 : 0);
    device.data = add(name, static_cast<size_t>(device.row_stride * num_tokens_), Access::kRead, 0xff);
    for (int64_t token = 0; token < num_tokens_; ++token) {
      for (int h = 0; h < heads; ++h) {
        char* at = device.data + token * device.row_stride + h * device.head_stride;
        if (constant) {
          numbers.write_all(at, head_size, {factor});
        } else {
          numbers.write(at, head_size, factor);
        }
      }
    }
    r.data = device.data;
    r.type = reference_type(type);
    r.token_stride = device.row_stride / size;
    r.head_stride = device.head_stride / size;
  };
  rows("query", c.query_type, c.num_query_heads, c.head_size, c.needles.empty() ? c.query_factor : 1.0f, !c.needles.empty(), params_.query,
       reference_.query);
  if (!c.dense) return;
  rows("key", c.type, c.num_kv_heads, c.head_size, 1, false, params_.key, reference_.key);
  rows("value", c.type, c.num_kv_heads, c.head_size_v, 1, false, params_.value, reference_.value);
}

void AttentionProblem::make_params() {
  const AttentionCase& c = case_;
  ForwardParams& p = params_;
  Layer& layer = p.layer;
  layer.num_query_heads = c.num_query_heads;
  layer.num_kv_heads = c.num_kv_heads;
  layer.group = c.num_query_heads / c.num_kv_heads;
  layer.head_size = c.head_size;
  layer.head_size_v = c.head_size_v;
  layer.block_size = c.block_size;
  layer.window_left = c.window_left;
  layer.window_right = c.window_right;
  layer.attention_type = c.attention_type;
  layer.alibi = c.alibi;
  layer.prefix_ranges = c.prefix_ranges;
  layer.vectorized = c.vectorized;
  layer.query_type = c.query_type;
  layer.cache_type = c.cache_type;
  layer.output_type = c.output_type;
  layer.scale = static_cast<float>(reference_.scale);
  layer.softcap = c.softcap;
  Batch& b = p.batch;
  b.query_start_loc = add("query_start_loc", reference_.query_start_loc);
  b.seq_lens = add("seq_lens", reference_.seq_lens);
  if (!reference_.causal_per_sequence.empty()) b.causal_per_sequence = add("causal", reference_.causal_per_sequence);
  if (!reference_.range_start_loc.empty()) {
    b.range_start_loc = add("range_start_loc", reference_.range_start_loc);
    b.ranges = add("ranges", reference_.ranges);
  }
  b.num_seqs = reference_.num_seqs();
  b.num_tokens = static_cast<int32_t>(num_tokens_);
  for (int s = 0; s < b.num_seqs; ++s) {
    b.max_query_len = std::max(b.max_query_len, static_cast<int32_t>(reference_.query_len(s)));
    b.max_seq_len = std::max(b.max_seq_len, reference_.seq_lens[s]);
  }
  b.causal = c.causal;
  p.output_type = c.output_type;
  if (!reference_.alibi_slopes.empty()) p.alibi_slopes = add("alibi slopes", reference_.alibi_slopes);
  if (c.q_scale != 1) p.q_scale = add("q_scale", std::vector<float>{c.q_scale});
  if (c.output_scale != 1) p.output_scale = add("output_scale", std::vector<float>{c.output_scale});
  layer.scales_per_head = c.kv_scales;
  if (c.kv_scales) {
    p.k_scale = add("k_scale", reference_.k_scales);
    p.v_scale = add("v_scale", reference_.v_scales);
  }
  for (const Cache* cache : {&p.key_cache, &p.value_cache}) {
    if ((cache->block_stride | cache->row_stride | cache->head_stride) % 16 != 0) p.narrow_rows = 1;
  }
  if (c.head_size % 16 != 0 || c.head_size_v % 16 != 0) p.narrow_rows = 1;
  if (!reference_.sinks.empty()) p.sinks = add("sinks", reference_.sinks);
  plan_ = std::make_unique<PlanMemory>(layer, b, c.target, 2, c.batch_invariant);
  if (c.unified > 0) {
    const UnifiedInstance* unified = find_unified(unified_key(c));
    if (unified != nullptr) plan_->add_counters(unified->smallest_kind, unified->large_rows);
  }
  p.plan = plan_->params.plan;
  p.async_error = plan_->params.async_error;
  const size_t partial_rows = std::max(plan_->num_slots[kSmall] * kSmallRows, plan_->num_slots[kMedium] * kMediumRows) *
                              static_cast<size_t>(c.num_kv_heads);
  for (int k = 0; k < kLarge; ++k) {
    p.partials[k] = reinterpret_cast<float*>(add("partials", partial_rows * c.head_size_v * 4, Access::kReadWrite, 0xff));
    p.partial_stats[k] = reinterpret_cast<float*>(add("partial_stats", partial_rows * 8, Access::kReadWrite, 0xff));
  }
  const int size = size_of(c.output_type);
  p.output.head_stride = static_cast<int64_t>(c.head_size_v) * size + (c.padded ? 16 : 0);
  p.output.row_stride = p.output.head_stride * c.num_query_heads + (c.padded ? 32 : 0);
  p.output.data = add("output", static_cast<size_t>(p.output.row_stride * num_tokens_), Access::kReadWrite, 0xff);
  p.lse_head_stride = 2;
  p.lse_row_stride = 2 * c.num_query_heads + 1;
  p.lse = reinterpret_cast<float*>(add("lse", static_cast<size_t>(p.lse_row_stride * num_tokens_) * 4, Access::kReadWrite, 0xff));
}

void AttentionProblem::run(uint64_t seed, bool deliver_at_wait) {
  std::memset(params_.output.data, 0xff, static_cast<size_t>(params_.output.row_stride * num_tokens_));
  const Report plan_report = plan_->run(seed, deliver_at_wait);
  ASSERT_EQ(plan_report.num_errors, 0) << errors_text(plan_report);
  if (case_.unified > 0) {
    run_unified(seed, deliver_at_wait);
  } else {
    run_kinds(seed, deliver_at_wait);
  }
}

void AttentionProblem::run_unified(uint64_t seed, bool deliver_at_wait) {
  const UnifiedInstance* unified = find_unified(unified_key(case_));
  ASSERT_NE(unified, nullptr);
  const TileInstance* tile = &unified->tile;
  Launch launch;
  launch.kernel = "unified";
  launch.grid_x = case_.unified;
  launch.num_threads = tile->num_threads;
  launch.lds_bytes = tile->lds_bytes;
  launch.deliver_at_wait = deliver_at_wait;
  // Twice: a forward leaves the plan's counters as it found them.
  for (const uint64_t turn : {uint64_t{0}, uint64_t{1}}) {
    std::memset(params_.output.data, 0xff, static_cast<size_t>(params_.output.row_stride * num_tokens_));
    launch.seed = seed + 100 + turn;
    const Report report = host::run(launch, [&](const Workgroup& wg) { tile->run(params_, wg); });
    ASSERT_EQ(report.num_errors, 0) << errors_text(report);
    for (size_t i = 0; i < plan_->counters->size(); ++i) ASSERT_EQ((*plan_->counters)[i], 0) << "counter " << i;
  }
}

void AttentionProblem::run_kinds(uint64_t seed, bool deliver_at_wait) {
  const PlanHeader& header = (*plan_->header)[0];
  for (int kind = 0; kind < kNumKinds; ++kind) {
    if (header.num_entries[kind] == 0) continue;
    ASSERT_LE(header.num_entries[kind], plan_->params.plan.capacity[kind]);
    const TileInstance* tile = find_tile({case_.type, std::max(case_.head_size, case_.head_size_v), kind,
                                          size_of(case_.cache_type) == 1, needs_features(case_)});
    ASSERT_NE(tile, nullptr);
    params_.kind = kind;
    Launch launch;
    launch.kernel = kind == kSmall ? "small" : kind == kMedium ? "medium" : "large";
    const int entries = std::min(header.num_entries[kind] + 1, plan_->params.plan.capacity[kind]);
    launch.grid_x = kind == kLarge ? entries : entries * case_.num_kv_heads;
    launch.grid_y = kind == kLarge ? case_.num_kv_heads : 1;
    launch.num_threads = tile->num_threads;
    launch.lds_bytes = tile->lds_bytes;
    launch.seed = seed + 100 + static_cast<uint64_t>(kind);
    launch.deliver_at_wait = deliver_at_wait;
    const Report report = host::run(launch, [&](const Workgroup& wg) { tile->run(params_, wg); });
    ASSERT_EQ(report.num_errors, 0) << errors_text(report);
    counters_[kind] = report.counters;
    if (kind == kLarge || header.num_groups[kind] == 0) continue;
    launch.kernel = "split merge";
    launch.grid_x = header.num_groups[kind] + 1;
    launch.grid_y = case_.num_kv_heads;
    launch.grid_z = (std::min(rows_of_kind(kind), params_.batch.max_query_len * params_.layer.group) + kMergeRows - 1) / kMergeRows;
    launch.num_threads = kMergeThreads;
    launch.lds_bytes = 0;
    const Report merged = host::run(launch, [&](const Workgroup& wg) { SplitMergeKernel(params_, wg).run(); });
    ASSERT_EQ(merged.num_errors, 0) << errors_text(merged);
  }
}

double AttentionProblem::output(int64_t token, int head, int element) const {
  const char* at = params_.output.data + token * params_.output.row_stride + head * params_.output.head_stride;
  return fovea_reference::load(reference_.output_type, at, element) * case_.output_scale;
}

float AttentionProblem::lse(int64_t token, int head) const {
  return params_.lse[token * params_.lse_row_stride + head * params_.lse_head_stride];
}

void AttentionProblem::check() const {
  const fovea_reference::Result expected = fovea_reference::attention(reference_);
  const int heads = case_.num_query_heads, size_v = case_.head_size_v;
  for (int s = 0; s < reference_.num_seqs(); ++s) {
    const int64_t begin = reference_.query_start_loc[s], end = reference_.query_start_loc[s + 1];
    double rounding = 0, largest = 0;
    for (size_t i = static_cast<size_t>(begin * heads * size_v); i < static_cast<size_t>(end * heads * size_v); ++i) {
      rounding = std::max(rounding, std::abs(expected.lowprec[i] - expected.out[i]));
      largest = std::max(largest, std::abs(expected.out[i]));
    }
    const double tolerance = (case_.softcap > 0 ? 3 : 2) * rounding + 1e-5 +
                             fovea_reference::unit_roundoff(reference_.output_type) * largest;
    for (int64_t token = begin; token < end; ++token) {
      for (int h = 0; h < heads; ++h) {
        const double reference_lse = expected.lse[static_cast<size_t>(token * heads + h)];
        if (std::isinf(reference_lse)) {
          ASSERT_EQ(lse(token, h), reference_lse) << "sequence " << s << " row " << token - begin << " head " << h;
        } else {
          ASSERT_NEAR(lse(token, h), reference_lse, 1e-4 * std::max(1.0, std::abs(reference_lse)))
              << "sequence " << s << " row " << token - begin << " head " << h;
        }
        for (int d = 0; d < size_v; ++d) {
          const double o = output(token, h, d);
          ASSERT_LE(std::abs(o - expected.out[static_cast<size_t>((token * heads + h) * size_v + d)]), tolerance)
              << "sequence " << s << " row " << token - begin << " head " << h << " element " << d << ": " << o << " instead of "
              << expected.out[static_cast<size_t>((token * heads + h) * size_v + d)];
          ASSERT_FALSE(std::isnan(o)) << "sequence " << s << " row " << token - begin << " head " << h << " element " << d;
        }
      }
    }
  }
  for (int64_t token = 0; token < num_tokens_; ++token) {
    const auto* row = reinterpret_cast<const unsigned char*>(params_.output.data) + token * params_.output.row_stride;
    const int64_t head_bytes = static_cast<int64_t>(size_v) * size_of(case_.output_type);
    for (int64_t at = 0; at < params_.output.row_stride; ++at) {
      const bool gap = at >= heads * params_.output.head_stride || at % params_.output.head_stride >= head_bytes;
      ASSERT_TRUE(!gap || row[at] == 0xff) << "token " << token << ": byte " << at << " of its row lies between heads";
    }
  }
}

void check_case(const AttentionCase& c) {
  AttentionProblem problem(c);
  for (const bool deliver_at_wait : {false, true}) {
    problem.run(deliver_at_wait ? 11 : 5, deliver_at_wait);
    if (::testing::Test::HasFatalFailure()) return;
    problem.check();
    if (::testing::Test::HasFatalFailure()) return;
  }
}

}  // namespace fovea::hip::host
