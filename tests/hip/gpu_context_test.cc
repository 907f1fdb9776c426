// Contexts of GPUs: which device is taken, what is said where there is none, fork, and the caller's current device.
#include <sys/wait.h>
#include <unistd.h>

#include "kernels/hip/module/context.h"
#include "tests/hip/gpu_fixture.h"

namespace fovea_test {
namespace {

foveaStatus_t create(foveaDevice_t device, int32_t ordinal, foveaContext_t* context) {
  foveaContextCreateInfo_t info = FOVEA_CONTEXT_CREATE_INFO_INIT;
  info.device = device;
  info.device_ordinal = ordinal;
  return foveaContextCreate(&info, context);
}

foveaContextInfo_t describe(foveaContext_t context) {
  foveaContextInfo_t info = FOVEA_CONTEXT_INFO_INIT;
  EXPECT_FOVEA(foveaContextGetInfo(context, &info));
  return info;
}

TEST_F(GpuTest, AutoTakesTheGpu) {
  for (const foveaDevice_t asked : {FOVEA_DEVICE_AUTO, FOVEA_DEVICE_GPU, FOVEA_DEVICE_AMD}) {
    const Owner<foveaContext_t> context = make_context(asked, 1);
    const foveaContextInfo_t info = describe(context.get());
    EXPECT_EQ(info.device, FOVEA_DEVICE_AMD);
    EXPECT_EQ(info.device_ordinal, 1);
    EXPECT_EQ(info.num_threads, 0);
    EXPECT_STREQ(info.device_name, "Fake Instinct 1");
    EXPECT_STREQ(info.architecture, "gfx90a") << "without the features";
  }
}

TEST_F(GpuTest, WithoutADeviceAutoTakesTheCpu) {
  fake_hip::set_devices(0, "gfx90a");
  const Owner<foveaContext_t> context = make_context(FOVEA_DEVICE_AUTO);
  EXPECT_EQ(describe(context.get()).device, FOVEA_DEVICE_CPU);
  foveaContext_t none = nullptr;
  EXPECT_EQ(create(FOVEA_DEVICE_GPU, 0, &none), FOVEA_STATUS_NO_DEVICE);
  expect_words({"libfovea_hip_amd.so finds no device", "libfovea_hip_nvidia.so not found"});
  EXPECT_EQ(none, nullptr);
  int32_t available = 1;
  char reason[256];
  EXPECT_FOVEA(foveaBackendIsAvailable(FOVEA_BACKEND_ROCM_ATTN, &available, reason, sizeof(reason)));
  EXPECT_EQ(available, 0);
  EXPECT_NE(std::string(reason).find("finds no device"), std::string::npos) << reason;
}

TEST_F(GpuTest, AnOrdinalThatIsNotThereIsRefused) {
  foveaContext_t none = nullptr;
  EXPECT_EQ(create(FOVEA_DEVICE_AMD, 2, &none), FOVEA_STATUS_NO_DEVICE);
  expect_words({"finds 2 devices", "ordinal 2"});
}

TEST_F(GpuTest, AForeignArchitectureIsNamedWithThoseEmbedded) {
  fake_hip::set_devices(1, "gfx906:sramecc+:xnack-");
  foveaContext_t none = nullptr;
  for (const foveaDevice_t asked : {FOVEA_DEVICE_GPU, FOVEA_DEVICE_AMD}) {
    EXPECT_EQ(create(asked, 0, &none), FOVEA_STATUS_ARCH_MISMATCH);
    expect_words({"compute capability not supported", "Fake Instinct 0", "gfx906", "gfx90a gfx942"});
  }
  const Owner<foveaContext_t> context = make_context(FOVEA_DEVICE_AUTO);
  EXPECT_EQ(describe(context.get()).device, FOVEA_DEVICE_CPU);
  int32_t supported = 0;
  EXPECT_EQ(foveaBackendSupportsNonCausal(FOVEA_BACKEND_ROCM_ATTN, &supported), FOVEA_STATUS_BACKEND_UNAVAILABLE);
  expect_words({"gfx906"});
}

TEST_F(GpuTest, ClaimsAreTheModules) {
  int32_t supported = 0;
  EXPECT_FOVEA(foveaBackendSupportsNonCausal(FOVEA_BACKEND_ROCM_ATTN, &supported));
  EXPECT_EQ(supported, 1);
  EXPECT_FOVEA(foveaBackendSupports(FOVEA_BACKEND_ROCM_ATTN, FOVEA_CAPABILITY_GRAPH_CAPTURE, &supported));
  EXPECT_EQ(supported, 1);
  EXPECT_FOVEA(foveaBackendSupportsDataType(FOVEA_BACKEND_ROCM_ATTN, FOVEA_ROLE_KV_CACHE, FOVEA_DATA_TYPE_F8_E4M3FNUZ,
                                            &supported));
  EXPECT_EQ(supported, 1);
  foveaBounds_t bounds = FOVEA_BOUNDS_INIT;
  EXPECT_FOVEA(foveaBackendGetBounds(FOVEA_BACKEND_ROCM_ATTN, FOVEA_BOUNDS_HEAD_SIZE, &bounds));
  EXPECT_EQ(bounds.min, 8);
  EXPECT_EQ(bounds.max, 256);
  EXPECT_EQ(bounds.multiple_of, 8);
}

TEST_F(GpuTest, SelectionTakesTheGpusBackendAndNamesEveryReason) {
  const Owner<foveaContext_t> gpu = make_context(FOVEA_DEVICE_GPU);
  const Owner<foveaContext_t> cpu = make_context(FOVEA_DEVICE_CPU);
  const Owner<foveaConfig_t> config = Layer::make_config();
  foveaBackend_t selected = FOVEA_BACKEND_AUTO;
  EXPECT_FOVEA(foveaSelectBackend(gpu.get(), config.get(), FOVEA_BACKEND_AUTO, &selected));
  EXPECT_EQ(selected, FOVEA_BACKEND_ROCM_ATTN);
  EXPECT_FOVEA(foveaSelectBackend(cpu.get(), config.get(), FOVEA_BACKEND_AUTO, &selected));
  EXPECT_EQ(selected, FOVEA_BACKEND_CPU_ATTN) << "selection never crosses devices";
  EXPECT_EQ(foveaSelectBackend(gpu.get(), config.get(), FOVEA_BACKEND_CPU_ATTN, &selected),
            FOVEA_STATUS_NOT_SUPPORTED);

  EXPECT_FOVEA(foveaConfigSetHeadSizes(config.get(), 136, 0));
  EXPECT_EQ(foveaSelectBackend(gpu.get(), config.get(), FOVEA_BACKEND_AUTO, &selected), FOVEA_STATUS_NOT_SUPPORTED);
  expect_words({"ROCM_ATTN: head_size not supported: f32 above 128", "CPU_ATTN: does not run on"});
  foveaAttention_t attention = nullptr;
  EXPECT_EQ(foveaAttentionCreate(gpu.get(), config.get(), FOVEA_BACKEND_ROCM_ATTN, &attention),
            FOVEA_STATUS_NOT_SUPPORTED);
  EXPECT_EQ(foveaConfigCheck(config.get(), FOVEA_BACKEND_ROCM_ATTN, nullptr), FOVEA_STATUS_NOT_SUPPORTED);
  expect_words({"f32 above 128"});
}

TEST_F(GpuTest, TheCallersCurrentDeviceStays) {
  ASSERT_EQ(hipSetDevice(1), hipSuccess);
  const auto expect_current = [] {
    int current = -1;
    EXPECT_EQ(hipGetDevice(&current), hipSuccess);
    EXPECT_EQ(current, 1);
  };
  const Owner<foveaContext_t> context = make_context(FOVEA_DEVICE_GPU, 0);
  expect_current();
  const Owner<foveaConfig_t> config = Layer::make_config();
  foveaAttention_t attention = nullptr;
  ASSERT_FOVEA(foveaAttentionCreate(context.get(), config.get(), FOVEA_BACKEND_AUTO, &attention));
  expect_current();
  foveaMetadata_t metadata = nullptr;
  const foveaMetadataLimits_t limits = small_limits();
  ASSERT_FOVEA(foveaMetadataCreate(context.get(), &limits, &metadata));
  expect_current();

  // The context's stream; the runtime complains about work on it while another device is current.
  hipStream_t stream = nullptr;
  ASSERT_EQ(hipSetDevice(0), hipSuccess);
  ASSERT_EQ(hipStreamCreate(&stream), hipSuccess);
  ASSERT_EQ(hipSetDevice(1), hipSuccess);
  const Batch batch;
  EXPECT_FOVEA(foveaMetadataSetSequences(metadata, FOVEA_MEMORY_HOST, batch.num_seqs(), batch.num_tokens(), 0, 0,
                                         batch.query_start_loc.data(), batch.seq_lens.data()));
  EXPECT_FOVEA(foveaMetadataCommit(metadata, stream));
  expect_current();
  int32_t sequence = 0;
  EXPECT_FOVEA(foveaMetadataGetAsyncError(metadata, stream, &sequence));
  expect_current();
  EXPECT_FOVEA(foveaMetadataValidate(metadata, attention, 0));
  expect_current();
  foveaAttentionDestroy(attention);
  foveaMetadataDestroy(metadata);
  expect_current();
  EXPECT_EQ(hipStreamDestroy(stream), hipSuccess);
}

// Calls of the runtime in a child are counted: a refusal makes none.
int use_after_fork(Layer& gpu) {
  const int calls = fake_hip::counts().calls;
  const auto refused = [](foveaStatus_t status) {
    return status == FOVEA_STATUS_INVALID_STATE &&
           std::string(foveaGetLastErrorMessage()).find("fork()") != std::string::npos;
  };
  if (!refused(gpu.forward())) return 1;
  const foveaPlanArgs_t plan = gpu.plan_args();
  if (!refused(foveaAttentionPlan(gpu.attention.get(), gpu.metadata.get(), &plan))) return 2;
  foveaKvWriteArgs_t write = FOVEA_KV_WRITE_ARGS_INIT;
  write.num_tokens = 1;
  if (!refused(foveaAttentionWriteKvCache(gpu.attention.get(), &write))) return 3;
  if (!refused(foveaMetadataCommit(gpu.metadata.get(), nullptr))) return 4;
  int32_t sequence = 0;
  if (!refused(foveaMetadataGetAsyncError(gpu.metadata.get(), nullptr, &sequence))) return 5;
  if (!refused(foveaMetadataValidate(gpu.metadata.get(), gpu.attention.get(), 0))) return 6;
  foveaMergeArgs_t merge = FOVEA_MERGE_ARGS_INIT;
  if (!refused(foveaMergeAttentionStates(gpu.context.get(), &merge))) return 7;
  foveaMetadata_t metadata = nullptr;
  const foveaMetadataLimits_t limits = small_limits();
  if (!refused(foveaMetadataCreate(gpu.context.get(), &limits, &metadata))) return 8;
  foveaAttention_t attention = nullptr;
  if (!refused(foveaAttentionCreate(gpu.context.get(), gpu.config.get(), FOVEA_BACKEND_AUTO, &attention))) return 9;
  gpu.attention.reset();
  gpu.metadata.reset();
  gpu.context.reset();
  return fake_hip::counts().calls == calls ? 0 : 10;
}

TEST_F(GpuTest, AChildOfForkIsRefused) {
  Layer gpu(FOVEA_DEVICE_GPU);
  ASSERT_FOVEA(gpu.set(Batch()));
  fflush(nullptr);
  const pid_t child = fork();
  if (child == 0) {
    alarm(60);
    _exit(use_after_fork(gpu));
  }
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  ASSERT_TRUE(WIFEXITED(status)) << "signal " << WTERMSIG(status);
  EXPECT_EQ(WEXITSTATUS(status), 0);
  EXPECT_FOVEA(gpu.forward());
}

TEST(Architectures, NvidiasCodeRunsOnLaterDevicesOfItsMajorVersion) {
  using fovea::hip::runs_embedded;
  EXPECT_TRUE(runs_embedded("sm_80", "sm_80 sm_90"));
  EXPECT_TRUE(runs_embedded("sm_86", "sm_80 sm_90"));
  EXPECT_TRUE(runs_embedded("sm_121", "sm_120"));
  EXPECT_FALSE(runs_embedded("sm_75", "sm_80 sm_90"));
  EXPECT_FALSE(runs_embedded("sm_100", "sm_80 sm_90"));
  EXPECT_FALSE(runs_embedded("sm_80", "sm_86"));
  EXPECT_FALSE(runs_embedded("sm_101", "sm_100a")) << "code for exactly one architecture";
  EXPECT_FALSE(runs_embedded("sm_90", ""));
  EXPECT_TRUE(runs_embedded("gfx942", "gfx90a gfx942"));
  EXPECT_FALSE(runs_embedded("gfx94", "gfx90a gfx942"));
  EXPECT_FALSE(runs_embedded("gfx9420", "gfx90a gfx942"));
}

}  // namespace
}  // namespace fovea_test
