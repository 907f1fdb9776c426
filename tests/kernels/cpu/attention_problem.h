// One forward for the CPU kernels with everything it needs, and the answer by definition in double precision.
//
// Memory that no row may see is poisoned: unwritten cache rows and stale blocks are NaN, block ids that must not be
// dereferenced are out of range, the output is filled beforehand.
#pragma once

#include <array>
#include <atomic>
#include <cstring>
#include <memory>
#include <numeric>

#include "tests/kernels/cpu/cpu_test_support.h"

namespace fovea::cpu::testing {

struct SequenceShape {
  int32_t query_len;
  int32_t seq_len;
  int32_t causal = 1;
  std::vector<std::array<int32_t, 2>> ranges = {};
};

struct ProblemShape {
  std::vector<SequenceShape> sequences;
  int32_t num_query_heads = 4;
  int32_t num_kv_heads = 2;
  int32_t head_size = 64;
  int32_t head_size_v = 64;
  int32_t block_size = 16;
  DataType query_type = DataType::kF32;
  DataType dense_type = DataType::kF32;
  DataType cache_type = DataType::kF32;
  AttentionType attention_type = AttentionType::kDecoder;
  CacheLayout layout = CacheLayout::kStrided;
  Alibi alibi = Alibi::kNone;
  PrefixRanges prefix_ranges = PrefixRanges::kNone;
  KvScales kv_scales = KvScales::kNone;
  float softcap = 0.0f;
  int32_t window_left = -1;
  int32_t window_right = -1;
  bool dense = false;   // this step's keys and values are given
  bool sinks = false;
  float query_factor = 1.0f;
  float rising = 0.0f;  // added to the score of key t: rising * t, so that the maximum moves in every tile
  int32_t rows_per_item = 8;
  unsigned seed = 1;
};

class Problem {
 public:
  explicit Problem(const ProblemShape& shape) : shape_(shape), random_(shape.seed) {
    make_batch();
    make_tensors();
    make_params();
  }

  // Computes; rows of output and log-sum-exp are then in output() and lse(). Items take `chunks_per_item` KV chunks.
  void run(const KernelTable& table, int32_t chunks_per_item, int32_t num_threads) {
    make_work(chunks_per_item);
    const float poison = 12345.0f;
    output_.assign(static_cast<size_t>(num_tokens_ + 2) * output_row_, poison);
    lse_.assign(static_cast<size_t>(num_tokens_ + 2) * shape_.num_query_heads, poison);
    forward_.output = {output_.data(), static_cast<int64_t>(output_row_), shape_.head_size_v + 3};
    forward_.lse = lse_.data();
    forward_.scratch_stride = scratch_stride(table, forward_.layer);
    scratch_.assign(forward_.scratch_stride * static_cast<size_t>(num_threads) + 64, static_cast<char>(0xff));
    auto address = reinterpret_cast<uintptr_t>(scratch_.data());
    forward_.scratch = reinterpret_cast<char*>((address + 63) / 64 * 64);
    forward(table, forward_, threads(num_threads));
    for (size_t i = static_cast<size_t>(num_tokens_) * output_row_; i < output_.size(); ++i) ASSERT_EQ(output_[i], poison);
    for (size_t i = static_cast<size_t>(num_tokens_) * shape_.num_query_heads; i < lse_.size(); ++i) ASSERT_EQ(lse_[i], poison);
  }

  // Compares with the definition.
  void check(double tolerance) const {
    const size_t group = static_cast<size_t>(shape_.num_query_heads / shape_.num_kv_heads);
    int32_t token = 0;
    for (size_t s = 0; s < shape_.sequences.size(); ++s) {
      for (int32_t i = 0; i < shape_.sequences[s].query_len; ++i, ++token) {
        for (int32_t h = 0; h < shape_.num_query_heads; ++h) {
          std::vector<double> expected;
          double expected_lse;
          reference(s, i, token, h, h / static_cast<int32_t>(group), &expected, &expected_lse);
          const float lse = lse_[static_cast<size_t>(token * shape_.num_query_heads + h)];
          const float* out = &output_[static_cast<size_t>(token) * output_row_ + static_cast<size_t>(h * (shape_.head_size_v + 3))];
          if (expected_lse == -INFINITY) {
            ASSERT_EQ(lse, -INFINITY) << "sequence " << s << " row " << i << " head " << h;
          } else {
            ASSERT_NEAR(lse, expected_lse, 1e-5 * std::max(1.0, std::fabs(expected_lse)))
                << "sequence " << s << " row " << i << " head " << h;
          }
          for (int32_t d = 0; d < shape_.head_size_v; ++d) {
            ASSERT_NEAR(out[d], expected[static_cast<size_t>(d)], tolerance)
                << "sequence " << s << " row " << i << " head " << h << " d " << d;
          }
        }
      }
    }
  }

  bool is_visible(const SequenceShape& q, int32_t i, int32_t t) const {
    if (t >= q.seq_len) return false;
    if (shape_.attention_type == AttentionType::kEncoderDecoder) return true;
    const int32_t p = q.seq_len - q.query_len + i;
    const bool causal = shape_.attention_type == AttentionType::kDecoder && q.causal != 0;
    bool base = shape_.window_left < 0 || p - t <= shape_.window_left;
    if (causal) {
      base = base && t <= p;
    } else if (shape_.window_right >= 0) {
      base = base && t - p <= shape_.window_right;
    }
    if (base) return true;
    for (const auto& range : q.ranges) {
      if (range[0] >= range[1] || p < range[0] || p > range[1] || t < range[0] || t > range[1]) continue;
      if (shape_.prefix_ranges == PrefixRanges::kFull) return true;
      if (shape_.prefix_ranges == PrefixRanges::kWindowed && (shape_.window_left < 0 || p - t <= shape_.window_left)) return true;
    }
    return false;
  }

  const std::vector<float>& output() const { return output_; }
  const std::vector<float>& lse() const { return lse_; }
  Forward& params() { return forward_; }
  const ProblemShape& shape() const { return shape_; }

 private:
  void make_batch() {
    query_start_.push_back(0);
    range_start_.push_back(0);
    for (const SequenceShape& q : shape_.sequences) {
      query_start_.push_back(query_start_.back() + q.query_len);
      seq_lens_.push_back(q.seq_len);
      causal_.push_back(q.causal);
      for (const auto& range : q.ranges) ranges_.insert(ranges_.end(), range.begin(), range.end());
      range_start_.push_back(range_start_.back() + static_cast<int32_t>(q.ranges.size()));
      max_columns_ = std::max(max_columns_, (q.seq_len + shape_.block_size - 1) / shape_.block_size);
    }
    num_tokens_ = query_start_.back();
    max_columns_ += 2;
  }

  int32_t context_len(const SequenceShape& q) const {
    return shape_.attention_type == AttentionType::kEncoderDecoder ? 0 : q.seq_len - q.query_len;
  }
  bool in_dense(const SequenceShape& q, int32_t t) const { return shape_.dense && t >= context_len(q); }

  // NaN in every element of a type.
  static void fill_nan(DataType type, std::vector<unsigned char>* bytes) {
    const size_t size = size_of(type);
    for (size_t i = 0; i < bytes->size() / size; ++i) set_element(type, bytes->data(), i, NAN);
  }

  size_t cache_index(const Cache& c, bool is_value, int64_t block, int32_t row, int32_t head, int32_t d) const {
    int64_t at = block * c.block_stride + head * c.head_stride;
    if (shape_.layout == CacheLayout::kStrided) {
      at += row * c.row_stride + d;
    } else if (is_value) {
      at += d * c.group_stride + row;
    } else {
      const auto x = static_cast<int64_t>(16 / size_of(shape_.cache_type));
      at += d / x * c.group_stride + row * x + d % x;
    }
    return static_cast<size_t>(at);
  }

  Cache make_cache(bool is_value, std::vector<unsigned char>* bytes) {
    const int32_t size = is_value ? shape_.head_size_v : shape_.head_size;
    const auto x = static_cast<int64_t>(16 / size_of(shape_.cache_type));
    Cache c = {};
    c.num_blocks = num_blocks_;
    if (shape_.layout == CacheLayout::kStrided) {
      c.head_stride = size;
      c.row_stride = int64_t{shape_.num_kv_heads} * size + 8;
      c.block_stride = shape_.block_size * c.row_stride;
    } else {
      c.group_stride = is_value ? shape_.block_size : shape_.block_size * x;
      c.row_stride = is_value ? 1 : x;
      c.head_stride = shape_.block_size * size;
      c.block_stride = shape_.num_kv_heads * c.head_stride;
    }
    bytes->resize(static_cast<size_t>(num_blocks_ * c.block_stride) * size_of(shape_.cache_type));
    fill_nan(shape_.cache_type, bytes);
    c.data = bytes->data();
    return c;
  }

  void make_tensors() {
    std::normal_distribution<float> normal;
    const size_t q_row = static_cast<size_t>(shape_.num_query_heads * shape_.head_size);
    query_.resize(static_cast<size_t>(num_tokens_) * q_row * size_of(shape_.query_type));
    for (size_t i = 0; i < static_cast<size_t>(num_tokens_) * q_row; ++i) {
      set_element(shape_.query_type, query_.data(), i, shape_.query_factor * normal(random_));
    }
    for (int32_t h = 0; h < shape_.num_query_heads; ++h) {
      slopes_.push_back(h % 2 == 0 ? 0.03f * static_cast<float>(h + 1) : -0.002f);
      sinks_.push_back(h % 3 == 2 ? -INFINITY : 0.7f * static_cast<float>(h) - 1.0f);
    }
    for (int32_t h = 0; h < shape_.num_kv_heads; ++h) {
      k_scales_.push_back(shape_.kv_scales == KvScales::kNone ? 1.0f : 0.31f + 0.2f * static_cast<float>(h));
      v_scales_.push_back(shape_.kv_scales == KvScales::kNone ? 1.0f : 1.7f - 0.3f * static_cast<float>(h));
    }

    // Scattered blocks, in no order, between stale ones.
    num_blocks_ = 3;
    for (const SequenceShape& q : shape_.sequences) num_blocks_ += (q.seq_len + shape_.block_size - 1) / shape_.block_size + 1;
    std::vector<int32_t> free_blocks(static_cast<size_t>(num_blocks_));
    std::iota(free_blocks.begin(), free_blocks.end(), 0);
    std::shuffle(free_blocks.begin(), free_blocks.end(), random_);
    key_cache_ = make_cache(false, &k_bytes_);
    value_cache_ = make_cache(true, &v_bytes_);
    const int32_t kNeverRead = -1000000000;
    block_table_.assign(shape_.sequences.size() * static_cast<size_t>(max_columns_), kNeverRead);

    const int64_t k_row = int64_t{shape_.num_kv_heads} * shape_.head_size;
    const int64_t v_row = int64_t{shape_.num_kv_heads} * shape_.head_size_v;
    dense_k_.resize(static_cast<size_t>(std::max(1, num_tokens_) * k_row) * size_of(shape_.dense_type));
    dense_v_.resize(static_cast<size_t>(std::max(1, num_tokens_) * v_row) * size_of(shape_.dense_type));
    fill_nan(shape_.dense_type, &dense_k_);
    fill_nan(shape_.dense_type, &dense_v_);

    for (size_t s = 0; s < shape_.sequences.size(); ++s) {
      const SequenceShape& q = shape_.sequences[s];
      for (int32_t t = 0; t < q.seq_len; ++t) {
        bool seen = false;
        for (int32_t i = 0; i < q.query_len && !seen; ++i) seen = is_visible(q, i, t);
        if (!seen) continue;
        if (in_dense(q, t)) {
          const int64_t token = query_start_[s] + t - context_len(q);
          for (int64_t j = 0; j < k_row; ++j) set_element(shape_.dense_type, dense_k_.data(), static_cast<size_t>(token * k_row + j), normal(random_));
          for (int64_t j = 0; j < v_row; ++j) set_element(shape_.dense_type, dense_v_.data(), static_cast<size_t>(token * v_row + j), normal(random_));
          continue;
        }
        int32_t& block = block_table_[s * static_cast<size_t>(max_columns_) + static_cast<size_t>(t / shape_.block_size)];
        if (block == kNeverRead) {
          block = free_blocks.back();
          free_blocks.pop_back();
        }
        const int32_t row = t % shape_.block_size;
        for (int32_t h = 0; h < shape_.num_kv_heads; ++h) {
          for (int32_t d = 0; d < shape_.head_size; ++d) {
            const float lift = d == 0 ? shape_.rising * static_cast<float>(t) : 0.0f;
            set_element(shape_.cache_type, k_bytes_.data(), cache_index(key_cache_, false, block, row, h, d), normal(random_) + lift);
          }
          for (int32_t d = 0; d < shape_.head_size_v; ++d) {
            set_element(shape_.cache_type, v_bytes_.data(), cache_index(value_cache_, true, block, row, h, d), normal(random_));
          }
        }
      }
    }
    if (shape_.rising != 0.0f) {
      for (int64_t row = 0; row < int64_t{num_tokens_} * shape_.num_query_heads; ++row) {
        set_element(shape_.query_type, query_.data(), static_cast<size_t>(row * shape_.head_size), 1.0f);
      }
    }
  }

  void make_params() {
    Forward& f = forward_;
    f = {};
    f.layer = plain_layer(shape_.num_query_heads, shape_.num_kv_heads, shape_.head_size, shape_.head_size_v, shape_.block_size);
    f.layer.query_type = shape_.query_type;
    f.layer.dense_type = shape_.dense_type;
    f.layer.cache_type = shape_.cache_type;
    f.layer.attention_type = shape_.attention_type;
    f.layer.cache_layout = shape_.layout;
    f.layer.alibi = shape_.alibi;
    f.layer.prefix_ranges = shape_.prefix_ranges;
    f.layer.kv_scales = shape_.kv_scales;
    f.layer.softcap = shape_.softcap;
    f.layer.window_left = shape_.window_left;
    f.layer.window_right = shape_.window_right;
    f.layer.has_sinks = shape_.sinks;
    f.batch.num_seqs = static_cast<int32_t>(shape_.sequences.size());
    f.batch.num_tokens = num_tokens_;
    f.batch.query_start_loc = query_start_.data();
    f.batch.seq_lens = seq_lens_.data();
    f.batch.block_table = block_table_.data();
    f.batch.block_table_stride = max_columns_;
    f.batch.causal_per_sequence = causal_.data();
    f.batch.causal = 1;
    if (shape_.prefix_ranges != PrefixRanges::kNone) {
      f.batch.range_start_loc = range_start_.data();
      f.batch.ranges = ranges_.data();
    }
    f.query = {query_.data(), int64_t{shape_.num_query_heads} * shape_.head_size, shape_.head_size};
    if (shape_.dense) {
      f.key = {dense_k_.data(), int64_t{shape_.num_kv_heads} * shape_.head_size, shape_.head_size};
      f.value = {dense_v_.data(), int64_t{shape_.num_kv_heads} * shape_.head_size_v, shape_.head_size_v};
    }
    f.key_cache = key_cache_;
    f.value_cache = value_cache_;
    f.output_type = DataType::kF32;
    f.lse_row_stride = shape_.num_query_heads;
    f.lse_head_stride = 1;
    f.q_scale = q_scale_ = is_fp8(shape_.query_type) ? 0.8f : 1.0f;
    if (shape_.kv_scales != KvScales::kNone) {
      f.k_scale = k_scales_.data();
      f.v_scale = v_scales_.data();
    }
    f.output_scale = 1.0f;
    if (shape_.alibi != Alibi::kNone) f.alibi_slopes = slopes_.data();
    if (shape_.sinks) f.sinks = sinks_.data();
    output_row_ = static_cast<size_t>(shape_.num_query_heads * (shape_.head_size_v + 3) + 5);
  }

  void make_work(int32_t chunks_per_item) {
    items_.clear();
    groups_.clear();
    int64_t state_floats_used = 0;
    const int32_t group_rows = shape_.num_query_heads / shape_.num_kv_heads;
    for (int32_t s = 0; s < forward_.batch.num_seqs; ++s) {
      const SequenceShape& q = shape_.sequences[static_cast<size_t>(s)];
      const int32_t chunks = (q.seq_len + kKvChunk - 1) / kKvChunk;
      const int32_t rows = q.query_len * group_rows;
      for (int32_t h = 0; h < shape_.num_kv_heads; ++h) {
        for (int32_t row = 0; row < rows; row += shape_.rows_per_item) {
          const int32_t row_end = std::min(rows, row + shape_.rows_per_item);
          if (chunks <= chunks_per_item) {
            items_.push_back({s, h, row, row_end, 0, chunks, -1, 0});
            continue;
          }
          const int32_t parts = (chunks + chunks_per_item - 1) / chunks_per_item;
          groups_.push_back({state_floats_used, 0, chunks, parts, 0});
          state_floats_used += chunks * state_floats(row_end - row, shape_.head_size_v);
          for (int32_t c = 0; c < chunks; c += chunks_per_item) {
            items_.push_back({s, h, row, row_end, c, std::min(chunks, c + chunks_per_item),
                              static_cast<int32_t>(groups_.size()) - 1, 0});
          }
        }
      }
    }
    states_.assign(static_cast<size_t>(state_floats_used), NAN);
    arrivals_ = std::make_unique<std::atomic<int32_t>[]>(groups_.size() + 1);
    for (size_t i = 0; i < groups_.size(); ++i) arrivals_[i] = 0;
    forward_.work = {items_.data(), groups_.data(), static_cast<int32_t>(items_.size()), static_cast<int32_t>(groups_.size())};
    forward_.states = states_.data();
    forward_.arrivals = arrivals_.get();
  }

  double key_element(size_t s, const SequenceShape& q, int32_t t, int32_t head, int32_t d, bool is_value) const {
    const int32_t size = is_value ? shape_.head_size_v : shape_.head_size;
    if (in_dense(q, t)) {
      const int64_t token = query_start_[s] + t - context_len(q);
      const auto at = static_cast<size_t>((token * shape_.num_kv_heads + head) * size + d);
      return element(shape_.dense_type, is_value ? dense_v_.data() : dense_k_.data(), at);
    }
    const int32_t block = block_table_[s * static_cast<size_t>(max_columns_) + static_cast<size_t>(t / shape_.block_size)];
    const size_t at = cache_index(is_value ? value_cache_ : key_cache_, is_value, block, t % shape_.block_size, head, d);
    const double scale = is_value ? v_scales_[static_cast<size_t>(head)] : k_scales_[static_cast<size_t>(head)];
    const double granular = shape_.kv_scales == KvScales::kPerTensor ? (is_value ? v_scales_[0] : k_scales_[0]) : scale;
    return element(shape_.cache_type, is_value ? v_bytes_.data() : k_bytes_.data(), at) * granular;
  }

  void reference(size_t s, int32_t i, int32_t token, int32_t head, int32_t kv_head, std::vector<double>* out, double* lse) const {
    const SequenceShape& q = shape_.sequences[s];
    const int32_t p = q.seq_len - q.query_len + i;
    std::vector<std::pair<int32_t, double>> scores;
    double max = shape_.sinks ? static_cast<double>(sinks_[static_cast<size_t>(head)]) : -INFINITY;
    for (int32_t t = 0; t < q.seq_len; ++t) {
      if (!is_visible(q, i, t)) continue;
      double score = 0;
      for (int32_t d = 0; d < shape_.head_size; ++d) {
        const auto at = static_cast<size_t>((int64_t{token} * shape_.num_query_heads + head) * shape_.head_size + d);
        score += element(shape_.query_type, query_.data(), at) * key_element(s, q, t, kv_head, d, false);
      }
      score *= static_cast<double>(forward_.layer.scale) * static_cast<double>(q_scale_);
      if (shape_.softcap > 0) score = shape_.softcap * std::tanh(score / shape_.softcap);
      const double distance = std::abs(p - t);
      if (shape_.alibi == Alibi::kLinear) score -= slopes_[static_cast<size_t>(head)] * distance;
      if (shape_.alibi == Alibi::kSqrt) score -= slopes_[static_cast<size_t>(head)] * std::sqrt(distance);
      scores.emplace_back(t, score);
      max = std::max(max, score);
    }
    out->assign(static_cast<size_t>(shape_.head_size_v), 0.0);
    *lse = -INFINITY;
    if (max == -INFINITY) return;
    double sum = shape_.sinks ? std::exp(sinks_[static_cast<size_t>(head)] - max) : 0.0;
    for (auto& [t, score] : scores) {
      const double weight = std::exp(score - max);
      sum += weight;
      for (int32_t d = 0; d < shape_.head_size_v; ++d) (*out)[static_cast<size_t>(d)] += weight * key_element(s, q, t, kv_head, d, true);
    }
    for (double& x : *out) x /= sum;
    *lse = max + std::log(sum);
  }

  ProblemShape shape_;
  std::mt19937 random_;
  int32_t num_tokens_ = 0;
  int32_t max_columns_ = 0;
  int64_t num_blocks_ = 0;
  size_t output_row_ = 0;
  float q_scale_ = 1.0f;
  std::vector<int32_t> query_start_, seq_lens_, causal_, range_start_, ranges_, block_table_;
  std::vector<unsigned char> query_, dense_k_, dense_v_, k_bytes_, v_bytes_;
  std::vector<float> slopes_, sinks_, k_scales_, v_scales_, output_, lse_, states_;
  std::vector<char> scratch_;
  std::vector<WorkItem> items_;
  std::vector<SplitGroup> groups_;
  std::unique_ptr<std::atomic<int32_t>[]> arrivals_;
  Cache key_cache_ = {}, value_cache_ = {};
  Forward forward_ = {};
};

}  // namespace fovea::cpu::testing
