// The pool: every task once, whatever the callers do at the same time, and again after fork.
#include "impl/thread_pool.h"

#include <gtest/gtest.h>
#include <sched.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <memory>
#include <thread>
#include <vector>

namespace fovea {
namespace {

struct PoolDeleter {
  void operator()(ThreadPool* pool) const { ThreadPool::destroy(pool); }
};
using PoolOwner = std::unique_ptr<ThreadPool, PoolDeleter>;

struct Counts {
  explicit Counts(int32_t size) : runs(size) {}
  std::vector<std::atomic<int32_t>> runs;
  bool each_is(int32_t expected) const {
    for (const auto& count : runs) {
      if (count.load() != expected) return false;
    }
    return true;
  }
};

void count_task(void* data, int32_t index) { static_cast<Counts*>(data)->runs[index].fetch_add(1); }

TEST(ThreadPool, RunsEveryTaskOnce) {
  for (int32_t threads : {1, 2, 3, 8}) {
    PoolOwner pool(ThreadPool::create(threads));
    ASSERT_NE(pool, nullptr);
    EXPECT_EQ(pool->num_workers(), threads - 1);
    for (int32_t tasks : {0, 1, 2, 3, 7, 8, 100}) {
      Counts counts(tasks);
      for (int32_t round = 1; round <= 50; ++round) {
        pool->run(tasks, count_task, &counts);
        ASSERT_TRUE(counts.each_is(round)) << threads << " threads, " << tasks << " tasks, round " << round;
      }
    }
  }
}

// Each task waits for the other: only threads that run at the same time get through.
TEST(ThreadPool, WorkersTakePart) {
  PoolOwner pool(ThreadPool::create(2));
  for (int32_t round = 0; round < 20; ++round) {
    std::atomic<int32_t> arrived{0};
    pool->run(
        2,
        [](void* data, int32_t) {
          auto* count = static_cast<std::atomic<int32_t>*>(data);
          count->fetch_add(1);
          while (count->load() < 2) sched_yield();
        },
        &arrived);
    EXPECT_EQ(arrived.load(), 2);
    // Past the time for which workers spin, so that they are woken from sleep too.
    if (round % 4 == 0) usleep(2000);
  }
}

TEST(ThreadPool, WhatTasksWroteIsSeenByTheCaller) {
  PoolOwner pool(ThreadPool::create(4));
  std::vector<int64_t> values(4);
  for (int64_t round = 0; round < 200; ++round) {
    for (int64_t& value : values) value = round;
    pool->run(
        4, [](void* data, int32_t i) { (*static_cast<std::vector<int64_t>*>(data))[i] *= i + 1; }, &values);
    for (int64_t i = 0; i < 4; ++i) ASSERT_EQ(values[i], round * (i + 1));
  }
}

TEST(ThreadPool, CallersAtTheSameTimeDoNotWaitForEachOther) {
  PoolOwner pool(ThreadPool::create(3));
  std::vector<std::thread> callers;
  std::atomic<int32_t> wrong{0};
  for (int32_t c = 0; c < 4; ++c) {
    callers.emplace_back([&] {
      Counts counts(3);
      for (int32_t round = 1; round <= 200; ++round) {
        pool->run(3, count_task, &counts);
        if (!counts.each_is(round)) wrong.fetch_add(1);
      }
    });
  }
  for (std::thread& caller : callers) caller.join();
  EXPECT_EQ(wrong.load(), 0);
}

// While one caller's task holds the workers, another caller finishes on its own thread.
TEST(ThreadPool, ABusyPoolBlocksNobody) {
  PoolOwner pool(ThreadPool::create(2));
  std::atomic<int32_t> state{0};  // 1: the first caller's tasks run; 2: the second caller is done
  std::thread first([&] {
    pool->run(
        2,
        [](void* data, int32_t) {
          auto* state = static_cast<std::atomic<int32_t>*>(data);
          int32_t idle = 0;
          state->compare_exchange_strong(idle, 1);
          while (state->load() < 2) sched_yield();
        },
        &state);
  });
  while (state.load() < 1) sched_yield();
  Counts counts(2);
  pool->run(2, count_task, &counts);
  EXPECT_TRUE(counts.each_is(1));
  state.store(2);
  first.join();
}

TEST(ThreadPool, NestedCallsRunOnTheCallingThread) {
  PoolOwner pool(ThreadPool::create(3));
  struct Nest {
    ThreadPool* pool;
    Counts inner{4};
  } nest{pool.get()};
  pool->run(
      3,
      [](void* data, int32_t) {
        auto* nest = static_cast<Nest*>(data);
        nest->pool->run(4, count_task, &nest->inner);
      },
      &nest);
  EXPECT_TRUE(nest.inner.each_is(3));
}

TEST(ThreadPool, CreatedAndDestroyedManyTimes) {
  for (int32_t i = 0; i < 100; ++i) {
    PoolOwner pool(ThreadPool::create(3));
    if (i % 2 == 0) continue;  // destroyed before any work
    Counts counts(3);
    pool->run(3, count_task, &counts);
    EXPECT_TRUE(counts.each_is(1));
  }
}

TEST(ThreadPool, WorkersTakeNoSignals) {
  PoolOwner pool(ThreadPool::create(4));
  static std::atomic<int32_t> handled{0};
  struct sigaction action = {}, previous = {};
  action.sa_handler = [](int) { handled.fetch_add(1); };
  ASSERT_EQ(sigaction(SIGUSR1, &action, &previous), 0);
  // This thread does not take the signal, so any other that would gets it; it must still be pending afterwards.
  sigset_t usr1, mask;
  sigemptyset(&usr1);
  sigaddset(&usr1, SIGUSR1);
  ASSERT_EQ(pthread_sigmask(SIG_BLOCK, &usr1, &mask), 0);
  ASSERT_EQ(kill(getpid(), SIGUSR1), 0);
  usleep(20000);
  const timespec none = {};
  EXPECT_EQ(sigtimedwait(&usr1, nullptr, &none), SIGUSR1);
  EXPECT_EQ(handled.load(), 0);
  pthread_sigmask(SIG_SETMASK, &mask, nullptr);
  sigaction(SIGUSR1, &previous, nullptr);
}

// A sanitizer's own locks may be held by a thread that is just starting when fork copies them; the child would wait for
// ever.
#if !defined(__SANITIZE_THREAD__) && !defined(__SANITIZE_ADDRESS__)
TEST(ThreadPool, AChildKnowsThatThePoolIsTheParents) {
  ThreadPool* pool = ThreadPool::create(3);
  ASSERT_TRUE(pool->of_this_process());
  Counts counts(3);
  pool->run(3, count_task, &counts);
  const pid_t child = fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    alarm(20);  // a wait for threads that do not exist would be for ever
    bool good = !pool->of_this_process();
    ThreadPool::destroy(pool);
    ThreadPool* own = ThreadPool::create(3);
    Counts more(3);
    own->run(3, count_task, &more);
    good = good && own->of_this_process() && more.each_is(1);
    ThreadPool::destroy(own);
    _exit(good ? 0 : 1);
  }
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0) << status;
  pool->run(3, count_task, &counts);
  EXPECT_TRUE(counts.each_is(2));
  ThreadPool::destroy(pool);
}
#endif

}  // namespace
}  // namespace fovea
