// Batches for tests of the core: committed metadata from plain vectors, and random ones.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <random>
#include <vector>

#include "impl/error.h"
#include "impl/metadata.h"
#include "impl/plan/plan.h"

namespace fovea {

struct ObjectReleaser {
  void operator()(Object* object) const { object->release(); }
};
template <class T>
using Owner = std::unique_ptr<T, ObjectReleaser>;

inline Owner<Context> make_context(int32_t num_threads) {
  foveaContextCreateInfo_t info = FOVEA_CONTEXT_CREATE_INFO_INIT;
  info.device = FOVEA_DEVICE_CPU;
  info.num_threads = num_threads;
  Context* context = nullptr;
  EXPECT_EQ(Context::create(&info, &context), FOVEA_STATUS_SUCCESS) << last_error_message();
  return Owner<Context>(context);
}

inline Owner<Metadata> make_metadata(Context* context, const foveaMetadataLimits_t& limits) {
  Metadata* metadata = nullptr;
  EXPECT_EQ(Metadata::create(context, &limits, &metadata), FOVEA_STATUS_SUCCESS) << last_error_message();
  return Owner<Metadata>(metadata);
}

struct TestBatch {
  std::vector<int32_t> query_lens;
  std::vector<int32_t> seq_lens;
  std::vector<int32_t> flags;                                    // empty: none
  std::vector<std::vector<std::pair<int32_t, int32_t>>> ranges;  // empty: none; by sequence
  std::vector<int32_t> block_table;                              // empty: none
  int32_t table_columns = 0;

  int32_t num_seqs() const { return static_cast<int32_t>(query_lens.size()); }
  int32_t num_tokens() const {
    int32_t sum = 0;
    for (int32_t length : query_lens) sum += length;
    return sum;
  }
  int32_t max_seq_len() const { return seq_lens.empty() ? 0 : *std::max_element(seq_lens.begin(), seq_lens.end()); }

  foveaMetadataLimits_t limits() const {
    foveaMetadataLimits_t limits = FOVEA_METADATA_LIMITS_INIT;
    limits.max_num_seqs = std::max(num_seqs(), 1);
    limits.max_num_tokens = std::max(num_tokens(), 1);
    limits.max_seq_len = std::max(max_seq_len(), 1);
    limits.max_blocks_per_seq = table_columns;
    for (const auto& list : ranges) limits.max_prefix_ranges += static_cast<int32_t>(list.size());
    return limits;
  }

  // Sets and commits everything.
  void commit(Metadata* metadata) const {
    std::vector<int32_t> starts(1, 0);
    for (int32_t length : query_lens) starts.push_back(starts.back() + length);
    ASSERT_EQ(
        metadata->set_sequences(FOVEA_MEMORY_HOST, num_seqs(), num_tokens(), 0, 0, starts.data(), seq_lens.data()),
        FOVEA_STATUS_SUCCESS)
        << last_error_message();
    if (!flags.empty()) {
      ASSERT_EQ(metadata->set_causal_per_sequence(FOVEA_MEMORY_HOST, flags.data()), FOVEA_STATUS_SUCCESS);
    }
    if (!ranges.empty()) {
      std::vector<int32_t> range_starts(1, 0), flat;
      for (const auto& list : ranges) {
        for (const auto& range : list) flat.insert(flat.end(), {range.first, range.second});
        range_starts.push_back(static_cast<int32_t>(flat.size() / 2));
      }
      ASSERT_EQ(metadata->set_prefix_ranges(FOVEA_MEMORY_HOST, range_starts.back(), range_starts.data(), flat.data()),
                FOVEA_STATUS_SUCCESS)
          << last_error_message();
    }
    if (table_columns > 0) {
      ASSERT_EQ(metadata->set_block_table(FOVEA_MEMORY_HOST, num_seqs(), table_columns, 0, block_table.data()),
                FOVEA_STATUS_SUCCESS)
          << last_error_message();
    }
    ASSERT_EQ(metadata->commit(nullptr), FOVEA_STATUS_SUCCESS) << last_error_message();
  }
};

// A batch that lives together with its metadata.
struct CommittedTestBatch {
  CommittedTestBatch(Context* context, const TestBatch& batch) : metadata(make_metadata(context, batch.limits())) {
    batch.commit(metadata.get());
    EXPECT_EQ(metadata->get_batch(&view), FOVEA_STATUS_SUCCESS) << last_error_message();
  }
  Owner<Metadata> metadata;
  const CommittedBatch* view = nullptr;
};

class Random {
 public:
  explicit Random(uint32_t seed) : engine_(seed) {}
  int32_t between(int32_t low, int32_t high) { return std::uniform_int_distribution<int32_t>(low, high)(engine_); }
  bool chance(int32_t percent) { return between(1, 100) <= percent; }
  int32_t pick(std::initializer_list<int32_t> values) {
    return values.begin()[between(0, static_cast<int32_t>(values.size()) - 1)];
  }

 private:
  std::mt19937 engine_;
};

inline PlanKey random_key(Random& random) {
  const int32_t kv_heads = random.pick({1, 2, 3, 8});
  const int32_t group = random.pick({1, 3, 4, 5, 7, 16, 71});
  return {kv_heads * group,
          kv_heads,
          random.pick({8, 64, 128}),
          16,
          cpu::AttentionType::kDecoder,
          cpu::PrefixRanges::kNone,
          random.chance(50) ? -1 : random.pick({0, 1, 15, 100, 511, 512, 3000}),
          random.chance(50) ? -1 : random.pick({0, 1, 15, 100, 600}),
          random.pick({1, 4, 16, 64, 128}),
          random.pick({1, 2, 3, 16, 96})};
}

inline TestBatch random_batch(Random& random, int32_t max_seqs, int32_t longest) {
  TestBatch batch;
  const int32_t num_seqs = random.between(1, max_seqs);
  for (int32_t s = 0; s < num_seqs; ++s) {
    const int32_t query_len = random.chance(15) ? 0 : random.chance(50) ? 1 : random.between(1, std::min(longest, 300));
    const int32_t seq_len = random.chance(10)   ? 0
                            : random.chance(20) ? random.between(0, query_len)
                            : random.chance(70) ? random.between(0, longest)
                                                : query_len;
    batch.query_lens.push_back(query_len);
    batch.seq_lens.push_back(seq_len);
  }
  return batch;
}

}  // namespace fovea
