// What the host can see to be wrong with a call on a GPU is refused before anything is launched.
#include "tests/hip/gpu_fixture.h"

namespace fovea_test {
namespace {

class RefusalTest : public GpuTest {
 protected:
  void SetUp() override {
    gpu = std::make_unique<Layer>(FOVEA_DEVICE_GPU);
    ASSERT_FOVEA(gpu->set(Batch()));
  }
  void expect_forward_refused(const foveaForwardArgs_t& args, foveaStatus_t status,
                              std::initializer_list<const char*> words) {
    const int launches = fake_hip::counts().launches;
    EXPECT_EQ(foveaAttentionForward(gpu->attention.get(), gpu->metadata.get(), &args), status);
    expect_words(words);
    EXPECT_EQ(fake_hip::counts().launches, launches);
  }

  std::unique_ptr<Layer> gpu;
};

TEST_F(RefusalTest, TensorsAreAlignedToSixteenBytes) {
  foveaForwardArgs_t args = gpu->forward_args();
  args.query.data = gpu->query.data() + 1;
  expect_forward_refused(args, FOVEA_STATUS_INVALID_ARGUMENT, {"query", "16 bytes"});
  args = gpu->forward_args();
  args.value_cache.data = gpu->value_cache.data() + 2;
  expect_forward_refused(args, FOVEA_STATUS_INVALID_ARGUMENT, {"value_cache", "16 bytes"});
  args = gpu->forward_args();
  args.output.data = gpu->output.data() + 3;
  expect_forward_refused(args, FOVEA_STATUS_INVALID_ARGUMENT, {"output", "16 bytes"});
}

TEST_F(RefusalTest, ShapesAreCheckedAsOnTheCpu) {
  foveaForwardArgs_t args = gpu->forward_args();
  args.query.shape[0] = 19;
  expect_forward_refused(args, FOVEA_STATUS_INVALID_ARGUMENT,
                         {"query: shape[0] is 19, expected at least num_tokens 20"});
  args = gpu->forward_args();
  args.output.dtype = FOVEA_DATA_TYPE_BF16;
  expect_forward_refused(args, FOVEA_STATUS_INVALID_ARGUMENT, {"output: dtype is bf16, expected f32"});
  args = gpu->forward_args();
  args.k_scale = gpu->query.data();
  expect_forward_refused(args, FOVEA_STATUS_INVALID_ARGUMENT, {"k_scale: given"});
  args = gpu->forward_args();
  args.flags = 2;
  expect_forward_refused(args, FOVEA_STATUS_INVALID_ARGUMENT, {"flags"});
  args = gpu->forward_args();
  args.causal = 3;
  expect_forward_refused(args, FOVEA_STATUS_INVALID_ARGUMENT, {"causal: 3"});
}

TEST_F(RefusalTest, WorkspaceAndPlanMemory) {
  const foveaMetadataLimits_t limits = small_limits();
  size_t size = 0;
  ASSERT_FOVEA(foveaAttentionGetWorkspaceSize(gpu->attention.get(), &limits, &size));
  foveaForwardArgs_t args = gpu->forward_args();
  args.workspace = nullptr;
  expect_forward_refused(args, FOVEA_STATUS_INVALID_ARGUMENT, {"workspace: NULL"});
  args = gpu->forward_args();
  args.workspace = static_cast<char*>(args.workspace) + 16;
  expect_forward_refused(args, FOVEA_STATUS_INVALID_ARGUMENT, {"workspace", "64 bytes"});
  args = gpu->forward_args();
  args.workspace_size = 100;
  expect_forward_refused(args, FOVEA_STATUS_WORKSPACE_TOO_SMALL, {"workspace_size: 100 is too small"});
  args.workspace_size = size;
  EXPECT_FOVEA(foveaAttentionForward(gpu->attention.get(), gpu->metadata.get(), &args)) << "as was asked for";

  foveaPlanArgs_t plan = gpu->plan_args();
  plan.plan_size = 8;
  EXPECT_EQ(foveaAttentionPlan(gpu->attention.get(), gpu->metadata.get(), &plan), FOVEA_STATUS_WORKSPACE_TOO_SMALL);
  plan = gpu->plan_args();
  plan.plan = nullptr;
  EXPECT_EQ(foveaAttentionPlan(gpu->attention.get(), gpu->metadata.get(), &plan), FOVEA_STATUS_INVALID_ARGUMENT);
}

TEST_F(RefusalTest, PlansOfOtherBatches) {
  foveaForwardArgs_t args = gpu->forward_args();
  const foveaPlanArgs_t plan = gpu->plan_args();
  args.plan = plan.plan;
  args.plan_size = plan.plan_size;
  expect_forward_refused(args, FOVEA_STATUS_INVALID_ARGUMENT, {"plan: not made"});
  ASSERT_FOVEA(foveaAttentionPlan(gpu->attention.get(), gpu->metadata.get(), &plan));
  EXPECT_FOVEA(foveaAttentionForward(gpu->attention.get(), gpu->metadata.get(), &args));

  args.causal = 2;
  expect_forward_refused(args, FOVEA_STATUS_INVALID_ARGUMENT, {"plan: not made"});
  args.causal = 0;
  ASSERT_FOVEA(foveaMetadataSetCausal(gpu->metadata.get(), 0));
  expect_forward_refused(args, FOVEA_STATUS_INVALID_ARGUMENT, {"plan: not made"});
  ASSERT_FOVEA(foveaMetadataSetCausal(gpu->metadata.get(), 1));
  ASSERT_FOVEA(gpu->set(Batch()));
  expect_forward_refused(args, FOVEA_STATUS_INVALID_ARGUMENT, {"plan: not made"});

  // An attention that plans differently.
  ASSERT_FOVEA(foveaAttentionPlan(gpu->attention.get(), gpu->metadata.get(), &plan));
  const Owner<foveaConfig_t> config = Layer::make_config();
  ASSERT_FOVEA(foveaConfigSetSlidingWindow(config.get(), 7, -1));
  foveaAttention_t other = nullptr;
  ASSERT_FOVEA(foveaAttentionCreate(gpu->context.get(), config.get(), FOVEA_BACKEND_AUTO, &other));
  EXPECT_EQ(foveaAttentionForward(other, gpu->metadata.get(), &args), FOVEA_STATUS_INVALID_ARGUMENT);
  // The memory holds the other's plan now.
  ASSERT_FOVEA(foveaAttentionPlan(other, gpu->metadata.get(), &plan));
  EXPECT_FOVEA(foveaAttentionForward(other, gpu->metadata.get(), &args));
  expect_forward_refused(args, FOVEA_STATUS_INVALID_ARGUMENT, {"plan: not made"});
  foveaAttentionDestroy(other);
}

TEST_F(RefusalTest, MemoryOfAnotherDevice) {
  ASSERT_EQ(hipSetDevice(1), hipSuccess);
  {
    Buffer<float> elsewhere(true, std::vector<float>(kMaxTokens * kQueryHeads * kHeadSize));
    Buffer<int32_t> lens(true, Batch().seq_lens);
    ASSERT_EQ(hipSetDevice(0), hipSuccess);
    foveaForwardArgs_t args = gpu->forward_args();
    args.output.data = elsewhere.data();
    expect_forward_refused(args, FOVEA_STATUS_INVALID_ARGUMENT, {"output", "of device 1", "of device 0"});
    foveaMergeArgs_t merge = FOVEA_MERGE_ARGS_INIT;
    args = gpu->forward_args();
    merge.num_states = 1;
    merge.num_tokens = 4;
    merge.outputs = &args.output;
    merge.lses = &args.lse;
    merge.output = args.output;
    merge.output.data = elsewhere.data();
    EXPECT_EQ(foveaMergeAttentionStates(gpu->context.get(), &merge), FOVEA_STATUS_INVALID_ARGUMENT);
    expect_words({"output", "of device 1"});

    ASSERT_FOVEA(foveaMetadataSetSequences(gpu->metadata.get(), FOVEA_MEMORY_DEVICE, 4, 20, 16, kMaxSeqLen,
                                           lens.data(), lens.data()));
    EXPECT_EQ(foveaMetadataCommit(gpu->metadata.get(), nullptr), FOVEA_STATUS_INVALID_ARGUMENT);
    expect_words({"query_start_loc", "of device 1"});
    EXPECT_FOVEA(gpu->forward()) << "the batch that was current stays";
  }
}

TEST_F(RefusalTest, MetadataOfAnotherContext) {
  Layer cpu(FOVEA_DEVICE_CPU);
  ASSERT_FOVEA(cpu.set(Batch()));
  const foveaForwardArgs_t args = gpu->forward_args();
  EXPECT_EQ(foveaAttentionForward(gpu->attention.get(), cpu.metadata.get(), &args), FOVEA_STATUS_INVALID_ARGUMENT);
  expect_words({"another context"});
}

TEST_F(RefusalTest, HostArraysAreCheckedWhenTheyAreSet) {
  Batch batch;
  batch.seq_lens[2] = kMaxSeqLen + 1;
  EXPECT_EQ(gpu->set(batch), FOVEA_STATUS_INVALID_ARGUMENT);
  expect_words({"seq_lens: row 2 is 65"});
  const std::vector<int32_t> few(kColumns, 0);
  ASSERT_FOVEA(foveaMetadataSetBlockTable(gpu->metadata.get(), FOVEA_MEMORY_HOST, 1, kColumns, 0, few.data()));
  EXPECT_EQ(foveaMetadataCommit(gpu->metadata.get(), nullptr), FOVEA_STATUS_INVALID_ARGUMENT);
  expect_words({"block_table: has 1 rows"});
}

TEST_F(RefusalTest, WritesAndNonCausalAreDeclared) {
  const Owner<foveaConfig_t> config = Layer::make_config();
  ASSERT_FOVEA(foveaConfigSetPerSequenceCausal(config.get(), 0));
  ASSERT_FOVEA(foveaConfigSetNonCausal(config.get(), 0));
  foveaAttention_t causal = nullptr;
  ASSERT_FOVEA(foveaAttentionCreate(gpu->context.get(), config.get(), FOVEA_BACKEND_AUTO, &causal));
  foveaForwardArgs_t args = gpu->forward_args();
  args.causal = 2;
  EXPECT_EQ(foveaAttentionForward(causal, gpu->metadata.get(), &args), FOVEA_STATUS_NOT_SUPPORTED);
  expect_words({"non-causal attention not supported"});
  foveaAttentionDestroy(causal);

  foveaKvWriteArgs_t write = FOVEA_KV_WRITE_ARGS_INIT;
  write.num_tokens = 4;
  write.key = write.value = gpu->tensor(gpu->query.data(), {4, kKvHeads, kHeadSize});
  write.key_cache = args.key_cache;
  write.value_cache = args.value_cache;
  EXPECT_EQ(foveaAttentionWriteKvCache(gpu->attention.get(), &write), FOVEA_STATUS_INVALID_ARGUMENT);
  expect_words({"slot_mapping: NULL"});
}

}  // namespace
}  // namespace fovea_test
