// Structs that grow: shorter ones from older headers, longer ones from newer.
#include <gtest/gtest.h>

#include <cstring>
#include <string>
#include <vector>

#include "impl/struct_size.h"

namespace fovea {
namespace {

struct Growing {
  size_t struct_size;
  int32_t first;
  int32_t second;
  int64_t third;
};

struct Newer {
  Growing known;
  int32_t fourth;
  int32_t fifth;
};

TEST(ReadStruct, CompleteStructIsCopied) {
  const Growing in = {sizeof(Growing), 1, 2, 3};
  Growing out;
  ASSERT_EQ(read_struct(&in, "in", &out), FOVEA_STATUS_SUCCESS);
  EXPECT_EQ(std::memcmp(&in, &out, sizeof(in)), 0);
}

TEST(ReadStruct, MissingFieldsAreZero) {
  const Growing in = {offsetof(Growing, second), 1, 77, 88};
  Growing out;
  ASSERT_EQ(read_struct(&in, "in", &out), FOVEA_STATUS_SUCCESS);
  EXPECT_EQ(out.struct_size, sizeof(Growing));
  EXPECT_EQ(out.first, 1);
  EXPECT_EQ(out.second, 0);
  EXPECT_EQ(out.third, 0);
}

TEST(ReadStruct, OnlyASizeIsAllDefaults) {
  const Growing in = {sizeof(size_t), 9, 9, 9};
  Growing out;
  ASSERT_EQ(read_struct(&in, "in", &out), FOVEA_STATUS_SUCCESS);
  EXPECT_EQ(out.first, 0);
}

TEST(ReadStruct, UnknownTailMustBeZero) {
  Newer in = {{sizeof(Newer), 1, 2, 3}, 0, 0};
  Growing out;
  EXPECT_EQ(read_struct(&in.known, "in", &out), FOVEA_STATUS_SUCCESS);
  in.fifth = 1 << 24;  // the very last byte
  EXPECT_EQ(read_struct(&in.known, "in", &out), FOVEA_STATUS_VERSION_MISMATCH);
  const std::string sentence = last_error_message();
  EXPECT_NE(sentence.find("in: byte " + std::to_string(sizeof(Newer) - 1)), std::string::npos) << sentence;
}

TEST(ReadStruct, SizesThatNobodyMeansAreRefused) {
  for (size_t size : {size_t{0}, size_t{1}, sizeof(size_t) - 1, sizeof(Growing) + kMaxStructGrowth + 1, SIZE_MAX}) {
    // In a larger buffer, because the compiler would warn about a read that is refused at run time.
    std::vector<Growing> in(1 + kMaxStructGrowth, Growing{size, 1, 2, 3});
    Growing out;
    EXPECT_EQ(read_struct(in.data(), "in", &out), FOVEA_STATUS_INVALID_ARGUMENT) << size;
    EXPECT_EQ(write_struct(Growing{}, "out", in.data()), FOVEA_STATUS_INVALID_ARGUMENT) << size;
  }
  Growing out;
  EXPECT_EQ(read_struct<Growing>(nullptr, "in", &out), FOVEA_STATUS_INVALID_ARGUMENT);
  EXPECT_EQ(write_struct<Growing>({}, "out", nullptr), FOVEA_STATUS_INVALID_ARGUMENT);
}

TEST(WriteStruct, StopsAtTheCallersSize) {
  const Growing value = {0, 1, 2, 3};
  Growing out = {offsetof(Growing, third), -1, -1, -1};
  ASSERT_EQ(write_struct(value, "out", &out), FOVEA_STATUS_SUCCESS);
  EXPECT_EQ(out.struct_size, offsetof(Growing, third));
  EXPECT_EQ(out.first, 1);
  EXPECT_EQ(out.second, 2);
  EXPECT_EQ(out.third, -1);

  Newer longer = {{sizeof(Newer), -1, -1, -1}, -1, -1};
  ASSERT_EQ(write_struct(value, "out", &longer.known), FOVEA_STATUS_SUCCESS);
  EXPECT_EQ(longer.known.struct_size, sizeof(Newer));
  EXPECT_EQ(longer.known.third, 3);
  EXPECT_EQ(longer.fourth, -1);
}

}  // namespace
}  // namespace fovea
