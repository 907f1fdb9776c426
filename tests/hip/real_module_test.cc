// The module as it is shipped, with its kernels for AMD, on the fake runtime: nothing computes, but every call that the
// host makes is the real one. On each embedded architecture the calls of a step launch kernels and do nothing else.
#include <sstream>

#include "tests/faults/failing_memory.h"
#include "tests/hip/gpu_fixture.h"

namespace fovea_test {
namespace {

struct Case {
  const char* name;
  foveaDataType_t query;
  foveaDataType_t kv_cache;
  int32_t head_size;
  int32_t query_len;
  bool features;
};
void PrintTo(const Case& of, std::ostream* out) { *out << of.name; }
constexpr Case kCases[] = {
    {"decode", FOVEA_DATA_TYPE_BF16, FOVEA_DATA_TYPE_NONE, 128, 1, false},
    {"draft block", FOVEA_DATA_TYPE_BF16, FOVEA_DATA_TYPE_NONE, 128, 16, false},
    {"prefill", FOVEA_DATA_TYPE_F16, FOVEA_DATA_TYPE_NONE, 64, 100, false},
    {"features", FOVEA_DATA_TYPE_F16, FOVEA_DATA_TYPE_NONE, 96, 40, true},
    {"fp8 cache", FOVEA_DATA_TYPE_BF16, FOVEA_DATA_TYPE_F8_E4M3FN, 192, 16, false},
    {"f32", FOVEA_DATA_TYPE_F32, FOVEA_DATA_TYPE_NONE, 96, 16, false},
    {"f32 features", FOVEA_DATA_TYPE_F32, FOVEA_DATA_TYPE_NONE, 256, 100, true},
    {"fp8 query", FOVEA_DATA_TYPE_F8_E4M3FNUZ, FOVEA_DATA_TYPE_F8_E4M3FNUZ, 256, 200, true},
};

constexpr int32_t kSeqs = 3;
constexpr int32_t kCacheBlocks = 64;

class RealModuleTest : public GpuTest, public testing::WithParamInterface<Case> {
 protected:
  static Owner<foveaConfig_t> config_of(const Case& of) {
    foveaConfig_t config = nullptr;
    EXPECT_FOVEA(foveaConfigCreate(&config));
    EXPECT_FOVEA(foveaConfigSetHeads(config, 8, 2));
    EXPECT_FOVEA(foveaConfigSetHeadSizes(config, of.head_size, 0));
    EXPECT_FOVEA(foveaConfigSetDataTypes(config, of.query, of.kv_cache, FOVEA_DATA_TYPE_NONE));
    EXPECT_FOVEA(foveaConfigSetNonCausal(config, 1));
    EXPECT_FOVEA(foveaConfigSetLse(config, 1));
    if (of.features) {
      EXPECT_FOVEA(foveaConfigSetLogitsSoftCap(config, 50));
      EXPECT_FOVEA(foveaConfigSetAlibi(config, FOVEA_ALIBI_LINEAR));
    }
    return Owner<foveaConfig_t>(config);
  }
};

foveaTensor_t tensor_of(Buffer<uint16_t>& memory, foveaDataType_t type, std::initializer_list<int64_t> shape) {
  foveaTensor_t tensor = FOVEA_TENSOR_INIT;
  tensor.data = memory.data();
  tensor.dtype = type;
  for (const int64_t size : shape) tensor.shape[tensor.ndim++] = size;
  return tensor;
}

TEST_P(RealModuleTest, AStepLaunchesKernelsAndNothingElse) {
  const Case& of = GetParam();
  std::istringstream architectures(FOVEA_TEST_ARCHITECTURES);
  for (std::string architecture; architectures >> architecture;) {
    SCOPED_TRACE(architecture);
    fake_hip::set_devices(1, (architecture + ":xnack-").c_str());
    const Owner<foveaContext_t> context = make_context(FOVEA_DEVICE_AMD);
    const Owner<foveaConfig_t> config = config_of(of);
    foveaAttention_t attention = nullptr;
    ASSERT_FOVEA(foveaAttentionCreate(context.get(), config.get(), FOVEA_BACKEND_AUTO, &attention));
    const Owner<foveaAttention_t> attention_owner(attention);

    const int32_t num_tokens = kSeqs * of.query_len;
    foveaMetadataLimits_t limits = FOVEA_METADATA_LIMITS_INIT;
    limits.max_num_seqs = kSeqs;
    limits.max_num_tokens = num_tokens;
    limits.max_seq_len = 300;
    limits.max_blocks_per_seq = 20;
    foveaMetadata_t metadata = nullptr;
    ASSERT_FOVEA(foveaMetadataCreate(context.get(), &limits, &metadata));
    const Owner<foveaMetadata_t> metadata_owner(metadata);
    const int32_t starts[] = {0, of.query_len, 2 * of.query_len, num_tokens};
    const int32_t lens[] = {300, of.query_len, 200};
    const std::vector<int32_t> table(kSeqs * 20, 1);
    ASSERT_FOVEA(foveaMetadataSetSequences(metadata, FOVEA_MEMORY_HOST, kSeqs, num_tokens, 0, 0, starts, lens));
    ASSERT_FOVEA(foveaMetadataSetBlockTable(metadata, FOVEA_MEMORY_HOST, kSeqs, 20, 0, table.data()));
    ASSERT_FOVEA(foveaMetadataCommit(metadata, nullptr));

    size_t workspace_size = 0, plan_size = 0;
    ASSERT_FOVEA(foveaAttentionGetWorkspaceSize(attention, &limits, &workspace_size));
    ASSERT_FOVEA(foveaAttentionGetPlanSize(attention, &limits, &plan_size));
    const auto memory = [](size_t elements) { return std::vector<uint16_t>(elements, 0); };
    const size_t words = of.query == FOVEA_DATA_TYPE_F32 ? 2 : 1;  // 16-bit ones that hold an element
    const size_t row = static_cast<size_t>(num_tokens) * 8 * of.head_size * words;
    Buffer<uint16_t> query(true, memory(row)), key(true, memory(row)), output(true, memory(2 * row));
    Buffer<uint16_t> cache(true, memory(size_t{kCacheBlocks} * 16 * 2 * of.head_size * words));
    Buffer<uint16_t> workspace(true, memory(workspace_size / 2 + 1)), plan_memory(true, memory(plan_size / 2 + 1));
    Buffer<uint16_t> lse(true, memory(static_cast<size_t>(num_tokens) * 8 * 2));
    Buffer<float> slopes(true, std::vector<float>(8, 0.5f));
    Buffer<int64_t> slots(true, std::vector<int64_t>(num_tokens, 3));
    const bool fp8 = of.query == FOVEA_DATA_TYPE_F8_E4M3FNUZ;
    const foveaDataType_t dense = fp8 ? FOVEA_DATA_TYPE_BF16 : of.query;
    const foveaDataType_t cache_type = of.kv_cache == FOVEA_DATA_TYPE_NONE ? of.query : of.kv_cache;

    hipStream_t stream = nullptr;
    ASSERT_EQ(hipStreamCreate(&stream), hipSuccess);
    foveaKvWriteArgs_t write = FOVEA_KV_WRITE_ARGS_INIT;
    write.key = write.value = tensor_of(key, dense, {num_tokens, 2, of.head_size});
    write.key_cache = write.value_cache = tensor_of(cache, cache_type, {kCacheBlocks, 16, 2, of.head_size});
    write.slot_mapping = slots.data();
    write.num_tokens = num_tokens;
    write.stream = stream;
    foveaPlanArgs_t plan = FOVEA_PLAN_ARGS_INIT;
    plan.plan = plan_memory.data();
    plan.plan_size = plan_size;
    plan.stream = stream;
    foveaForwardArgs_t forward = FOVEA_FORWARD_ARGS_INIT;
    forward.query = tensor_of(query, of.query, {num_tokens, 8, of.head_size});
    forward.key_cache = write.key_cache;
    forward.value_cache = write.value_cache;
    forward.output = tensor_of(output, FOVEA_DATA_TYPE_F32, {num_tokens, 8, of.head_size});
    forward.lse = tensor_of(lse, FOVEA_DATA_TYPE_F32, {num_tokens, 8});
    forward.alibi_slopes = of.features ? slopes.data() : nullptr;
    forward.workspace = workspace.data();
    forward.workspace_size = workspace_size;
    forward.stream = stream;
    forward.flags = FOVEA_FORWARD_PARTIAL_STATE;
    foveaForwardArgs_t planned = forward;
    planned.plan = plan.plan;
    planned.plan_size = plan.plan_size;
    foveaMergeArgs_t merge = FOVEA_MERGE_ARGS_INIT;
    merge.num_states = 1;
    merge.num_tokens = num_tokens;
    merge.outputs = &forward.output;
    merge.lses = &forward.lse;
    merge.output = tensor_of(query, dense, {num_tokens, 8, of.head_size});
    merge.stream = stream;
    // The first call that fails, and nothing that would itself take memory.
    const auto step = [&]() -> foveaStatus_t {
      foveaStatus_t status = foveaAttentionWriteKvCache(attention, &write);
      if (status == FOVEA_STATUS_SUCCESS) status = foveaAttentionPlan(attention, metadata, &plan);
      if (status == FOVEA_STATUS_SUCCESS) status = foveaAttentionForward(attention, metadata, &forward);
      if (status == FOVEA_STATUS_SUCCESS) status = foveaAttentionForward(attention, metadata, &planned);
      if (status == FOVEA_STATUS_SUCCESS) status = foveaMergeAttentionStates(context.get(), &merge);
      return status;
    };

    fake_hip::discard_launches(true);
    arm_memory(Fault::kNone, 0);
    const foveaStatus_t status = step();
    EXPECT_EQ(disarm_memory(), 0) << "blocks of host memory";
    EXPECT_FOVEA(status);
    fake_hip::discard_launches(false);

    ASSERT_EQ(hipStreamBeginCapture(stream, hipStreamCaptureModeGlobal), hipSuccess);
    const fake_hip::Counts before = fake_hip::counts();
    EXPECT_FOVEA(step());
    const fake_hip::Counts after = fake_hip::counts();
    EXPECT_EQ(after.allocations, before.allocations);
    EXPECT_EQ(after.waits, before.waits);
    const std::vector<std::string> kernels = fake_hip::launched_kernels();
    EXPECT_GE(kernels.size(), 6u);
    for (const std::string& kernel : kernels) EXPECT_EQ(kernel.rfind("fovea_", 0), 0u) << kernel;
    hipGraph_t graph = nullptr;
    ASSERT_EQ(hipStreamEndCapture(stream, &graph), hipSuccess);
    EXPECT_EQ(hipGraphDestroy(graph), hipSuccess);
    EXPECT_EQ(hipStreamDestroy(stream), hipSuccess);
    for (const std::string& violation : fake_hip::violations()) ADD_FAILURE() << violation;
  }
}

INSTANTIATE_TEST_SUITE_P(Steps, RealModuleTest, testing::ValuesIn(kCases), [](const auto& info) {
  std::string name = info.param.name;
  std::replace(name.begin(), name.end(), ' ', '_');
  return name;
});

TEST_F(GpuTest, TheModuleNamesWhatItWasBuiltFor) {
  fake_hip::set_devices(1, "gfx803");
  foveaContextCreateInfo_t info = FOVEA_CONTEXT_CREATE_INFO_INIT;
  info.device = FOVEA_DEVICE_AMD;
  foveaContext_t context = nullptr;
  EXPECT_EQ(foveaContextCreate(&info, &context), FOVEA_STATUS_ARCH_MISMATCH);
  expect_words({"gfx803", FOVEA_TEST_ARCHITECTURES});
}

}  // namespace
}  // namespace fovea_test
