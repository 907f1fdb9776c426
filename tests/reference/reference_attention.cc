#include "tests/reference/reference_attention.h"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <limits>
#include <thread>

// The inner loops run many times faster with wide vectors; the resolver behind target_clones cannot run under sanitizers.
#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__) && !defined(__SANITIZE_ADDRESS__) && \
    !defined(__SANITIZE_THREAD__)
#define REFERENCE_CLONES __attribute__((target_clones("default", "arch=haswell")))
#else
#define REFERENCE_CLONES
#endif

namespace fovea_reference {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

REFERENCE_CLONES double dot_product(const double* a, const double* b, int64_t n) {
  double sum = 0;
#pragma omp simd reduction(+ : sum)
  for (int64_t i = 0; i < n; ++i) sum += a[i] * b[i];
  return sum;
}

// One query with several keys in fp32, each product summed from front to back: the order with the largest error of those
// that kernels use. Eight sums at a time hide the latency of each.
REFERENCE_CLONES void dot_products_fp32(const float* query, const float* const* keys, size_t count, int64_t n, float* dots) {
  for (size_t first = 0; first < count; first += 8) {
    const size_t lanes = std::min<size_t>(8, count - first);
    const float* k[8];
    for (size_t j = 0; j < 8; ++j) k[j] = keys[first + std::min(j, lanes - 1)];
    float sum[8] = {};
    for (int64_t i = 0; i < n; ++i) {
      for (size_t j = 0; j < 8; ++j) sum[j] += query[i] * k[j][i];
    }
    for (size_t j = 0; j < lanes; ++j) dots[first + j] = sum[j];
  }
}

// exact += p * v and rounded += r * w.
REFERENCE_CLONES void accumulate(double p, double r, const double* v, const double* w, int64_t n, double* exact,
                                 double* rounded) {
#pragma omp simd
  for (int64_t i = 0; i < n; ++i) {
    exact[i] += p * v[i];
    rounded[i] += r * w[i];
  }
}

// log(exp(top) * sum + exp(sink)); the sink may be far larger than all keys together, or absent.
double log_sum(double top, double sum, double sink) {
  if (top == -kInfinity) return sink;
  const double larger = std::max(top, sink);
  return larger + std::log(sum * std::exp(top - larger) + std::exp(sink - larger));
}

// Some rows of one KV head of one sequence.
struct Task {
  int seq;
  int kv_head;
  int64_t row_begin;
  int64_t row_end;
};

class Worker {
 public:
  Worker(const Problem& problem, const std::vector<uint8_t>& wanted, Result* result)
      : problem_(problem), wanted_(wanted), result_(result) {
    const bool is_wider = format_of(problem.p_type).mantissa_bits < format_of(problem.key_cache.type).mantissa_bits;
    rounds_cache_ = problem.key_cache.data != nullptr && is_wider;
  }

  void run(const Task& task) {
    const Problem& p = problem_;
    if (task.seq != seq_ || task.kv_head != kv_head_) {
      seq_ = task.seq;
      kv_head_ = task.kv_head;
      const size_t length = static_cast<size_t>(p.seq_lens[task.seq]);
      have_.assign(length, 0);
      keys_.resize(length * static_cast<size_t>(p.head_size));
      values_.resize(length * static_cast<size_t>(p.head_size_v));
      low_keys_.resize(keys_.size());
      if (rounds_cache_) low_values_.resize(values_.size());
    }
    const int group = p.num_query_heads / p.num_kv_heads;
    for (int64_t i = task.row_begin; i < task.row_end; ++i) {
      const int64_t token = p.query_start_loc[task.seq] + i;
      if (!wanted_.empty() && !wanted_[static_cast<size_t>(token)]) continue;
      seen_.clear();
      for (int64_t t = 0; t < p.seq_lens[task.seq]; ++t) {
        if (visible(p, task.seq, i, t)) seen_.push_back(t);
      }
      for (const int64_t t : seen_) fetch(t);
      for (int g = 0; g < group; ++g) row(i, token, task.kv_head * group + g);
    }
  }

 private:
  // Key and value of position t as doubles; only what some row sees is ever read.
  void fetch(int64_t t) {
    if (have_[static_cast<size_t>(t)]) return;
    have_[static_cast<size_t>(t)] = 1;
    const auto k = static_cast<size_t>(t * problem_.head_size);
    const auto v = static_cast<size_t>(t * problem_.head_size_v);
    key_vector(problem_, seq_, kv_head_, t, &keys_[k]);
    value_vector(problem_, seq_, kv_head_, t, &values_[v]);
    for (size_t d = k; d < k + static_cast<size_t>(problem_.head_size); ++d) {
      low_keys_[d] = static_cast<float>(rounds_cache_ ? round_to(problem_.p_type, keys_[d]) : keys_[d]);
    }
    for (size_t d = v; rounds_cache_ && d < v + static_cast<size_t>(problem_.head_size_v); ++d) {
      low_values_[d] = round_to(problem_.p_type, values_[d]);
    }
  }

  void row(int64_t i, int64_t token, int head) {
    const Problem& p = problem_;
    const int64_t size = p.head_size;
    const int64_t size_v = p.head_size_v;
    query_.resize(static_cast<size_t>(size));
    query_vector(p, seq_, i, head, query_.data());
    low_query_.assign(query_.begin(), query_.end());
    scores_.resize(seen_.size());
    low_scores_.resize(seen_.size());
    pointers_.resize(seen_.size());
    for (size_t n = 0; n < seen_.size(); ++n) pointers_[n] = &low_keys_[static_cast<size_t>(seen_[n] * size)];
    dot_products_fp32(low_query_.data(), pointers_.data(), seen_.size(), size, low_scores_.data());
    double top = -kInfinity, low_top = -kInfinity;
    for (size_t n = 0; n < seen_.size(); ++n) {
      const auto at = static_cast<size_t>(seen_[n] * size);
      scores_[n] = score_at(p, seq_, i, head, seen_[n], dot_product(query_.data(), &keys_[at], size));
      top = std::max(top, scores_[n]);
      low_scores_[n] = score_at_fp32(p, seq_, i, head, seen_[n], low_scores_[n]);
      low_top = std::max<double>(low_top, low_scores_[n]);
    }
    const double sink = p.sinks.empty() || p.partial ? -kInfinity : p.sinks[head];
    exact_.assign(static_cast<size_t>(size_v), 0);
    rounded_.assign(static_cast<size_t>(size_v), 0);
    double sum = 0, low_sum = 0;
    const std::vector<double>& low_values = rounds_cache_ ? low_values_ : values_;
    for (size_t n = 0; n < seen_.size(); ++n) {
      const double weight = std::exp(scores_[n] - top);
      const double low_weight = std::exp(low_scores_[n] - low_top);
      sum += weight;
      low_sum += low_weight;
      const auto at = static_cast<size_t>(seen_[n] * size_v);
      accumulate(weight, round_to(p.p_type, low_weight), &values_[at], &low_values[at], size_v, exact_.data(),
                 rounded_.data());
    }
    const double lse = log_sum(top, sum, sink);
    const double factor = seen_.empty() ? 0 : std::exp(top - lse);
    const double low_factor = seen_.empty() ? 0 : std::exp(low_top - log_sum(low_top, low_sum, sink));
    const size_t base = static_cast<size_t>((token * p.num_query_heads + head) * size_v);
    for (int64_t d = 0; d < size_v; ++d) {
      finish(exact_[static_cast<size_t>(d)] * factor, rounded_[static_cast<size_t>(d)] * low_factor,
             &result_->out[base + static_cast<size_t>(d)], &result_->lowprec[base + static_cast<size_t>(d)]);
    }
    result_->lse[static_cast<size_t>(token * p.num_query_heads + head)] = lse;
  }

  void finish(double exact, double low, double* out, double* lowprec) const {
    const Type type = problem_.partial ? Type::kF32 : problem_.output_type;
    if (!is_fp8(type)) {
      *out = exact;
      *lowprec = round_to(type, low);
      return;
    }
    const double scale = problem_.output_scale;
    *out = std::clamp(exact / scale, -max_finite(type), max_finite(type)) * scale;
    *lowprec = round_to(type, low / scale) * scale;
  }

  const Problem& problem_;
  const std::vector<uint8_t>& wanted_;
  Result* result_;
  int seq_ = -1;
  int kv_head_ = -1;
  bool rounds_cache_;  // the cache holds more bits than the query's type
  std::vector<uint8_t> have_;
  std::vector<double> keys_;
  std::vector<double> values_;
  std::vector<float> low_keys_;
  std::vector<double> low_values_;
  std::vector<double> query_;
  std::vector<float> low_query_;
  std::vector<double> scores_;
  std::vector<float> low_scores_;
  std::vector<const float*> pointers_;
  std::vector<double> exact_;
  std::vector<double> rounded_;
  std::vector<int64_t> seen_;
};

}  // namespace

Result attention(const Problem& problem, int num_threads, const std::vector<uint8_t>& wanted) {
  Result result;
  const size_t rows = static_cast<size_t>(problem.num_tokens() * problem.num_query_heads);
  result.out.assign(rows * static_cast<size_t>(problem.head_size_v), 0);
  result.lowprec = result.out;
  result.lse.assign(rows, -kInfinity);

  std::vector<Task> tasks;
  for (int seq = 0; seq < problem.num_seqs(); ++seq) {
    const int64_t rows_of_seq = problem.query_len(seq);
    // Rows are shared out only where there are enough to pay for fetching the keys once per thread.
    const int64_t parts = rows_of_seq >= 8 * num_threads ? num_threads : 1;
    for (int head = 0; head < problem.num_kv_heads; ++head) {
      for (int64_t part = 0; part < parts; ++part) {
        const Task task = {seq, head, rows_of_seq * part / parts, rows_of_seq * (part + 1) / parts};
        if (task.row_begin < task.row_end) tasks.push_back(task);
      }
    }
  }
  std::atomic<size_t> next{0};
  const auto work = [&] {
    Worker worker(problem, wanted, &result);
    for (size_t i = next++; i < tasks.size(); i = next++) worker.run(tasks[i]);
  };
  const int helpers = static_cast<int>(std::min<size_t>(static_cast<size_t>(std::max(1, num_threads)), tasks.size())) - 1;
  std::vector<std::thread> threads;
  for (int i = 0; i < helpers; ++i) threads.emplace_back(work);
  work();
  for (std::thread& thread : threads) thread.join();
  return result;
}

State merge(const std::vector<State>& states, int64_t rows, int heads, int head_size_v, const std::vector<float>& sinks) {
  State merged;
  merged.out.assign(static_cast<size_t>(rows * heads * head_size_v), 0);
  merged.lse.assign(static_cast<size_t>(rows * heads), -kInfinity);
  for (int64_t row = 0; row < rows * heads; ++row) {
    const double sink = sinks.empty() ? -kInfinity : sinks[static_cast<size_t>(row % heads)];
    double top = sink;
    for (const State& state : states) {
      const double lse = state.lse[static_cast<size_t>(row)];
      if (lse != kInfinity) top = std::max(top, lse);
    }
    if (top == -kInfinity) continue;
    double sum = std::exp(sink - top);
    for (const State& state : states) {
      const double lse = state.lse[static_cast<size_t>(row)];
      if (lse != kInfinity) sum += std::exp(lse - top);
    }
    const double total = top + std::log(sum);
    merged.lse[static_cast<size_t>(row)] = total;
    for (const State& state : states) {
      const double lse = state.lse[static_cast<size_t>(row)];
      if (lse == kInfinity || lse == -kInfinity) continue;
      for (int64_t d = 0; d < head_size_v; ++d) {
        const size_t at = static_cast<size_t>(row * head_size_v + d);
        merged.out[at] += std::exp(lse - total) * state.out[at];
      }
    }
  }
  return merged;
}

}  // namespace fovea_reference
