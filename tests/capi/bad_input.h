// Tables of wrong calls. For each: the status, the words its sentence must hold, that no output was touched, and that a
// right forward gives the right result straight afterwards.
#pragma once

#include <gtest/gtest.h>

#include "tests/capi/problem.h"

namespace fovea_test {

// Everything a call could write to.
struct Outputs {
  foveaContext_t context;
  foveaConfig_t config;
  foveaMetadata_t metadata;
  foveaAttention_t attention;
  foveaReport_t report;
  foveaBackend_t backend;
  foveaReason_t reason;
  const char* sentence;
  int32_t number;
  size_t size;
  char text[64];
  foveaBounds_t bounds;
  foveaContextInfo_t info;
};

struct World {
  World() {
    std::memset(&out, 0x5a, sizeof(out));
    out.bounds.struct_size = sizeof(out.bounds);
    out.info.struct_size = sizeof(out.info);
    problem.output.assign(problem.output.size(), kPoison);
    problem.lse.assign(problem.lse.size(), kPoison);
  }
  static constexpr float kPoison = -1234.5f;
  Problem problem;
  Outputs out;
};

struct BadCall {
  const char* name;
  foveaStatus_t expected;
  std::vector<std::string> words;  // all of them, in any order
  std::function<foveaStatus_t(World&)> call;
};

inline void expect_refused(const BadCall& bad) {
  SCOPED_TRACE(bad.name);
  World world;
  Problem& problem = world.problem;
  ASSERT_EQ(problem.status, FOVEA_STATUS_SUCCESS) << problem.message;
  const Outputs before = world.out;
  const std::vector<float> key_cache = problem.batch.key_cache, value_cache = problem.batch.value_cache;
  // A sentence of another failure, which the failure under test has to replace.
  ASSERT_EQ(foveaGetVersion(nullptr), FOVEA_STATUS_INVALID_ARGUMENT);
  const std::string other = foveaGetLastErrorMessage();

  const foveaStatus_t status = bad.call(world);
  const std::string message = foveaGetLastErrorMessage();
  EXPECT_STREQ(foveaStatusName(status), foveaStatusName(bad.expected)) << message;
  EXPECT_NE(message, other) << "the sentence was not renewed";
  EXPECT_NE(message, "");
  // Only a failed selection takes several lines: the config, then one line for each backend.
  if (message.find("\n  config: ") == std::string::npos) {
    EXPECT_EQ(message.find('\n'), std::string::npos) << message;
  }
  for (const std::string& word : bad.words) {
    EXPECT_NE(message.find(word), std::string::npos) << "expected \"" << word << "\" in: " << message;
  }

  EXPECT_EQ(std::memcmp(&before, &world.out, sizeof(before)), 0) << "an output was written";
  for (float x : problem.output) ASSERT_EQ(x, World::kPoison) << "output was written";
  for (float x : problem.lse) ASSERT_EQ(x, World::kPoison) << "lse was written";
  ASSERT_EQ(std::memcmp(key_cache.data(), problem.batch.key_cache.data(), key_cache.size() * sizeof(float)), 0);
  ASSERT_EQ(std::memcmp(value_cache.data(), problem.batch.value_cache.data(), value_cache.size() * sizeof(float)), 0);

  for (bool causal : {true, false}) {
    ASSERT_EQ(problem.forward(causal), FOVEA_STATUS_SUCCESS) << "the next call failed: " << foveaGetLastErrorMessage();
    EXPECT_LT(largest_difference(problem.output, problem.batch.expected(causal)), kTolerance);
  }
}

inline void expect_all_refused(const std::vector<BadCall>& table) {
  for (const BadCall& bad : table) expect_refused(bad);
}

}  // namespace fovea_test
