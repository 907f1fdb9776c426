// What every attention checks of a call before anything else, by what its backend claims.
#include "impl/attention.h"

#include <gtest/gtest.h>

#include "impl/backend/registry.h"
#include "impl/error.h"
#include "tests/impl/batch_fixture.h"

namespace fovea {
namespace {

constexpr Backend kNamed = {.id = static_cast<foveaBackend_t>(101), .name = "NAMED"};

// Nothing of it but the checks is used.
class CheckedAttention final : public Attention {
 public:
  CheckedAttention(Context* context, const Claims& claims) : Attention(context, kNamed, claims, LayerConfig()) {}
  using Attention::check_forward_flags;

  foveaStatus_t workspace_size(const foveaMetadataLimits_t&, size_t*) const override { return kUnused; }
  foveaStatus_t plan_size(const foveaMetadataLimits_t&, size_t*) const override { return kUnused; }
  foveaStatus_t plan(const Metadata&, const foveaPlanArgs_t&) const override { return kUnused; }
  foveaStatus_t write_kv_cache(const foveaKvWriteArgs_t&) const override { return kUnused; }
  foveaStatus_t forward(const Metadata&, const foveaForwardArgs_t&) const override { return kUnused; }
  foveaStatus_t validate(const Metadata&, int64_t) const override { return kUnused; }

 private:
  static constexpr foveaStatus_t kUnused = FOVEA_STATUS_INTERNAL_ERROR;
};

TEST(Attention, FlagsOfAForwardAreKnownAndClaimed) {
  const Owner<Context> context = make_context(1);
  Claims claims = {};
  const Owner<CheckedAttention> without(new CheckedAttention(context.get(), claims));
  EXPECT_EQ(without->backend(), kNamed.id);
  EXPECT_EQ(without->check_forward_flags(0), FOVEA_STATUS_SUCCESS);
  EXPECT_EQ(without->check_forward_flags(FOVEA_FORWARD_PARTIAL_STATE), FOVEA_STATUS_NOT_SUPPORTED);
  EXPECT_STREQ(last_error_message(), "partial states not supported: NAMED computes final rows only");
  EXPECT_EQ(without->check_forward_flags(6), FOVEA_STATUS_INVALID_ARGUMENT);
  EXPECT_STREQ(last_error_message(), "flags: 0x6 holds unknown flags");

  claims.capabilities = uint64_t{1} << FOVEA_CAPABILITY_PARTIAL_STATE;
  const Owner<CheckedAttention> with(new CheckedAttention(context.get(), claims));
  EXPECT_EQ(with->check_forward_flags(FOVEA_FORWARD_PARTIAL_STATE), FOVEA_STATUS_SUCCESS);
}

}  // namespace
}  // namespace fovea
