// Tensors: shapes, strides, alignment, overlap, and sizes that wrap.
#include "impl/tensor.h"

#include <gtest/gtest.h>

#include <cmath>

#include "impl/error.h"

namespace fovea {
namespace {

alignas(64) float memory[1024];

foveaTensor_t tensor(std::vector<int64_t> shape, std::vector<int64_t> strides = {}) {
  foveaTensor_t t = {};
  t.data = memory;
  t.dtype = FOVEA_DATA_TYPE_F32;
  t.ndim = static_cast<int32_t>(shape.size());
  std::copy(shape.begin(), shape.end(), t.shape);
  std::copy(strides.begin(), strides.end(), t.strides);
  return t;
}

foveaStatus_t rows(const foveaTensor_t& t, Access access, cpu::Rows* out) {
  return check_rows(t, "query", FOVEA_DATA_TYPE_F32, 4, {2, "num_query_heads"}, {8, "head_size"}, access, out);
}

void expect_refused(const foveaTensor_t& t, const std::string& sentence, Access access = Access::kRead) {
  cpu::Rows out;
  EXPECT_EQ(rows(t, access, &out), FOVEA_STATUS_INVALID_ARGUMENT);
  EXPECT_EQ(last_error_message(), sentence);
}

TEST(Tensor, ZeroStridesAreContiguous) {
  cpu::Rows out;
  ASSERT_EQ(rows(tensor({5, 2, 8}), Access::kWrite, &out), FOVEA_STATUS_SUCCESS) << last_error_message();
  EXPECT_EQ(out.row_stride, 16);
  EXPECT_EQ(out.head_stride, 8);
}

TEST(Tensor, SlicesPaddingAndOtherOrdersAreTaken) {
  cpu::Rows out;
  ASSERT_EQ(rows(tensor({4, 2, 8}, {48, 8, 1}), Access::kWrite, &out), FOVEA_STATUS_SUCCESS);  // packed QKV
  EXPECT_EQ(out.row_stride, 48);
  ASSERT_EQ(rows(tensor({4, 2, 8}, {8, 32, 1}), Access::kWrite, &out), FOVEA_STATUS_SUCCESS);  // heads first
  EXPECT_EQ(out.head_stride, 32);
  ASSERT_EQ(rows(tensor({4, 2, 8}, {8, 0, 1}), Access::kRead, &out), FOVEA_STATUS_SUCCESS);  // broadcast over heads
  EXPECT_EQ(out.head_stride, 0);
}

TEST(Tensor, RefusalsNameTheAxis) {
  expect_refused(tensor({3, 2, 8}), "query: shape[0] is 3, expected at least num_tokens 4");
  expect_refused(tensor({4, 3, 8}), "query: shape[1] is 3, expected num_query_heads 2");
  expect_refused(tensor({4, 2, -8}), "query: shape[2] is -8, expected head_size 8");
  expect_refused(tensor({4, 16}), "query: ndim is 2, expected 3");
  expect_refused(tensor({4, 2, 8}, {32, 16, 2}),
                 "query: strides[2] is 2, expected 1 (the innermost axis is contiguous)");
  expect_refused(tensor({4, 2, 8}, {-16, 8, 1}), "query: strides[0] is -16, expected 0 or more");
  foveaTensor_t t = tensor({4, 2, 8});
  t.dtype = FOVEA_DATA_TYPE_BF16;
  expect_refused(t, "query: dtype is bf16, expected f32");
  t.dtype = static_cast<foveaDataType_t>(99);
  expect_refused(t, "query: dtype is 99, which is not a data type");
  t = tensor({4, 2, 8});
  t.data = nullptr;
  expect_refused(t, "query: absent (data is NULL), expected a tensor");
  t.data = reinterpret_cast<char*>(memory) + 2;
  cpu::Rows out;
  EXPECT_EQ(rows(t, Access::kRead, &out), FOVEA_STATUS_INVALID_ARGUMENT);
  EXPECT_NE(std::string(last_error_message()).find("is not aligned to 4 bytes"), std::string::npos);
}

TEST(Tensor, WrittenElementsMustNotOverlap) {
  const std::string sentence = "query: strides let elements overlap, but the tensor is written";
  cpu::Rows out;
  for (const auto& strides : {std::vector<int64_t>{8, 8, 1}, {16, 4, 1}, {0, 8, 1}, {15, 8, 1}, {8, 16, 1}}) {
    expect_refused(tensor({4, 2, 8}, strides), sentence, Access::kWrite);
    EXPECT_EQ(rows(tensor({4, 2, 8}, strides), Access::kRead, &out), FOVEA_STATUS_SUCCESS);
  }
}

TEST(Tensor, SizesThatWrapAreRefused) {
  expect_refused(tensor({4, 2, 8}, {INT64_MAX / 2, 8, 1}),
                 "query: strides[0] is 4611686018427387903, which reaches beyond memory for num_tokens 4");
  expect_refused(tensor({4, 2, 8}, {INT64_MAX / 8, 8, 1}),
                 "query: strides[0] is 1152921504606846975, which reaches beyond memory for num_tokens 4");
  // Rows that are not used do not count, however many the shape promises.
  cpu::Rows out;
  EXPECT_EQ(rows(tensor({INT64_MAX / 64, 2, 8}), Access::kWrite, &out), FOVEA_STATUS_SUCCESS) << last_error_message();
}

TEST(Tensor, CachesInBothLayouts) {
  LayerConfig config;
  config.num_query_heads = 4;
  config.num_kv_heads = 2;
  config.head_size = 8;
  config.head_size_v = 16;
  config.query_type = FOVEA_DATA_TYPE_F32;
  cpu::Cache key, value;
  ASSERT_EQ(check_caches(config, tensor({3, 16, 2, 8}), tensor({3, 16, 2, 16}), Access::kWrite, &key, &value),
            FOVEA_STATUS_SUCCESS)
      << last_error_message();
  EXPECT_EQ(key.num_blocks, 3);
  EXPECT_EQ(key.block_stride, 256);
  EXPECT_EQ(key.row_stride, 16);
  EXPECT_EQ(key.head_stride, 8);
  EXPECT_EQ(value.block_stride, 512);

  EXPECT_EQ(check_caches(config, tensor({3, 32, 2, 8}), tensor({3, 16, 2, 16}), Access::kRead, &key, &value),
            FOVEA_STATUS_INVALID_ARGUMENT);
  EXPECT_STREQ(last_error_message(), "key_cache: shape[1] is 32, expected block_size 16");
  EXPECT_EQ(check_caches(config, tensor({3, 16, 2, 8}), tensor({4, 16, 2, 16}), Access::kRead, &key, &value),
            FOVEA_STATUS_INVALID_ARGUMENT);
  EXPECT_STREQ(last_error_message(), "value_cache: shape[0] is 4, expected num_blocks of key_cache 3");

  config.layout = FOVEA_KV_CACHE_LAYOUT_VECTORIZED;
  ASSERT_EQ(check_caches(config, tensor({3, 2, 2, 16, 4}), tensor({3, 2, 16, 16}), Access::kWrite, &key, &value),
            FOVEA_STATUS_SUCCESS)
      << last_error_message();
  EXPECT_EQ(key.block_stride, 256);
  EXPECT_EQ(key.head_stride, 128);
  EXPECT_EQ(key.group_stride, 64);
  EXPECT_EQ(key.row_stride, 4);
  EXPECT_EQ(value.block_stride, 512);
  EXPECT_EQ(value.head_stride, 256);
  EXPECT_EQ(value.group_stride, 16);
  EXPECT_EQ(value.row_stride, 1);
  EXPECT_EQ(check_caches(config, tensor({3, 16, 2, 8}), tensor({3, 2, 16, 16}), Access::kRead, &key, &value),
            FOVEA_STATUS_INVALID_ARGUMENT);
  EXPECT_STREQ(last_error_message(), "key_cache: ndim is 4, expected 5 (vectorized layout)");
}

TEST(Floats, PresenceAndValues) {
  const float values[] = {1, -INFINITY, 3, NAN, 0};
  const auto check = [&](int64_t count, Values kind) {
    return check_floats(values, "sinks", true, "declared", count, kind) == FOVEA_STATUS_SUCCESS;
  };
  EXPECT_TRUE(check(3, Values::kSink));
  EXPECT_FALSE(check(4, Values::kSink));
  EXPECT_STREQ(last_error_message(), "sinks: element 3 is nan, expected a finite number, or -inf for none");
  EXPECT_TRUE(check(1, Values::kFinite));
  EXPECT_FALSE(check(2, Values::kFinite));
  EXPECT_TRUE(check(5, Values::kAny));
  const float zero = 0;
  EXPECT_EQ(check_floats(&zero, "k_scale", true, "", 1, Values::kPositive), FOVEA_STATUS_INVALID_ARGUMENT);
  EXPECT_STREQ(last_error_message(), "k_scale: element 0 is 0, expected a finite number above 0");
  EXPECT_EQ(check_floats(nullptr, "k_scale", true, "the config declared KV scales", 1, Values::kPositive),
            FOVEA_STATUS_INVALID_ARGUMENT);
  EXPECT_STREQ(last_error_message(), "k_scale: NULL, but the config declared KV scales");
  EXPECT_EQ(check_floats(values, "k_scale", false, "the config declared none", 1, Values::kPositive),
            FOVEA_STATUS_INVALID_ARGUMENT);
  EXPECT_STREQ(last_error_message(), "k_scale: given, but the config declared none");
  EXPECT_EQ(check_floats(nullptr, "k_scale", false, "", 1, Values::kPositive), FOVEA_STATUS_SUCCESS);
}

}  // namespace
}  // namespace fovea
