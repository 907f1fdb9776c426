#include "tests/conformance/device_memory.h"

#include <dlfcn.h>

#include <cstdlib>
#include <cstring>
#include <exception>
#include <new>
#include <vector>

#include "tests/conformance/test_case.h"

namespace fovea_test {
namespace {

class HostMemory final : public DeviceMemory {
 public:
  const char* name() const override { return "host"; }
  bool host_visible() const override { return true; }
  void* allocate(size_t bytes) const override {
    constexpr size_t kAlignment = 64;
    void* memory = std::aligned_alloc(kAlignment, (bytes + kAlignment - 1) / kAlignment * kAlignment);
    if (!memory) throw std::bad_alloc();
    return memory;
  }
  void release(void* memory) const noexcept override { std::free(memory); }
  void upload(void* device, const void* host, size_t bytes) const override { std::memcpy(device, host, bytes); }
  void download(void* host, const void* device, size_t bytes) const override { std::memcpy(host, device, bytes); }
};

// The calls that CUDA and HIP have alike, up to the prefix of their names; both number these enumerators equally.
constexpr int kSuccess = 0;
constexpr int kOutOfMemory = 2;
constexpr int kHostToDevice = 1;
constexpr int kDeviceToHost = 2;
constexpr unsigned kNonBlockingStream = 1;
constexpr int kCaptureGlobal = 0;
constexpr int kCudaPageableMemoryAccess = 88;  // cudaDevAttrPageableMemoryAccess

struct RuntimeCalls {
  int (*set_device)(int ordinal);
  int (*get_last_error)();
  const char* (*get_error_string)(int error);
  int (*device_get_attribute)(int* value, int attribute, int ordinal);
  int (*allocate)(void** memory, size_t size);
  int (*release)(void* memory);
  int (*memcpy_async)(void* to, const void* from, size_t size, int kind, void* stream);
  int (*stream_create_with_flags)(void** stream, unsigned flags);
  int (*stream_create)(void** stream);
  int (*stream_destroy)(void* stream);
  int (*stream_synchronize)(void* stream);
  int (*stream_begin_capture)(void* stream, int mode);
  int (*stream_end_capture)(void* stream, void** graph);
  int (*graph_instantiate_with_flags)(void** executable, void* graph, unsigned long long flags);
  int (*graph_instantiate)(void** executable, void* graph, void** node, char* log, size_t log_size);
  int (*graph_launch)(void* executable, void* stream);
  int (*graph_exec_destroy)(void* executable);
  int (*graph_destroy)(void* graph);
};

// The already loaded one first: a module and this program must mean the same runtime where versions differ.
void* open_library(const std::vector<std::string>& names, std::string* tried) {
  for (const int flags : {RTLD_NOW | RTLD_LOCAL | RTLD_NOLOAD, RTLD_NOW | RTLD_LOCAL}) {
    for (const std::string& name : names) {
      if (void* library = dlopen(name.c_str(), flags)) return library;
      if (flags & RTLD_NOLOAD) continue;
      const char* error = dlerror();
      *tried += (tried->empty() ? "" : "; ") + (error ? std::string(error) : name);
    }
  }
  return nullptr;
}

class GpuMemory final : public DeviceMemory {
 public:
  GpuMemory(bool cuda, int32_t ordinal, const std::string& library) : cuda_(cuda), ordinal_(ordinal) {
    std::vector<std::string> names;
    if (!library.empty()) {
      names = {library};
    } else if (cuda) {
      names = {"libcudart.so.13", "libcudart.so.12", "libcudart.so", "/usr/local/cuda/lib64/libcudart.so"};
    } else {
      names = {"libamdhip64.so.7", "libamdhip64.so.6", "libamdhip64.so.5", "libamdhip64.so", "/opt/rocm/lib/libamdhip64.so"};
    }
    std::string tried;
    void* const opened = open_library(names, &tried);
    if (!opened) throw Failure("no GPU runtime library can be opened: " + tried);
    const auto find = [&](auto& function, const char* name, bool required = true) {
      const std::string symbol = (cuda ? "cuda" : "hip") + std::string(name);
      void* const address = dlsym(opened, symbol.c_str());
      if (!address && required) throw Failure("the GPU runtime library lacks " + symbol);
      std::memcpy(&function, &address, sizeof(function));
    };
    find(call_.set_device, "SetDevice");
    find(call_.get_last_error, "GetLastError");
    find(call_.get_error_string, "GetErrorString");
    find(call_.device_get_attribute, "DeviceGetAttribute", false);
    find(call_.allocate, "Malloc");
    find(call_.release, "Free");
    find(call_.memcpy_async, "MemcpyAsync");
    find(call_.stream_create_with_flags, "StreamCreateWithFlags", false);
    find(call_.stream_create, "StreamCreate");
    find(call_.stream_destroy, "StreamDestroy");
    find(call_.stream_synchronize, "StreamSynchronize");
    find(call_.stream_begin_capture, "StreamBeginCapture", false);
    find(call_.stream_end_capture, "StreamEndCapture", false);
    find(call_.graph_instantiate_with_flags, "GraphInstantiateWithFlags", false);
    find(call_.graph_instantiate, "GraphInstantiate", false);
    find(call_.graph_launch, "GraphLaunch", false);
    find(call_.graph_exec_destroy, "GraphExecDestroy", false);
    find(call_.graph_destroy, "GraphDestroy", false);
    check(call_.set_device(ordinal), "SetDevice");
    check(call_.stream_create_with_flags ? call_.stream_create_with_flags(&stream_, kNonBlockingStream)
                                         : call_.stream_create(&stream_),
          "StreamCreate");
  }
  ~GpuMemory() override { (void)call_.stream_destroy(stream_); }

  const char* name() const override { return cuda_ ? "cuda" : "hip"; }
  bool host_visible() const override { return false; }

  void* allocate(size_t bytes) const override {
    void* memory = nullptr;
    const int error = call_.allocate(&memory, bytes);
    if (error == kOutOfMemory) {
      (void)call_.get_last_error();
      throw Skip(text("the device has no memory for %zu bytes", bytes));
    }
    check(error, "Malloc");
    return memory;
  }
  void release(void* memory) const noexcept override { (void)call_.release(memory); }

  void upload(void* device, const void* host, size_t bytes) const override {
    check(call_.memcpy_async(device, host, bytes, kHostToDevice, stream_), "MemcpyAsync to the device");
    synchronize();
  }
  void download(void* host, const void* device, size_t bytes) const override {
    check(call_.memcpy_async(host, device, bytes, kDeviceToHost, stream_), "MemcpyAsync to the host");
    synchronize();
  }

  void* stream() const override { return stream_; }
  void synchronize() const override { check(call_.stream_synchronize(stream_), "StreamSynchronize"); }
  std::unique_ptr<RecordedGraph> record(const std::function<void()>& calls) const override;

  bool reaches_host() const override {
    // HIP's kernels may reach what its runtime does not know of.
    int pageable = 1;
    if (cuda_ && call_.device_get_attribute) {
      check(call_.device_get_attribute(&pageable, kCudaPageableMemoryAccess, ordinal_), "DeviceGetAttribute");
    }
    return pageable != 0;
  }

  void check(int error, const char* what) const {
    if (error == kSuccess) return;
    (void)call_.get_last_error();
    throw Failure(text("%s%s gives error %d: %s", name(), what, error, call_.get_error_string(error)));
  }
  const RuntimeCalls& call() const { return call_; }

 private:
  bool cuda_;
  int32_t ordinal_;
  RuntimeCalls call_ = {};
  void* stream_ = nullptr;
};

class GpuGraph final : public RecordedGraph {
 public:
  GpuGraph(const GpuMemory& memory, void* graph) : memory_(memory), graph_(graph) {
    const RuntimeCalls& call = memory_.call();
    const int error = call.graph_instantiate_with_flags ? call.graph_instantiate_with_flags(&executable_, graph_, 0)
                                                        : call.graph_instantiate(&executable_, graph_, nullptr, nullptr, 0);
    if (error != kSuccess) (void)call.graph_destroy(graph_);
    memory_.check(error, "GraphInstantiate");
  }
  ~GpuGraph() override {
    (void)memory_.call().graph_exec_destroy(executable_);
    (void)memory_.call().graph_destroy(graph_);
  }
  void launch() override { memory_.check(memory_.call().graph_launch(executable_, memory_.stream()), "GraphLaunch"); }

 private:
  const GpuMemory& memory_;
  void* graph_;
  void* executable_ = nullptr;
};

std::unique_ptr<RecordedGraph> GpuMemory::record(const std::function<void()>& calls) const {
  if (!call_.stream_begin_capture || !call_.stream_end_capture || !call_.graph_launch || !call_.graph_exec_destroy ||
      !call_.graph_destroy || (!call_.graph_instantiate_with_flags && !call_.graph_instantiate)) {
    throw Skip("this GPU runtime cannot capture graphs");
  }
  // In the global mode the runtime refuses every call that allocates or waits.
  check(call_.stream_begin_capture(stream_, kCaptureGlobal), "StreamBeginCapture");
  std::exception_ptr failure;
  try {
    calls();
  } catch (...) {
    failure = std::current_exception();
  }
  void* graph = nullptr;
  const int error = call_.stream_end_capture(stream_, &graph);
  if (failure) {
    if (error == kSuccess && graph) (void)call_.graph_destroy(graph);
    (void)call_.get_last_error();
    std::rethrow_exception(failure);
  }
  check(error, "StreamEndCapture");
  return std::make_unique<GpuGraph>(*this, graph);
}

}  // namespace

std::unique_ptr<RecordedGraph> DeviceMemory::record(const std::function<void()>&) const {
  throw Skip(std::string(name()) + " memory has no graphs");
}

const DeviceMemory& host_memory() {
  static const HostMemory memory;
  return memory;
}

std::unique_ptr<DeviceMemory> open_gpu_memory(foveaDevice_t kind, int32_t ordinal, const std::string& library) {
  return std::make_unique<GpuMemory>(kind == FOVEA_DEVICE_NVIDIA, ordinal, library);
}

}  // namespace fovea_test
