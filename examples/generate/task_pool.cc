#include "task_pool.h"

#if defined(__x86_64__) || defined(__i386__)
#include <immintrin.h>
#endif

namespace generate {
namespace {

// A decode step has some two hundred parallel regions of a few microseconds to a few hundred, one right after another.
// Sleeping and waking costs more than most of them, so threads look for work this often before they sleep.
constexpr int kSpins = 4000;

void relax() {
#if defined(__x86_64__) || defined(__i386__)
  _mm_pause();
#else
  std::this_thread::yield();
#endif
}

}  // namespace

TaskPool::TaskPool(int num_threads)
    // With more threads than processors a spinning thread would keep a working one from running.
    : spins_(num_threads <= static_cast<int>(std::thread::hardware_concurrency()) ? kSpins : 0) {
  for (int i = 1; i < num_threads; ++i) threads_.emplace_back([this] { work(); });
}

TaskPool::~TaskPool() {
  stop_ = true;
  region_.fetch_add(1);
  region_.notify_all();
  for (std::thread& thread : threads_) thread.join();
}

void TaskPool::wait_while(const std::atomic<uint32_t>& value, uint32_t unwanted) const {
  for (int i = 0; i < spins_; ++i) {
    if (value.load(std::memory_order_acquire) != unwanted) return;
    relax();
  }
  value.wait(unwanted, std::memory_order_acquire);
}

void TaskPool::take_tasks() {
  for (int32_t i; (i = next_task_.fetch_add(1, std::memory_order_relaxed)) < num_tasks_;) task_(data_, i);
}

void TaskPool::work() {
  for (uint32_t region = 0;;) {
    wait_while(region_, region);
    ++region;
    if (stop_) return;
    take_tasks();
    if (working_.fetch_sub(1, std::memory_order_acq_rel) == 1) working_.notify_one();
  }
}

void TaskPool::run(int num_tasks, void (*task)(void* data, int32_t index), void* data) {
  if (threads_.empty() || num_tasks <= 1) {
    for (int32_t i = 0; i < num_tasks; ++i) task(data, i);
    return;
  }
  task_ = task;
  data_ = data;
  num_tasks_ = num_tasks;
  next_task_.store(0, std::memory_order_relaxed);
  working_.store(static_cast<uint32_t>(threads_.size()), std::memory_order_relaxed);
  region_.fetch_add(1, std::memory_order_release);
  region_.notify_all();
  take_tasks();
  for (uint32_t left; (left = working_.load(std::memory_order_acquire)) != 0;) wait_while(working_, left);
}

}  // namespace generate
