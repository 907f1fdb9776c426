// Batches on a GPU give what they give on the CPU: every way of handing over arrays, flags, plans, writes and merges.
#include "tests/hip/gpu_fixture.h"

namespace fovea_test {
namespace {

class BatchTest : public GpuTest {
 protected:
  void compare() {
    ASSERT_FOVEA(gpu.forward());
    ASSERT_FOVEA(cpu.forward());
    expect_same_results(gpu, cpu);
    int32_t sequence = 0;
    EXPECT_FOVEA(foveaMetadataGetAsyncError(gpu.metadata.get(), nullptr, &sequence));
    EXPECT_EQ(sequence, -1);
  }
  void set_both(const Batch& batch) {
    ASSERT_FOVEA(gpu.set(batch));
    ASSERT_FOVEA(cpu.set(batch));
  }
  void commit_both() {
    ASSERT_FOVEA(foveaMetadataCommit(gpu.metadata.get(), nullptr));
    ASSERT_FOVEA(foveaMetadataCommit(cpu.metadata.get(), nullptr));
  }

  Layer gpu{FOVEA_DEVICE_GPU};
  Layer cpu{FOVEA_DEVICE_CPU};
};

TEST_F(BatchTest, CausalAndNonCausal) {
  set_both(Batch());
  compare();
  const std::vector<float> causal = gpu.output.fetch();
  ASSERT_FOVEA(foveaMetadataSetCausal(gpu.metadata.get(), 0));
  ASSERT_FOVEA(foveaMetadataSetCausal(cpu.metadata.get(), 0));
  compare();
  EXPECT_NE(gpu.output.fetch(), causal);
}

TEST_F(BatchTest, ACallMayOverrideTheCausalFlag) {
  set_both(Batch());
  for (const int32_t flag : {0, 1}) {
    ASSERT_FOVEA(foveaMetadataSetCausal(gpu.metadata.get(), flag));
    for (const int32_t override_flag : {1, 2}) {
      ASSERT_FOVEA(foveaMetadataSetCausal(cpu.metadata.get(), override_flag == 1 ? 1 : 0));
      foveaForwardArgs_t args = gpu.forward_args();
      args.causal = override_flag;
      ASSERT_FOVEA(foveaAttentionForward(gpu.attention.get(), gpu.metadata.get(), &args));
      ASSERT_FOVEA(cpu.forward());
      expect_same_results(gpu, cpu);
    }
  }
}

TEST_F(BatchTest, FlagsOfSequencesAndPrefixRanges) {
  set_both(Batch());
  const int32_t flags[] = {0, 1, 1, 0};
  const int32_t range_start_loc[] = {0, 2, 2, 2, 4};
  const int32_t ranges[] = {17, 18, 4, 4, 3, 9, 11, 14};  // one of them is empty
  for (Layer* layer : {&gpu, &cpu}) {
    ASSERT_FOVEA(foveaMetadataSetCausalPerSequence(layer->metadata.get(), FOVEA_MEMORY_HOST, flags));
    ASSERT_FOVEA(
        foveaMetadataSetPrefixRanges(layer->metadata.get(), FOVEA_MEMORY_HOST, 4, range_start_loc, ranges));
  }
  commit_both();
  compare();

  // The same from device memory.
  Buffer<int32_t> device_flags(true, {1, 0, 0, 1});
  Buffer<int32_t> device_starts(true, {0, 2, 2, 2, 4});
  Buffer<int32_t> device_ranges(true, {17, 18, 20, 20, 2, 9, 11, 15});
  const int32_t other_flags[] = {1, 0, 0, 1};
  const int32_t other_ranges[] = {17, 18, 20, 20, 2, 9, 11, 15};
  ASSERT_FOVEA(
      foveaMetadataSetCausalPerSequence(gpu.metadata.get(), FOVEA_MEMORY_DEVICE, device_flags.data()));
  ASSERT_FOVEA(foveaMetadataSetPrefixRanges(gpu.metadata.get(), FOVEA_MEMORY_DEVICE, 4, device_starts.data(),
                                            device_ranges.data()));
  ASSERT_FOVEA(foveaMetadataSetCausalPerSequence(cpu.metadata.get(), FOVEA_MEMORY_HOST, other_flags));
  ASSERT_FOVEA(
      foveaMetadataSetPrefixRanges(cpu.metadata.get(), FOVEA_MEMORY_HOST, 4, range_start_loc, other_ranges));
  commit_both();
  compare();
}

TEST_F(BatchTest, EveryArrayMayLieOnTheDevice) {
  const Batch batch;
  Buffer<int32_t> starts(true, batch.query_start_loc);
  Buffer<int32_t> lens(true, batch.seq_lens);
  Buffer<int32_t> table(true, batch.block_table);
  ASSERT_FOVEA(foveaMetadataSetSequences(gpu.metadata.get(), FOVEA_MEMORY_DEVICE, batch.num_seqs(), batch.num_tokens(),
                                         16, kMaxSeqLen, starts.data(), lens.data()));
  ASSERT_FOVEA(foveaMetadataSetBlockTable(gpu.metadata.get(), FOVEA_MEMORY_DEVICE, batch.num_seqs(), kColumns, 0,
                                          table.data()));
  ASSERT_FOVEA(foveaMetadataCommit(gpu.metadata.get(), nullptr));
  ASSERT_FOVEA(cpu.set(batch));
  compare();

  // What the device holds when the forward runs counts, without another commit.
  Batch longer = batch;
  longer.seq_lens = {20, 0, 40, 32};
  longer.block_table[13] = 10;
  lens.set(longer.seq_lens);
  table.set(longer.block_table);
  ASSERT_FOVEA(cpu.set(longer));
  compare();

  // Back to arrays of the host, one after the other.
  ASSERT_FOVEA(foveaMetadataSetBlockTable(gpu.metadata.get(), FOVEA_MEMORY_HOST, batch.num_seqs(), kColumns, 0,
                                          longer.block_table.data()));
  ASSERT_FOVEA(foveaMetadataCommit(gpu.metadata.get(), nullptr));
  compare();
  set_both(batch);
  compare();
}

TEST_F(BatchTest, BlockTablesOfTheHostMayHaveWiderRows) {
  Batch batch;
  std::vector<int32_t> wide;
  for (int32_t s = 0; s < batch.num_seqs(); ++s) {
    wide.insert(wide.end(), &batch.block_table[s * kColumns], &batch.block_table[s * kColumns] + kColumns);
    wide.insert(wide.end(), {-1, -1, -1});
  }
  set_both(batch);
  ASSERT_FOVEA(foveaMetadataSetBlockTable(gpu.metadata.get(), FOVEA_MEMORY_HOST, batch.num_seqs(), kColumns,
                                          kColumns + 3, wide.data()));
  ASSERT_FOVEA(foveaMetadataCommit(gpu.metadata.get(), nullptr));
  compare();
}

// The device is always several batches behind: an image that is written before it was sent would be seen.
TEST_F(BatchTest, CommitsRunAheadOfTheDevice) {
  hipStream_t stream = nullptr;
  ASSERT_EQ(hipStreamCreate(&stream), hipSuccess);
  constexpr int32_t kSteps = 7;
  std::vector<std::unique_ptr<Buffer<float>>> outputs;  // made before: filling them waits for the device
  for (int32_t step = 0; step < kSteps; ++step) {
    outputs.push_back(
        std::make_unique<Buffer<float>>(true, std::vector<float>(kMaxTokens * kQueryHeads * kHeadSize, -77)));
  }
  std::vector<std::vector<float>> expected;
  for (int32_t step = 0; step < kSteps; ++step) {
    Batch batch;
    batch.seq_lens = {3 + step, step % 2, 33 - step, 16 + step};
    batch.block_table[step % 2] = step;
    batch.block_table[4] = 11;
    batch.block_table[13] = 10;
    ASSERT_FOVEA(gpu.set(batch, stream));
    ASSERT_FOVEA(cpu.set(batch));
    // What was handed over may be overwritten at once.
    std::fill(batch.block_table.begin(), batch.block_table.end(), -5);
    std::fill(batch.seq_lens.begin(), batch.seq_lens.end(), -5);
    foveaForwardArgs_t args = gpu.forward_args(stream);
    args.output.data = outputs[step]->data();
    ASSERT_FOVEA(foveaAttentionForward(gpu.attention.get(), gpu.metadata.get(), &args));
    ASSERT_FOVEA(cpu.forward());
    expected.push_back(cpu.output.fetch());
  }
  ASSERT_EQ(hipStreamSynchronize(stream), hipSuccess);
  for (size_t step = 0; step < outputs.size(); ++step) {
    SCOPED_TRACE(step);
    expect_same(outputs[step]->fetch(), expected[step], "output");
  }
  EXPECT_EQ(hipStreamDestroy(stream), hipSuccess);
}

TEST_F(BatchTest, PlansAreMadeOnceAndShared) {
  set_both(Batch());
  foveaConfig_t other_config = Layer::make_config().release();
  ASSERT_FOVEA(foveaConfigSetScale(other_config, 0.5f));
  foveaAttention_t other = nullptr;
  ASSERT_FOVEA(foveaAttentionCreate(gpu.context.get(), other_config, FOVEA_BACKEND_AUTO, &other));
  foveaConfigDestroy(other_config);

  const foveaPlanArgs_t plan = gpu.plan_args();
  ASSERT_FOVEA(foveaAttentionPlan(gpu.attention.get(), gpu.metadata.get(), &plan));
  foveaForwardArgs_t args = gpu.forward_args();
  args.plan = plan.plan;
  args.plan_size = plan.plan_size;
  EXPECT_FOVEA(foveaAttentionForward(other, gpu.metadata.get(), &args)) << "of equal plan key";
  EXPECT_FOVEA(foveaAttentionForward(gpu.attention.get(), gpu.metadata.get(), &args));
  ASSERT_FOVEA(cpu.forward());
  expect_same_results(gpu, cpu);
  foveaAttentionDestroy(other);
}

TEST_F(BatchTest, WritesThenReads) {
  constexpr int32_t kTokens = 5;
  const std::vector<int64_t> slots = {7 * 16 + 3, -1, 2 * 16 + 1, 9 * 16, 5 * 16 + 15};
  for (Layer* layer : {&gpu, &cpu}) {
    Buffer<float> key(layer->on_device, random_floats(kTokens * kKvHeads * kHeadSize, 5));
    Buffer<float> value(layer->on_device, random_floats(kTokens * kKvHeads * kHeadSize, 6));
    Buffer<int64_t> slot_mapping(layer->on_device, slots);
    const foveaForwardArgs_t forward = layer->forward_args();
    foveaKvWriteArgs_t args = FOVEA_KV_WRITE_ARGS_INIT;
    args.key = layer->tensor(key.data(), {kTokens, kKvHeads, kHeadSize});
    args.value = layer->tensor(value.data(), {kTokens, kKvHeads, kHeadSize});
    args.key_cache = forward.key_cache;
    args.value_cache = forward.value_cache;
    args.slot_mapping = slot_mapping.data();
    args.num_tokens = kTokens;
    ASSERT_FOVEA(foveaAttentionWriteKvCache(layer->attention.get(), &args));
  }
  EXPECT_EQ(gpu.key_cache.fetch(), cpu.key_cache.fetch());
  EXPECT_EQ(gpu.value_cache.fetch(), cpu.value_cache.fetch());
  set_both(Batch());
  compare();
}

TEST_F(BatchTest, PartialStatesAreMerged) {
  set_both(Batch());
  for (Layer* layer : {&gpu, &cpu}) {
    std::unique_ptr<Buffer<float>> outputs[2], lses[2];
    foveaTensor_t states[2], logs[2];
    for (int n = 0; n < 2; ++n) {
      outputs[n] = std::make_unique<Buffer<float>>(layer->on_device, layer->output.fetch());
      lses[n] = std::make_unique<Buffer<float>>(layer->on_device, layer->lse.fetch());
      foveaForwardArgs_t args = layer->forward_args();
      args.output.data = outputs[n]->data();
      args.lse.data = lses[n]->data();
      args.flags = FOVEA_FORWARD_PARTIAL_STATE;
      args.causal = n + 1;
      ASSERT_FOVEA(foveaAttentionForward(layer->attention.get(), layer->metadata.get(), &args));
      states[n] = args.output;
      logs[n] = args.lse;
    }
    Buffer<float> sinks(layer->on_device, {0.5f, -1, 2, -INFINITY});
    foveaMergeArgs_t merge = FOVEA_MERGE_ARGS_INIT;
    merge.num_states = 2;
    merge.num_tokens = Batch().num_tokens();
    merge.outputs = states;
    merge.lses = logs;
    merge.output = layer->forward_args().output;
    merge.lse = layer->forward_args().lse;
    merge.sinks = sinks.data();
    ASSERT_FOVEA(foveaMergeAttentionStates(layer->context.get(), &merge));
    layer->output.fetch();
  }
  expect_same_results(gpu, cpu);
}

TEST_F(BatchTest, ThisStepsKeysNeedNoCacheWithoutContext) {
  Batch batch;
  batch.query_start_loc = {0, 5, 7};
  batch.seq_lens = {5, 2};
  batch.block_table.assign(2 * kColumns, -1);
  set_both(batch);
  for (Layer* layer : {&gpu, &cpu}) {
    Buffer<float> key(layer->on_device, random_floats(kMaxTokens * kKvHeads * kHeadSize, 8));
    Buffer<float> value(layer->on_device, random_floats(kMaxTokens * kKvHeads * kHeadSize, 9));
    foveaForwardArgs_t args = layer->forward_args();
    args.key = layer->tensor(key.data(), {kMaxTokens, kKvHeads, kHeadSize});
    args.value = layer->tensor(value.data(), {kMaxTokens, kKvHeads, kHeadSize});
    args.key_cache.data = args.value_cache.data = nullptr;
    ASSERT_FOVEA(foveaAttentionForward(layer->attention.get(), layer->metadata.get(), &args));
    layer->output.fetch();
  }
  expect_same_results(gpu, cpu);

  batch.seq_lens = {6, 2};
  ASSERT_FOVEA(gpu.set(batch));
  Buffer<float> key(true, random_floats(kMaxTokens * kKvHeads * kHeadSize, 8));
  foveaForwardArgs_t args = gpu.forward_args();
  args.key = args.value = gpu.tensor(key.data(), {kMaxTokens, kKvHeads, kHeadSize});
  args.key_cache.data = args.value_cache.data = nullptr;
  EXPECT_EQ(foveaAttentionForward(gpu.attention.get(), gpu.metadata.get(), &args), FOVEA_STATUS_INVALID_ARGUMENT);
  expect_words({"key_cache: absent", "context"});
}

TEST_F(BatchTest, EmptyBatchesLaunchNothing) {
  ASSERT_FOVEA(foveaMetadataSetSequences(gpu.metadata.get(), FOVEA_MEMORY_HOST, 0, 0, 0, 0, nullptr, nullptr));
  ASSERT_FOVEA(foveaMetadataCommit(gpu.metadata.get(), nullptr));
  const int launches = fake_hip::counts().launches;
  EXPECT_FOVEA(gpu.forward());
  const foveaPlanArgs_t plan = gpu.plan_args();
  EXPECT_FOVEA(foveaAttentionPlan(gpu.attention.get(), gpu.metadata.get(), &plan));
  EXPECT_FOVEA(foveaMetadataValidate(gpu.metadata.get(), gpu.attention.get(), kBlocks));
  EXPECT_EQ(fake_hip::counts().launches, launches);
}

}  // namespace
}  // namespace fovea_test
