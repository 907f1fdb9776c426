// A hoisted plan: it serves every attention of equal config and this batch, and is refused for anything else.
#include <gtest/gtest.h>

#include <cstdlib>
#include <cstring>

#include "impl/attention.h"
#include "impl/memory.h"
#include "tests/impl/batch_fixture.h"

namespace fovea {
namespace {

struct Buffer {
  explicit Buffer(size_t size) : size(size) { EXPECT_EQ(posix_memalign(&data, kAlignment, align_up(size)), 0); }
  ~Buffer() { std::free(data); }
  size_t size;
  void* data = nullptr;
};

class PlanReuse : public testing::Test {
 protected:
  static constexpr int32_t kHeads = 4, kKvHeads = 2, kSize = 32, kBlocks = 96;

  PlanReuse() {
    config.num_query_heads = kHeads;
    config.num_kv_heads = kKvHeads;
    config.head_size = kSize;
    config.query_type = FOVEA_DATA_TYPE_F32;
    config.non_causal = true;
    batch.query_lens = {5, 1, 0, 3};
    batch.seq_lens = {700, 600, 3, 3};
    batch.table_columns = 44;
    Random random(3);
    for (int32_t i = 0; i < 4 * 44; ++i) batch.block_table.push_back(random.between(0, kBlocks - 1));
    metadata = make_metadata(context.get(), batch.limits());
    batch.commit(metadata.get());
    attention = bind(config);
    query.resize(batch.num_tokens() * kHeads * kSize);
    keys.resize(kBlocks * 16 * kKvHeads * kSize);
    values.resize(keys.size());
    for (float& x : query) x = random.between(-1000, 1000) * 1e-3f;
    for (float& x : keys) x = random.between(-1000, 1000) * 1e-3f;
    for (float& x : values) x = random.between(-1000, 1000) * 1e-3f;
    const foveaMetadataLimits_t limits = batch.limits();
    size_t size = 0;
    EXPECT_EQ(attention->workspace_size(limits, &size), FOVEA_STATUS_SUCCESS);
    workspace = std::make_unique<Buffer>(size);
    EXPECT_EQ(attention->plan_size(limits, &size), FOVEA_STATUS_SUCCESS);
    plan = std::make_unique<Buffer>(size);
  }

  Owner<Attention> bind(const LayerConfig& layer) {
    Attention* created = nullptr;
    EXPECT_EQ(create_attention(context.get(), layer, FOVEA_BACKEND_CPU_ATTN, &created), FOVEA_STATUS_SUCCESS)
        << last_error_message();
    return Owner<Attention>(created);
  }

  foveaStatus_t make(int32_t causal = 0) {
    foveaPlanArgs_t args = FOVEA_PLAN_ARGS_INIT;
    args.plan = plan->data;
    args.plan_size = plan->size;
    args.causal = causal;
    return attention->plan(*metadata, args);
  }

  foveaStatus_t forward(const Attention& with, const Metadata& of, bool with_plan, std::vector<float>* output,
                        int32_t causal = 0) {
    output->assign(query.size(), -7.0f);
    foveaForwardArgs_t args = FOVEA_FORWARD_ARGS_INIT;
    const int64_t tokens = batch.num_tokens();
    args.query = {query.data(), FOVEA_DATA_TYPE_F32, 3, {tokens, kHeads, kSize}, {}};
    args.output = {output->data(), FOVEA_DATA_TYPE_F32, 3, {tokens, kHeads, kSize}, {}};
    args.key_cache = {keys.data(), FOVEA_DATA_TYPE_F32, 4, {kBlocks, 16, kKvHeads, kSize}, {}};
    args.value_cache = {values.data(), FOVEA_DATA_TYPE_F32, 4, {kBlocks, 16, kKvHeads, kSize}, {}};
    args.workspace = workspace->data;
    args.workspace_size = workspace->size;
    args.causal = causal;
    if (with_plan) {
      args.plan = plan->data;
      args.plan_size = plan->size;
    }
    return with.forward(of, args);
  }

  void expect_refused(foveaStatus_t status, const char* sentence,
                      foveaStatus_t expected = FOVEA_STATUS_INVALID_ARGUMENT) {
    EXPECT_EQ(status, expected);
    EXPECT_STREQ(last_error_message(), sentence);
  }

  Owner<Context> context = make_context(3);
  LayerConfig config;
  TestBatch batch;
  Owner<Metadata> metadata;
  Owner<Attention> attention;
  std::vector<float> query, keys, values;
  std::unique_ptr<Buffer> workspace, plan;
};

TEST_F(PlanReuse, GivesTheBitsOfAForwardWithoutPlan) {
  std::vector<float> with, without;
  for (int32_t causal : {1, 2}) {
    ASSERT_EQ(make(causal), FOVEA_STATUS_SUCCESS) << last_error_message();
    ASSERT_EQ(forward(*attention, *metadata, false, &without, causal), FOVEA_STATUS_SUCCESS) << last_error_message();
    for (int layer = 0; layer < 3; ++layer) {
      const Owner<Attention> other = bind(config);
      ASSERT_EQ(forward(*other, *metadata, true, &with, causal), FOVEA_STATUS_SUCCESS) << last_error_message();
      EXPECT_EQ(std::memcmp(with.data(), without.data(), with.size() * sizeof(float)), 0);
    }
  }
}

// Nothing that only one layer needs is part of a plan.
TEST_F(PlanReuse, ServesAnotherScale) {
  ASSERT_EQ(make(), FOVEA_STATUS_SUCCESS);
  LayerConfig other = config;
  other.scale = 0.25f;
  other.softcap = 30;
  std::vector<float> output;
  EXPECT_EQ(forward(*bind(other), *metadata, true, &output), FOVEA_STATUS_SUCCESS) << last_error_message();
}

TEST_F(PlanReuse, IsRefusedForAnythingElse) {
  std::vector<float> output;
  ASSERT_EQ(make(), FOVEA_STATUS_SUCCESS);
  LayerConfig windowed = config;
  windowed.window_left = 127;
  expect_refused(forward(*bind(windowed), *metadata, true, &output),
                 "plan: made for an attention with left window -1, but this one has 127");
  expect_refused(forward(*attention, *metadata, true, &output, 2),
                 "plan: made for causal attention, but this forward is non-causal");
  ASSERT_EQ(metadata->set_causal(0), FOVEA_STATUS_SUCCESS);
  expect_refused(forward(*attention, *metadata, true, &output),
                 "plan: made for causal attention, but this forward is non-causal");
  ASSERT_EQ(metadata->set_causal(1), FOVEA_STATUS_SUCCESS);
  EXPECT_EQ(forward(*attention, *metadata, true, &output), FOVEA_STATUS_SUCCESS);

  const Owner<Metadata> twin = make_metadata(context.get(), batch.limits());
  batch.commit(twin.get());
  expect_refused(forward(*attention, *twin, true, &output), "plan: made for other metadata");

  batch.commit(metadata.get());
  expect_refused(forward(*attention, *metadata, true, &output),
                 "plan: made for an earlier batch of this metadata (commit 1, now 2)");
  for (float x : output) ASSERT_EQ(x, -7.0f) << "a refused forward writes nothing";
}

TEST_F(PlanReuse, OverwrittenAndCutPlansAreNoticed) {
  std::vector<float> output;
  constexpr char kNoPlan[] = "plan: the memory does not hold a plan (foveaAttentionPlan), or was overwritten";
  std::memset(plan->data, 0, plan->size);
  expect_refused(forward(*attention, *metadata, true, &output), kNoPlan);
  for (size_t at = 0; at < sizeof(PlanHeader); ++at) {
    ASSERT_EQ(make(), FOVEA_STATUS_SUCCESS);
    static_cast<unsigned char*>(plan->data)[at] ^= 0x40;
    ASSERT_NE(forward(*attention, *metadata, true, &output), FOVEA_STATUS_SUCCESS) << "byte " << at;
    ASSERT_STREQ(last_error_message(), kNoPlan);
  }
  ASSERT_EQ(make(), FOVEA_STATUS_SUCCESS);
  plan->size = 100;
  EXPECT_EQ(forward(*attention, *metadata, true, &output), FOVEA_STATUS_WORKSPACE_TOO_SMALL);
  expect_refused(make(), last_error_message(), FOVEA_STATUS_WORKSPACE_TOO_SMALL);
}

TEST_F(PlanReuse, BlockIdsAreCheckedAgainstEachCache) {
  std::vector<float> output;
  batch.block_table[44 + 2] = kBlocks;  // row 1, column 2
  batch.commit(metadata.get());
  ASSERT_EQ(make(), FOVEA_STATUS_SUCCESS) << "a plan knows no cache";
  for (bool with_plan : {true, false}) {
    expect_refused(forward(*attention, *metadata, with_plan, &output),
                   "block_table: row 1 holds block 96 in column 2, but the cache has 96 blocks");
  }
}

}  // namespace
}  // namespace fovea
