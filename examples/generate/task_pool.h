// Threads that share out numbered tasks. One pool serves both the matrix products here and libfovea, which takes it as
// its parallel-for, so that two pools never fight for the same cores.
#pragma once

#include <atomic>
#include <cstdint>
#include <thread>
#include <vector>

namespace generate {

class TaskPool {
 public:
  // The calling thread is one of `num_threads`.
  explicit TaskPool(int num_threads);
  ~TaskPool();
  TaskPool(const TaskPool&) = delete;
  TaskPool& operator=(const TaskPool&) = delete;

  int num_threads() const { return static_cast<int>(threads_.size()) + 1; }

  // Runs task(i) for each i in [0, num_tasks) and returns when all are done. One caller at a time; tasks must not
  // throw.
  template <typename Task>
  void run(int num_tasks, const Task& task) {
    run(
        num_tasks, [](void* data, int32_t index) { (*static_cast<const Task*>(data))(index); },
        const_cast<Task*>(&task));
  }
  void run(int num_tasks, void (*task)(void* data, int32_t index), void* data);

 private:
  void work();
  void take_tasks();
  void wait_while(const std::atomic<uint32_t>& value, uint32_t unwanted) const;

  std::vector<std::thread> threads_;
  int spins_;
  void (*task_)(void*, int32_t) = nullptr;
  void* data_ = nullptr;
  int32_t num_tasks_ = 0;
  std::atomic<int32_t> next_task_{0};
  alignas(64) std::atomic<uint32_t> region_{0};   // counts calls of run
  alignas(64) std::atomic<uint32_t> working_{0};  // threads that have not finished the region
  std::atomic<bool> stop_{false};
};

}  // namespace generate
