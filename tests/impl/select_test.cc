// Selection: order, environment, explicit requests, and the message of a failure. With fake backends, so that every
// branch can be taken on any machine.
#include "impl/select.h"

#include <gtest/gtest.h>
#include <stdlib.h>

#include "tests/impl/batch_fixture.h"

namespace fovea {
namespace {

bool on_cpu(foveaDevice_t device) { return device == FOVEA_DEVICE_CPU; }
bool on_gpu(foveaDevice_t device) { return device == FOVEA_DEVICE_AMD; }
bool is_there(const Context*, std::string*) { return true; }
bool not_there(const Context*, std::string* reason) {
  *reason = "libfake.so not found in /nowhere";
  return false;
}
bool no_claims(Claims*) { return false; }
bool takes_all(const Context*, const LayerConfig&, Reasons*) { return true; }
bool takes_none(const Context*, const LayerConfig& config, Reasons* reasons) {
  reasons->add(FOVEA_REASON_NON_CAUSAL, "non-causal attention not supported");
  reasons->add(FOVEA_REASON_HEAD_SIZE, "head_size not supported: head_size %d is odd", config.head_size);
  return false;
}
bool causal_only(const Context*, const LayerConfig& config, Reasons* reasons) {
  if (config.non_causal) reasons->add(FOVEA_REASON_NON_CAUSAL, "non-causal attention not supported");
  return !config.non_causal;
}
foveaStatus_t no_bind(Context*, const LayerConfig&, Attention**) { return FOVEA_STATUS_INTERNAL_ERROR; }

constexpr auto kFirst = static_cast<foveaBackend_t>(101);
constexpr auto kSecond = static_cast<foveaBackend_t>(102);
constexpr auto kElsewhere = static_cast<foveaBackend_t>(103);
constexpr auto kMissing = static_cast<foveaBackend_t>(104);

constexpr Backend kCausalOnly = {kFirst, "CAUSAL_ONLY", on_cpu, is_there, no_claims, causal_only, no_bind};
constexpr Backend kTakesAll = {kSecond, "TAKES_ALL", on_cpu, is_there, no_claims, takes_all, no_bind};
constexpr Backend kTakesNone = {kSecond, "TAKES_NONE", on_cpu, is_there, no_claims, takes_none, no_bind};
constexpr Backend kOnGpu = {kElsewhere, "ON_GPU", on_gpu, is_there, no_claims, takes_all, no_bind};
constexpr Backend kOften = {kElsewhere, "OFTEN", on_cpu, is_there, no_claims, causal_only, no_bind,
                            [](const Context&, const LayerConfig& config) { return config.head_size == 64; }};
constexpr Backend kNotThere = {kMissing, "NOT_THERE", on_cpu, not_there, no_claims, takes_all, no_bind};

class SelectTest : public testing::Test {
 protected:
  void SetUp() override { unsetenv("FOVEA_BACKEND"); }
  void TearDown() override { unsetenv("FOVEA_BACKEND"); }

  LayerConfig config(bool non_causal) const {
    LayerConfig config;
    config.num_query_heads = config.num_kv_heads = 2;
    config.head_size = head_size;
    config.query_type = FOVEA_DATA_TYPE_F32;
    config.non_causal = non_causal;
    return config;
  }
  foveaStatus_t select(std::initializer_list<const Backend*> list, bool non_causal, foveaBackend_t requested) {
    chosen = nullptr;
    const std::vector<const Backend*> backends = list;
    return select_backend(backends, *context, config(non_causal), requested, "requested", &chosen);
  }
  void expect_words(std::initializer_list<const char*> words) {
    for (const char* word : words) {
      EXPECT_NE(std::string(last_error_message()).find(word), std::string::npos)
          << "expected \"" << word << "\" in: " << last_error_message();
    }
  }

  Owner<Context> context = make_context(1);
  int32_t head_size = 64;
  const Backend* chosen = nullptr;
};

TEST_F(SelectTest, AutoTakesTheFirstThatCan) {
  ASSERT_EQ(select({&kOnGpu, &kCausalOnly, &kTakesAll}, false, FOVEA_BACKEND_AUTO), FOVEA_STATUS_SUCCESS);
  EXPECT_EQ(chosen, &kCausalOnly);
  ASSERT_EQ(select({&kOnGpu, &kCausalOnly, &kTakesAll}, true, FOVEA_BACKEND_AUTO), FOVEA_STATUS_SUCCESS);
  EXPECT_EQ(chosen, &kTakesAll);
  ASSERT_EQ(select({&kNotThere, &kTakesAll}, true, FOVEA_BACKEND_AUTO), FOVEA_STATUS_SUCCESS);
  EXPECT_EQ(chosen, &kTakesAll);
}

TEST_F(SelectTest, AutoPrefersWhatIsKnownToBeFaster) {
  ASSERT_EQ(select({&kTakesAll, &kOften, &kCausalOnly}, false, FOVEA_BACKEND_AUTO), FOVEA_STATUS_SUCCESS);
  EXPECT_EQ(chosen, &kOften);
  ASSERT_EQ(select({&kTakesAll, &kOften, &kCausalOnly}, true, FOVEA_BACKEND_AUTO), FOVEA_STATUS_SUCCESS);
  EXPECT_EQ(chosen, &kTakesAll) << "what cannot serve a config is not preferred for it";
  head_size = 128;
  ASSERT_EQ(select({&kTakesAll, &kOften}, false, FOVEA_BACKEND_AUTO), FOVEA_STATUS_SUCCESS);
  EXPECT_EQ(chosen, &kTakesAll);
  ASSERT_EQ(select({&kOften, &kTakesAll}, false, FOVEA_BACKEND_AUTO), FOVEA_STATUS_SUCCESS);
  EXPECT_EQ(chosen, &kOften) << "the first is taken without preference, too";
  head_size = 64;
  ASSERT_EQ(select({&kTakesAll, &kOften}, false, kSecond), FOVEA_STATUS_SUCCESS);
  EXPECT_EQ(chosen, &kTakesAll) << "an explicit request wins";
  setenv("FOVEA_BACKEND", "takes_all", 1);
  ASSERT_EQ(select({&kTakesAll, &kOften}, false, FOVEA_BACKEND_AUTO), FOVEA_STATUS_SUCCESS);
  EXPECT_EQ(chosen, &kTakesAll) << "the environment replaces AUTO with its preferences";
}

TEST_F(SelectTest, AFailureListsTheConfigAndEveryBackendWithAllReasons) {
  EXPECT_EQ(select({&kOnGpu, &kNotThere, &kCausalOnly, &kTakesNone}, true, FOVEA_BACKEND_AUTO),
            FOVEA_STATUS_NOT_SUPPORTED);
  EXPECT_EQ(chosen, nullptr);
  EXPECT_EQ(std::string(last_error_message()),
            "no backend can serve this config\n"
            "  config: " +
                config(true).describe() +
                "\n"
                "  ON_GPU: does not run on the context's device (CPU)\n"
                "  NOT_THERE: unavailable: libfake.so not found in /nowhere\n"
                "  CAUSAL_ONLY: non-causal attention not supported\n"
                "  TAKES_NONE: head_size not supported: head_size 64 is odd; non-causal attention not supported");
}

TEST_F(SelectTest, AnExplicitRequestNeverFallsBack) {
  EXPECT_EQ(select({&kCausalOnly, &kTakesAll}, true, kFirst), FOVEA_STATUS_NOT_SUPPORTED);
  expect_words(
      {"CAUSAL_ONLY, requested, cannot serve", "non-causal attention not supported", "TAKES_ALL: could serve it"});
  EXPECT_EQ(select({&kNotThere, &kTakesAll}, true, kMissing), FOVEA_STATUS_BACKEND_UNAVAILABLE);
  expect_words({"libfake.so not found"});
  EXPECT_EQ(select({&kOnGpu, &kTakesAll}, true, kElsewhere), FOVEA_STATUS_NOT_SUPPORTED);
  expect_words({"does not run on the context's device"});
  ASSERT_EQ(select({&kCausalOnly, &kTakesAll}, false, kSecond), FOVEA_STATUS_SUCCESS);
  EXPECT_EQ(chosen, &kTakesAll) << "although another comes first";
  EXPECT_EQ(select({&kTakesAll}, false, static_cast<foveaBackend_t>(4711)), FOVEA_STATUS_INVALID_ARGUMENT);
  expect_words({"requested: 4711"});
}

TEST_F(SelectTest, TheEnvironmentReplacesAutoOnly) {
  setenv("FOVEA_BACKEND", "takes_all", 1);
  ASSERT_EQ(select({&kCausalOnly, &kTakesAll}, false, FOVEA_BACKEND_AUTO), FOVEA_STATUS_SUCCESS);
  EXPECT_EQ(chosen, &kTakesAll);
  ASSERT_EQ(select({&kCausalOnly, &kTakesAll}, false, kFirst), FOVEA_STATUS_SUCCESS);
  EXPECT_EQ(chosen, &kCausalOnly) << "an explicit request wins";

  setenv("FOVEA_BACKEND", "CAUSAL_ONLY", 1);
  EXPECT_EQ(select({&kCausalOnly, &kTakesAll}, true, FOVEA_BACKEND_AUTO), FOVEA_STATUS_NOT_SUPPORTED);
  expect_words({"CAUSAL_ONLY, named by FOVEA_BACKEND, cannot serve"});

  setenv("FOVEA_BACKEND", "nonsense", 1);
  EXPECT_EQ(select({&kCausalOnly, &kTakesAll}, false, FOVEA_BACKEND_AUTO), FOVEA_STATUS_INVALID_ARGUMENT);
  expect_words({"FOVEA_BACKEND: \"nonsense\"", "AUTO, CAUSAL_ONLY, TAKES_ALL"});
  ASSERT_EQ(select({&kCausalOnly, &kTakesAll}, false, kSecond), FOVEA_STATUS_SUCCESS);

  for (const char* same_as_nothing : {"", "auto"}) {
    setenv("FOVEA_BACKEND", same_as_nothing, 1);
    ASSERT_EQ(select({&kCausalOnly, &kTakesAll}, false, FOVEA_BACKEND_AUTO), FOVEA_STATUS_SUCCESS);
    EXPECT_EQ(chosen, &kCausalOnly);
  }
}

TEST_F(SelectTest, TheRealListEndsWithTheCpu) {
  ASSERT_EQ(select_backend(registry(), *context, config(true), FOVEA_BACKEND_AUTO, "requested", &chosen),
            FOVEA_STATUS_SUCCESS);
  EXPECT_EQ(chosen->id, FOVEA_BACKEND_CPU_ATTN);
  EXPECT_EQ(chosen, registry().back());
}

}  // namespace
}  // namespace fovea
