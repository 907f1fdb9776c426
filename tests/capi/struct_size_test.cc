// Structs that grow: older callers hand over shorter ones, newer callers longer ones.
#include <gtest/gtest.h>

#include <cstddef>

#include "tests/capi/problem.h"

namespace fovea_test {
namespace {

// `value` followed by a tail that this library does not know.
template <class Struct>
struct FromTheFuture {
  Struct value;
  unsigned char tail[64];
};

template <class Struct>
FromTheFuture<Struct> from_the_future(const Struct& value, bool used) {
  FromTheFuture<Struct> result;
  std::memset(&result, 0, sizeof(result));
  std::memcpy(&result.value, &value, sizeof(value));
  result.value.struct_size = sizeof(result);
  result.tail[63] = used ? 1 : 0;
  return result;
}

class StructSize : public testing::Test {
 protected:
  void SetUp() override { ASSERT_EQ(problem.status, FOVEA_STATUS_SUCCESS) << problem.message; }

  // A call must take `value` with an unused tail and refuse a used one, and one that claims an absurd size.
  template <class Struct, class Call>
  void expect_tail_rules(const char* name, const Struct& value, const Call& call) {
    SCOPED_TRACE(name);
    auto unused = from_the_future(value, false);
    EXPECT_EQ(call(&unused.value), FOVEA_STATUS_SUCCESS) << foveaGetLastErrorMessage();
    auto used = from_the_future(value, true);
    EXPECT_EQ(call(&used.value), FOVEA_STATUS_VERSION_MISMATCH);
    EXPECT_NE(std::string(foveaGetLastErrorMessage()).find("byte " + std::to_string(sizeof(Struct) + 63)), std::string::npos)
        << foveaGetLastErrorMessage();
    // What uninitialised memory would hold: refused without reading that far.
    auto absurd = from_the_future(value, false);
    absurd.value.struct_size = SIZE_MAX / 2;
    EXPECT_NE(call(&absurd.value), FOVEA_STATUS_SUCCESS);
    absurd.value.struct_size = sizeof(size_t) - 1;
    EXPECT_EQ(call(&absurd.value), FOVEA_STATUS_INVALID_ARGUMENT);
  }

  Problem problem;
};

TEST_F(StructSize, UnknownTails) {
  foveaContextCreateInfo_t info = FOVEA_CONTEXT_CREATE_INFO_INIT;
  info.device = FOVEA_DEVICE_CPU;
  expect_tail_rules("context", info, [](const foveaContextCreateInfo_t* value) {
    foveaContext_t context = nullptr;
    const foveaStatus_t status = foveaContextCreate(value, &context);
    foveaContextDestroy(context);
    return status;
  });
  expect_tail_rules("limits of metadata", limits_of(problem.batch), [this](const foveaMetadataLimits_t* value) {
    foveaMetadata_t metadata = nullptr;
    const foveaStatus_t status = foveaMetadataCreate(problem.context, value, &metadata);
    foveaMetadataDestroy(metadata);
    return status;
  });
  expect_tail_rules("limits of a workspace", limits_of(problem.batch), [this](const foveaMetadataLimits_t* value) {
    size_t size = 0;
    return foveaAttentionGetWorkspaceSize(problem.attention, value, &size);
  });
  expect_tail_rules("limits of a plan", limits_of(problem.batch), [this](const foveaMetadataLimits_t* value) {
    size_t size = 0;
    return foveaAttentionGetPlanSize(problem.attention, value, &size);
  });
  foveaPlanArgs_t plan = FOVEA_PLAN_ARGS_INIT;
  plan.plan = problem.plan.data();
  plan.plan_size = problem.plan.size();
  expect_tail_rules("plan", plan, [this](const foveaPlanArgs_t* value) {
    return foveaAttentionPlan(problem.attention, problem.metadata, value);
  });
  std::vector<float> key, value;
  std::vector<int64_t> slots;
  expect_tail_rules("write", problem.write_args(&key, &value, &slots), [this](const foveaKvWriteArgs_t* args) {
    return foveaAttentionWriteKvCache(problem.attention, args);
  });
  expect_tail_rules("forward", problem.forward_args(), [this](const foveaForwardArgs_t* args) {
    return foveaAttentionForward(problem.attention, problem.metadata, args);
  });
  std::vector<float> state = problem.output, state_lse = problem.lse;
  const foveaTensor_t outputs[1] = {problem.batch.output_tensor(state)};
  const foveaTensor_t lses[1] = {problem.batch.lse_tensor(state_lse)};
  foveaMergeArgs_t merge = FOVEA_MERGE_ARGS_INIT;
  merge.num_states = 1;
  merge.num_tokens = problem.batch.num_tokens;
  merge.outputs = outputs;
  merge.lses = lses;
  merge.output = problem.batch.output_tensor(problem.output);
  merge.lse = problem.batch.lse_tensor(problem.lse);
  expect_tail_rules("merge", merge,
                    [this](const foveaMergeArgs_t* args) { return foveaMergeAttentionStates(problem.context, args); });
}

// What an older header did not have takes its default.
TEST_F(StructSize, ShorterStructs) {
  foveaContextCreateInfo_t info;
  std::memset(&info, 0x7f, sizeof(info));  // garbage where the older struct ends
  std::memset(&info, 0, offsetof(foveaContextCreateInfo_t, allocate));
  info.struct_size = offsetof(foveaContextCreateInfo_t, allocate);
  info.device = FOVEA_DEVICE_CPU;
  info.num_threads = 3;
  foveaContext_t context = nullptr;
  ASSERT_EQ(foveaContextCreate(&info, &context), FOVEA_STATUS_SUCCESS) << foveaGetLastErrorMessage();
  foveaContextInfo_t what = FOVEA_CONTEXT_INFO_INIT;
  ASSERT_EQ(foveaContextGetInfo(context, &what), FOVEA_STATUS_SUCCESS);
  EXPECT_EQ(what.num_threads, 3);
  foveaContextDestroy(context);

  foveaMetadataLimits_t limits = limits_of(problem.batch);
  limits.max_prefix_ranges = -12345;
  limits.struct_size = offsetof(foveaMetadataLimits_t, max_prefix_ranges);
  foveaMetadata_t metadata = nullptr;
  EXPECT_EQ(foveaMetadataCreate(problem.context, &limits, &metadata), FOVEA_STATUS_SUCCESS)
      << foveaGetLastErrorMessage();
  foveaMetadataDestroy(metadata);

  foveaForwardArgs_t args = problem.forward_args();
  args.plan = reinterpret_cast<void*>(0x40);
  args.plan_size = 64;
  args.causal = 77;
  args.flags = 77;
  args.struct_size = offsetof(foveaForwardArgs_t, plan);
  ASSERT_EQ(foveaAttentionForward(problem.attention, problem.metadata, &args), FOVEA_STATUS_SUCCESS)
      << foveaGetLastErrorMessage();
  EXPECT_LT(largest_difference(problem.output, problem.batch.expected(true)), kTolerance);
}

TEST_F(StructSize, OutputsAreWrittenUpToStructSize) {
  for (size_t size = 0; size <= sizeof(foveaContextInfo_t); ++size) {
    foveaContextInfo_t info;
    std::memset(&info, 0x5a, sizeof(info));
    info.struct_size = size;
    const foveaStatus_t status = foveaContextGetInfo(problem.context, &info);
    EXPECT_EQ(status, size < sizeof(size_t) ? FOVEA_STATUS_INVALID_ARGUMENT : FOVEA_STATUS_SUCCESS) << size;
    const unsigned char* bytes = reinterpret_cast<const unsigned char*>(&info);
    for (size_t i = std::max(size, sizeof(size_t)); i < sizeof(info); ++i) {
      ASSERT_EQ(bytes[i], 0x5a) << "byte " << i << " at struct_size " << size;
    }
    EXPECT_EQ(info.struct_size, size);
    if (size >= offsetof(foveaContextInfo_t, device_name)) {
      EXPECT_EQ(info.device, FOVEA_DEVICE_CPU);
      EXPECT_EQ(info.num_threads, 2);
    }
  }
  for (size_t size : {sizeof(size_t), offsetof(foveaBounds_t, count), sizeof(foveaBounds_t)}) {
    foveaBounds_t bounds;
    std::memset(&bounds, 0x5a, sizeof(bounds));
    bounds.struct_size = size;
    EXPECT_EQ(foveaBackendGetBounds(FOVEA_BACKEND_CPU_ATTN, FOVEA_BOUNDS_BLOCK_SIZE, &bounds), FOVEA_STATUS_SUCCESS);
    const unsigned char* bytes = reinterpret_cast<const unsigned char*>(&bounds);
    for (size_t i = size; i < sizeof(bounds); ++i) ASSERT_EQ(bytes[i], 0x5a) << "byte " << i;
    if (size >= offsetof(foveaBounds_t, count)) {
      EXPECT_EQ(bounds.multiple_of, 16);
      EXPECT_LE(bounds.min, 16);
    }
  }
  // From the future: the part that this library does not know is left alone or zeroed, never read as an input.
  auto longer = from_the_future(foveaContextInfo_t(FOVEA_CONTEXT_INFO_INIT), true);
  EXPECT_EQ(foveaContextGetInfo(problem.context, &longer.value), FOVEA_STATUS_SUCCESS) << foveaGetLastErrorMessage();
  EXPECT_EQ(longer.value.num_threads, 2);
}

// All-zero plus struct_size is every struct's default: the macros are nothing else.
template <class Struct>
void expect_zero_but_size(const Struct& value) {
  Struct zero;
  std::memset(&zero, 0, sizeof(zero));
  zero.struct_size = sizeof(zero);
  EXPECT_EQ(std::memcmp(&zero, &value, sizeof(zero)), 0);
}

TEST(StructSizeMacros, AreZeroButSize) {
  static const foveaContextCreateInfo_t context = FOVEA_CONTEXT_CREATE_INFO_INIT;
  static const foveaContextInfo_t info = FOVEA_CONTEXT_INFO_INIT;
  static const foveaBounds_t bounds = FOVEA_BOUNDS_INIT;
  static const foveaMetadataLimits_t limits = FOVEA_METADATA_LIMITS_INIT;
  static const foveaPlanArgs_t plan = FOVEA_PLAN_ARGS_INIT;
  static const foveaKvWriteArgs_t write = FOVEA_KV_WRITE_ARGS_INIT;
  static const foveaForwardArgs_t forward = FOVEA_FORWARD_ARGS_INIT;
  static const foveaMergeArgs_t merge = FOVEA_MERGE_ARGS_INIT;
  expect_zero_but_size(context);
  expect_zero_but_size(info);
  expect_zero_but_size(bounds);
  expect_zero_but_size(limits);
  expect_zero_but_size(plan);
  expect_zero_but_size(write);
  expect_zero_but_size(forward);
  expect_zero_but_size(merge);
}

}  // namespace
}  // namespace fovea_test
