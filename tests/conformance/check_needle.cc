// Needles: a key that holds more than half of the weight, planted at every position where a mask could be off by one. Rows
// that see it must follow it; all other rows must keep their bits.
#include <algorithm>
#include <cmath>
#include <set>

#include "tests/conformance/checks.h"
#include "tests/conformance/random_data.h"

namespace fovea_test {

using namespace fovea_reference;

namespace {

constexpr float kNeedleValue = 8;
constexpr size_t kEdgesPerSequence = 56;
constexpr int kSequences = 3;

// Positions at which something begins or ends for some row of a sequence.
std::vector<int64_t> edges_of(const Workload& workload, int seq) {
  const Case& c = workload.test_case();
  const Problem& p = workload.problem();
  const int64_t rows = p.query_len(seq);
  const int64_t context = p.context_len(seq);
  const int64_t length = p.seq_lens[static_cast<size_t>(seq)];
  std::set<int64_t> edges = {0, 1, length - 1, length, length + 1, context - 1, context};
  for (const int64_t i : {int64_t{0}, int64_t{1}, rows / 2, rows - 2, rows - 1}) {
    if (i < 0 || i >= rows) continue;
    const int64_t at = context + i;
    for (const int64_t t : {at - 1, at, at + 1}) edges.insert(t);
    if (c.window_left >= 0) {
      for (const int64_t t : {at - c.window_left - 1, at - c.window_left, at - c.window_left + 1}) edges.insert(t);
    }
    if (c.window_right >= 0) {
      for (const int64_t t : {at + c.window_right - 1, at + c.window_right, at + c.window_right + 1}) edges.insert(t);
    }
  }
  if (c.ranges != Ranges::kNone) {
    for (int32_t r = p.range_start_loc[static_cast<size_t>(seq)]; r < p.range_start_loc[static_cast<size_t>(seq) + 1]; ++r) {
      for (const int64_t t : {p.ranges[static_cast<size_t>(2 * r)] - 1, p.ranges[static_cast<size_t>(2 * r)],
                              p.ranges[static_cast<size_t>(2 * r + 1)], p.ranges[static_cast<size_t>(2 * r + 1)] + 1}) {
        edges.insert(t);
      }
    }
  }
  // Borders of cache blocks, of kernels' tiles and of the chunks that KV is cut into: the first, those about the border of
  // the cache, and the last.
  std::set<int64_t> borders;
  for (const int64_t tile : {int64_t{c.block_size}, int64_t{16}, int64_t{32}, int64_t{48}, int64_t{64}, int64_t{128},
                             int64_t{256}, int64_t{512}, int64_t{1024}}) {
    for (const int64_t border : {tile, context / tile * tile, (length - 1) / tile * tile, length / 2 / tile * tile}) {
      borders.insert(border - 1);
      borders.insert(border);
    }
  }
  // Too many are thinned out at random, the mask's own edges never.
  Random random(mix(c.seed, 81, static_cast<uint64_t>(seq)));
  std::vector<int64_t> list(borders.begin(), borders.end());
  while (!list.empty() && edges.size() < kEdgesPerSequence) {
    const size_t pick = static_cast<size_t>(random.below(static_cast<int32_t>(list.size())));
    edges.insert(list[pick]);
    list.erase(list.begin() + static_cast<std::ptrdiff_t>(pick));
  }
  std::vector<int64_t> result;
  for (const int64_t t : edges) {
    // A dense row past the sequence's end belongs to the next sequence.
    const bool foreign = workload.key.present() && t >= length && seq + 1 < workload.num_seqs();
    if (!foreign && workload.has_memory(seq, t)) result.push_back(t);
  }
  return result;
}

struct RowState {
  std::vector<uint32_t> bits;
};

}  // namespace

void check_needle(Run& run, const Case& original) {
  Case c = original;
  c.data = Data::kNeedle;
  Workload workload(c, run.engine.memory());
  const Problem& p = workload.problem();
  const Attention attention_handle = make_attention(run.engine, c);
  const Metadata metadata = make_metadata(run.engine, workload, c.threads);
  const auto forward = [&] {
    workload.prepare();
    run_forward(run.engine, attention_handle.get(), metadata.get(), workload.limits(), workload.forward_args());
    workload.check_memory();
    ++run.forwards;
  };
  forward();
  std::vector<RowState> base(static_cast<size_t>(workload.num_tokens()));
  for (int64_t token = 0; token < workload.num_tokens(); ++token) base[static_cast<size_t>(token)].bits = workload.row_bits(token, 1);

  const std::vector<uint8_t> wanted = choose_rows(workload, run.reference_budget);
  const Result reference = attention(p, run.reference_threads, wanted);
  double top_lse = 0;
  for (const double lse : reference.lse) {
    if (std::isfinite(lse)) top_lse = std::max(top_lse, lse);
  }
  // Queries are noise around three times the needle's direction: q . u is about 3 head_size.
  const double amplitude = 3 * (top_lse + 5) / (p.scale * 3 * c.head_size);
  std::vector<float> key(static_cast<size_t>(c.head_size)), value(static_cast<size_t>(c.v_size()));
  for (size_t d = 0; d < key.size(); ++d) key[d] = static_cast<float>(amplitude) * direction(static_cast<int64_t>(d));
  for (size_t d = 0; d < value.size(); ++d) value[d] = kNeedleValue * direction(static_cast<int64_t>(d) + 1000);

  int64_t proven = 0, unproven = 0, hidden = 0;
  int tested = 0;
  for (int seq = 0; seq < workload.num_seqs() && tested < kSequences; ++seq) {
    if (p.query_len(seq) == 0 || p.seq_lens[static_cast<size_t>(seq)] == 0) continue;
    ++tested;
    for (const int64_t t : edges_of(workload, seq)) {
      const std::vector<uint32_t> cells = workload.save(seq, t);
      workload.plant(seq, t, key, value);
      forward();
      // What the planted vectors are after rounding to the cache's type.
      std::vector<std::vector<double>> planted_keys(static_cast<size_t>(p.num_kv_heads)), planted_values = planted_keys;
      const bool readable = t < p.seq_lens[static_cast<size_t>(seq)];
      for (int g = 0; g < p.num_kv_heads && readable; ++g) {
        planted_keys[static_cast<size_t>(g)].resize(key.size());
        planted_values[static_cast<size_t>(g)].resize(value.size());
        key_vector(p, seq, g, t, planted_keys[static_cast<size_t>(g)].data());
        value_vector(p, seq, g, t, planted_values[static_cast<size_t>(g)].data());
      }
      std::vector<double> query(key.size());
      for (int64_t token = 0; token < workload.num_tokens(); ++token) {
        const int64_t i = token - workload.query_start_loc()[static_cast<size_t>(seq)];
        const bool mine = i >= 0 && i < p.query_len(seq);
        const std::string where = text("needle at %lld of sequence %d (query_len %lld, seq_len %d), row %lld",
                                       static_cast<long long>(t), seq, static_cast<long long>(p.query_len(seq)),
                                       p.seq_lens[static_cast<size_t>(seq)], static_cast<long long>(i));
        if (!mine || !visible(p, seq, i, t)) {
          if (workload.row_bits(token, 1) != base[static_cast<size_t>(token)].bits) {
            throw Failure(where + (mine ? " cannot see it, yet changes" : text(": token %lld of another sequence changes",
                                                                               static_cast<long long>(token))));
          }
          ++hidden;
          continue;
        }
        if (!wanted.empty() && !wanted[static_cast<size_t>(token)]) continue;
        for (int h = 0; h < p.num_query_heads; ++h) {
          const auto g = static_cast<size_t>(h / (p.num_query_heads / p.num_kv_heads));
          query_vector(p, seq, i, h, query.data());
          double dot = 0;
          for (size_t d = 0; d < query.size(); ++d) dot += query[d] * planted_keys[g][d];
          const double others = reference.lse[static_cast<size_t>(token * p.num_query_heads + h)];
          if (score_at(p, seq, i, h, t, dot) < others + 0.2) {
            ++unproven;  // alibi can hold a far needle down
            continue;
          }
          ++proven;
          double along = 0, full = 0;
          for (size_t d = 0; d < value.size(); ++d) {
            const double sign = value[d] > 0 ? 1 : -1;
            along += sign * workload.output_at(token, h, static_cast<int64_t>(d));
            full += std::fabs(planted_values[g][d]);
          }
          // With fp8 outputs the needle may saturate, in the same direction.
          const double ceiling = is_fp8(p.output_type) ? max_finite(p.output_type) * p.output_scale : 1e30;
          const double expected = std::min(full / static_cast<double>(value.size()), ceiling);
          if (along / static_cast<double>(value.size()) < 0.4 * expected) {
            throw Failure(where + text(" sees it, yet head %d does not follow: %.3g of %.3g", h,
                                       along / static_cast<double>(value.size()), expected));
          }
        }
      }
      workload.restore(seq, t, cells);
    }
  }
  if (proven == 0 && hidden == 0) throw Failure("this case plants no needle that proves anything");
  if (p.alibi == Alibi::kNone && unproven > 0) throw Failure(text("%lld needles are too light", static_cast<long long>(unproven)));
}

}  // namespace fovea_test
