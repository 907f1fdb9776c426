// Which entries of the block table are looked at: those a forward dereferences, and no others.
#include "impl/plan/block_use.h"

#include <gtest/gtest.h>

#include "tests/impl/batch_fixture.h"

namespace fovea {
namespace {

constexpr int32_t kStale = 1000000;

PlanKey decoder_key(int32_t window_left) {
  return {4, 2, 64, 16, cpu::AttentionType::kDecoder, cpu::PrefixRanges::kNone, window_left, -1, 64, 2};
}

struct Uses {
  BlockUse all, context;
};

Uses uses_of(const PlanKey& key, const CommittedBatch& batch, CausalMode mode) {
  Uses uses;
  for (int32_t s = 0; s < batch.num_seqs; ++s) {
    const SequenceView view = view_sequence(key, batch, mode, s);
    add_block_use(key, batch, view, visible_keys(key, batch, view, 0, view.query_len), &uses.all, &uses.context);
  }
  return uses;
}

TEST(BlockUse, LooksOnlyAtVisibleBlocks) {
  const Owner<Context> context = make_context(1);
  TestBatch batch;
  batch.query_lens = {4};
  batch.seq_lens = {100};  // positions 96 .. 99; blocks 0 .. 6
  batch.table_columns = 9;
  // A window of 30 reaches back to position 66, in block 4.
  batch.block_table = {kStale, -7, kStale, -1, 40, 11, 25, kStale, -3};
  const CommittedTestBatch committed(context.get(), batch);
  const PlanKey key = decoder_key(30);
  const Uses uses = uses_of(key, *committed.view, CausalMode::kCausal);
  EXPECT_EQ(uses.all.min_id, 11);
  EXPECT_EQ(uses.all.max_id, 40);
  EXPECT_TRUE(uses.all.fits(41));
  EXPECT_FALSE(uses.all.fits(40));
  // The context ends at position 95, in block 5.
  EXPECT_EQ(uses.context.min_id, 11);
  EXPECT_EQ(uses.context.max_id, 40);
  EXPECT_EQ(check_block_ids(key, *committed.view, CausalMode::kCausal, KeySource::kCache, 41), FOVEA_STATUS_SUCCESS);
  EXPECT_EQ(check_block_ids(key, *committed.view, CausalMode::kCausal, KeySource::kCache, 40),
            FOVEA_STATUS_INVALID_ARGUMENT);
  EXPECT_STREQ(last_error_message(), "block_table: row 0 holds block 40 in column 4, but the cache has 40 blocks");

  // Without the window the stale entries count.
  EXPECT_FALSE(uses_of(decoder_key(-1), *committed.view, CausalMode::kCausal).all.fits(41));
  EXPECT_EQ(check_block_ids(decoder_key(-1), *committed.view, CausalMode::kCausal, KeySource::kCache, 41),
            FOVEA_STATUS_INVALID_ARGUMENT);
  EXPECT_STREQ(last_error_message(), "block_table: row 0 holds block 1000000 in column 0, but the cache has 41 blocks");
}

TEST(BlockUse, TheBlocksOfThisStepDoNotCountWhereItsKeysAreGiven) {
  const Owner<Context> context = make_context(1);
  TestBatch batch;
  batch.query_lens = {20, 7};
  batch.seq_lens = {52, 7};  // contexts of 32 and 0
  batch.table_columns = 4;
  batch.block_table = {5, 6, kStale, -1, kStale, kStale, kStale, kStale};
  const CommittedTestBatch committed(context.get(), batch);
  const Uses uses = uses_of(decoder_key(-1), *committed.view, CausalMode::kNonCausal);
  EXPECT_TRUE(uses.context.fits(7));
  EXPECT_FALSE(uses.context.fits(6));
  EXPECT_FALSE(uses.all.fits(7));
  EXPECT_EQ(check_block_ids(decoder_key(-1), *committed.view, CausalMode::kNonCausal, KeySource::kContextFromCache, 7),
            FOVEA_STATUS_SUCCESS);
}

TEST(BlockUse, MissingTablesColumnsAndSequencesWithoutQueries) {
  const Owner<Context> context = make_context(1);
  const PlanKey key = decoder_key(-1);
  TestBatch batch;
  batch.query_lens = {1, 0};
  batch.seq_lens = {40, 4000};
  {
    const CommittedTestBatch committed(context.get(), batch);
    EXPECT_FALSE(uses_of(key, *committed.view, CausalMode::kCausal).all.fits(100));
    EXPECT_EQ(check_block_ids(key, *committed.view, CausalMode::kCausal, KeySource::kCache, 100),
              FOVEA_STATUS_INVALID_ARGUMENT);
    EXPECT_STREQ(last_error_message(), "block_table: not set, but row 0 has 40 keys to read from the cache");
  }
  {
    TestBatch narrow = batch;
    narrow.table_columns = 2;
    narrow.block_table = {1, 2, kStale, kStale};
    const CommittedTestBatch committed(context.get(), narrow);
    EXPECT_FALSE(uses_of(key, *committed.view, CausalMode::kCausal).all.fits(100));
    EXPECT_EQ(check_block_ids(key, *committed.view, CausalMode::kCausal, KeySource::kCache, 100),
              FOVEA_STATUS_INVALID_ARGUMENT);
    EXPECT_STREQ(last_error_message(),
                 "block_table: has 2 columns, but row 0 with seq_len 40 needs 3 of block_size 16");
  }
  {
    TestBatch wide = batch;
    wide.table_columns = 3;
    wide.block_table = {1, 2, 3, kStale, kStale, kStale};
    const CommittedTestBatch committed(context.get(), wide);
    EXPECT_TRUE(uses_of(key, *committed.view, CausalMode::kCausal).all.fits(4));
    EXPECT_EQ(check_block_ids(key, *committed.view, CausalMode::kCausal, KeySource::kCache, 4), FOVEA_STATUS_SUCCESS);
  }
}

// The constant-time answer and the scan are two readings of one rule.
TEST(BlockUse, ExtremesAndScanAgree) {
  const Owner<Context> context = make_context(1);
  Random random(5);
  int32_t refused = 0;
  for (int32_t round = 0; round < 2000; ++round) {
    PlanKey key = decoder_key(random.pick({-1, 0, 20, 100}));
    key.window_right = random.pick({-1, 0, 20, 100});
    TestBatch batch = random_batch(random, 4, 200);
    batch.table_columns = random.between(0, 14);
    for (int32_t i = 0; i < batch.num_seqs() * batch.table_columns; ++i) {
      batch.block_table.push_back(random.chance(5) ? random.pick({-1, 64, INT32_MAX, INT32_MIN})
                                                   : random.between(0, 63));
    }
    const CommittedTestBatch committed(context.get(), batch);
    const auto mode = static_cast<CausalMode>(random.between(0, 1));
    const Uses uses = uses_of(key, *committed.view, mode);
    const bool all = check_block_ids(key, *committed.view, mode, KeySource::kCache, 64) == FOVEA_STATUS_SUCCESS;
    const bool dense =
        check_block_ids(key, *committed.view, mode, KeySource::kContextFromCache, 64) == FOVEA_STATUS_SUCCESS;
    ASSERT_EQ(uses.all.fits(64), all) << round;
    ASSERT_EQ(uses.context.fits(64), dense) << round;
    refused += !all;
  }
  EXPECT_GT(refused, 200);
  EXPECT_LT(refused, 1900);
}

}  // namespace
}  // namespace fovea
