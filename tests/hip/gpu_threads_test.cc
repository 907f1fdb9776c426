// One context and one attention, used by many threads at once.
#include <thread>

#include "tests/hip/gpu_fixture.h"

namespace fovea_test {
namespace {

constexpr int kThreads = 4;
constexpr int kRounds = 20;

// A thread's own scratch, results and stream.
struct Caller {
  explicit Caller(Layer& layer)
      : layer(layer),
        output(true, std::vector<float>(kMaxTokens * kQueryHeads * kHeadSize, -77)),
        lse(true, std::vector<float>(kMaxTokens * kQueryHeads, -77)),
        workspace(true, std::vector<float>(layer.workspace.bytes() / sizeof(float), 0)),
        plan(true, std::vector<float>(layer.plan.bytes() / sizeof(float), 0)) {
    EXPECT_EQ(hipStreamCreate(&stream), hipSuccess);
  }
  ~Caller() { EXPECT_EQ(hipStreamDestroy(stream), hipSuccess); }

  foveaStatus_t plan_and_forward(foveaMetadata_t metadata, int32_t causal) {
    foveaPlanArgs_t planned = layer.plan_args(stream);
    planned.plan = plan.data();
    planned.causal = causal;
    const foveaStatus_t status = foveaAttentionPlan(layer.attention.get(), metadata, &planned);
    if (status != FOVEA_STATUS_SUCCESS) return status;
    foveaForwardArgs_t args = layer.forward_args(stream);
    args.output.data = output.data();
    args.lse.data = lse.data();
    args.workspace = workspace.data();
    args.plan = planned.plan;
    args.plan_size = planned.plan_size;
    args.causal = causal;
    return foveaAttentionForward(layer.attention.get(), metadata, &args);
  }

  Layer& layer;
  Buffer<float> output, lse, workspace, plan;
  hipStream_t stream = nullptr;
};

class GpuThreads : public GpuTest {
 protected:
  // What the CPU gives for a mask (1 causal, 2 non-causal) of a batch.
  std::vector<float> expected(const Batch& batch, int32_t causal) {
    EXPECT_FOVEA(cpu.set(batch));
    EXPECT_FOVEA(foveaMetadataSetCausal(cpu.metadata.get(), causal == 1 ? 1 : 0));
    EXPECT_FOVEA(cpu.forward());
    return cpu.output.fetch();
  }

  Layer gpu{FOVEA_DEVICE_GPU};
  Layer cpu{FOVEA_DEVICE_CPU};
};

TEST_F(GpuThreads, ShareCommittedMetadata) {
  ASSERT_FOVEA(gpu.set(Batch()));
  ASSERT_EQ(hipDeviceSynchronize(), hipSuccess);
  const std::vector<float> want[] = {expected(Batch(), 1), expected(Batch(), 2)};
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      Caller caller(gpu);
      for (int round = 0; round < kRounds; ++round) {
        const int32_t causal = 1 + (t + round) % 2;
        ASSERT_FOVEA(caller.plan_and_forward(gpu.metadata.get(), causal));
        expect_same(caller.output.fetch(), want[causal - 1], "output");
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
}

TEST_F(GpuThreads, EachWithABatchOfItsOwn) {
  std::vector<Batch> batches(kThreads);
  std::vector<std::vector<float>> want;
  for (int t = 0; t < kThreads; ++t) {
    batches[t].seq_lens = {20 - t, t, 33 - 3 * t, 16 + t};
    batches[t].block_table[4] = 1;
    batches[t].block_table[13] = 8;
    want.push_back(expected(batches[t], 1));
  }
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      Caller caller(gpu);
      const foveaMetadataLimits_t limits = small_limits();
      const Batch& batch = batches[t];
      for (int round = 0; round < kRounds; ++round) {
        foveaMetadata_t metadata = nullptr;
        ASSERT_FOVEA(foveaMetadataCreate(gpu.context.get(), &limits, &metadata));
        const Owner<foveaMetadata_t> owner(metadata);
        ASSERT_FOVEA(foveaMetadataSetSequences(metadata, FOVEA_MEMORY_HOST, batch.num_seqs(), batch.num_tokens(), 0, 0,
                                               batch.query_start_loc.data(), batch.seq_lens.data()));
        ASSERT_FOVEA(foveaMetadataSetBlockTable(metadata, FOVEA_MEMORY_HOST, batch.num_seqs(), kColumns, 0,
                                                batch.block_table.data()));
        ASSERT_FOVEA(foveaMetadataCommit(metadata, caller.stream));
        ASSERT_FOVEA(caller.plan_and_forward(metadata, 1));
        int32_t sequence = 0;
        ASSERT_FOVEA(foveaMetadataGetAsyncError(metadata, caller.stream, &sequence));
        expect_same(caller.output.fetch(), want[t], "output");
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
}

}  // namespace
}  // namespace fovea_test
