// A backend that is causal only, which needs a GPU's module: what every language tests through its own binding, here through
// the C API. The module claims what the shipped ones do and computes nothing.
#include <gtest/gtest.h>
#include <stdlib.h>

#include <cstdio>
#include <string>

#include "fovea/fovea.h"

namespace {

void require(bool good, const char* what) {
  if (good) return;
  fprintf(stderr, "%s: %s\n", what, foveaGetLastErrorMessage());
  exit(1);
}
#define REQUIRE(condition) require((condition), #condition)

bool is_refusal(foveaStatus_t status) {
  return status == FOVEA_STATUS_NOT_SUPPORTED &&
         std::string(foveaGetLastErrorMessage()).find("non-causal attention not supported") != std::string::npos;
}

// In a process of its own: modules are looked for once in the life of one, and the others are on a CPU.
void ask_a_causal_only_backend() {
  setenv("FOVEA_BACKEND_PATH", FOVEA_TEST_CLAIMS_MODULE, 1);
  constexpr foveaBackend_t kUnified = FOVEA_BACKEND_ROCM_UNIFIED_ATTN;
  int32_t supported = 1;
  REQUIRE(foveaBackendSupportsNonCausal(kUnified, &supported) == FOVEA_STATUS_SUCCESS && supported == 0);
  foveaContextCreateInfo_t info = FOVEA_CONTEXT_CREATE_INFO_INIT;
  info.device = FOVEA_DEVICE_GPU;
  foveaContext_t context = nullptr;
  REQUIRE(foveaContextCreate(&info, &context) == FOVEA_STATUS_SUCCESS);

  // A config that declares non-causal use.
  foveaConfig_t config = nullptr;
  REQUIRE(foveaConfigCreate(&config) == FOVEA_STATUS_SUCCESS);
  REQUIRE(foveaConfigSetHeads(config, 4, 2) == FOVEA_STATUS_SUCCESS);
  REQUIRE(foveaConfigSetHeadSizes(config, 64, 0) == FOVEA_STATUS_SUCCESS);
  REQUIRE(foveaConfigSetDataTypes(config, FOVEA_DATA_TYPE_BF16, FOVEA_DATA_TYPE_NONE, FOVEA_DATA_TYPE_NONE) ==
          FOVEA_STATUS_SUCCESS);
  REQUIRE(foveaConfigSetNonCausal(config, 1) == FOVEA_STATUS_SUCCESS);
  REQUIRE(is_refusal(foveaConfigCheck(config, kUnified, nullptr)));
  foveaAttention_t attention = nullptr;
  REQUIRE(is_refusal(foveaAttentionCreate(context, config, kUnified, &attention)));
  foveaBackend_t selected = FOVEA_BACKEND_AUTO;
  REQUIRE(foveaSelectBackend(context, config, FOVEA_BACKEND_AUTO, &selected) == FOVEA_STATUS_SUCCESS &&
          selected == FOVEA_BACKEND_ROCM_ATTN);

  // One that does not, and a batch that is non-causal all the same.
  REQUIRE(foveaConfigSetNonCausal(config, 0) == FOVEA_STATUS_SUCCESS);
  REQUIRE(foveaAttentionCreate(context, config, kUnified, &attention) == FOVEA_STATUS_SUCCESS);
  foveaMetadataLimits_t limits = FOVEA_METADATA_LIMITS_INIT;
  limits.max_num_seqs = 1;
  limits.max_num_tokens = 2;
  limits.max_seq_len = 4;
  foveaMetadata_t metadata = nullptr;
  REQUIRE(foveaMetadataCreate(context, &limits, &metadata) == FOVEA_STATUS_SUCCESS);
  const int32_t query_start_loc[] = {0, 2}, seq_lens[] = {4};
  REQUIRE(foveaMetadataSetSequences(metadata, FOVEA_MEMORY_HOST, 1, 2, 0, 0, query_start_loc, seq_lens) ==
          FOVEA_STATUS_SUCCESS);
  REQUIRE(foveaMetadataCommit(metadata, nullptr) == FOVEA_STATUS_SUCCESS);
  for (const int32_t causal : {2, 0}) {
    REQUIRE(foveaMetadataSetCausal(metadata, causal == 2 ? 1 : 0) == FOVEA_STATUS_SUCCESS);
    foveaPlanArgs_t plan = FOVEA_PLAN_ARGS_INIT;
    plan.causal = causal;
    REQUIRE(is_refusal(foveaAttentionPlan(attention, metadata, &plan)));
    foveaForwardArgs_t forward = FOVEA_FORWARD_ARGS_INIT;
    forward.causal = causal;
    REQUIRE(is_refusal(foveaAttentionForward(attention, metadata, &forward)));
  }
  foveaMetadataDestroy(metadata);
  foveaAttentionDestroy(attention);
  foveaConfigDestroy(config);
  foveaContextDestroy(context);
}

TEST(CausalOnly, NonCausalRequestsAreRefusedWithTheReason) {
  EXPECT_EXIT(
      {
        ask_a_causal_only_backend();
        exit(0);
      },
      testing::ExitedWithCode(0), "");
}

}  // namespace
