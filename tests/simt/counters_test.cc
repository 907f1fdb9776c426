// What the attention kernels' accesses cost, from their real addresses: cycles of shared memory on 32 banks of 4 bytes, and
// segments of 64 bytes of global memory.
#include <gtest/gtest.h>

#include <cstdio>

#include "tests/simt/attention_case.h"

namespace fovea::hip::host {
namespace {

#define FOVEA_TEXT_OF(x) #x
#define FOVEA_TEXT(x) FOVEA_TEXT_OF(x)

// Waves of 64 take their operands from more rows at once; on AMD values of the vectorised cache become rows as they are stored.
constexpr double kMostConflicts[2] = {kWaveSize == 64 ? 1.6 : 1.35, 1.6};
// Values of the vectorised cache come in pieces of 32 bytes.
constexpr double kLeastUse[2] = {0.95, 0.65};

// No kernel has more bank conflicts, or touches more global memory in vain, than when this was written.
TEST(Counters, of_each_kernel) {
  std::printf("%-8s %-7s %-11s %12s %12s %10s %14s %12s\n", FOVEA_TEXT(FOVEA_HOST_MAP), "kernel", "cache", "LDS accesses",
              "LDS cycles", "conflicts", "global bytes", "64-byte use");
  for (const bool vectorized : {false, true}) {
    for (int kind = 0; kind < kNumKinds; ++kind) {
      AttentionCase c;
      c.sequences = {{kind == kSmall ? 1 : kind == kMedium ? 16 : 64, 256}};
      c.num_query_heads = 4;
      c.num_kv_heads = 1;
      c.vectorized = vectorized;
      c.block_size = 32;
      c.padded = false;
      AttentionProblem problem(c);
      problem.run(1, false);
      if (HasFatalFailure()) return;
      const Counters& n = problem.counters(kind);
      const double conflicts = static_cast<double>(n.lds_cycles) / static_cast<double>(n.lds_accesses);
      const double use = static_cast<double>(n.global_bytes) / (64.0 * static_cast<double>(n.global_segments));
      std::printf("%-8s %-7s %-11s %12lld %12lld %10.2f %14lld %11.0f%%\n", "", kind == kSmall ? "small" : kind == kMedium ? "medium" : "large",
                  vectorized ? "vectorized" : "strided", static_cast<long long>(n.lds_accesses), static_cast<long long>(n.lds_cycles),
                  conflicts, static_cast<long long>(n.global_bytes), 100 * use);
      EXPECT_GE(conflicts, 1.0);
      EXPECT_LE(conflicts, kMostConflicts[vectorized]);
      EXPECT_GE(use, kLeastUse[vectorized]);
    }
  }
}

}  // namespace
}  // namespace fovea::hip::host
