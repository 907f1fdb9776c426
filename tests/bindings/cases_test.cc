// Runs cases.json through the C API, as the other languages run it through theirs. README.md describes the file.
#include <gtest/gtest.h>

#include <cmath>
#include <cstdint>
#include <cstring>
#include <fstream>
#include <limits>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "fovea/fovea.h"

namespace {

using nlohmann::json;

constexpr double kMinusInfinity = -1e30;  // as the file writes it
constexpr int kQuery = 1, kKey = 2, kValue = 3, kStates = 4;

const json& document() {
  static const json parsed = [] {
    std::ifstream file(FOVEA_TEST_CASES);
    json result = json::parse(file);
    if (result.at("format") != 1) throw std::runtime_error("cases.json has another format");
    return result;
  }();
  return parsed;
}

template <class Handle, void (*destroy)(Handle)>
struct Owned {
  Owned() = default;
  Owned(const Owned&) = delete;
  Owned& operator=(const Owned&) = delete;
  ~Owned() { destroy(handle); }
  Handle handle = nullptr;
};
using Context = Owned<foveaContext_t, foveaContextDestroy>;
using Config = Owned<foveaConfig_t, foveaConfigDestroy>;
using Metadata = Owned<foveaMetadata_t, foveaMetadataDestroy>;
using Attention = Owned<foveaAttention_t, foveaAttentionDestroy>;
using Report = Owned<foveaReport_t, foveaReportDestroy>;

struct Failure {
  std::string step;
  foveaStatus_t status;
  std::string message;
  std::vector<int> reasons;
};

void require(const char* step, foveaStatus_t status) {
  if (status != FOVEA_STATUS_SUCCESS) throw Failure{step, status, foveaGetLastErrorMessage(), {}};
}

// The position of `name` in a list of an enum's names, which begin at value 0.
template <class Enum>
Enum enum_of(const json& name, const std::vector<std::string>& names) {
  for (size_t i = 0; i < names.size(); ++i) {
    if (names[i] == name) return static_cast<Enum>(i);
  }
  throw std::runtime_error("cases.json: unknown name " + name.dump());
}

foveaDataType_t dtype_of(const json& name) {
  for (int value = FOVEA_DATA_TYPE_F32; value <= FOVEA_DATA_TYPE_F8_E5M2; ++value) {
    if (name == foveaDataTypeName(static_cast<foveaDataType_t>(value))) return static_cast<foveaDataType_t>(value);
  }
  throw std::runtime_error("cases.json: unknown data type " + name.dump());
}

std::vector<float> make_values(uint64_t seed, int stream, int64_t count) {
  std::vector<float> values(count);
  uint64_t state = seed * 16 + stream;
  for (float& value : values) {
    state += 0x9E3779B97F4A7C15u;
    uint64_t z = state;
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
    z ^= z >> 31;
    value = (static_cast<int>(z >> 57) - 64) / 32.0f;
  }
  return values;
}

float half_to_float(uint16_t half) {
  const int exponent = (half >> 10) & 31, mantissa = half & 1023;
  const float magnitude = exponent == 31  ? (mantissa != 0 ? NAN : INFINITY)
                          : exponent == 0 ? std::ldexp(static_cast<float>(mantissa), -24)
                                          : std::ldexp(static_cast<float>(mantissa + 1024), exponent - 25);
  return (half >> 15) != 0 ? -magnitude : magnitude;
}

// Exact for what make_values makes: multiples of 1/32 below 2 in magnitude, and -2.
uint16_t float_to_half(float value) {
  if (value == 0) return 0;
  int exponent = 0;
  const float fraction = std::frexp(std::fabs(value), &exponent);  // [1/2, 1)
  const auto mantissa = static_cast<uint16_t>(std::ldexp(fraction, 11) - 1024);
  return static_cast<uint16_t>((value < 0 ? 0x8000 : 0) | ((exponent + 14) << 10) | mantissa);
}

std::vector<uint8_t> encode(const std::vector<float>& values, foveaDataType_t dtype) {
  const size_t size = foveaDataTypeSize(dtype);
  std::vector<uint8_t> bytes(values.size() * size);
  for (size_t i = 0; i < values.size(); ++i) {
    uint32_t bits;
    std::memcpy(&bits, &values[i], 4);
    const uint16_t upper = static_cast<uint16_t>(bits >> 16);
    const uint16_t half = float_to_half(values[i]);
    const void* source = dtype == FOVEA_DATA_TYPE_F32    ? static_cast<const void*>(&bits)
                         : dtype == FOVEA_DATA_TYPE_BF16 ? static_cast<const void*>(&upper)
                                                         : static_cast<const void*>(&half);
    std::memcpy(&bytes[i * size], source, size);
  }
  return bytes;
}

std::vector<float> decode(const std::vector<uint8_t>& bytes, foveaDataType_t dtype) {
  const size_t size = foveaDataTypeSize(dtype);
  std::vector<float> values(bytes.size() / size);
  for (size_t i = 0; i < values.size(); ++i) {
    uint32_t bits = 0;
    std::memcpy(&bits, &bytes[i * size], size);
    if (dtype == FOVEA_DATA_TYPE_F16) {
      values[i] = half_to_float(static_cast<uint16_t>(bits));
    } else {
      if (dtype == FOVEA_DATA_TYPE_BF16) bits <<= 16;
      std::memcpy(&values[i], &bits, 4);
    }
  }
  return values;
}

struct Tensor {
  Tensor() = default;
  Tensor(std::vector<uint8_t> data, foveaDataType_t type, std::vector<int64_t> lengths)
      : bytes(std::move(data)), dtype(type), shape(std::move(lengths)) {}
  static Tensor filled(uint8_t byte, foveaDataType_t dtype, const std::vector<int64_t>& shape) {
    int64_t count = shape.empty() ? 0 : 1;
    for (int64_t length : shape) count *= length;
    return {std::vector<uint8_t>(count * foveaDataTypeSize(dtype), byte), dtype, shape};
  }
  foveaTensor_t view() {
    foveaTensor_t tensor = FOVEA_TENSOR_INIT;
    if (bytes.empty()) return tensor;
    tensor.data = bytes.data();
    tensor.dtype = dtype;
    tensor.ndim = static_cast<int32_t>(shape.size());
    std::copy(shape.begin(), shape.end(), tensor.shape);
    return tensor;
  }
  std::vector<uint8_t> bytes;
  foveaDataType_t dtype = FOVEA_DATA_TYPE_NONE;
  std::vector<int64_t> shape;
};

void expect_near(const json& expected, double tolerance, const std::vector<float>& got, const char* what) {
  ASSERT_EQ(expected.size(), got.size()) << what;
  for (size_t i = 0; i < got.size(); ++i) {
    const double want = expected[i].get<double>();
    if (want <= kMinusInfinity) {
      ASSERT_TRUE(std::isinf(got[i]) && got[i] < 0) << what << "[" << i << "] is " << got[i] << ", not -inf";
    } else {
      ASSERT_LE(std::fabs(got[i] - want), tolerance) << what << "[" << i << "] is " << got[i] << ", not " << want;
    }
  }
}

std::vector<float> floats_of(const json& values) {
  std::vector<float> result;
  for (const json& value : values) {
    const double number = value.get<double>();
    result.push_back(number <= kMinusInfinity ? -std::numeric_limits<float>::infinity() : static_cast<float>(number));
  }
  return result;
}

const float* data_or_null(const std::vector<float>& values) { return values.empty() ? nullptr : values.data(); }
const int32_t* data_or_null(const std::vector<int32_t>& values) { return values.empty() ? nullptr : values.data(); }

struct Result {
  std::vector<float> output;
  std::vector<float> lse;
};

void set_config(const json& fields, foveaConfig_t config) {
  const auto set = [](foveaStatus_t status) { require("config", status); };
  set(foveaConfigSetHeads(config, fields.at("num_query_heads"), fields.at("num_kv_heads")));
  set(foveaConfigSetHeadSizes(config, fields.at("head_size"), fields.at("head_size_v")));
  set(foveaConfigSetDataTypes(config, dtype_of(fields.at("query_dtype")), dtype_of(fields.at("kv_cache_dtype")),
                              dtype_of(fields.at("output_dtype"))));
  set(foveaConfigSetScale(config, fields.at("scale")));
  set(foveaConfigSetSlidingWindow(config, fields.at("window_left"), fields.at("window_right")));
  set(foveaConfigSetLogitsSoftCap(config, fields.at("soft_cap")));
  set(foveaConfigSetAlibi(config, enum_of<foveaAlibi_t>(fields.at("alibi"), {"none", "linear", "sqrt"})));
  set(foveaConfigSetSinks(config, fields.at("sinks")));
  set(foveaConfigSetLse(config, fields.at("lse")));
  set(foveaConfigSetPrefixRanges(
      config, enum_of<foveaPrefixRanges_t>(fields.at("prefix_ranges"), {"none", "full", "windowed"})));
  set(foveaConfigSetNonCausal(config, fields.at("non_causal")));
  set(foveaConfigSetPerSequenceCausal(config, fields.at("per_sequence_causal")));
  set(foveaConfigSetAttentionType(config, enum_of<foveaAttentionType_t>(fields.at("attention_type"),
                                                                       {"decoder", "encoder", "encoder_decoder"})));
  set(foveaConfigSetKvCacheLayout(
      config, enum_of<foveaKvCacheLayout_t>(fields.at("kv_cache_layout"), {"strided", "vectorized"}),
      fields.at("block_size")));
  set(foveaConfigSetKvScales(config,
                             enum_of<foveaKvScales_t>(fields.at("kv_scales"), {"none", "per_tensor", "per_head"})));
  set(foveaConfigSetBatchInvariant(config, fields.at("batch_invariant")));
}

void check(foveaConfig_t config) {
  Report report;
  const foveaStatus_t status = foveaConfigCheck(config, FOVEA_BACKEND_CPU_ATTN, &report.handle);
  if (status == FOVEA_STATUS_SUCCESS) return;
  Failure failure{"check", status, foveaGetLastErrorMessage(), {}};
  int32_t count = 0;
  require("check", foveaReportGetCount(report.handle, &count));
  for (int32_t i = 0; i < count; ++i) {
    foveaReason_t reason = FOVEA_REASON_NONE;
    const char* sentence = nullptr;
    require("check", foveaReportGetReason(report.handle, i, &reason, &sentence));
    failure.reasons.push_back(reason);
  }
  throw failure;
}

void set_metadata(const json& fields, foveaMetadata_t metadata) {
  const auto set = [](foveaStatus_t status) { require("metadata", status); };
  const auto array = [&](const char* name) { return fields.at(name).get<std::vector<int32_t>>(); };
  const int32_t num_seqs = fields.at("num_seqs");
  set(foveaMetadataSetSequences(metadata, FOVEA_MEMORY_HOST, num_seqs, fields.at("num_tokens"), 0, 0,
                                array("query_start_loc").data(), array("seq_lens").data()));
  set(foveaMetadataSetCausal(metadata, fields.at("causal")));
  set(foveaMetadataSetCausalPerSequence(metadata, FOVEA_MEMORY_HOST, data_or_null(array("causal_per_sequence"))));
  if (!fields.at("block_table").empty()) {
    set(foveaMetadataSetBlockTable(metadata, FOVEA_MEMORY_HOST, num_seqs, fields.at("num_columns"), 0,
                                   array("block_table").data()));
  }
  if (!fields.at("ranges").empty()) {
    set(foveaMetadataSetPrefixRanges(metadata, FOVEA_MEMORY_HOST, static_cast<int32_t>(fields.at("ranges").size() / 2),
                                     array("range_start_loc").data(), array("ranges").data()));
  }
  set(foveaMetadataCommit(metadata, nullptr));
}

std::vector<float> gather_rows(const std::vector<float>& values, int64_t row_size, const json& rows) {
  std::vector<float> result;
  for (const json& row : rows) {
    const auto first = values.begin() + row.get<int64_t>() * row_size;
    result.insert(result.end(), first, first + row_size);
  }
  return result;
}

// Runs a case up to its end, or throws what failed.
Result run(const json& input) {
  const json& shape = input.at("config");
  const int64_t num_query_heads = shape.at("num_query_heads"), num_kv_heads = shape.at("num_kv_heads");
  const int64_t head_size = shape.at("head_size"), head_size_v = shape.at("head_size_v");
  const int64_t num_tokens = input.at("metadata").at("num_tokens"), num_keys = input.at("num_keys");
  const json& forward = input.at("forward");

  Context context;
  foveaContextCreateInfo_t info = FOVEA_CONTEXT_CREATE_INFO_INIT;
  info.device = FOVEA_DEVICE_CPU;
  info.num_threads = 2;
  require("context", foveaContextCreate(&info, &context.handle));
  Config config;
  require("config", foveaConfigCreate(&config.handle));
  set_config(shape, config.handle);
  check(config.handle);
  Attention attention;
  require("attention",
          foveaAttentionCreate(context.handle, config.handle, FOVEA_BACKEND_AUTO, &attention.handle));

  foveaMetadataLimits_t limits = FOVEA_METADATA_LIMITS_INIT;
  limits.max_num_seqs = input.at("limits").at("max_num_seqs");
  limits.max_num_tokens = input.at("limits").at("max_num_tokens");
  limits.max_seq_len = input.at("limits").at("max_seq_len");
  limits.max_blocks_per_seq = input.at("limits").at("max_blocks_per_seq");
  limits.max_prefix_ranges = input.at("limits").at("max_prefix_ranges");
  Metadata metadata;
  require("metadata", foveaMetadataCreate(context.handle, &limits, &metadata.handle));
  set_metadata(input.at("metadata"), metadata.handle);

  const foveaDataType_t dtype = dtype_of(shape.at("query_dtype")), cache_dtype = dtype_of(shape.at("kv_cache_dtype"));
  const bool partial = forward.at("partial_state") == 1;
  const foveaDataType_t output_dtype = partial ? FOVEA_DATA_TYPE_F32 : dtype_of(shape.at("output_dtype"));
  const uint64_t seed = input.at("seed");
  const std::vector<float> keys = make_values(seed, kKey, num_keys * num_kv_heads * head_size);
  const std::vector<float> values = make_values(seed, kValue, num_keys * num_kv_heads * head_size_v);
  const std::vector<float> k_scale = floats_of(input.at("k_scale")), v_scale = floats_of(input.at("v_scale"));
  const std::vector<float> slopes = floats_of(input.at("alibi_slopes")), sinks = floats_of(input.at("sinks"));
  const uint8_t fill = input.at("cache").at("fill_byte");
  Tensor key_cache = Tensor::filled(fill, cache_dtype, input.at("cache").at("key_shape"));
  Tensor value_cache = Tensor::filled(fill, cache_dtype, input.at("cache").at("value_shape"));

  const auto slot_mapping = input.at("slot_mapping").get<std::vector<int64_t>>();
  if (!slot_mapping.empty()) {
    Tensor key(encode(keys, dtype), dtype, {num_keys, num_kv_heads, head_size});
    Tensor value(encode(values, dtype), dtype, {num_keys, num_kv_heads, head_size_v});
    foveaKvWriteArgs_t args = FOVEA_KV_WRITE_ARGS_INIT;
    args.key = key.view();
    args.value = value.view();
    args.key_cache = key_cache.view();
    args.value_cache = value_cache.view();
    args.slot_mapping = slot_mapping.data();
    args.num_tokens = static_cast<int32_t>(num_keys);
    args.k_scale = data_or_null(k_scale);
    args.v_scale = data_or_null(v_scale);
    require("write", foveaAttentionWriteKvCache(attention.handle, &args));
  }

  struct alignas(64) Line {
    uint8_t bytes[64];
  };
  size_t size = 0;
  std::vector<Line> plan, workspace;
  if (forward.at("use_plan") == 1) {
    require("plan", foveaAttentionGetPlanSize(attention.handle, &limits, &size));
    plan.resize(size / sizeof(Line) + 1);
    foveaPlanArgs_t args = FOVEA_PLAN_ARGS_INIT;
    args.plan = plan.data();
    args.plan_size = plan.size() * sizeof(Line);
    args.causal = forward.at("causal");
    require("plan", foveaAttentionPlan(attention.handle, metadata.handle, &args));
  }

  require("forward", foveaAttentionGetWorkspaceSize(attention.handle, &limits, &size));
  workspace.resize(size / sizeof(Line) + 1);
  Tensor query(encode(make_values(seed, kQuery, num_tokens * num_query_heads * head_size), dtype), dtype,
               {num_tokens, num_query_heads, head_size});
  Tensor key, value;
  if (!forward.at("key_rows").empty()) {
    const json& rows = forward.at("key_rows");
    key = Tensor(encode(gather_rows(keys, num_kv_heads * head_size, rows), dtype), dtype,
                 {num_tokens, num_kv_heads, head_size});
    value = Tensor(encode(gather_rows(values, num_kv_heads * head_size_v, rows), dtype), dtype,
                   {num_tokens, num_kv_heads, head_size_v});
  }
  Tensor output = Tensor::filled(0xff, output_dtype, {num_tokens, num_query_heads, head_size_v});
  Tensor lse;
  if (shape.at("lse") == 1) lse = Tensor::filled(0xff, FOVEA_DATA_TYPE_F32, {num_tokens, num_query_heads});
  foveaForwardArgs_t args = FOVEA_FORWARD_ARGS_INIT;
  args.query = query.view();
  args.key = key.view();
  args.value = value.view();
  args.key_cache = key_cache.view();
  args.value_cache = value_cache.view();
  args.output = output.view();
  args.lse = lse.view();
  args.k_scale = data_or_null(k_scale);
  args.v_scale = data_or_null(v_scale);
  args.alibi_slopes = data_or_null(slopes);
  args.sinks = data_or_null(sinks);
  args.workspace = workspace.data();
  args.workspace_size = workspace.size() * sizeof(Line);
  args.plan = plan.empty() ? nullptr : plan.data();
  args.plan_size = plan.size() * sizeof(Line);
  args.causal = forward.at("causal");
  args.flags = partial ? FOVEA_FORWARD_PARTIAL_STATE : FOVEA_FORWARD_DEFAULT;
  require("forward", foveaAttentionForward(attention.handle, metadata.handle, &args));
  return {decode(output.bytes, output_dtype), decode(lse.bytes, FOVEA_DATA_TYPE_F32)};
}

std::string name_of(const testing::TestParamInfo<json>& info) { return info.param.at("name"); }

class Cases : public testing::TestWithParam<json> {};

TEST_P(Cases, Succeed) {
  try {
    const Result result = run(GetParam());
    const json& expected = GetParam().at("expect");
    expect_near(expected.at("output"), expected.at("output_tolerance"), result.output, "output");
    expect_near(expected.at("lse"), expected.at("lse_tolerance"), result.lse, "lse");
  } catch (const Failure& failure) {
    FAIL() << failure.step << ": " << foveaStatusName(failure.status) << ": " << failure.message;
  }
}

INSTANTIATE_TEST_SUITE_P(Bindings, Cases, testing::ValuesIn(document().at("cases")), name_of);

class Errors : public testing::TestWithParam<json> {};

TEST_P(Errors, Fail) {
  const json& expected = GetParam().at("expect");
  try {
    run(GetParam());
    FAIL() << "nothing failed";
  } catch (const Failure& failure) {
    EXPECT_EQ(expected.at("step"), failure.step) << failure.message;
    EXPECT_EQ(expected.at("status"), foveaStatusName(failure.status)) << failure.message;
    for (const json& text : expected.at("message")) {
      EXPECT_NE(failure.message.find(text.get<std::string>()), std::string::npos) << failure.message;
    }
    EXPECT_EQ(expected.at("reasons").get<std::vector<int>>(), failure.reasons);
  }
}

INSTANTIATE_TEST_SUITE_P(Bindings, Errors, testing::ValuesIn(document().at("errors")), name_of);

class Merges : public testing::TestWithParam<json> {};

TEST_P(Merges, Combine) {
  const json& input = GetParam();
  const int64_t num_states = input.at("num_states"), num_tokens = input.at("num_tokens");
  const int64_t num_query_heads = input.at("num_query_heads"), head_size_v = input.at("head_size_v");
  const std::vector<float> lse_values = floats_of(input.at("lses")), sinks = floats_of(input.at("sinks"));
  std::vector<Tensor> states, lses;
  for (int64_t i = 0; i < num_states; ++i) {
    const auto first = lse_values.begin() + i * num_tokens * num_query_heads;
    states.emplace_back(encode(make_values(input.at("seed"), static_cast<int>(kStates + i),
                                           num_tokens * num_query_heads * head_size_v),
                               FOVEA_DATA_TYPE_F32),
                        FOVEA_DATA_TYPE_F32, std::vector<int64_t>{num_tokens, num_query_heads, head_size_v});
    const std::vector<float> of_state(first, first + num_tokens * num_query_heads);
    Tensor lse = Tensor::filled(0, FOVEA_DATA_TYPE_F32, {num_tokens, num_query_heads});
    std::memcpy(lse.bytes.data(), of_state.data(), lse.bytes.size());
    lses.push_back(std::move(lse));
  }
  std::vector<foveaTensor_t> state_views, lse_views;
  for (Tensor& state : states) state_views.push_back(state.view());
  for (Tensor& lse : lses) lse_views.push_back(lse.view());
  const foveaDataType_t dtype = dtype_of(input.at("output_dtype"));
  Tensor output = Tensor::filled(0xff, dtype, {num_tokens, num_query_heads, head_size_v});
  Tensor lse = Tensor::filled(0xff, FOVEA_DATA_TYPE_F32, {num_tokens, num_query_heads});

  Context context;
  foveaContextCreateInfo_t info = FOVEA_CONTEXT_CREATE_INFO_INIT;
  info.device = FOVEA_DEVICE_CPU;
  ASSERT_EQ(foveaContextCreate(&info, &context.handle), FOVEA_STATUS_SUCCESS) << foveaGetLastErrorMessage();
  foveaMergeArgs_t args = FOVEA_MERGE_ARGS_INIT;
  args.num_states = static_cast<int32_t>(num_states);
  args.num_tokens = static_cast<int32_t>(num_tokens);
  args.outputs = state_views.data();
  args.lses = lse_views.data();
  args.output = output.view();
  args.lse = lse.view();
  args.sinks = data_or_null(sinks);
  ASSERT_EQ(foveaMergeAttentionStates(context.handle, &args), FOVEA_STATUS_SUCCESS) << foveaGetLastErrorMessage();
  const json& expected = input.at("expect");
  expect_near(expected.at("output"), expected.at("output_tolerance"), decode(output.bytes, dtype), "output");
  expect_near(expected.at("lse"), expected.at("lse_tolerance"), decode(lse.bytes, FOVEA_DATA_TYPE_F32), "lse");
}

INSTANTIATE_TEST_SUITE_P(Bindings, Merges, testing::ValuesIn(document().at("merges")), name_of);

}  // namespace
