// The causal-only backend of the module beside the other one: what it refuses and how, when AUTO takes it, plans of its
// own, and the pair of speculative decoding on one batch.
#include <stdlib.h>

#include <algorithm>
#include <bit>

#include "tests/hip/gpu_fixture.h"

namespace fovea_test {
namespace {

constexpr foveaBackend_t kUnified = FOVEA_BACKEND_ROCM_UNIFIED_ATTN;

class UnifiedTest : public GpuTest {
 protected:
  UnifiedTest() { unsetenv("FOVEA_BACKEND"); }
  ~UnifiedTest() override { unsetenv("FOVEA_BACKEND"); }

  static foveaBackend_t select(foveaContext_t context, foveaConfig_t config, foveaBackend_t requested) {
    foveaBackend_t selected = FOVEA_BACKEND_AUTO;
    EXPECT_FOVEA(foveaSelectBackend(context, config, requested, &selected));
    return selected;
  }
  static Owner<foveaAttention_t> bind(foveaContext_t context, foveaConfig_t config, foveaBackend_t requested) {
    foveaAttention_t attention = nullptr;
    EXPECT_FOVEA(foveaAttentionCreate(context, config, requested, &attention));
    return Owner<foveaAttention_t>(attention);
  }
  static foveaBackend_t backend_of(const Owner<foveaAttention_t>& attention) {
    foveaBackend_t backend = FOVEA_BACKEND_AUTO;
    EXPECT_FOVEA(foveaAttentionGetBackend(attention.get(), &backend));
    return backend;
  }
};

TEST_F(UnifiedTest, SaysThatItIsCausalOnly) {
  int32_t supported = 1;
  EXPECT_FOVEA(foveaBackendSupportsNonCausal(kUnified, &supported));
  EXPECT_EQ(supported, 0);
  EXPECT_FOVEA(foveaBackendSupportsNonCausal(FOVEA_BACKEND_ROCM_ATTN, &supported));
  EXPECT_EQ(supported, 1);
  foveaBackend_t found = FOVEA_BACKEND_AUTO;
  EXPECT_FOVEA(foveaBackendFromName("rocm_unified_attn", &found));
  EXPECT_EQ(found, kUnified);
  EXPECT_STREQ(foveaBackendGetName(kUnified), "ROCM_UNIFIED_ATTN");
}

TEST_F(UnifiedTest, AConfigIsRefusedWithEveryReason) {
  const Owner<foveaConfig_t> config = Layer::make_config();
  ASSERT_FOVEA(foveaConfigSetKvCacheLayout(config.get(), FOVEA_KV_CACHE_LAYOUT_VECTORIZED, 16));
  ASSERT_FOVEA(foveaConfigSetBatchInvariant(config.get(), 1));
  ASSERT_FOVEA(foveaConfigSetSlidingWindow(config.get(), 7, 7));
  const std::initializer_list<const char*> all = {
      "ROCM_UNIFIED_ATTN: ",
      "partial multimodal token full attention not supported",
      "sliding window not supported: right side",
      "non-causal attention not supported",
      "batch invariance not supported",
      "per-sequence causal not supported",
      "kv_cache layout not supported: vectorized"};
  EXPECT_EQ(foveaConfigCheck(config.get(), kUnified, nullptr), FOVEA_STATUS_NOT_SUPPORTED);
  expect_words(all);

  // An explicit request does not fall back, and says who could have served it.
  const Owner<foveaContext_t> context = make_context(FOVEA_DEVICE_GPU);
  foveaBackend_t selected = FOVEA_BACKEND_AUTO;
  EXPECT_EQ(foveaSelectBackend(context.get(), config.get(), kUnified, &selected), FOVEA_STATUS_NOT_SUPPORTED);
  expect_words(all);
  expect_words({"requested, cannot serve this config\n  config: decoder, 4 query heads", "\n  ROCM_ATTN: could serve it",
                "\n  CPU_ATTN: does not run on the context's device (AMD)"});
  EXPECT_EQ(selected, FOVEA_BACKEND_AUTO);
  foveaAttention_t attention = nullptr;
  EXPECT_EQ(foveaAttentionCreate(context.get(), config.get(), kUnified, &attention), FOVEA_STATUS_NOT_SUPPORTED);
  expect_words(all);
  EXPECT_EQ(attention, nullptr);

  // A config that nobody serves names every backend.
  ASSERT_FOVEA(foveaConfigSetHeadSizes(config.get(), 136, 0));
  EXPECT_EQ(foveaSelectBackend(context.get(), config.get(), FOVEA_BACKEND_AUTO, &selected), FOVEA_STATUS_NOT_SUPPORTED);
  expect_words(all);
  expect_words({"no backend can serve this config", "head_size 136", "\n  ROCM_ATTN: head_size not supported: f32 above 128",
                "\n  CPU_ATTN: does not run on"});

  for (const foveaAttentionType_t type : {FOVEA_ATTENTION_ENCODER, FOVEA_ATTENTION_ENCODER_DECODER}) {
    const Owner<foveaConfig_t> other = Layer::make_causal_config();
    ASSERT_FOVEA(foveaConfigSetAttentionType(other.get(), type));
    EXPECT_EQ(foveaConfigCheck(other.get(), kUnified, nullptr), FOVEA_STATUS_NOT_SUPPORTED);
    expect_words({"attention type encoder", "not supported"});
  }
}

TEST_F(UnifiedTest, ANonCausalCallIsRefusedAndWritesNothing) {
  Layer gpu(FOVEA_DEVICE_GPU, kUnified, Layer::make_causal_config());
  ASSERT_FOVEA(gpu.set(Batch()));
  const std::vector<float> output = gpu.output.fetch(), lse = gpu.lse.fetch(), plan = gpu.plan.fetch();
  const auto expect_refused = [&](int32_t causal, std::initializer_list<const char*> words) {
    const int launches = fake_hip::counts().launches;
    foveaForwardArgs_t forward = gpu.forward_args();
    forward.causal = causal;
    EXPECT_EQ(foveaAttentionForward(gpu.attention.get(), gpu.metadata.get(), &forward), FOVEA_STATUS_NOT_SUPPORTED);
    expect_words(words);
    foveaPlanArgs_t plan_args = gpu.plan_args();
    plan_args.causal = causal;
    EXPECT_EQ(foveaAttentionPlan(gpu.attention.get(), gpu.metadata.get(), &plan_args), FOVEA_STATUS_NOT_SUPPORTED);
    expect_words(words);
    EXPECT_EQ(fake_hip::counts().launches, launches);
  };
  expect_refused(2, {"non-causal attention not supported: causal is 2, but ROCM_UNIFIED_ATTN is causal only",
                     "foveaConfigSetNonCausal"});
  ASSERT_FOVEA(foveaMetadataSetCausal(gpu.metadata.get(), 0));
  expect_refused(0, {"non-causal attention not supported: the metadata's causal flag is 0, but ROCM_UNIFIED_ATTN"});
  const int32_t flags[] = {1, 1, 1, 0};
  ASSERT_FOVEA(foveaMetadataSetCausalPerSequence(gpu.metadata.get(), FOVEA_MEMORY_HOST, flags));
  ASSERT_FOVEA(foveaMetadataCommit(gpu.metadata.get(), nullptr));
  expect_refused(1, {"per-sequence causal not supported", "ROCM_UNIFIED_ATTN is causal only"});
  EXPECT_EQ(gpu.output.fetch(), output);
  EXPECT_EQ(gpu.lse.fetch(), lse);
  EXPECT_EQ(gpu.plan.fetch(), plan);

  // A call that asks for causal rows is served, whatever the metadata's flag says.
  ASSERT_FOVEA(foveaMetadataSetCausalPerSequence(gpu.metadata.get(), FOVEA_MEMORY_HOST, nullptr));
  ASSERT_FOVEA(foveaMetadataCommit(gpu.metadata.get(), nullptr));
  foveaForwardArgs_t forward = gpu.forward_args();
  forward.causal = 1;
  EXPECT_FOVEA(foveaAttentionForward(gpu.attention.get(), gpu.metadata.get(), &forward));
}

TEST_F(UnifiedTest, ComputesWhatTheCpuComputes) {
  Layer gpu(FOVEA_DEVICE_GPU, kUnified, Layer::make_causal_config());
  Layer cpu(FOVEA_DEVICE_CPU, FOVEA_BACKEND_AUTO, Layer::make_causal_config());
  EXPECT_EQ(backend_of(gpu.attention), kUnified);
  ASSERT_FOVEA(gpu.set(Batch()));
  ASSERT_FOVEA(cpu.set(Batch()));
  ASSERT_FOVEA(gpu.forward());
  ASSERT_FOVEA(cpu.forward());
  expect_same_results(gpu, cpu);
}

TEST_F(UnifiedTest, ForwardsOneAfterAnotherShareAPlan) {
  Layer gpu(FOVEA_DEVICE_GPU, kUnified, Layer::make_causal_config());
  Layer cpu(FOVEA_DEVICE_CPU, FOVEA_BACKEND_AUTO, Layer::make_causal_config());
  ASSERT_FOVEA(gpu.set(Batch()));
  ASSERT_FOVEA(cpu.set(Batch()));
  ASSERT_FOVEA(cpu.forward());
  const foveaPlanArgs_t plan = gpu.plan_args();
  foveaForwardArgs_t args = gpu.forward_args();
  args.plan = plan.plan;
  args.plan_size = plan.plan_size;
  ASSERT_FOVEA(foveaAttentionPlan(gpu.attention.get(), gpu.metadata.get(), &plan));
  for (int layer = 0; layer < 3; ++layer) {
    gpu.output.set(std::vector<float>(kMaxTokens * kQueryHeads * kHeadSize, -77));
    const int launches = fake_hip::counts().launches;
    ASSERT_FOVEA(foveaAttentionForward(gpu.attention.get(), gpu.metadata.get(), &args));
    EXPECT_EQ(fake_hip::counts().launches, launches + 1) << "one launch for each forward";
    expect_same_results(gpu, cpu);
  }
  int32_t sequence = 0;
  EXPECT_FOVEA(foveaMetadataGetAsyncError(gpu.metadata.get(), nullptr, &sequence));
}

TEST_F(UnifiedTest, PlansAreNotSharedWithTheOtherBackend) {
  Layer gpu(FOVEA_DEVICE_GPU, kUnified, Layer::make_causal_config());
  ASSERT_FOVEA(gpu.set(Batch()));
  const Owner<foveaAttention_t> other = bind(gpu.context.get(), gpu.config.get(), FOVEA_BACKEND_ROCM_ATTN);
  const foveaPlanArgs_t plan = gpu.plan_args();
  foveaForwardArgs_t args = gpu.forward_args();
  args.plan = plan.plan;
  args.plan_size = plan.plan_size;
  const std::pair<foveaAttention_t, foveaAttention_t> orders[] = {{other.get(), gpu.attention.get()},
                                                                  {gpu.attention.get(), other.get()}};
  for (const auto& [planner, reader] : orders) {
    ASSERT_FOVEA(foveaAttentionPlan(planner, gpu.metadata.get(), &plan));
    EXPECT_EQ(foveaAttentionForward(reader, gpu.metadata.get(), &args), FOVEA_STATUS_INVALID_ARGUMENT);
    expect_words({"plan: not made", "equal config and backend"});
    EXPECT_FOVEA(foveaAttentionForward(planner, gpu.metadata.get(), &args));
  }
}

// As tests/hip/host_kernel.cc lists it.
TEST_F(UnifiedTest, AutoGoesByTheTuningTable) {
  struct Line {
    const char* architecture;
    foveaDataType_t query, cache;
    int32_t head_size, head_size_v;
    bool unified;
  };
  constexpr Line kLines[] = {
      {"gfx942", FOVEA_DATA_TYPE_BF16, FOVEA_DATA_TYPE_BF16, 128, 0, true},
      {"gfx942", FOVEA_DATA_TYPE_F16, FOVEA_DATA_TYPE_F16, 128, 0, true},
      {"gfx942", FOVEA_DATA_TYPE_BF16, FOVEA_DATA_TYPE_BF16, 64, 128, true},
      {"gfx942", FOVEA_DATA_TYPE_BF16, FOVEA_DATA_TYPE_BF16, 120, 0, false},
      {"gfx942", FOVEA_DATA_TYPE_BF16, FOVEA_DATA_TYPE_BF16, 128, 136, false},
      {"gfx942", FOVEA_DATA_TYPE_BF16, FOVEA_DATA_TYPE_F8_E4M3FN, 128, 0, false},
      {"gfx942", FOVEA_DATA_TYPE_F8_E5M2, FOVEA_DATA_TYPE_BF16, 128, 0, false},
      {"gfx942", FOVEA_DATA_TYPE_F32, FOVEA_DATA_TYPE_F32, 128, 0, false},
      {"gfx90a", FOVEA_DATA_TYPE_BF16, FOVEA_DATA_TYPE_BF16, 128, 0, false},
      {"gfx90a", FOVEA_DATA_TYPE_BF16, FOVEA_DATA_TYPE_F8_E4M3FNUZ, 128, 0, true},
      {"gfx90a", FOVEA_DATA_TYPE_F16, FOVEA_DATA_TYPE_F8_E4M3FN, 64, 0, true},
      {"gfx90a", FOVEA_DATA_TYPE_F16, FOVEA_DATA_TYPE_F8_E5M2, 56, 0, false},
  };
  for (const Line& line : kLines) {
    SCOPED_TRACE(&line - kLines);
    fake_hip::set_devices(1, line.architecture);
    const Owner<foveaContext_t> context = make_context(FOVEA_DEVICE_GPU);
    const Owner<foveaConfig_t> config = Layer::make_causal_config();
    ASSERT_FOVEA(foveaConfigSetDataTypes(config.get(), line.query, line.cache, FOVEA_DATA_TYPE_NONE));
    ASSERT_FOVEA(foveaConfigSetHeadSizes(config.get(), line.head_size, line.head_size_v));
    EXPECT_EQ(select(context.get(), config.get(), FOVEA_BACKEND_AUTO), line.unified ? kUnified : FOVEA_BACKEND_ROCM_ATTN);
    EXPECT_EQ(select(context.get(), config.get(), kUnified), kUnified) << "asked for by name";
    EXPECT_EQ(select(context.get(), config.get(), FOVEA_BACKEND_ROCM_ATTN), FOVEA_BACKEND_ROCM_ATTN);
    // A config that declares more than the faster one can is not lost, but goes on.
    ASSERT_FOVEA(foveaConfigSetNonCausal(config.get(), 1));
    EXPECT_EQ(select(context.get(), config.get(), FOVEA_BACKEND_AUTO), FOVEA_BACKEND_ROCM_ATTN);
  }
}

TEST_F(UnifiedTest, TheEnvironmentReplacesAuto) {
  fake_hip::set_devices(1, "gfx942");
  const Owner<foveaContext_t> context = make_context(FOVEA_DEVICE_GPU);
  const Owner<foveaConfig_t> config = Layer::make_causal_config();
  ASSERT_FOVEA(foveaConfigSetHeadSizes(config.get(), 128, 0));
  setenv("FOVEA_BACKEND", "ROCM_UNIFIED_ATTN", 1);
  EXPECT_EQ(select(context.get(), config.get(), FOVEA_BACKEND_AUTO), kUnified) << "although f32 is in no table";
  EXPECT_EQ(select(context.get(), config.get(), FOVEA_BACKEND_ROCM_ATTN), FOVEA_BACKEND_ROCM_ATTN);
  ASSERT_FOVEA(foveaConfigSetNonCausal(config.get(), 1));
  foveaBackend_t selected = FOVEA_BACKEND_AUTO;
  EXPECT_EQ(foveaSelectBackend(context.get(), config.get(), FOVEA_BACKEND_AUTO, &selected), FOVEA_STATUS_NOT_SUPPORTED);
  expect_words({"ROCM_UNIFIED_ATTN, named by FOVEA_BACKEND, cannot serve", "non-causal attention not supported",
                "ROCM_ATTN: could serve it"});
  ASSERT_FOVEA(foveaConfigSetNonCausal(config.get(), 0));
  ASSERT_FOVEA(foveaConfigSetDataTypes(config.get(), FOVEA_DATA_TYPE_BF16, FOVEA_DATA_TYPE_NONE, FOVEA_DATA_TYPE_NONE));
  setenv("FOVEA_BACKEND", "ROCM_ATTN", 1);
  EXPECT_EQ(select(context.get(), config.get(), FOVEA_BACKEND_AUTO), FOVEA_BACKEND_ROCM_ATTN);
}

// The pair of speculative decoding, on one batch: 16 tokens of each sequence are verified by a causal layer of the target
// and drafted by a non-causal one. Query and cache are bf16, results f32.
class Pair {
 public:
  static constexpr int32_t kPairHeadSize = 128;

  explicit Pair(foveaDevice_t device)
      : on_device_(device != FOVEA_DEVICE_CPU),
        context_(make_context(device)),
        metadata_(make_metadata()),
        query_(on_device_, random_bf16(kMaxTokens * kQueryHeads * kPairHeadSize, 1)),
        key_cache_(on_device_, random_bf16(kBlocks * kBlockSize * kKvHeads * kPairHeadSize, 2)),
        value_cache_(on_device_, random_bf16(kBlocks * kBlockSize * kKvHeads * kPairHeadSize, 3)) {
    const std::vector<int32_t> query_start_loc = {0, 16, 32}, seq_lens = {40, 64};
    const std::vector<int32_t> block_table = {7, 2, 9, 99, 5, 0, 3, 11};
    EXPECT_FOVEA(foveaMetadataSetSequences(metadata_.get(), FOVEA_MEMORY_HOST, 2, 32, 0, 0, query_start_loc.data(),
                                           seq_lens.data()));
    EXPECT_FOVEA(foveaMetadataSetBlockTable(metadata_.get(), FOVEA_MEMORY_HOST, 2, kColumns, 0, block_table.data()));
    EXPECT_FOVEA(foveaMetadataCommit(metadata_.get(), nullptr));
    for (OneLayer* layer : {&target, &draft}) {
      layer->config = make_config(layer == &draft);
      foveaAttention_t attention = nullptr;
      EXPECT_FOVEA(foveaAttentionCreate(context_.get(), layer->config.get(), FOVEA_BACKEND_AUTO, &attention));
      layer->attention.reset(attention);
      layer->causal = layer == &draft ? 2 : 1;
      const foveaMetadataLimits_t limits = small_limits();
      size_t workspace = 0, plan = 0;
      EXPECT_FOVEA(foveaAttentionGetWorkspaceSize(attention, &limits, &workspace));
      EXPECT_FOVEA(foveaAttentionGetPlanSize(attention, &limits, &plan));
      layer->workspace = std::make_unique<Buffer<Line>>(on_device_, std::vector<Line>(workspace / sizeof(Line) + 1));
      layer->plan = std::make_unique<Buffer<Line>>(on_device_, std::vector<Line>(plan / sizeof(Line) + 1));
      layer->output = std::make_unique<Buffer<float>>(
          on_device_, std::vector<float>(kMaxTokens * kQueryHeads * kPairHeadSize, -77));
    }
  }

  struct alignas(64) Line {
    char bytes[64];
  };
  struct OneLayer {
    Owner<foveaConfig_t> config;
    Owner<foveaAttention_t> attention;
    int32_t causal;
    std::unique_ptr<Buffer<Line>> workspace, plan;
    std::unique_ptr<Buffer<float>> output;
  };
  OneLayer target, draft;

  // Each plans for itself, then both compute, twice, as layers of two models do within a step.
  void step() {
    for (OneLayer* layer : {&target, &draft}) {
      foveaPlanArgs_t args = FOVEA_PLAN_ARGS_INIT;
      args.plan = layer->plan->data();
      args.plan_size = layer->plan->bytes();
      args.causal = layer->causal;
      EXPECT_FOVEA(foveaAttentionPlan(layer->attention.get(), metadata_.get(), &args));
    }
    for (OneLayer* layer : {&draft, &target, &target, &draft}) {
      foveaForwardArgs_t args = FOVEA_FORWARD_ARGS_INIT;
      args.query = tensor(query_.data(), FOVEA_DATA_TYPE_BF16, {kMaxTokens, kQueryHeads, kPairHeadSize});
      args.key_cache = tensor(key_cache_.data(), FOVEA_DATA_TYPE_BF16, {kBlocks, kBlockSize, kKvHeads, kPairHeadSize});
      args.value_cache =
          tensor(value_cache_.data(), FOVEA_DATA_TYPE_BF16, {kBlocks, kBlockSize, kKvHeads, kPairHeadSize});
      args.output = tensor(layer->output->data(), FOVEA_DATA_TYPE_F32, {kMaxTokens, kQueryHeads, kPairHeadSize});
      args.workspace = layer->workspace->data();
      args.workspace_size = layer->workspace->bytes();
      args.plan = layer->plan->data();
      args.plan_size = layer->plan->bytes();
      args.causal = layer->causal;
      EXPECT_FOVEA(foveaAttentionForward(layer->attention.get(), metadata_.get(), &args));
    }
    int32_t sequence = 0;
    EXPECT_FOVEA(foveaMetadataGetAsyncError(metadata_.get(), nullptr, &sequence));
  }

 private:
  static std::vector<uint16_t> random_bf16(size_t count, uint32_t seed) {
    std::vector<uint16_t> bits;
    for (const float value : random_floats(count, seed)) {
      bits.push_back(static_cast<uint16_t>(std::bit_cast<uint32_t>(value) >> 16));
    }
    return bits;
  }
  static Owner<foveaConfig_t> make_config(bool draft) {
    Owner<foveaConfig_t> config = Layer::make_causal_config();
    EXPECT_FOVEA(foveaConfigSetHeadSizes(config.get(), kPairHeadSize, 0));
    EXPECT_FOVEA(
        foveaConfigSetDataTypes(config.get(), FOVEA_DATA_TYPE_BF16, FOVEA_DATA_TYPE_NONE, FOVEA_DATA_TYPE_F32));
    EXPECT_FOVEA(foveaConfigSetNonCausal(config.get(), draft ? 1 : 0));
    return config;
  }
  static foveaTensor_t tensor(void* data, foveaDataType_t type, std::initializer_list<int64_t> shape) {
    foveaTensor_t t = FOVEA_TENSOR_INIT;
    t.data = data;
    t.dtype = type;
    for (const int64_t size : shape) t.shape[t.ndim++] = size;
    return t;
  }
  Owner<foveaMetadata_t> make_metadata() const {
    foveaMetadata_t created = nullptr;
    const foveaMetadataLimits_t limits = small_limits();
    EXPECT_FOVEA(foveaMetadataCreate(context_.get(), &limits, &created));
    return Owner<foveaMetadata_t>(created);
  }

  const bool on_device_;
  Owner<foveaContext_t> context_;
  Owner<foveaMetadata_t> metadata_;
  Buffer<uint16_t> query_, key_cache_, value_cache_;
};

TEST_F(UnifiedTest, TargetAndDraftShareOneBatch) {
  fake_hip::set_devices(1, "gfx942");
  Pair gpu(FOVEA_DEVICE_GPU), cpu(FOVEA_DEVICE_CPU);
  EXPECT_EQ(backend_of(gpu.target.attention), kUnified);
  EXPECT_EQ(backend_of(gpu.draft.attention), FOVEA_BACKEND_ROCM_ATTN);
  gpu.step();
  cpu.step();
  const std::vector<float>& target = gpu.target.output->fetch();
  const std::vector<float>& draft = gpu.draft.output->fetch();
  double apart = 0;
  for (size_t i = 0; i < target.size(); ++i) {
    // The CPU rounds weights to bf16, the reference does not.
    ASSERT_NEAR(target[i], cpu.target.output->fetch()[i], 0.02) << "target, element " << i;
    ASSERT_NEAR(draft[i], cpu.draft.output->fetch()[i], 0.02) << "draft, element " << i;
    apart = std::max(apart, static_cast<double>(std::abs(target[i] - draft[i])));
  }
  EXPECT_GT(apart, 0.2) << "the two masks differ";
}

}  // namespace
}  // namespace fovea_test
