// Graphs: plan, write, forward and merge are captured and replayed with other lengths; everything else says no. And
// what only the device can see of a batch is reported after it ran.
#include "tests/hip/gpu_fixture.h"

namespace fovea_test {
namespace {

class CaptureTest : public GpuTest {
 protected:
  void SetUp() override {
    gpu = std::make_unique<Layer>(FOVEA_DEVICE_GPU);
    cpu = std::make_unique<Layer>(FOVEA_DEVICE_CPU);
    ASSERT_EQ(hipStreamCreate(&stream), hipSuccess);
  }
  void TearDown() override {
    EXPECT_EQ(hipStreamDestroy(stream), hipSuccess);
    gpu.reset();
    cpu.reset();
    expect_nothing_left();
  }

  std::unique_ptr<Layer> gpu, cpu;
  hipStream_t stream = nullptr;
};

TEST_F(CaptureTest, ReplaysReadTheDevicesArrays) {
  const Batch batch;
  ASSERT_FOVEA(foveaMetadataSetSequences(gpu->metadata.get(), FOVEA_MEMORY_HOST, batch.num_seqs(), batch.num_tokens(),
                                         16, kMaxSeqLen, batch.query_start_loc.data(), batch.seq_lens.data()));
  ASSERT_FOVEA(foveaMetadataSetBlockTable(gpu->metadata.get(), FOVEA_MEMORY_HOST, batch.num_seqs(), kColumns, 0,
                                          batch.block_table.data()));
  ASSERT_FOVEA(foveaMetadataCommit(gpu->metadata.get(), stream));
  Buffer<int64_t> slots(true, {7 * 16, 7 * 16 + 1, -1});
  Buffer<float> fresh(true, random_floats(3 * kKvHeads * kHeadSize, 4));

  const fake_hip::Counts before = fake_hip::counts();
  ASSERT_EQ(hipStreamBeginCapture(stream, hipStreamCaptureModeGlobal), hipSuccess);
  foveaForwardArgs_t args = gpu->forward_args(stream);
  foveaKvWriteArgs_t write = FOVEA_KV_WRITE_ARGS_INIT;
  write.key = write.value = gpu->tensor(fresh.data(), {3, kKvHeads, kHeadSize});
  write.key_cache = args.key_cache;
  write.value_cache = args.value_cache;
  write.slot_mapping = slots.data();
  write.num_tokens = 3;
  write.stream = stream;
  EXPECT_FOVEA(foveaAttentionWriteKvCache(gpu->attention.get(), &write));
  const foveaPlanArgs_t plan = gpu->plan_args(stream);
  EXPECT_FOVEA(foveaAttentionPlan(gpu->attention.get(), gpu->metadata.get(), &plan));
  args.plan = plan.plan;
  args.plan_size = plan.plan_size;
  args.flags = FOVEA_FORWARD_PARTIAL_STATE;
  EXPECT_FOVEA(foveaAttentionForward(gpu->attention.get(), gpu->metadata.get(), &args));
  foveaMergeArgs_t merge = FOVEA_MERGE_ARGS_INIT;
  merge.num_states = 1;
  merge.num_tokens = batch.num_tokens();
  merge.outputs = &args.output;
  merge.lses = &args.lse;
  merge.output = args.output;
  merge.lse = args.lse;
  merge.stream = stream;
  EXPECT_FOVEA(foveaMergeAttentionStates(gpu->context.get(), &merge));

  // Not capturable, and the capture survives the attempt.
  EXPECT_EQ(foveaMetadataCommit(gpu->metadata.get(), stream), FOVEA_STATUS_INVALID_STATE);
  expect_words({"stream", "captured"});
  EXPECT_EQ(foveaMetadataCommit(gpu->metadata.get(), nullptr), FOVEA_STATUS_INVALID_STATE);
  int32_t sequence = 0;
  EXPECT_EQ(foveaMetadataGetAsyncError(gpu->metadata.get(), stream, &sequence), FOVEA_STATUS_INVALID_STATE);
  hipGraph_t graph = nullptr;
  hipGraphExec_t executable = nullptr;
  ASSERT_EQ(hipStreamEndCapture(stream, &graph), hipSuccess);
  const fake_hip::Counts after = fake_hip::counts();
  EXPECT_EQ(after.allocations, before.allocations);
  EXPECT_EQ(after.waits, before.waits);
  EXPECT_EQ(after.launches - before.launches, 4);
  ASSERT_EQ(hipGraphInstantiate(&executable, graph, nullptr, nullptr, 0), hipSuccess);

  foveaKvWriteArgs_t host_write = write;
  const foveaForwardArgs_t host_args = cpu->forward_args();
  std::vector<float> host_fresh = fresh.fetch();
  host_write.key = host_write.value = cpu->tensor(host_fresh.data(), {3, kKvHeads, kHeadSize});
  host_write.key_cache = host_args.key_cache;
  host_write.value_cache = host_args.value_cache;
  host_write.stream = nullptr;
  for (int32_t step = 0; step < 4; ++step) {
    SCOPED_TRACE(step);
    Batch next;
    next.query_start_loc = {0, 3, 3 + step, 4 + step, 20};
    next.seq_lens = {20 + step, step, 33 + 5 * step, 16 - step};
    next.block_table[4] = 1;
    ASSERT_FOVEA(gpu->set(next, stream));
    std::vector<int64_t> next_slots = {7 * 16 + 2 * step, -1, 2 * 16 + step};
    slots.set(next_slots);
    ASSERT_EQ(hipGraphLaunch(executable, stream), hipSuccess);

    host_write.slot_mapping = next_slots.data();
    ASSERT_FOVEA(foveaAttentionWriteKvCache(cpu->attention.get(), &host_write));
    ASSERT_FOVEA(cpu->set(next));
    ASSERT_FOVEA(cpu->forward());
    expect_same_results(*gpu, *cpu);
  }
  EXPECT_EQ(hipGraphExecDestroy(executable), hipSuccess);
  EXPECT_EQ(hipGraphDestroy(graph), hipSuccess);
}

TEST_F(CaptureTest, CallsOfAStepNeitherAllocateNorWait) {
  ASSERT_FOVEA(gpu->set(Batch(), stream));
  const fake_hip::Counts before = fake_hip::counts();
  const foveaPlanArgs_t plan = gpu->plan_args(stream);
  EXPECT_FOVEA(foveaAttentionPlan(gpu->attention.get(), gpu->metadata.get(), &plan));
  EXPECT_FOVEA(gpu->forward(stream));
  EXPECT_FOVEA(gpu->set(Batch(), stream));
  EXPECT_FOVEA(gpu->forward(stream));
  const fake_hip::Counts after = fake_hip::counts();
  EXPECT_EQ(after.allocations, before.allocations);
  EXPECT_EQ(after.waits, before.waits) << "the second image was free";
}

TEST_F(CaptureTest, TheFirstOffenderIsReportedOnce) {
  Batch batch;
  batch.seq_lens = {20, 4, 33, 16};
  batch.query_start_loc = {0, 3, 4, 5, 20};
  batch.block_table[4] = 6;
  Buffer<int32_t> starts(true, batch.query_start_loc);
  Buffer<int32_t> lens(true, batch.seq_lens);
  Buffer<int32_t> table(true, batch.block_table);
  foveaMetadata_t metadata = gpu->metadata.get();
  ASSERT_FOVEA(foveaMetadataSetSequences(metadata, FOVEA_MEMORY_DEVICE, batch.num_seqs(), batch.num_tokens(), 16,
                                         kMaxSeqLen, starts.data(), lens.data()));
  ASSERT_FOVEA(foveaMetadataSetBlockTable(metadata, FOVEA_MEMORY_DEVICE, batch.num_seqs(), kColumns, 0, table.data()));
  int32_t sequence = 0;
  EXPECT_FOVEA(foveaMetadataGetAsyncError(metadata, stream, &sequence)) << "before the first commit";
  EXPECT_EQ(sequence, -1);
  ASSERT_FOVEA(foveaMetadataCommit(metadata, stream));
  ASSERT_FOVEA(cpu->set(batch));
  ASSERT_FOVEA(cpu->forward());
  const std::vector<float> good = cpu->output.fetch();

  const auto expect_offenders = [&](std::vector<int32_t> offenders) {
    ASSERT_FOVEA(gpu->forward(stream));
    std::vector<float> expected = good;
    for (const int32_t s : offenders) {
      const int64_t row = kQueryHeads * kHeadSize;
      std::fill(expected.begin() + batch.query_start_loc[s] * row,
                expected.begin() + batch.query_start_loc[s + 1] * row, NAN);
    }
    expect_same(gpu->output.fetch(), expected, "output");
    EXPECT_EQ(foveaMetadataGetAsyncError(metadata, stream, &sequence), FOVEA_STATUS_INVALID_ARGUMENT);
    EXPECT_EQ(sequence, offenders[0]);
    expect_words({"sequence", std::to_string(offenders[0]).c_str(), "NaN"});
    EXPECT_FOVEA(foveaMetadataGetAsyncError(metadata, stream, &sequence)) << "it was read";
    EXPECT_EQ(sequence, -1);
  };

  table.set({7, 2, 99, 99, 6, 99, 99, 99, 5, kBlocks, 3, 99, -1, 99, 99, 99});
  expect_offenders({2, 3});
  EXPECT_EQ(foveaMetadataValidate(metadata, gpu->attention.get(), kBlocks), FOVEA_STATUS_INVALID_ARGUMENT);
  expect_words({"block_table: row 2 holds block 12 in column 1, but the cache has 12 blocks"});
  table.set(batch.block_table);
  EXPECT_FOVEA(foveaMetadataValidate(metadata, gpu->attention.get(), kBlocks));

  lens.set({20, kMaxSeqLen + 1, 33, 16});
  expect_offenders({1});
  EXPECT_EQ(foveaMetadataValidate(metadata, gpu->attention.get(), kBlocks), FOVEA_STATUS_INVALID_ARGUMENT);
  expect_words({"seq_lens: row 1 is 65"});
  lens.set({-1, 4, 33, 16});
  expect_offenders({0});
  lens.set(batch.seq_lens);
  ASSERT_FOVEA(gpu->forward(stream));
  expect_same(gpu->output.fetch(), good, "output");
  EXPECT_FOVEA(foveaMetadataGetAsyncError(metadata, stream, &sequence));

  // A commit forgets, too.
  lens.set({-1, 4, 33, 16});
  ASSERT_FOVEA(gpu->forward(stream));
  lens.set(batch.seq_lens);
  ASSERT_FOVEA(foveaMetadataCommit(metadata, stream));
  EXPECT_FOVEA(foveaMetadataGetAsyncError(metadata, stream, &sequence));
}

}  // namespace
}  // namespace fovea_test
