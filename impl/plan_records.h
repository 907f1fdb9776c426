// Which plan memory holds a plan of what. Plans on a GPU cannot be looked into, so their making is remembered.
#pragma once

#include <atomic>
#include <cstdint>

namespace fovea {

// The last plans that were made for one metadata. Lock-free, so that planning never blocks; a plan that was pushed out
// by many others is only refused.
class PlanRecords {
 public:
  static constexpr uint32_t kRecords = 64;

  void put(const void* plan, uint64_t identity) {
    for (Record& record : records_) {
      if (record.plan.load(std::memory_order_acquire) == plan) {
        record.identity.store(identity, std::memory_order_release);
        return;
      }
    }
    Record& record = records_[next_.fetch_add(1, std::memory_order_relaxed) % kRecords];
    record.identity.store(0, std::memory_order_relaxed);
    record.plan.store(plan, std::memory_order_release);
    record.identity.store(identity, std::memory_order_release);
  }

  bool holds(const void* plan, uint64_t identity) const {
    for (const Record& record : records_) {
      if (record.plan.load(std::memory_order_acquire) == plan &&
          record.identity.load(std::memory_order_acquire) == identity) {
        return true;
      }
    }
    return false;
  }

 private:
  struct Record {
    std::atomic<const void*> plan{nullptr};
    std::atomic<uint64_t> identity{0};
  };
  Record records_[kRecords];
  std::atomic<uint32_t> next_{0};
};

}  // namespace fovea
