#include "impl/context.h"

#include <sched.h>
#include <unistd.h>

#include <cstdio>
#include <cstring>
#include <string>
#include <utility>

#if defined(__x86_64__) || defined(__i386__)
#include <cpuid.h>
#endif

#include "impl/backend/module_loader.h"
#include "impl/error.h"
#include "impl/log.h"
#include "impl/names.h"
#include "impl/struct_size.h"

namespace fovea {
namespace {

constexpr int32_t kMaxThreads = 1024;

int32_t count_cpus() {
  // The mask of a large machine does not fit the fixed set; the kernel says so with EINVAL.
  for (int cpus = 1024; cpus <= 1024 * 64; cpus *= 4) {
    cpu_set_t* set = CPU_ALLOC(cpus);
    if (set == nullptr) break;
    const size_t size = CPU_ALLOC_SIZE(cpus);
    const int count = sched_getaffinity(0, size, set) == 0 ? CPU_COUNT_S(size, set) : 0;
    CPU_FREE(set);
    if (count > 0) return count < kMaxThreads ? count : kMaxThreads;
  }
  const long count = sysconf(_SC_NPROCESSORS_ONLN);
  return count < 1 ? 1 : count < kMaxThreads ? static_cast<int32_t>(count) : kMaxThreads;
}

void copy_text(char* to, size_t size, const char* from) { std::snprintf(to, size, "%s", from); }

void describe_cpu(char* name, size_t size) {
  copy_text(name, size, "CPU");
#if defined(__x86_64__) || defined(__i386__)
  unsigned int registers[12];
  if (__get_cpuid_max(0x80000000U, nullptr) < 0x80000004U) return;
  for (unsigned int i = 0; i < 3; ++i) {
    unsigned int* r = registers + 4 * i;
    __get_cpuid(0x80000002U + i, r, r + 1, r + 2, r + 3);
  }
  char text[sizeof(registers) + 1] = {};
  std::memcpy(text, registers, sizeof(registers));
  // Vendors pad the brand on either side.
  const char* begin = text + std::strspn(text, " ");
  size_t length = std::strlen(begin);
  while (length > 0 && begin[length - 1] == ' ') --length;
  if (length > 0) std::snprintf(name, size, "%.*s", static_cast<int>(length), begin);
#else
  FILE* file = std::fopen("/proc/cpuinfo", "re");
  if (file == nullptr) return;
  char line[256];
  while (std::fgets(line, sizeof(line), file) != nullptr) {
    const char* colon = std::strchr(line, ':');
    if (std::strncmp(line, "model name", 10) != 0 || colon == nullptr) continue;
    line[std::strcspn(line, "\n")] = '\0';
    copy_text(name, size, colon + 1 + std::strspn(colon + 1, " "));
    break;
  }
  std::fclose(file);
#endif
}

}  // namespace

foveaStatus_t Context::create(const foveaContextCreateInfo_t* given, Context** context) {
  foveaContextCreateInfo_t info = FOVEA_CONTEXT_CREATE_INFO_INIT;
  if (given != nullptr) FOVEA_TRY(read_struct(given, "info", &info));
  FOVEA_REQUIRE_ARGUMENT(info.device >= FOVEA_DEVICE_AUTO && info.device <= FOVEA_DEVICE_NVIDIA,
                         "device: %d is not a foveaDevice_t", static_cast<int>(info.device));
  FOVEA_REQUIRE_ARGUMENT(info.device_ordinal >= 0, "device_ordinal: %d, expected 0 or more", info.device_ordinal);
  FOVEA_REQUIRE_ARGUMENT(info.num_threads >= 0 && info.num_threads <= kMaxThreads, "num_threads: %d, expected 0 to %d",
                         info.num_threads, kMaxThreads);
  FOVEA_REQUIRE_ARGUMENT(info.reserved_flags == 0, "reserved_flags: %u, expected 0", info.reserved_flags);
  FOVEA_REQUIRE_ARGUMENT((info.allocate == nullptr) == (info.free == nullptr),
                         "%s: NULL, but %s is given; set both or none", info.allocate == nullptr ? "allocate" : "free",
                         info.allocate == nullptr ? "free" : "allocate");

  if (info.device != FOVEA_DEVICE_CPU) {
    std::unique_ptr<GpuDevice> gpu;
    const ModuleDevice found = find_gpu(
        info.device, info.device_ordinal,
        [](void* user, const ModuleDevice& device) {
          return GpuDevice::create(device, static_cast<std::unique_ptr<GpuDevice>*>(user));
        },
        &gpu);
    if (found.status == FOVEA_STATUS_SUCCESS) {
      log(FOVEA_LOG_INFO, "%s context: device %d, %s (%s)", device_name(found.kind), found.ordinal, found.info.name,
          found.info.architecture);
      *context = new Context(info, 0, std::move(gpu));
      return FOVEA_STATUS_SUCCESS;
    }
    if (info.device != FOVEA_DEVICE_AUTO) return fail(found.status, "device: %s", found.reason.c_str());
    log(FOVEA_LOG_INFO, "no usable GPU, taking the CPU: %s", found.reason.c_str());
  }
  FOVEA_REQUIRE_ARGUMENT(info.device_ordinal == 0, "device_ordinal: %d, must be 0 on a CPU", info.device_ordinal);

  auto* created = new Context(info, info.num_threads == 0 ? count_cpus() : info.num_threads, nullptr);
  log(FOVEA_LOG_INFO, "CPU context: %d threads%s, kernels %s", created->num_threads_,
      created->parallel_for_ != nullptr ? " (the caller's parallel-for)" : "", created->kernels_->name);
  *context = created;
  return FOVEA_STATUS_SUCCESS;
}

Context::Context(const foveaContextCreateInfo_t& info, int32_t num_threads, std::unique_ptr<GpuDevice> gpu)
    : Object(kKind),
      gpu_(std::move(gpu)),
      num_threads_(num_threads),
      kernels_(&cpu::kernels()),
      allocator_(info.allocate != nullptr ? Allocator{info.allocate, info.free, info.allocator_user}
                                          : default_allocator()),
      parallel_for_(info.parallel_for),
      parallel_for_user_(info.parallel_for_user) {}

Context::~Context() { ThreadPool::destroy(pool_.load(std::memory_order_acquire)); }

foveaStatus_t Context::get_info(foveaContextInfo_t* out) const {
  foveaContextInfo_t info = {};
  info.device = device();
  info.num_threads = num_threads_;
  if (gpu_ != nullptr) {
    info.device_ordinal = gpu_->ordinal();
    copy_text(info.device_name, sizeof(info.device_name), gpu_->info().name);
    copy_text(info.architecture, sizeof(info.architecture), gpu_->info().architecture);
    return write_struct(info, "info", out);
  }
  describe_cpu(info.device_name, sizeof(info.device_name));
  copy_text(info.architecture, sizeof(info.architecture), kernels_->name);
  return write_struct(info, "info", out);
}

foveaStatus_t Context::start_threads() {
  FOVEA_REQUIRE(parallel_for_ != nullptr || num_threads_ == 1 || pool() != nullptr, FOVEA_STATUS_OUT_OF_MEMORY,
                "no memory for %d threads", num_threads_);
  return FOVEA_STATUS_SUCCESS;
}

cpu::Parallel Context::parallel() const { return {run_tasks, const_cast<Context*>(this), num_threads_}; }

ThreadPool* Context::pool() {
  ThreadPool* current = pool_.load(std::memory_order_acquire);
  if (current != nullptr && current->of_this_process()) return current;
  ThreadPool* created = ThreadPool::create(num_threads_);
  if (created == nullptr) return nullptr;
  if (pool_.compare_exchange_strong(current, created, std::memory_order_acq_rel)) {
    log(FOVEA_LOG_DEBUG, "%d worker threads started", created->num_workers());
    return created;
  }
  // Another thread was faster; its pool is of this process.
  ThreadPool::destroy(created);
  return current;
}

void Context::run_tasks(void* user, int32_t num_tasks, void (*task)(void* data, int32_t index), void* data) {
  auto* context = static_cast<Context*>(user);
  if (context->parallel_for_ != nullptr) {
    context->parallel_for_(context->parallel_for_user_, num_tasks, task, data);
    return;
  }
  ThreadPool* pool = context->num_threads_ == 1 ? nullptr : context->pool();
  if (pool != nullptr) {
    pool->run(num_tasks, task, data);
    return;
  }
  for (int32_t i = 0; i < num_tasks; ++i) task(data, i);
}

}  // namespace fovea
