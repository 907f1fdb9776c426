#include "tests/conformance/workload.h"

#include <algorithm>
#include <climits>
#include <cmath>
#include <cstring>
#include <map>

#include "tests/conformance/random_data.h"

namespace fovea_test {

using namespace fovea_reference;

float direction(int64_t d) { return mix(77, static_cast<uint64_t>(d)) & 1 ? 1.0f : -1.0f; }

Workload::Workload(const Case& c, const DeviceMemory& memory, uint64_t block_seed)
    : case_(c), memory_(&memory), sequences_(c.expanded()) {
  make_batch();
  make_ranges();
  make_scalars();
  make_rows();
  if (c.type != Kind::kEncoder) {
    make_block_table(block_seed);
    make_cache();
  }
  make_arrays();
  bind_reference();
  fill_rows();
  if (has_cache()) fill_cache();
  for (DeviceBuffer* buffer : all_buffers()) buffer->to_device();
}

void Workload::make_batch() {
  query_start_loc_ = {0};
  for (const Sequence& s : sequences_) {
    query_start_loc_.push_back(query_start_loc_.back() + s.query_len);
    seq_lens_.push_back(s.seq_len());
  }
  Problem& p = problem_;
  p.kind = case_.type;
  p.num_query_heads = case_.num_query_heads;
  p.num_kv_heads = case_.num_kv_heads;
  p.head_size = case_.head_size;
  p.head_size_v = case_.v_size();
  p.scale = case_.scale > 0 ? case_.scale : 1 / std::sqrt(static_cast<double>(case_.head_size));
  p.softcap = case_.softcap;
  p.window_left = case_.window_left;
  p.window_right = case_.window_right;
  p.alibi = case_.alibi;
  p.ranges_kind = case_.ranges;
  p.partial = case_.partial;
  p.p_type = is_fp8(case_.query) ? Type::kBF16 : case_.query;
  p.output_type = case_.partial ? Type::kF32 : case_.output;
  p.block_size = case_.block_size;
  p.layout = case_.layout;
  p.query_start_loc = query_start_loc_;
  p.seq_lens = seq_lens_;
  p.causal = case_.mask == Mask::kCausal;
  if (case_.mask == Mask::kMixed) {
    for (size_t i = 0; i < sequences_.size(); ++i) {
      p.causal_per_sequence.push_back(static_cast<int32_t>(mix(case_.seed, 31, static_cast<uint64_t>(sequences_[i].uid)) & 1));
    }
    // Both kinds occur as soon as there are two sequences.
    if (sequences_.size() > 1) p.causal_per_sequence[1] = 1 - p.causal_per_sequence[0];
  }
}

// Ranges that matter to the rows: one early, one about the border between context and chunk, one past the end, and empty
// ones between them.
void Workload::make_ranges() {
  if (case_.ranges == Ranges::kNone) return;
  problem_.range_start_loc = {0};
  for (const Sequence& s : sequences_) {
    Random random(mix(case_.seed, 41, static_cast<uint64_t>(s.uid)));
    const int32_t length = s.seq_len();
    int32_t next = random.below(4);
    const auto add = [&](int32_t first, int32_t last) {
      if (first < next) first = next;
      if (last <= first) return;
      problem_.ranges.push_back(first);
      problem_.ranges.push_back(last);
      next = last + 1;
    };
    const auto add_empty = [&](int32_t at) {
      if (at < next) return;
      problem_.ranges.push_back(at);
      problem_.ranges.push_back(at);
      next = at + 1;
    };
    if (s.uid % 5 != 4) {
      add(next, next + 6);
      add_empty(next + 2);
      const int32_t border = std::max(s.context_len, 0);
      add(border - 20 - random.below(30), border + s.query_len / 3 + random.below(3));
      if (length > 4) add(length - 1 - s.query_len / 4, length + 30);
    }
    problem_.range_start_loc.push_back(static_cast<int32_t>(problem_.ranges.size() / 2));
  }
}

void Workload::make_scalars() {
  const auto upload = [&](DeviceBuffer& buffer, const std::vector<float>& numbers) {
    buffer = DeviceBuffer(*memory_, numbers.size() * sizeof(float));
    std::memcpy(buffer.host(), numbers.data(), numbers.size() * sizeof(float));
  };
  Problem& p = problem_;
  if (case_.scales != FOVEA_KV_SCALES_NONE) {
    const size_t count = case_.scales == FOVEA_KV_SCALES_PER_HEAD ? static_cast<size_t>(case_.num_kv_heads) : 1;
    for (size_t h = 0; h < count; ++h) {
      k_scales_.push_back(0.0375f * (1 + 0.55f * static_cast<float>(h % 5)));
      v_scales_.push_back(0.0212f * (1 + 0.85f * static_cast<float>((h + 2) % 4)));
    }
    upload(k_scale, k_scales_);
    upload(v_scale, v_scales_);
    p.k_scales = k_scales_;
    p.v_scales = v_scales_;
  }
  if (is_fp8(case_.query)) {
    upload(q_scale, {0.0275f});
    p.q_scale = 0.0275f;
  }
  if (is_fp8(case_.output) && !case_.partial) {
    const float scale = case_.seed % 3 == 0 ? 0.0009f : 0.011f;  // the first makes large outputs saturate
    upload(output_scale, {scale});
    p.output_scale = scale;
  }
  // Nothing here depends on the batch: a sequence must keep its result in any other.
  if (case_.alibi != Alibi::kNone) {
    for (int32_t h = 0; h < case_.num_query_heads; ++h) {
      // Three of four heads as models have them, one that favours far keys, gently enough for fp32 at any length.
      float slope = std::exp2(-8.0f * static_cast<float>(h + 1) / static_cast<float>(case_.num_query_heads));
      if (h % 4 == 3) slope = case_.alibi == Alibi::kSqrt ? -0.06f : -0.0005f;
      p.alibi_slopes.push_back(slope);
    }
    upload(alibi_slopes, p.alibi_slopes);
  }
  if (case_.sinks) {
    Random random(mix(case_.seed, 51));
    std::vector<float> logits;
    for (int32_t h = 0; h < case_.num_query_heads; ++h) {
      // Levels that matter beside few, many and very many keys; every seventh head has none.
      const float level = h % 3 == 0 ? 0.5f : h % 3 == 1 ? 4.0f : 9.0f;
      logits.push_back(h % 7 == 6 ? -INFINITY : level + static_cast<float>(random.normal()));
    }
    upload(sinks, logits);
    if (!case_.partial) p.sinks = logits;
  }
}

void Workload::make_arrays() {
  const auto upload = [&](DeviceBuffer& buffer, const std::vector<int32_t>& numbers) {
    buffer = DeviceBuffer(*memory_, numbers.size() * sizeof(int32_t));
    if (!numbers.empty()) std::memcpy(buffer.host(), numbers.data(), buffer.size());
  };
  upload(arrays.query_start_loc, query_start_loc_);
  upload(arrays.seq_lens, seq_lens_);
  upload(arrays.block_table, block_table_);
  upload(arrays.causal_per_sequence, problem_.causal_per_sequence);
  upload(arrays.range_start_loc, problem_.range_start_loc);
  upload(arrays.ranges, problem_.ranges);
}

bool Workload::cached(int seq, int64_t t) const {
  const Sequence& s = sequences_[static_cast<size_t>(seq)];
  return t >= 0 && t < s.seq_len() && !(case_.dense && t >= s.context_len);
}

void Workload::make_block_table(uint64_t block_seed) {
  const int64_t block = case_.block_size;
  bool any_context = false;
  int64_t longest = 0;
  for (const Sequence& s : sequences_) {
    any_context |= s.context_len > 0;
    longest = std::max<int64_t>(longest, s.seq_len());
  }
  // Without context the dense tensors hold everything: some cases then hand over no cache at all.
  if (case_.dense && !any_context && case_.seed % 2 == 0) return;
  table_columns_ = static_cast<int32_t>((longest + block - 1) / block + 1);
  table_stride_ = table_columns_ + (case_.seed % 3);
  Random random(mix(block_seed, 61, case_.seed));

  // Which entries a row can need; all others may hold anything.
  std::vector<std::vector<uint8_t>> needed(sequences_.size());
  std::map<int64_t, int64_t> shared;  // block column of the shared prefix -> index of its block
  int64_t count = 0;
  std::vector<std::vector<int64_t>> index(sequences_.size());
  for (size_t seq = 0; seq < sequences_.size(); ++seq) {
    const Sequence& s = sequences_[seq];
    const int64_t columns = (s.seq_len() + block - 1) / block;
    index[seq].assign(static_cast<size_t>(columns), -1);
    for (int64_t b = 0; b < columns; ++b) {
      bool seen = false;
      const int64_t end = std::min<int64_t>((b + 1) * block, s.seq_len());
      for (int64_t t = b * block; t < end && !seen; ++t) {
        for (int64_t i = s.query_len - 1; i >= 0 && !seen; --i) seen = visible(problem_, static_cast<int>(seq), i, t);
      }
      if (!seen) continue;
      if ((b + 1) * block <= case_.shared_prefix && cached(static_cast<int>(seq), (b + 1) * block - 1)) {
        const auto [at, fresh] = shared.try_emplace(b, count);
        index[seq][static_cast<size_t>(b)] = at->second;
        count += fresh;
      } else {
        index[seq][static_cast<size_t>(b)] = count++;
      }
    }
  }
  num_blocks_ = count + 1 + random.below(4) + case_.spare_blocks;
  std::vector<int32_t> ids(static_cast<size_t>(num_blocks_));
  for (size_t i = 0; i < ids.size(); ++i) ids[i] = static_cast<int32_t>(i);
  for (size_t i = ids.size(); i > 1; --i) std::swap(ids[i - 1], ids[static_cast<size_t>(random.below(static_cast<int32_t>(i)))]);

  const int32_t garbage[] = {-1, INT_MAX, INT_MIN, static_cast<int32_t>(num_blocks_), 1 << 28, -77777};
  block_table_.resize(sequences_.size() * static_cast<size_t>(table_stride_));
  for (int32_t& entry : block_table_) entry = garbage[random.below(6)];
  for (size_t seq = 0; seq < sequences_.size(); ++seq) {
    for (size_t b = 0; b < index[seq].size(); ++b) {
      if (index[seq][b] >= 0) block_table_[seq * static_cast<size_t>(table_stride_) + b] = ids[static_cast<size_t>(index[seq][b])];
    }
  }
}

foveaMetadataLimits_t Workload::limits() const {
  foveaMetadataLimits_t limits = FOVEA_METADATA_LIMITS_INIT;
  int32_t longest = 1;
  for (const int32_t length : seq_lens_) longest = std::max(longest, length);
  limits.max_num_seqs = std::max(1, num_seqs());
  limits.max_num_tokens = std::max(1, num_tokens());
  limits.max_seq_len = longest;
  limits.max_blocks_per_seq = table_columns_;
  limits.max_prefix_ranges = static_cast<int32_t>(problem_.ranges.size() / 2);
  if (case_.loose_limits) {
    limits.max_num_seqs = limits.max_num_seqs * 2 + 3;
    limits.max_num_tokens += 100;
    limits.max_seq_len += 1000;
    limits.max_blocks_per_seq += case_.type == Kind::kEncoder ? 0 : 9;
    limits.max_prefix_ranges += 5;
  }
  return limits;
}

foveaForwardArgs_t Workload::forward_args() {
  foveaForwardArgs_t args = FOVEA_FORWARD_ARGS_INIT;
  const auto floats = [](DeviceBuffer& buffer) { return reinterpret_cast<const float*>(buffer.device()); };
  args.query = query.tensor();
  args.key = key.tensor();
  args.value = value.tensor();
  args.key_cache = key_cache.tensor();
  args.value_cache = value_cache.tensor();
  args.output = output.tensor();
  args.lse = lse.tensor();
  args.q_scale = floats(q_scale);
  args.k_scale = floats(k_scale);
  args.v_scale = floats(v_scale);
  args.output_scale = floats(output_scale);
  args.alibi_slopes = floats(alibi_slopes);
  args.sinks = case_.partial ? nullptr : floats(sinks);
  args.stream = memory_->stream();
  args.flags = case_.partial ? FOVEA_FORWARD_PARTIAL_STATE : FOVEA_FORWARD_DEFAULT;
  if (case_.flag_by_call) args.causal = case_.mask == Mask::kNonCausal ? 2 : 1;
  return args;
}

}  // namespace fovea_test
