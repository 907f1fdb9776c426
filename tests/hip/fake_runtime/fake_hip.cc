#define __HIP_PLATFORM_AMD__ 1
#include "tests/hip/fake_runtime/fake_hip.h"

#include <hip/hip_runtime_api.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <list>
#include <map>
#include <memory>
#include <mutex>

// Opaque handles of the API, with what stands behind them here.
struct ihipStream_t {
  int device = 0;
  std::vector<std::function<void()>>* capture = nullptr;
};
struct ihipEvent_t {
  hipStream_t stream = nullptr;
  bool done = true;
};
struct ihipGraph {
  std::vector<std::function<void()>> work;
};
struct hipGraphExec {
  std::vector<std::function<void()>> work;
};

namespace fake_hip {
namespace {

constexpr unsigned char kCanary = 0xa5;

struct Block {
  size_t size = 0;    // asked for
  size_t mapped = 0;  // whole pages, without the closed page behind them
  int device = -1;    // -1: pinned host memory
};

struct Work {
  hipStream_t stream;
  std::function<void()> run;
};

struct Runtime {
  std::recursive_mutex mutex;
  int num_devices = 1;
  std::string architecture = "gfx942:sramecc+:xnack-";
  std::map<char*, Block> blocks;
  std::list<Work> queue;
  int num_captures = 0;
  int fail_at = 0;
  bool discards = false;
  int depth = 0;  // of running work: the devices' memory is open
  Counts counts;
  std::vector<std::string> violations;
  std::map<const void*, std::string> kernels;
  std::vector<std::string> launched;
};

Runtime& runtime() {
  static Runtime instance;
  return instance;
}

thread_local int current_device = 0;
thread_local hipError_t last_error = hipSuccess;

hipError_t result(hipError_t error) {
  if (error != hipSuccess) last_error = error;
  return error;
}

size_t page_size() { return static_cast<size_t>(sysconf(_SC_PAGESIZE)); }

void complain(const std::string& sentence) { runtime().violations.push_back(sentence); }

// Entered by every call.
struct Entry {
  std::lock_guard<std::recursive_mutex> lock{runtime().mutex};
  Entry() { ++runtime().counts.calls; }
};

// A call that waits or allocates breaks a capture off.
bool breaks_capture(const char* call) {
  if (runtime().num_captures == 0) return false;
  complain(std::string(call) + " while a stream is being captured");
  return true;
}

void protect_devices(int protection) {
  for (auto& [base, block] : runtime().blocks) {
    if (block.device >= 0) mprotect(base, block.mapped, protection);
  }
}

// Runs work with the devices' memory open.
void run(const std::function<void()>& work) {
  Runtime& r = runtime();
  if (r.depth++ == 0) protect_devices(PROT_READ | PROT_WRITE);
  work();
  if (--r.depth == 0) protect_devices(PROT_NONE);
}

// Does the work of one stream that is due, and of the default stream, which every other waits for.
void drain(hipStream_t stream) {
  Runtime& r = runtime();
  for (auto it = r.queue.begin(); it != r.queue.end();) {
    if (stream != nullptr && it->stream != nullptr && it->stream != stream) {
      ++it;
      continue;
    }
    const std::function<void()> work = std::move(it->run);
    it = r.queue.erase(it);
    run(work);
  }
}

void put(hipStream_t stream, std::function<void()> work, const char* call) {
  Runtime& r = runtime();
  if (stream != nullptr && stream->device != current_device) {
    complain(std::string(call) + " on a stream of device " + std::to_string(stream->device) + " while device " +
             std::to_string(current_device) + " is current");
  }
  if (stream != nullptr && stream->capture != nullptr) {
    stream->capture->push_back(std::move(work));
    return;
  }
  if (stream == nullptr && r.num_captures > 0) complain(std::string(call) + " on the default stream during a capture");
  r.queue.push_back({stream, std::move(work)});
}

void check_end(char* base, const Block& block) {
  if (block.device >= 0) mprotect(base, block.mapped, PROT_READ);
  for (size_t i = block.size; i < block.mapped; ++i) {
    if (static_cast<unsigned char>(base[i]) == kCanary) continue;
    complain("byte " + std::to_string(i) + " was written behind an allocation of " + std::to_string(block.size));
    break;
  }
  if (block.device >= 0 && runtime().depth == 0) mprotect(base, block.mapped, PROT_NONE);
}

// Devices' memory begins at a multiple of 2 MiB, as it does in earnest.
void* map_region(size_t size) {
  constexpr size_t kRegion = size_t{1} << 21;
  const size_t whole = size + kRegion;
  void* found = size > whole ? MAP_FAILED
                             : mmap(nullptr, whole, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE,
                                    -1, 0);
  if (found == MAP_FAILED) return nullptr;
  auto* begin = static_cast<char*>(found);
  auto* base = reinterpret_cast<char*>((reinterpret_cast<uintptr_t>(begin) + kRegion - 1) / kRegion * kRegion);
  if (base > begin) munmap(begin, base - begin);
  if (base + size < begin + whole) munmap(base + size, begin + whole - (base + size));
  return base;
}

hipError_t allocate(void** memory, size_t size, int device, const char* call) {
  Runtime& r = runtime();
  ++r.counts.allocations;
  if (breaks_capture(call)) return hipErrorStreamCaptureUnsupported;
  if (r.fail_at > 0 && --r.fail_at == 0) return hipErrorOutOfMemory;
  const size_t page = page_size();
  Block block;
  block.size = size;
  block.mapped = (size + page) / page * page;  // at least one canary
  block.device = device;
  void* base = map_region(block.mapped + page);
  if (base == nullptr) return hipErrorOutOfMemory;
  // What was never written is NaN in every type, and no valid index.
  memset(base, 0xff, size);
  memset(static_cast<char*>(base) + size, kCanary, block.mapped - size);
  mprotect(static_cast<char*>(base) + block.mapped, page, PROT_NONE);
  if (device >= 0 && r.depth == 0) mprotect(base, block.mapped, PROT_NONE);
  r.blocks[static_cast<char*>(base)] = block;
  ++(device >= 0 ? r.counts.live_device_blocks : r.counts.live_pinned_blocks);
  *memory = base;
  return hipSuccess;
}

hipError_t release(void* memory, bool is_device, const char* call) {
  if (memory == nullptr) return hipSuccess;
  if (breaks_capture(call)) return hipErrorStreamCaptureUnsupported;
  Runtime& r = runtime();
  drain(nullptr);
  const auto it = r.blocks.find(static_cast<char*>(memory));
  if (it == r.blocks.end() || (it->second.device >= 0) != is_device) {
    complain(std::string(call) + " of an address that it never gave");
    return hipErrorInvalidValue;
  }
  check_end(it->first, it->second);
  munmap(it->first, it->second.mapped + page_size());
  --(is_device ? r.counts.live_device_blocks : r.counts.live_pinned_blocks);
  r.blocks.erase(it);
  return hipSuccess;
}

}  // namespace

void set_devices(int count, const char* architecture) {
  Runtime& r = runtime();
  std::lock_guard<std::recursive_mutex> lock(r.mutex);
  drain(nullptr);
  for (const auto& [base, block] : r.blocks) munmap(base, block.mapped + page_size());
  r.blocks.clear();
  r.queue.clear();
  r.num_devices = count;
  r.architecture = architecture;
  r.num_captures = 0;
  r.fail_at = 0;
  r.discards = false;
  r.counts = {};
  r.violations.clear();
  r.launched.clear();
  current_device = 0;
  last_error = hipSuccess;
}

void fail_allocation(int n) {
  std::lock_guard<std::recursive_mutex> lock(runtime().mutex);
  runtime().fail_at = n;
}

Counts counts() {
  std::lock_guard<std::recursive_mutex> lock(runtime().mutex);
  return runtime().counts;
}

std::vector<std::string> violations() {
  std::lock_guard<std::recursive_mutex> lock(runtime().mutex);
  drain(nullptr);
  for (auto& [base, block] : runtime().blocks) check_end(base, block);
  return runtime().violations;
}

void launch(void* stream, std::function<void()> work) {
  std::lock_guard<std::recursive_mutex> lock(runtime().mutex);
  ++runtime().counts.launches;
  put(static_cast<hipStream_t>(stream), std::move(work), "launch");
}

void discard_launches(bool discard) {
  std::lock_guard<std::recursive_mutex> lock(runtime().mutex);
  runtime().discards = discard;
}

std::vector<std::string> launched_kernels() {
  std::lock_guard<std::recursive_mutex> lock(runtime().mutex);
  return runtime().launched;
}

}  // namespace fake_hip

using namespace fake_hip;

extern "C" {

const char* hipGetErrorName(hipError_t error) {
  switch (error) {
    case hipSuccess: return "hipSuccess";
    case hipErrorInvalidValue: return "hipErrorInvalidValue";
    case hipErrorOutOfMemory: return "hipErrorOutOfMemory";
    case hipErrorInvalidDevice: return "hipErrorInvalidDevice";
    case hipErrorNoDevice: return "hipErrorNoDevice";
    case hipErrorStreamCaptureUnsupported: return "hipErrorStreamCaptureUnsupported";
    default: return "hipErrorUnknown";
  }
}
const char* hipGetErrorString(hipError_t error) {
  return error == hipErrorOutOfMemory ? "out of memory" : "an error of the fake runtime";
}
hipError_t hipGetLastError() {
  Entry entry;
  const hipError_t error = last_error;
  last_error = hipSuccess;
  return error;
}

hipError_t hipGetDeviceCount(int* count) {
  Entry entry;
  *count = runtime().num_devices;
  return result(runtime().num_devices == 0 ? hipErrorNoDevice : hipSuccess);
}
hipError_t hipGetDevice(int* ordinal) {
  Entry entry;
  *ordinal = current_device;
  return result(runtime().num_devices == 0 ? hipErrorNoDevice : hipSuccess);
}
hipError_t hipSetDevice(int ordinal) {
  Entry entry;
  if (ordinal < 0 || ordinal >= runtime().num_devices) return result(hipErrorInvalidDevice);
  current_device = ordinal;
  return hipSuccess;
}
hipError_t hipGetDeviceProperties(hipDeviceProp_t* properties, int ordinal) {
  Entry entry;
  if (ordinal < 0 || ordinal >= runtime().num_devices) return result(hipErrorInvalidDevice);
  memset(static_cast<void*>(properties), 0, sizeof(*properties));
  snprintf(properties->name, sizeof(properties->name), "Fake Instinct %d", ordinal);
  snprintf(properties->gcnArchName, sizeof(properties->gcnArchName), "%s", runtime().architecture.c_str());
  properties->multiProcessorCount = 104;
  properties->totalGlobalMem = size_t{64} << 30;
  return hipSuccess;
}
hipError_t hipDeviceGetAttribute(int* value, hipDeviceAttribute_t attribute, int ordinal) {
  Entry entry;
  if (ordinal < 0 || ordinal >= runtime().num_devices) return result(hipErrorInvalidDevice);
  *value = attribute == hipDeviceAttributeMultiprocessorCount ? 104
           : attribute == hipDeviceAttributeWarpSize          ? 64
                                                              : 0;
  return hipSuccess;
}
hipError_t hipDeviceCanAccessPeer(int* can, int, int) {
  Entry entry;
  *can = 0;
  return hipSuccess;
}
hipError_t hipDeviceSynchronize() {
  Entry entry;
  ++runtime().counts.waits;
  if (breaks_capture("hipDeviceSynchronize")) return result(hipErrorStreamCaptureUnsupported);
  drain(nullptr);
  return hipSuccess;
}

hipError_t hipMalloc(void** memory, size_t size) {
  Entry entry;
  return result(allocate(memory, size, current_device, "hipMalloc"));
}
hipError_t hipFree(void* memory) {
  Entry entry;
  return result(release(memory, true, "hipFree"));
}
hipError_t hipHostMalloc(void** memory, size_t size, unsigned int) {
  Entry entry;
  return result(allocate(memory, size, -1, "hipHostMalloc"));
}
hipError_t hipHostFree(void* memory) {
  Entry entry;
  return result(release(memory, false, "hipHostFree"));
}
hipError_t hipPointerGetAttributes(hipPointerAttribute_t* attributes, const void* address) {
  Entry entry;
  const auto* byte = static_cast<const char*>(address);
  for (const auto& [base, block] : runtime().blocks) {
    if (byte < base || byte >= base + block.size) continue;
    memset(static_cast<void*>(attributes), 0, sizeof(*attributes));
#if HIP_VERSION_MAJOR >= 6
    attributes->type = block.device >= 0 ? hipMemoryTypeDevice : hipMemoryTypeHost;
#else
    attributes->memoryType = block.device >= 0 ? hipMemoryTypeDevice : hipMemoryTypeHost;
#endif
    attributes->device = block.device >= 0 ? block.device : 0;
    return hipSuccess;
  }
  return result(hipErrorInvalidValue);
}

hipError_t hipMemcpyAsync(void* to, const void* from, size_t size, hipMemcpyKind, hipStream_t stream) {
  Entry entry;
  put(stream, [=] { memcpy(to, from, size); }, "hipMemcpyAsync");
  return hipSuccess;
}
hipError_t hipMemcpy(void* to, const void* from, size_t size, hipMemcpyKind) {
  Entry entry;
  if (breaks_capture("hipMemcpy")) return result(hipErrorStreamCaptureUnsupported);
  drain(nullptr);
  run([=] { memcpy(to, from, size); });
  return hipSuccess;
}
hipError_t hipMemsetAsync(void* memory, int byte, size_t size, hipStream_t stream) {
  Entry entry;
  put(stream, [=] { memset(memory, byte, size); }, "hipMemsetAsync");
  return hipSuccess;
}

hipError_t hipStreamCreate(hipStream_t* stream) {
  Entry entry;
  *stream = new ihipStream_t;
  (*stream)->device = current_device;
  return hipSuccess;
}
hipError_t hipStreamDestroy(hipStream_t stream) {
  Entry entry;
  drain(stream);
  delete stream;
  return hipSuccess;
}
hipError_t hipStreamSynchronize(hipStream_t stream) {
  Entry entry;
  ++runtime().counts.waits;
  if (breaks_capture("hipStreamSynchronize")) return result(hipErrorStreamCaptureUnsupported);
  drain(stream);
  return hipSuccess;
}
hipError_t hipStreamIsCapturing(hipStream_t stream, hipStreamCaptureStatus* status) {
  Entry entry;
  if (stream == nullptr && runtime().num_captures > 0) return result(hipErrorStreamCaptureImplicit);
  *status = stream != nullptr && stream->capture != nullptr ? hipStreamCaptureStatusActive : hipStreamCaptureStatusNone;
  return hipSuccess;
}
hipError_t hipStreamBeginCapture(hipStream_t stream, hipStreamCaptureMode) {
  Entry entry;
  if (stream == nullptr || stream->capture != nullptr) return result(hipErrorInvalidValue);
  stream->capture = new std::vector<std::function<void()>>;
  ++runtime().num_captures;
  return hipSuccess;
}
hipError_t hipStreamEndCapture(hipStream_t stream, hipGraph_t* graph) {
  Entry entry;
  if (stream == nullptr || stream->capture == nullptr) return result(hipErrorInvalidValue);
  *graph = new ihipGraph{std::move(*stream->capture)};
  delete stream->capture;
  stream->capture = nullptr;
  --runtime().num_captures;
  return hipSuccess;
}
hipError_t hipGraphInstantiate(hipGraphExec_t* executable, hipGraph_t graph, hipGraphNode_t*, char*, size_t) {
  Entry entry;
  *executable = new hipGraphExec{graph->work};
  return hipSuccess;
}
hipError_t hipGraphLaunch(hipGraphExec_t executable, hipStream_t stream) {
  Entry entry;
  for (const auto& work : executable->work) put(stream, work, "hipGraphLaunch");
  return hipSuccess;
}
hipError_t hipGraphDestroy(hipGraph_t graph) {
  Entry entry;
  delete graph;
  return hipSuccess;
}
hipError_t hipGraphExecDestroy(hipGraphExec_t executable) {
  Entry entry;
  delete executable;
  return hipSuccess;
}

hipError_t hipEventCreateWithFlags(hipEvent_t* event, unsigned) {
  Entry entry;
  *event = new ihipEvent_t;
  ++runtime().counts.live_events;
  return hipSuccess;
}
hipError_t hipEventDestroy(hipEvent_t event) {
  Entry entry;
  drain(nullptr);
  delete event;
  --runtime().counts.live_events;
  return hipSuccess;
}
hipError_t hipEventRecord(hipEvent_t event, hipStream_t stream) {
  Entry entry;
  event->stream = stream;
  event->done = false;
  put(stream, [event] { event->done = true; }, "hipEventRecord");
  return hipSuccess;
}
hipError_t hipEventSynchronize(hipEvent_t event) {
  Entry entry;
  ++runtime().counts.waits;
  if (breaks_capture("hipEventSynchronize")) return result(hipErrorStreamCaptureUnsupported);
  if (!event->done) drain(event->stream);
  return hipSuccess;
}

// What a module with real kernels asks for. They are named and counted, but nothing here can run them.
void** __hipRegisterFatBinary(const void*) {
  static void* handle = nullptr;
  return &handle;
}
void __hipUnregisterFatBinary(void**) {}
void __hipRegisterFunction(void**, const void* function, char*, const char* name, unsigned, void*, void*, void*, void*,
                           int*) {
  runtime().kernels[function] = name;
}
// For the compiler's own launch syntax, which nothing here uses but every kernel's host symbol refers to.
hipError_t __hipPushCallConfiguration(dim3, dim3, size_t, hipStream_t) { return hipErrorUnknown; }
hipError_t __hipPopCallConfiguration(dim3*, dim3*, size_t*, hipStream_t*) { return hipErrorUnknown; }
hipError_t hipFuncSetAttribute(const void*, hipFuncAttribute, int) { return hipSuccess; }
hipError_t hipFuncGetAttributes(hipFuncAttributes* attributes, const void*) {
  memset(static_cast<void*>(attributes), 0, sizeof(*attributes));
  return hipSuccess;
}
hipError_t hipOccupancyMaxActiveBlocksPerMultiprocessor(int* blocks, const void*, int, size_t) {
  Entry entry;
  *blocks = 2;
  return hipSuccess;
}
hipError_t hipLaunchKernel(const void* function, dim3, dim3, void**, size_t, hipStream_t stream) {
  Entry entry;
  ++runtime().counts.launches;
  if (runtime().discards) return hipSuccess;
  const auto it = runtime().kernels.find(function);
  runtime().launched.push_back(it == runtime().kernels.end() ? "?" : it->second);
  put(stream, [] {}, "hipLaunchKernel");
  return hipSuccess;
}

}  // extern "C"
