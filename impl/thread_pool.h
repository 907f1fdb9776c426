// The library's own threads: the caller and num_threads - 1 workers.
#pragma once

#include <cstdint>

#include "fovea/fovea.h"

namespace fovea {

class ThreadPool {
 public:
  // Starts the workers; nullptr without memory. Fewer workers than asked for is not an error: tasks go to whoever is
  // there, the caller at least.
  static ThreadPool* create(int32_t num_threads) noexcept;

  // Stops the workers and frees the pool. In a child of fork() there are no workers to stop, and locks may be held for
  // ever by threads that do not exist there: the memory is left behind.
  static void destroy(ThreadPool* pool) noexcept;

  // Runs task(data, i) for each i in [0, num_tasks) and returns when all have finished. Tasks are claimed one by one,
  // so a worker that wakes up late delays nobody. While another caller is using the workers, all tasks run on the
  // calling thread: nothing waits for anything, and calls may be nested.
  void run(int32_t num_tasks, foveaTask_t task, void* data) noexcept;

  // Whether the pool's threads belong to the calling process.
  bool of_this_process() const noexcept;

  int32_t num_workers() const noexcept { return num_workers_; }

 private:
  struct State;

  ThreadPool() = default;
  ~ThreadPool() = default;

  State* state_ = nullptr;
  int32_t num_workers_ = 0;
};

}  // namespace fovea
