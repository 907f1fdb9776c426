// Metadata: what is staged, what is current, and what a refusal leaves behind.
#include <gtest/gtest.h>

#include <cstdlib>
#include <map>

#include "tests/impl/batch_fixture.h"

namespace fovea {
namespace {

constexpr foveaMemory_t kHost = FOVEA_MEMORY_HOST;
constexpr foveaMemory_t kDevice = FOVEA_MEMORY_DEVICE;

foveaMetadataLimits_t limits() {
  foveaMetadataLimits_t limits = FOVEA_METADATA_LIMITS_INIT;
  limits.max_num_seqs = 4;
  limits.max_num_tokens = 20;
  limits.max_seq_len = 50;
  limits.max_blocks_per_seq = 3;
  limits.max_prefix_ranges = 4;
  return limits;
}

class MetadataTest : public testing::Test {
 protected:
  Owner<Context> context = make_context(1);
  Owner<Metadata> metadata = make_metadata(context.get(), limits());

  foveaStatus_t set(std::vector<int32_t> starts, std::vector<int32_t> lens, foveaMemory_t memory = kHost) {
    return metadata->set_sequences(memory, static_cast<int32_t>(lens.size()), starts.back(), 0, 0, starts.data(),
                                   lens.data());
  }
  const CommittedBatch* current() {
    const CommittedBatch* batch = nullptr;
    return metadata->get_batch(&batch) == FOVEA_STATUS_SUCCESS ? batch : nullptr;
  }
  static void expect_message(const std::string& sentence) { EXPECT_EQ(last_error_message(), sentence); }
};

TEST_F(MetadataTest, SentencesNameArgumentRowAndValue) {
  EXPECT_EQ(set({0, 2, 9, 7}, {5, 5, 5}), FOVEA_STATUS_INVALID_ARGUMENT);
  expect_message("query_start_loc: row 3 is 7, below row 2 (9)");
  EXPECT_EQ(set({1, 2}, {5}), FOVEA_STATUS_INVALID_ARGUMENT);
  expect_message("query_start_loc: row 0 is 1, expected 0");
  EXPECT_EQ(set({0, 2, 4}, {5, -1}), FOVEA_STATUS_INVALID_ARGUMENT);
  expect_message("seq_lens: row 1 is -1, expected 0 or more");
  EXPECT_EQ(set({0, 2, 4}, {51, 1}), FOVEA_STATUS_INVALID_ARGUMENT);
  expect_message("seq_lens: row 0 is 51, above the limit max_seq_len (50)");
  EXPECT_EQ(set({0, 21}, {30}), FOVEA_STATUS_INVALID_ARGUMENT);
  expect_message("num_tokens: 21, expected 0 to the limit max_num_tokens (20)");
  const int32_t starts[] = {0, 3, 8}, lens[] = {9, 9};
  EXPECT_EQ(metadata->set_sequences(kHost, 2, 9, 0, 0, starts, lens), FOVEA_STATUS_INVALID_ARGUMENT);
  expect_message("query_start_loc: row 2 is 8, expected num_tokens (9)");
  EXPECT_EQ(metadata->set_sequences(kHost, 2, 8, 4, 0, starts, lens), FOVEA_STATUS_INVALID_ARGUMENT);
  expect_message("query_start_loc: sequence 1 has query_len 5, above max_query_len (4)");
  EXPECT_EQ(metadata->set_sequences(kHost, 2, 8, 0, 8, starts, lens), FOVEA_STATUS_INVALID_ARGUMENT);
  expect_message("seq_lens: row 0 is 9, above max_seq_len (8)");

  ASSERT_EQ(set({0, 3, 8}, {9, 9}), FOVEA_STATUS_SUCCESS);
  const int32_t flags[] = {1, 3};
  EXPECT_EQ(metadata->set_causal_per_sequence(kHost, flags), FOVEA_STATUS_INVALID_ARGUMENT);
  expect_message("causal: row 1 is 3, expected 0 or 1");
  const int32_t range_starts[] = {0, 2, 2}, unsorted[] = {4, 9, 9, 12}, negative[] = {-2, 3, 5, 6};
  EXPECT_EQ(metadata->set_prefix_ranges(kHost, 2, range_starts, unsorted), FOVEA_STATUS_INVALID_ARGUMENT);
  expect_message(
      "ranges: row 1 starts at 9, but the range before it in sequence 0 ends at 9 (expected sorted, disjoint ranges)");
  EXPECT_EQ(metadata->set_prefix_ranges(kHost, 2, range_starts, negative), FOVEA_STATUS_INVALID_ARGUMENT);
  expect_message("ranges: row 0 starts at -2, expected 0 or more");
}

TEST_F(MetadataTest, NothingIsCurrentUntilACommit) {
  EXPECT_EQ(current(), nullptr);
  EXPECT_EQ(metadata->commit(nullptr), FOVEA_STATUS_INVALID_STATE);
  ASSERT_EQ(set({0, 3}, {9}), FOVEA_STATUS_SUCCESS);
  EXPECT_EQ(current(), nullptr);
  ASSERT_EQ(metadata->commit(nullptr), FOVEA_STATUS_SUCCESS);
  ASSERT_NE(current(), nullptr);
  EXPECT_EQ(current()->seq_lens[0], 9);
  EXPECT_EQ(current()->max_seq_len, 9);
  ASSERT_EQ(set({0, 4}, {11}), FOVEA_STATUS_SUCCESS);
  EXPECT_EQ(current(), nullptr) << "changed but not committed";
  ASSERT_EQ(metadata->commit(nullptr), FOVEA_STATUS_SUCCESS);
  EXPECT_EQ(current()->seq_lens[0], 11);
}

TEST_F(MetadataTest, ARefusedSetterChangesNothing) {
  ASSERT_EQ(set({0, 3}, {9}), FOVEA_STATUS_SUCCESS);
  ASSERT_EQ(metadata->commit(nullptr), FOVEA_STATUS_SUCCESS);
  EXPECT_NE(set({0, 3}, {99}), FOVEA_STATUS_SUCCESS);
  ASSERT_NE(current(), nullptr);
  EXPECT_EQ(current()->seq_lens[0], 9);
  ASSERT_EQ(set({0, 3}, {10}), FOVEA_STATUS_SUCCESS);
  EXPECT_NE(set({0, 3}, {99}), FOVEA_STATUS_SUCCESS);
  ASSERT_EQ(metadata->commit(nullptr), FOVEA_STATUS_SUCCESS);
  EXPECT_EQ(current()->seq_lens[0], 10) << "the good one before is what was staged";
}

TEST_F(MetadataTest, ARefusedCommitLeavesTheCurrentBatchInUse) {
  const int32_t table[] = {1, 2, 3};
  ASSERT_EQ(set({0, 3}, {9}), FOVEA_STATUS_SUCCESS);
  ASSERT_EQ(metadata->set_block_table(kHost, 1, 3, 0, table), FOVEA_STATUS_SUCCESS);
  ASSERT_EQ(metadata->commit(nullptr), FOVEA_STATUS_SUCCESS);
  const uint64_t generation = metadata->generation();

  ASSERT_EQ(set({0, 3, 4}, {19, 20}), FOVEA_STATUS_SUCCESS);
  EXPECT_EQ(metadata->commit(nullptr), FOVEA_STATUS_INVALID_ARGUMENT);
  expect_message("block_table: has 1 rows, but the batch has 2 sequences");
  ASSERT_NE(current(), nullptr);
  EXPECT_EQ(current()->num_seqs, 1);
  EXPECT_EQ(current()->seq_lens[0], 9);
  EXPECT_EQ(current()->block_table[1], 2);
  EXPECT_EQ(metadata->generation(), generation);

  // What was staged is still there: what was missing completes it.
  const int32_t rows[] = {4, 5, 6, 7, 8, 9};
  ASSERT_EQ(metadata->set_block_table(kHost, 2, 3, 0, rows), FOVEA_STATUS_SUCCESS);
  ASSERT_EQ(metadata->commit(nullptr), FOVEA_STATUS_SUCCESS);
  EXPECT_EQ(current()->seq_lens[1], 20);
  EXPECT_EQ(current()->block_table[5], 9);
  EXPECT_GT(metadata->generation(), generation);
}

TEST_F(MetadataTest, NewSequencesClearFlagsAndRangesButKeepTheTable) {
  const int32_t table[] = {1, 2, 3}, flags[] = {0}, range_starts[] = {0, 1}, ranges[] = {2, 5};
  ASSERT_EQ(metadata->set_block_table(kHost, 1, 3, 0, table), FOVEA_STATUS_SUCCESS);
  ASSERT_EQ(set({0, 3}, {9}), FOVEA_STATUS_SUCCESS);
  ASSERT_EQ(metadata->set_causal_per_sequence(kHost, flags), FOVEA_STATUS_SUCCESS);
  ASSERT_EQ(metadata->set_prefix_ranges(kHost, 1, range_starts, ranges), FOVEA_STATUS_SUCCESS);
  ASSERT_EQ(metadata->commit(nullptr), FOVEA_STATUS_SUCCESS);
  ASSERT_NE(current()->causal_per_sequence, nullptr);
  EXPECT_EQ(current()->causal_per_sequence[0], 0);
  ASSERT_NE(current()->ranges, nullptr);
  EXPECT_EQ(current()->ranges[1], 5);

  ASSERT_EQ(set({0, 4}, {9}), FOVEA_STATUS_SUCCESS);
  ASSERT_EQ(metadata->commit(nullptr), FOVEA_STATUS_SUCCESS);
  EXPECT_EQ(current()->causal_per_sequence, nullptr);
  EXPECT_EQ(current()->ranges, nullptr);
  EXPECT_EQ(current()->range_start_loc, nullptr);
  ASSERT_NE(current()->block_table, nullptr);
  EXPECT_EQ(current()->block_table[2], 3);
  ASSERT_EQ(metadata->set_block_table(kHost, 0, 0, 0, nullptr), FOVEA_STATUS_SUCCESS);
  ASSERT_EQ(metadata->commit(nullptr), FOVEA_STATUS_SUCCESS);
  EXPECT_EQ(current()->block_table, nullptr);
}

TEST_F(MetadataTest, EmptyRangesAreDropped) {
  ASSERT_EQ(set({0, 3, 6}, {9, 9}), FOVEA_STATUS_SUCCESS);
  const int32_t starts[] = {0, 3, 4}, ranges[] = {2, 5, 7, 7, 6, 8, 3, 1};
  ASSERT_EQ(metadata->set_prefix_ranges(kHost, 4, starts, ranges), FOVEA_STATUS_SUCCESS) << last_error_message();
  ASSERT_EQ(metadata->commit(nullptr), FOVEA_STATUS_SUCCESS);
  const CommittedBatch& batch = *current();
  EXPECT_EQ(std::vector<int32_t>(batch.range_start_loc, batch.range_start_loc + 3), (std::vector<int32_t>{0, 2, 2}));
  EXPECT_EQ(std::vector<int32_t>(batch.ranges, batch.ranges + 4), (std::vector<int32_t>{2, 5, 6, 8}));
}

TEST_F(MetadataTest, BorrowedArraysAreReadAndCheckedAtCommit) {
  std::vector<int32_t> starts = {0, 3, 5}, lens = {9, 99}, flags = {0, 1};
  const auto set_borrowed = [&] { return metadata->set_sequences(kDevice, 2, 5, 3, 50, starts.data(), lens.data()); };
  ASSERT_EQ(set_borrowed(), FOVEA_STATUS_SUCCESS);
  EXPECT_EQ(metadata->commit(nullptr), FOVEA_STATUS_INVALID_ARGUMENT);
  expect_message("seq_lens: row 1 is 99, above the limit max_seq_len (50)");
  lens[1] = 20;
  ASSERT_EQ(metadata->set_causal_per_sequence(kDevice, flags.data()), FOVEA_STATUS_SUCCESS);
  ASSERT_EQ(metadata->commit(nullptr), FOVEA_STATUS_SUCCESS) << last_error_message();
  EXPECT_EQ(current()->seq_lens[1], 20);
  EXPECT_EQ(current()->causal_per_sequence[1], 1);

  // Updated in place, and committed again.
  lens[1] = 21;
  flags[1] = 0;
  EXPECT_EQ(current()->seq_lens[1], 20) << "forwards use what was checked";
  ASSERT_EQ(metadata->commit(nullptr), FOVEA_STATUS_SUCCESS);
  EXPECT_EQ(current()->seq_lens[1], 21);
  EXPECT_EQ(current()->causal_per_sequence[1], 0);
  flags[0] = 5;
  EXPECT_EQ(metadata->commit(nullptr), FOVEA_STATUS_INVALID_ARGUMENT);
  expect_message("causal: row 0 is 5, expected 0 or 1");
  EXPECT_EQ(current()->seq_lens[1], 21);
}

TEST_F(MetadataTest, HostArraysAreCopiedWithTheirStride) {
  std::vector<int32_t> table = {1, 2, -9, -9, 3, 4, -9, -9};
  ASSERT_EQ(set({0, 3, 5}, {9, 20}), FOVEA_STATUS_SUCCESS);
  ASSERT_EQ(metadata->set_block_table(kHost, 2, 2, 4, table.data()), FOVEA_STATUS_SUCCESS);
  table.assign(table.size(), 77);
  ASSERT_EQ(metadata->commit(nullptr), FOVEA_STATUS_SUCCESS);
  const CommittedBatch& batch = *current();
  EXPECT_EQ(batch.block_table[0], 1);
  EXPECT_EQ(batch.block_table[batch.table_stride + 1], 4);

  // A borrowed table is used where it lies.
  std::vector<int32_t> borrowed = {8, 9, 10, 11};
  ASSERT_EQ(metadata->set_block_table(kDevice, 2, 2, 0, borrowed.data()), FOVEA_STATUS_SUCCESS);
  ASSERT_EQ(metadata->commit(nullptr), FOVEA_STATUS_SUCCESS);
  EXPECT_EQ(current()->block_table, borrowed.data());
}

TEST_F(MetadataTest, AnEmptyBatchIsABatch) {
  ASSERT_EQ(metadata->set_sequences(kHost, 0, 0, 0, 0, nullptr, nullptr), FOVEA_STATUS_SUCCESS) << last_error_message();
  ASSERT_EQ(metadata->commit(nullptr), FOVEA_STATUS_SUCCESS);
  EXPECT_EQ(current()->num_seqs, 0);
  EXPECT_EQ(current()->query_start_loc[0], 0);
  EXPECT_EQ(metadata->set_sequences(kHost, 0, 3, 0, 0, nullptr, nullptr), FOVEA_STATUS_INVALID_ARGUMENT);
}

// All memory comes from the caller's allocator, in one piece, and goes back with the size it had.
TEST(MetadataMemory, ComesFromTheContextsAllocator) {
  struct Ledger {
    std::map<void*, size_t> live;
    int32_t calls = 0;
    bool refuse = false;
    bool wrong_size = false;
  } ledger;
  foveaContextCreateInfo_t info = FOVEA_CONTEXT_CREATE_INFO_INIT;
  info.device = FOVEA_DEVICE_CPU;
  info.num_threads = 1;
  info.allocator_user = &ledger;
  info.allocate = [](void* user, size_t size, size_t alignment) -> void* {
    auto* ledger = static_cast<Ledger*>(user);
    if (ledger->refuse) return nullptr;
    void* memory = nullptr;
    if (posix_memalign(&memory, alignment, size) != 0) return nullptr;
    ledger->calls += 1;
    ledger->live[memory] = size;
    return memory;
  };
  info.free = [](void* user, void* memory, size_t size) {
    auto* ledger = static_cast<Ledger*>(user);
    ledger->wrong_size |= ledger->live[memory] != size;
    ledger->live.erase(memory);
    std::free(memory);
  };
  Context* created = nullptr;
  ASSERT_EQ(Context::create(&info, &created), FOVEA_STATUS_SUCCESS);
  Owner<Context> context(created);

  ledger.refuse = true;
  const foveaMetadataLimits_t asked = limits();
  Metadata* none = nullptr;
  EXPECT_EQ(Metadata::create(context.get(), &asked, &none), FOVEA_STATUS_OUT_OF_MEMORY);
  ledger.refuse = false;

  Owner<Metadata> metadata = make_metadata(context.get(), asked);
  EXPECT_EQ(ledger.live.size(), 1u);
  const int32_t calls = ledger.calls;
  TestBatch batch;
  batch.query_lens = {3, 2};
  batch.seq_lens = {9, 20};
  batch.flags = {0, 1};
  batch.ranges = {{{1, 4}}, {}};
  batch.table_columns = 2;
  batch.block_table = {1, 2, 3, 4};
  for (int i = 0; i < 5; ++i) batch.commit(metadata.get());
  EXPECT_EQ(ledger.calls, calls) << "setters and commits allocate nothing";

  // The metadata keeps the context, and with it the allocator.
  context.reset();
  metadata.reset();
  EXPECT_TRUE(ledger.live.empty());
  EXPECT_FALSE(ledger.wrong_size);
}

}  // namespace
}  // namespace fovea
