#include "impl/thread_pool.h"

#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <new>

#include "impl/log.h"

namespace fovea {
namespace {

// Long enough to bridge the gap between two calls of one layer, short enough not to be noticed as load.
constexpr std::chrono::microseconds kSpinTime{50};

void pause() {
#if defined(__x86_64__) || defined(__i386__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

template <class Condition>
bool spin_until(Condition condition, std::chrono::microseconds time) {
  if (condition()) return true;
  if (time.count() == 0) return false;
  const auto end = std::chrono::steady_clock::now() + time;
  do {
    for (int i = 0; i < 32; ++i) {
      if (condition()) return true;
      pause();
    }
  } while (std::chrono::steady_clock::now() < end);
  return false;
}

int32_t usable_cpus() {
  cpu_set_t set;
  return sched_getaffinity(0, sizeof(set), &set) == 0 ? CPU_COUNT(&set) : 1;
}

// A job in one word, so that a claim sees one job or none: generation (32 bits), number of tasks, next unclaimed task.
constexpr uint32_t next_task(uint64_t word) { return word & 0xffff; }
constexpr uint32_t task_count(uint64_t word) { return (word >> 16) & 0xffff; }
constexpr uint32_t generation(uint64_t word) { return static_cast<uint32_t>(word >> 32); }
constexpr uint64_t make_job(uint32_t generation, uint32_t num_tasks) {
  return uint64_t{generation} << 32 | uint64_t{num_tasks} << 16;
}
constexpr int32_t kMaxTasks = 0xffff;

}  // namespace

struct ThreadPool::State {
  pid_t process = 0;
  std::chrono::microseconds spin_time{0};

  std::atomic<bool> busy{false};
  std::atomic<uint64_t> word{0};
  // A late worker may read these while the next job is being set up; its claim fails then, because the generation has
  // changed, but the reads must be atomic.
  std::atomic<foveaTask_t> task{nullptr};
  std::atomic<void*> data{nullptr};
  std::atomic<uint32_t> finished{0};

  std::atomic<bool> stop{false};
  std::atomic<int32_t> sleeping_workers{0};
  std::atomic<bool> caller_sleeps{false};
  std::mutex mutex;
  std::condition_variable work_ready;
  std::condition_variable work_done;

  std::unique_ptr<pthread_t[]> threads;

  bool claim_and_run();
  void work();
  static void* start(void* state);
};

bool ThreadPool::State::claim_and_run() {
  uint64_t current = word.load(std::memory_order_acquire);
  while (next_task(current) < task_count(current)) {
    const foveaTask_t function = task.load(std::memory_order_relaxed);
    void* const argument = data.load(std::memory_order_relaxed);
    if (!word.compare_exchange_weak(current, current + 1, std::memory_order_acq_rel, std::memory_order_acquire))
      continue;
    function(argument, static_cast<int32_t>(next_task(current)));
    if (finished.fetch_add(1, std::memory_order_seq_cst) + 1 == task_count(current) &&
        caller_sleeps.load(std::memory_order_seq_cst)) {
      std::lock_guard lock(mutex);
      work_done.notify_one();
    }
    return true;
  }
  return false;
}

void ThreadPool::State::work() {
  // A job that was published before this thread started is worth joining: claiming nothing costs nothing.
  uint32_t seen = generation(word.load(std::memory_order_acquire)) - 1;
  const auto news = [&] {
    return stop.load(std::memory_order_acquire) || generation(word.load(std::memory_order_acquire)) != seen;
  };
  for (;;) {
    if (!spin_until(news, spin_time)) {
      std::unique_lock lock(mutex);
      sleeping_workers.fetch_add(1, std::memory_order_seq_cst);
      work_ready.wait(lock, [&] {
        return stop.load(std::memory_order_seq_cst) || generation(word.load(std::memory_order_seq_cst)) != seen;
      });
      sleeping_workers.fetch_sub(1, std::memory_order_seq_cst);
    }
    if (stop.load(std::memory_order_acquire)) return;
    seen = generation(word.load(std::memory_order_acquire));
    while (claim_and_run()) {
    }
  }
}

void* ThreadPool::State::start(void* state) {
  static_cast<State*>(state)->work();
  return nullptr;
}

ThreadPool* ThreadPool::create(int32_t num_threads) noexcept {
  auto* pool = new (std::nothrow) ThreadPool();
  if (pool == nullptr) return nullptr;
  pool->state_ = new (std::nothrow) State();
  if (pool->state_ == nullptr) {
    delete pool;
    return nullptr;
  }
  State& state = *pool->state_;
  state.process = getpid();
  const int32_t wanted = num_threads - 1;
  if (wanted <= 0) return pool;
  state.threads.reset(new (std::nothrow) pthread_t[wanted]);
  if (state.threads == nullptr) {
    delete pool->state_;
    delete pool;
    return nullptr;
  }
  // With more threads than processors a spinning thread would keep a working one off its processor.
  if (num_threads <= usable_cpus()) state.spin_time = kSpinTime;

  // Signals are the application's business; none of its handlers should run on these threads.
  sigset_t all, previous;
  sigfillset(&all);
  const bool masked = pthread_sigmask(SIG_SETMASK, &all, &previous) == 0;
  int error = 0;
  for (int32_t i = 0; i < wanted; ++i) {
    error = pthread_create(&state.threads[i], nullptr, State::start, &state);
    if (error != 0) break;
    pool->num_workers_ = i + 1;
#if defined(__linux__)
    pthread_setname_np(state.threads[i], "fovea");
#endif
  }
  if (masked) pthread_sigmask(SIG_SETMASK, &previous, nullptr);
  if (error != 0) {
    log(FOVEA_LOG_WARNING, "only %d of %d worker threads could be started (error %d)", pool->num_workers_, wanted,
        error);
  }
  return pool;
}

void ThreadPool::destroy(ThreadPool* pool) noexcept {
  if (pool == nullptr || !pool->of_this_process()) return;
  State& state = *pool->state_;
  {
    std::lock_guard lock(state.mutex);
    state.stop.store(true, std::memory_order_seq_cst);
    state.work_ready.notify_all();
  }
  for (int32_t i = 0; i < pool->num_workers_; ++i) pthread_join(state.threads[i], nullptr);
  delete pool->state_;
  delete pool;
}

bool ThreadPool::of_this_process() const noexcept { return state_->process == getpid(); }

void ThreadPool::run(int32_t num_tasks, foveaTask_t task, void* data) noexcept {
  State& state = *state_;
  if (num_tasks <= 1 || num_tasks > kMaxTasks || num_workers_ == 0 ||
      state.busy.exchange(true, std::memory_order_acquire)) {
    for (int32_t i = 0; i < num_tasks; ++i) task(data, i);
    return;
  }

  state.finished.store(0, std::memory_order_relaxed);
  state.task.store(task, std::memory_order_relaxed);
  state.data.store(data, std::memory_order_relaxed);
  const uint32_t previous = generation(state.word.load(std::memory_order_relaxed));
  state.word.store(make_job(previous + 1, static_cast<uint32_t>(num_tasks)), std::memory_order_seq_cst);
  if (state.sleeping_workers.load(std::memory_order_seq_cst) > 0) {
    std::lock_guard lock(state.mutex);
    state.work_ready.notify_all();
  }

  while (state.claim_and_run()) {
  }

  const auto done = [&] { return state.finished.load(std::memory_order_acquire) == static_cast<uint32_t>(num_tasks); };
  if (!spin_until(done, state.spin_time)) {
    // A cancellation here would leave tasks behind that still use the caller's memory.
    int cancel_state = 0;
    pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &cancel_state);
    std::unique_lock lock(state.mutex);
    state.caller_sleeps.store(true, std::memory_order_seq_cst);
    state.work_done.wait(
        lock, [&] { return state.finished.load(std::memory_order_seq_cst) == static_cast<uint32_t>(num_tasks); });
    state.caller_sleeps.store(false, std::memory_order_seq_cst);
    lock.unlock();
    pthread_setcancelstate(cancel_state, nullptr);
  }
  state.busy.store(false, std::memory_order_release);
}

}  // namespace fovea
