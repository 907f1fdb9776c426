// Which plan memory is known to hold what.
#include "impl/plan_records.h"

#include <gtest/gtest.h>

#include <thread>
#include <vector>

namespace fovea {
namespace {

const void* address(uintptr_t n) { return reinterpret_cast<const void*>(n * 64); }

TEST(PlanRecords, HoldsWhatWasPutLast) {
  PlanRecords records;
  EXPECT_FALSE(records.holds(address(1), 5));
  EXPECT_FALSE(records.holds(nullptr, 5));
  records.put(address(1), 5);
  EXPECT_TRUE(records.holds(address(1), 5));
  EXPECT_FALSE(records.holds(address(1), 6));
  EXPECT_FALSE(records.holds(address(2), 5));
  records.put(address(1), 6);
  EXPECT_TRUE(records.holds(address(1), 6));
  EXPECT_FALSE(records.holds(address(1), 5)) << "the memory was planned into again";
}

TEST(PlanRecords, TheOldestMakeRoom) {
  PlanRecords records;
  for (uintptr_t n = 1; n <= PlanRecords::kRecords + 3; ++n) records.put(address(n), n);
  for (uintptr_t n = 1; n <= PlanRecords::kRecords + 3; ++n) EXPECT_EQ(records.holds(address(n), n), n > 3) << n;
}

TEST(PlanRecords, ThreadsPlanAtOnce) {
  PlanRecords records;
  std::vector<std::thread> threads;
  for (uintptr_t t = 1; t <= 4; ++t) {
    threads.emplace_back([&records, t] {
      for (uint64_t i = 1; i <= 1000; ++i) {
        records.put(address(t), i);
        EXPECT_TRUE(records.holds(address(t), i));
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
}

}  // namespace
}  // namespace fovea
