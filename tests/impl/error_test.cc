#include "impl/error.h"

#include <gtest/gtest.h>

#include <string>
#include <thread>

namespace fovea {
namespace {

TEST(Error, KeepsTheSentence) {
  EXPECT_EQ(fail(FOVEA_STATUS_NOT_SUPPORTED, "%s: %d", "value", 7), FOVEA_STATUS_NOT_SUPPORTED);
  EXPECT_STREQ(last_error_message(), "value: 7");
}

TEST(Error, ArgumentsMayPointIntoTheMessage) {
  fail(FOVEA_STATUS_INVALID_ARGUMENT, "inner");
  fail(FOVEA_STATUS_INVALID_ARGUMENT, "outer (%s)", last_error_message());
  EXPECT_STREQ(last_error_message(), "outer (inner)");
}

TEST(Error, LongTextIsCutAndSaysSo) {
  const std::string text(3 * kMaxMessage, 'x');
  fail(FOVEA_STATUS_INVALID_ARGUMENT, "%s", text.c_str());
  const std::string message = last_error_message();
  EXPECT_EQ(message.size(), kMaxMessage - 1);
  EXPECT_EQ(message.substr(message.size() - 4), "x...");
}

TEST(Error, EachThreadHasItsOwn) {
  fail(FOVEA_STATUS_INVALID_ARGUMENT, "of the main thread");
  std::string before, after;
  std::thread other([&] {
    before = last_error_message();
    fail(FOVEA_STATUS_INVALID_ARGUMENT, "of the other thread");
    after = last_error_message();
  });
  other.join();
  EXPECT_EQ(before, "");
  EXPECT_EQ(after, "of the other thread");
  EXPECT_STREQ(last_error_message(), "of the main thread");
}

}  // namespace
}  // namespace fovea
