// Device and pinned memory that runs out: a status and a sentence, nothing lost, and the next call works.
#include "tests/hip/gpu_fixture.h"

namespace fovea_test {
namespace {

// Calls `body` with the first, the second, ... allocation failing until it needs no more; returns how many it needs.
template <class Body>
int fail_each_allocation(Body body) {
  for (int n = 1;; ++n) {
    const fake_hip::Counts before = fake_hip::counts();
    fake_hip::fail_allocation(n);
    const foveaStatus_t status = body();
    const bool failed = fake_hip::counts().allocations - before.allocations >= n;
    fake_hip::fail_allocation(0);
    const fake_hip::Counts after = fake_hip::counts();
    EXPECT_EQ(after.live_device_blocks, before.live_device_blocks) << n;
    EXPECT_EQ(after.live_pinned_blocks, before.live_pinned_blocks) << n;
    EXPECT_EQ(after.live_events, before.live_events) << n;
    if (!failed) {
      EXPECT_EQ(status, FOVEA_STATUS_SUCCESS) << foveaGetLastErrorMessage();
      return n - 1;
    }
    EXPECT_TRUE(status == FOVEA_STATUS_DEVICE_OUT_OF_MEMORY || status == FOVEA_STATUS_OUT_OF_MEMORY) << status;
    expect_words({"memory"});
  }
}

TEST_F(GpuTest, MetadataWithoutMemory) {
  {
    const Owner<foveaContext_t> context = make_context(FOVEA_DEVICE_GPU);
    const foveaMetadataLimits_t limits = small_limits();
    EXPECT_EQ(fail_each_allocation([&] {
                foveaMetadata_t metadata = nullptr;
                const foveaStatus_t status = foveaMetadataCreate(context.get(), &limits, &metadata);
                EXPECT_EQ(metadata != nullptr, status == FOVEA_STATUS_SUCCESS);
                foveaMetadataDestroy(metadata);
                return status;
              }),
              3);
  }
  expect_nothing_left();
}

TEST_F(GpuTest, AttentionWithoutMemory) {
  {
    const Owner<foveaContext_t> context = make_context(FOVEA_DEVICE_GPU);
    const Owner<foveaConfig_t> config = Layer::make_config();
    EXPECT_EQ(fail_each_allocation([&] {
                foveaAttention_t attention = nullptr;
                const foveaStatus_t status =
                    foveaAttentionCreate(context.get(), config.get(), FOVEA_BACKEND_AUTO, &attention);
                EXPECT_EQ(attention != nullptr, status == FOVEA_STATUS_SUCCESS);
                foveaAttentionDestroy(attention);
                return status;
              }),
              1);
  }
  expect_nothing_left();
}

TEST_F(GpuTest, MetadataLargerThanTheDeviceIsRefused) {
  const Owner<foveaContext_t> context = make_context(FOVEA_DEVICE_GPU);
  foveaMetadataLimits_t limits = small_limits();
  limits.max_num_seqs = INT32_MAX;
  limits.max_blocks_per_seq = INT32_MAX;
  foveaMetadata_t metadata = nullptr;
  const foveaStatus_t status = foveaMetadataCreate(context.get(), &limits, &metadata);
  EXPECT_TRUE(status == FOVEA_STATUS_DEVICE_OUT_OF_MEMORY || status == FOVEA_STATUS_OUT_OF_MEMORY);
  EXPECT_EQ(metadata, nullptr);
}

TEST_F(GpuTest, AnyOrderOfDestruction) {
  for (int order = 0; order < 6; ++order) {
    {
      Layer gpu(FOVEA_DEVICE_GPU);
      ASSERT_FOVEA(gpu.set(Batch()));
      ASSERT_FOVEA(gpu.forward());
      for (int i = 0; i < 3; ++i) {
        switch ((order + (order < 3 ? i : 3 - i)) % 3) {
          case 0: gpu.context.reset(); break;
          case 1: gpu.attention.reset(); break;
          default: gpu.metadata.reset(); break;
        }
      }
    }
    expect_nothing_left();
  }
}

// With work and uploads still under way.
TEST_F(GpuTest, MetadataDiesBeforeItsUploadRan) {
  hipStream_t stream = nullptr;
  ASSERT_EQ(hipStreamCreate(&stream), hipSuccess);
  {
    Layer gpu(FOVEA_DEVICE_GPU);
    ASSERT_FOVEA(gpu.set(Batch(), stream));
    ASSERT_FOVEA(gpu.set(Batch(), stream));
  }
  ASSERT_EQ(hipStreamSynchronize(stream), hipSuccess);
  EXPECT_EQ(hipStreamDestroy(stream), hipSuccess);
  expect_nothing_left();
}

}  // namespace
}  // namespace fovea_test
