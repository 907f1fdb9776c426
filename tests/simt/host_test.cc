// The checks of the host layer themselves: each kind of mistake is found, and what is right is not reported.
#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <type_traits>
#include <vector>

#include "kernels/hip/device/device.h"
#include "tests/simt/machine.h"

namespace fovea::hip {
namespace {

using namespace device;
using host::Access;
using host::Array;
using host::Launch;
using host::Report;

// A value of the lanes must not steer control flow.
static_assert(!std::is_convertible_v<Bool, bool> && !std::is_constructible_v<bool, Bool>);
static_assert(!std::is_convertible_v<Int, int> && !std::is_constructible_v<int, Int>);
template <class A>
concept CanNegateLogically = requires(A a) { a && a; };
static_assert(!CanNegateLogically<Bool> && CanNegateLogically<bool>);
// 64-bit uniform values do not silently become 32-bit lane values.
template <class A, class B>
concept CanAdd = requires(A a, B b) { a + b; };
static_assert(CanAdd<Int, int> && CanAdd<Long, int> && !CanAdd<Int, int64_t> && !CanAdd<Float, double>);

Report run(const std::function<void(const Workgroup&)>& kernel, int num_waves = 2, uint64_t seed = 1, bool at_wait = false,
           int grid_x = 1) {
  Launch launch;
  launch.kernel = "a kernel";
  launch.grid_x = grid_x;
  launch.num_threads = num_waves * kWaveSize;
  launch.lds_bytes = 4096;
  launch.seed = seed;
  launch.deliver_at_wait = at_wait;
  return host::run(launch, kernel);
}
bool says(const Report& report, const std::string& part) {
  for (const std::string& error : report.errors) {
    if (error.find(part) != std::string::npos) return true;
  }
  return false;
}
std::string text(const Report& report) { return report.errors.empty() ? "no error" : report.errors[0]; }

Bool all() { return Bool(true); }

TEST(Checks, exchange_between_waves_needs_a_barrier) {
  int found = 0, found_other_way = 0;
  for (const bool barrier : {false, true}) {
    for (uint64_t seed = 1; seed <= 8; ++seed) {
      const Report report = run(
          [&](const Workgroup& wg) {
            lds_store_int(wg, wg.thread() * 4, wg.thread(), all());
            wg.barrier();
            // Wave 0 overwrites what wave 1 reads: whichever comes first, it is wrong.
            if (wg.wave == 1) lds_load(wg, wg.lane * 4);
            if (barrier) wg.barrier();
            if (wg.wave == 0) lds_store_int(wg, wg.lane * 4, wg.lane, all());
          },
          2, seed);
      EXPECT_EQ(report.num_errors == 0, barrier) << text(report);
      found += says(report, "wave 0, lane 0: write of LDS byte 0, which wave 1 lane 0 read since the last barrier");
      found_other_way += says(report, "wave 1, lane 0: read of LDS byte 0, which wave 0 wrote since the last barrier");
    }
  }
  EXPECT_GT(found, 0) << "the order of waves is always the same";
  EXPECT_GT(found_other_way, 0) << "the order of waves is always the same";
  EXPECT_EQ(found + found_other_way, 8);
}

TEST(Checks, reading_what_another_wave_just_wrote) {
  const Report report = run([](const Workgroup& wg) {
    if (wg.wave == 0) lds_store_int(wg, wg.lane * 4, wg.lane, all());
    wg.barrier();
    lds_load(wg, wg.lane * 4);
    wg.barrier();
    if (wg.wave == 0) {
      lds_store_int(wg, wg.lane * 4, wg.lane, all());
    } else {
      lds_load(wg, wg.lane * 4);
    }
  });
  EXPECT_TRUE(says(report, "since the last barrier")) << text(report);
}

TEST(Checks, exchange_within_a_wave_needs_a_synchronisation) {
  for (const bool synchronised : {false, true}) {
    const Report report = run(
        [&](const Workgroup& wg) {
          lds_store_int(wg, wg.lane * 4, wg.lane, all());
          if (synchronised) wave_sync();
          lds_load(wg, (kWaveSize - 1 - wg.lane) * 4);
        },
        1);
    EXPECT_EQ(report.num_errors == 0, synchronised) << text(report);
    EXPECT_EQ(says(report, "of the same wave wrote since"), !synchronised) << text(report);
  }
}

TEST(Checks, shared_memory_that_was_never_written) {
  const Report report = run([](const Workgroup& wg) {
    lds_store_int(wg, wg.thread() * 4, wg.lane, wg.lane != 3);
    lds_load(wg, wg.thread() * 4);
  });
  EXPECT_EQ(report.num_errors, 2);
  EXPECT_TRUE(says(report, "lane 3: read of LDS byte")) << text(report);
  EXPECT_TRUE(says(report, "never written")) << text(report);
}

TEST(Checks, shared_memory_has_an_end_and_alignments) {
  EXPECT_TRUE(says(run([](const Workgroup& wg) { lds_store_int(wg, wg.lane * 4 + 4096, wg.lane, wg.lane == 5); }), "lane 5"));
  EXPECT_TRUE(says(run([](const Workgroup& wg) { lds_store_int(wg, wg.lane * 4 - 4, wg.lane, wg.lane == 0); }), "at -4"));
  EXPECT_TRUE(says(run([](const Workgroup& wg) { lds_store_int(wg, wg.lane * 4 + 2, wg.lane, wg.thread() == 0); }), "multiple of 4"));
}

TEST(Checks, atomic_operations_do_not_race_with_each_other) {
  Int before[2];
  const auto kernel = [&](const Workgroup& wg) {
    lds_store_int(wg, Int(0), Int(0), wg.thread() == 0);
    wg.barrier();
    before[wg.wave] = lds_fetch_add(wg, Int(0), Int(1), all());
    wg.barrier();
    EXPECT_EQ(lds_load_uniform(wg, 0), 2 * kWaveSize);
  };
  const Report report = run(kernel);
  EXPECT_EQ(report.num_errors, 0) << text(report);
  std::vector<bool> seen(2 * kWaveSize);
  for (const Int& b : before) {
    for (const int x : b.v) seen[static_cast<size_t>(x)] = true;
  }
  EXPECT_EQ(std::count(seen.begin(), seen.end(), true), 2 * kWaveSize);
  const Report mixed = run([](const Workgroup& wg) {
    lds_store_int(wg, Int(0), Int(0), wg.thread() == 0);
    wg.barrier();
    lds_add(wg, Int(0), Int(1), all());
    lds_load_uniform(wg, 0);
  });
  EXPECT_NE(mixed.num_errors, 0);
}

TEST(Checks, copies_must_be_waited_for) {
  const Array<uint32_t> from("source", std::vector<uint32_t>(4 * kWaveSize, 7));
  for (const bool at_wait : {false, true}) {
    for (const int mistake : {0, 1, 2, 3}) {
      const Report report = run(
          [&](const Workgroup& wg) {
            copy_async16<true>(wg, all(), wg.lane * 16, reinterpret_cast<const char*>(from.data()) + to_long(wg.lane * 16), wg.lane != 1);
            copy_commit();
            if (mistake == 2) lds_store_int(wg, wg.lane * 16, wg.lane, all());
            if (mistake == 3) return;
            if (mistake == 1) {
              copy_async16<true>(wg, all(), wg.lane * 16 + 1024, reinterpret_cast<const char*>(from.data()) + to_long(wg.lane * 16), all());
              copy_commit();
              copy_wait<1>();
              lds_load_quad(wg, wg.lane * 16 + 1024);
            }
            copy_wait<0>();
            const Quad q = lds_load_quad(wg, wg.lane * 16);
            if (mistake == 0) {
              for (int i = 0; i < kWaveSize; ++i) EXPECT_EQ(q.w[3].v[i], i == 1 ? 0u : 7u);
            }
          },
          1, 1, at_wait);
      EXPECT_EQ(report.num_errors == 0, mistake == 0) << text(report);
      EXPECT_EQ(says(report, "under way"), mistake != 0) << text(report);
    }
  }
}

TEST(Checks, copies_are_seen_by_others_after_a_barrier_only) {
  const Array<uint32_t> from("source", std::vector<uint32_t>(4 * kWaveSize, 7));
  for (const bool barrier : {false, true}) {
    const Report report = run(
        [&](const Workgroup& wg) {
          copy_async16<true>(wg, all(), wg.lane * 16, reinterpret_cast<const char*>(from.data()) + to_long(wg.lane * 16), all());
          copy_commit();
          copy_wait<0>();
          if (barrier) wg.barrier();
          lds_load_quad(wg, (kWaveSize - 1 - wg.lane) * 16);
        },
        1);
    EXPECT_EQ(report.num_errors == 0, barrier) << text(report);
  }
}

TEST(Checks, global_memory) {
  const Array<int32_t> read("input", std::vector<int32_t>(kWaveSize, 3));
  const Array<int32_t> write("result", 2 * kWaveSize, Access::kReadWrite);
  EXPECT_TRUE(says(run([&](const Workgroup& wg) { global_load(read.data() + (wg.lane + 1), all(), 0); }, 1), "input + "));
  EXPECT_TRUE(says(run([&](const Workgroup& wg) { global_load(read.data() + (wg.lane - 1), all(), 0); }, 1), "input - 4"));
  EXPECT_TRUE(says(run([&](const Workgroup& wg) { global_store(read.data() + wg.lane, wg.lane, wg.lane == 2); }, 1), "only read"));
  const Report masked = run(
      [&](const Workgroup& wg) {
        const Int value = global_load(read.data() + wg.lane * 1000, wg.lane == 0, -5);
        for (int i = 0; i < kWaveSize; ++i) EXPECT_EQ(value.v[i], i == 0 ? 3 : -5);
        global_store(write.data() + (wg.lane * 1000 + 1), value, wg.lane == 0);
      },
      1);
  EXPECT_EQ(masked.num_errors, 0) << text(masked);
  EXPECT_EQ(write[1], 3);
}

TEST(Checks, workgroups_do_not_see_each_other) {
  const Array<int32_t> memory("shared", 4, Access::kReadWrite);
  const Report writes = run([&](const Workgroup& wg) { global_store(memory.data() + wg.lane * 0, wg.lane, wg.lane == 0); }, 1, 3, false, 3);
  EXPECT_TRUE(says(writes, "which workgroup")) << text(writes);
  int reports = 0;
  for (uint64_t seed = 1; seed <= 8; ++seed) {
    const Report reads = run(
        [&](const Workgroup& wg) {
          if (wg.x == 0) global_store(memory.data() + wg.lane * 0, wg.lane, wg.lane == 0);
          if (wg.x == 1) global_load(memory.data() + wg.lane * 0, wg.lane == 0, 0);
        },
        1, seed, false, 2);
    reports += reads.num_errors != 0;
  }
  EXPECT_GT(reports, 0);
  EXPECT_LT(reports, 8) << "the order of workgroups is always the same";
  const Report atomic = run([&](const Workgroup& wg) { global_min(memory.data(), wg.lane, all()); }, 1, 3, false, 3);
  EXPECT_EQ(atomic.num_errors, 0) << text(atomic);
}

TEST(Checks, waves_exchange_global_memory_after_a_barrier_only) {
  const Array<int32_t> memory("scratch", 4 * kWaveSize, Access::kReadWrite);
  for (const bool barrier : {false, true}) {
    int64_t errors = 0;
    for (uint64_t seed = 1; seed <= 4; ++seed) {
      errors += run(
                    [&](const Workgroup& wg) {
                      global_store(memory.data() + wg.thread(), wg.lane, all());
                      if (barrier) wg.barrier();
                      global_load(memory.data() + (wg.lane + (1 - wg.wave) * kWaveSize), all(), 0);
                    },
                    2, seed)
                    .num_errors;
    }
    EXPECT_EQ(errors == 0, barrier);
  }
}

TEST(Checks, all_waves_must_reach_a_barrier) {
  const Report report = run([](const Workgroup& wg) {
    if (wg.wave == 0) wg.barrier();
  });
  EXPECT_TRUE(says(report, "1 waves wait at a barrier that 1 never reach")) << text(report);
}

TEST(Checks, counters) {
  const Report straight = run([](const Workgroup& wg) { lds_store_int(wg, wg.lane * 4, wg.lane, all()); }, 1);
  EXPECT_EQ(straight.counters.lds_accesses, kWaveSize / 32);
  EXPECT_EQ(straight.counters.lds_cycles, kWaveSize / 32);
  const Report same_bank = run([](const Workgroup& wg) { lds_store_int(wg, wg.lane * 128, wg.lane, wg.lane < 8); }, 1);
  EXPECT_EQ(same_bank.counters.lds_accesses, 1);
  EXPECT_EQ(same_bank.counters.lds_cycles, 8);
  const Array<int32_t> memory("scratch", 64 * kWaveSize, Access::kReadWrite);
  const Report global = run([&](const Workgroup& wg) { global_store(memory.data() + wg.lane * 16, wg.lane, all()); }, 1);
  EXPECT_EQ(global.counters.global_segments, kWaveSize);
  EXPECT_EQ(global.counters.global_bytes, 4 * kWaveSize);
}

}  // namespace
}  // namespace fovea::hip
