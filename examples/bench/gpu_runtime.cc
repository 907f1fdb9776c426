#include "gpu_runtime.h"

#include <dlfcn.h>

#include <algorithm>
#include <cstring>
#include <stdexcept>

// CUDA and HIP have these alike, up to the prefix of their names, and number these enumerators equally.
struct GpuRuntime::Calls {
  int (*set_device)(int ordinal);
  const char* (*get_error_string)(int error);
  int (*allocate)(void** memory, size_t size);
  int (*release)(void* memory);
  int (*memcpy_async)(void* to, const void* from, size_t size, int kind, void* stream);
  int (*stream_create)(void** stream);
  int (*stream_synchronize)(void* stream);
  int (*stream_begin_capture)(void* stream, int mode);
  int (*stream_end_capture)(void* stream, void** graph);
  int (*graph_instantiate_with_flags)(void** executable, void* graph, unsigned long long flags);
  int (*graph_launch)(void* executable, void* stream);
  int (*graph_exec_destroy)(void* executable);
  int (*graph_destroy)(void* graph);
  int (*event_create)(void** event);
  int (*event_record)(void* event, void* stream);
  int (*event_synchronize)(void* event);
  int (*event_elapsed_time)(float* milliseconds, void* begin, void* end);
};

namespace {

constexpr int kHostToDevice = 1;
constexpr int kDeviceToDevice = 3;
constexpr int kCaptureThreadLocal = 1;

}  // namespace

void* open_first_library(const std::vector<std::string>& names) {
  for (const int flags : {RTLD_NOW | RTLD_LOCAL | RTLD_NOLOAD, RTLD_NOW | RTLD_LOCAL}) {
    for (const std::string& name : names) {
      if (void* library = dlopen(name.c_str(), flags)) return library;
    }
  }
  return nullptr;
}

GpuRuntime::GpuRuntime(foveaDevice_t kind, int32_t ordinal)
    : call_(std::make_unique<Calls>()), nvidia_(kind == FOVEA_DEVICE_NVIDIA) {
  const std::vector<std::string> names =
      nvidia_ ? std::vector<std::string>{"libcudart.so.13", "libcudart.so.12", "libcudart.so", "/usr/local/cuda/lib64/libcudart.so"}
              : std::vector<std::string>{"libamdhip64.so.7", "libamdhip64.so.6", "libamdhip64.so.5", "libamdhip64.so"};
  void* const library = open_first_library(names);
  if (library == nullptr) throw std::runtime_error("no GPU runtime library: " + names[0] + " and others cannot be opened");
  // Some names have changed between versions.
  const auto find = [&](auto& function, const char* name, const char* other_name = nullptr) {
    const std::string prefix = nvidia_ ? "cuda" : "hip";
    const std::string symbol = prefix + name;
    void* address = dlsym(library, symbol.c_str());
    if (address == nullptr && other_name != nullptr) address = dlsym(library, (prefix + other_name).c_str());
    if (address == nullptr) throw std::runtime_error("the GPU runtime library lacks " + symbol);
    std::memcpy(&function, &address, sizeof(function));
  };
  find(call_->set_device, "SetDevice");
  find(call_->get_error_string, "GetErrorString");
  find(call_->allocate, "Malloc");
  find(call_->release, "Free");
  find(call_->memcpy_async, "MemcpyAsync");
  find(call_->stream_create, "StreamCreate");
  find(call_->stream_synchronize, "StreamSynchronize");
  find(call_->stream_begin_capture, "StreamBeginCapture");
  find(call_->stream_end_capture, "StreamEndCapture");
  find(call_->graph_instantiate_with_flags, "GraphInstantiateWithFlags", nvidia_ ? "GraphInstantiate" : nullptr);
  find(call_->graph_launch, "GraphLaunch");
  find(call_->graph_exec_destroy, "GraphExecDestroy");
  find(call_->graph_destroy, "GraphDestroy");
  find(call_->event_create, "EventCreate");
  find(call_->event_record, "EventRecord");
  find(call_->event_synchronize, "EventSynchronize");
  find(call_->event_elapsed_time, "EventElapsedTime", "EventElapsedTime_v2");
  check(call_->set_device(ordinal), "SetDevice");
  check(call_->stream_create(&stream_), "StreamCreate");
  check(call_->event_create(&begin_), "EventCreate");
  check(call_->event_create(&end_), "EventCreate");
}

// Stream and events end with the process, as the runtime does.
GpuRuntime::~GpuRuntime() = default;

void GpuRuntime::check(int error, const char* what) const {
  if (error == 0) return;
  throw std::runtime_error(std::string(nvidia_ ? "cuda" : "hip") + what + ": " + call_->get_error_string(error));
}

void* GpuRuntime::allocate(size_t bytes) const {
  void* memory = nullptr;
  check(call_->allocate(&memory, std::max<size_t>(bytes, 1)), "Malloc");
  return memory;
}

void GpuRuntime::release(void* memory) const noexcept { (void)call_->release(memory); }

void GpuRuntime::upload(void* device, const void* host, size_t bytes) const {
  check(call_->memcpy_async(device, host, bytes, kHostToDevice, stream_), "MemcpyAsync");
  synchronize();
}

void GpuRuntime::copy_on_device(void* to, const void* from, size_t bytes) const {
  check(call_->memcpy_async(to, from, bytes, kDeviceToDevice, stream_), "MemcpyAsync");
}

void GpuRuntime::synchronize() const { check(call_->stream_synchronize(stream_), "StreamSynchronize"); }

std::vector<double> GpuRuntime::time(int samples, const std::function<void()>& enqueue) const {
  std::vector<double> seconds;
  for (int i = 0; i < samples; ++i) {
    check(call_->event_record(begin_, stream_), "EventRecord");
    enqueue();
    check(call_->event_record(end_, stream_), "EventRecord");
    check(call_->event_synchronize(end_), "EventSynchronize");
    float milliseconds = 0;
    check(call_->event_elapsed_time(&milliseconds, begin_, end_), "EventElapsedTime");
    seconds.push_back(milliseconds * 1e-3);
  }
  std::sort(seconds.begin(), seconds.end());
  return seconds;
}

std::function<void()> GpuRuntime::record(const std::function<void()>& enqueue) const {
  check(call_->stream_begin_capture(stream_, kCaptureThreadLocal), "StreamBeginCapture");
  void* graph = nullptr;
  try {
    enqueue();
  } catch (...) {
    (void)call_->stream_end_capture(stream_, &graph);
    throw;
  }
  check(call_->stream_end_capture(stream_, &graph), "StreamEndCapture");
  void* made = nullptr;
  check(call_->graph_instantiate_with_flags(&made, graph, 0), "GraphInstantiateWithFlags");
  (void)call_->graph_destroy(graph);
  const std::shared_ptr<void> executable(made, [destroy = call_->graph_exec_destroy](void* e) { (void)destroy(e); });
  return [this, executable] { check(call_->graph_launch(executable.get(), stream_), "GraphLaunch"); };
}
