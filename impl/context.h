// A device with its threads and its allocator.
#pragma once

#include <atomic>
#include <memory>

#include "fovea/fovea.h"
#include "impl/gpu_device.h"
#include "impl/memory.h"
#include "impl/object.h"
#include "impl/thread_pool.h"
#include "kernels/cpu/cpu_kernels.h"

namespace fovea {

// Behind foveaContext_t. Shared by threads; everything but the pool is fixed at creation.
class Context : public Object {
 public:
  static constexpr ObjectKind kKind = ObjectKind::kContext;

  // `info` may be NULL.
  static foveaStatus_t create(const foveaContextCreateInfo_t* info, Context** context);

  foveaDevice_t device() const { return gpu_ == nullptr ? FOVEA_DEVICE_CPU : gpu_->kind(); }
  // nullptr on a CPU.
  const GpuDevice* gpu() const { return gpu_.get(); }
  // Of a CPU; 0 on a GPU.
  int32_t num_threads() const { return num_threads_; }
  const cpu::KernelTable& kernels() const { return *kernels_; }
  foveaStatus_t get_info(foveaContextInfo_t* info) const;

  // NULL if the allocator has none.
  void* allocate(size_t size) const { return allocator_.allocate(allocator_.user, size, kAlignment); }
  void free(void* memory, size_t size) const { allocator_.free(allocator_.user, memory, size); }

  // Starts the pool unless it runs already or the caller brought a parallel-for.
  foveaStatus_t start_threads();
  // How kernels share their work out; `user` is this context.
  cpu::Parallel parallel() const;

 private:
  Context(const foveaContextCreateInfo_t& info, int32_t num_threads, std::unique_ptr<GpuDevice> gpu);
  ~Context() override;

  static void run_tasks(void* user, int32_t num_tasks, void (*task)(void* data, int32_t index), void* data);
  // The pool of this process; starts one where there is none or where fork() left only the parent's.
  ThreadPool* pool();

  std::unique_ptr<GpuDevice> gpu_;
  int32_t num_threads_;
  const cpu::KernelTable* kernels_;
  Allocator allocator_;
  foveaParallelFor_t parallel_for_;
  void* parallel_for_user_;
  // Replaced without a lock, because a lock could be inherited locked by a child of fork().
  std::atomic<ThreadPool*> pool_{nullptr};
};

}  // namespace fovea
