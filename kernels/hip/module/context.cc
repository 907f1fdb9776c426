#include "kernels/hip/module/context.h"

#include <cctype>
#include <cstdio>
#include <cstring>
#include <new>

#include "kernels/hip/module/report.h"

// Two images: one may still be read by an upload while the next batch is written to the other.
struct FoveaModuleMemory {
  static constexpr int kImages = 2;
  void* device = nullptr;
  size_t size = 0;
  char* images[kImages] = {};
  hipEvent_t sent[kImages] = {};
  bool in_flight[kImages] = {};
  int current = 0;
};

namespace fovea::hip {
namespace {

// "sm_90" or "90", to major * 10 + minor; -1 for what only runs on exactly its own architecture ("sm_90a").
int sm_version(const char* name, size_t length) {
  if (length > 3 && std::strncmp(name, "sm_", 3) == 0) {
    name += 3;
    length -= 3;
  }
  int version = 0;
  for (size_t i = 0; i < length; ++i) {
    if (std::isdigit(static_cast<unsigned char>(name[i])) == 0) return -1;
    version = version * 10 + (name[i] - '0');
  }
  return length == 0 ? -1 : version;
}

// A capture would record what is meant for now, or break off.
int32_t refuse_capture(hipStream_t stream, FoveaModuleMessage message) {
  hipStreamCaptureStatus status = hipStreamCaptureStatusNone;
  const hipError_t error = hipStreamIsCapturing(stream, &status);
  // The legacy default stream while another stream is being captured: a use of it would break the capture off.
  const bool implicit = error == hipErrorStreamCaptureImplicit;
  if (implicit) (void)hipGetLastError();
  if (error != hipSuccess && !implicit) return report_error(message, error, "hipStreamIsCapturing");
  if (!implicit && status == hipStreamCaptureStatusNone) return kSuccess;
  return report(message, kInvalidState, "stream: %p is being captured, which this call cannot be part of",
                static_cast<void*>(stream));
}

#ifdef FOVEA_HIP_NVIDIA

void describe_architecture(const hipDeviceProp_t& properties, char* text, size_t size) {
  snprintf(text, size, "sm_%d%d", properties.major, properties.minor);
}

// What the runtime knows of an address. Host memory that was never registered is only reachable where the device reads
// pageable memory.
bool is_reachable(const hipPointerAttribute_t& attributes, int ordinal) {
  if (attributes.type != cudaMemoryTypeUnregistered) return true;
  int pageable = 0;
  return cudaDeviceGetAttribute(&pageable, cudaDevAttrPageableMemoryAccess, ordinal) == cudaSuccess && pageable != 0;
}
bool is_on_device(const hipPointerAttribute_t& attributes) { return attributes.type == cudaMemoryTypeDevice; }

#else

void describe_architecture(const hipDeviceProp_t& properties, char* text, size_t size) {
  // "gfx90a:sramecc+:xnack-": code is embedded for either setting of the features.
  snprintf(text, size, "%.*s", static_cast<int>(std::strcspn(properties.gcnArchName, ":")), properties.gcnArchName);
}

// The runtime does not know all memory that its kernels can reach (virtual memory, unified memory), so that an address
// it does not know is no error.
bool is_reachable(const hipPointerAttribute_t&, int) { return true; }
bool is_on_device(const hipPointerAttribute_t& attributes) {
#if HIP_VERSION_MAJOR >= 6
  return attributes.type == hipMemoryTypeDevice;
#else
  return attributes.memoryType == hipMemoryTypeDevice;
#endif
}

#endif

}  // namespace

bool runs_embedded(const char* architecture, const char* embedded) {
  const size_t length = std::strlen(architecture);
  const int device = sm_version(architecture, length);
  for (const char* name = embedded; *name != '\0';) {
    const size_t size = std::strcspn(name, " ");
    if (size == length && std::strncmp(name, architecture, length) == 0) return true;
    // Machine code of NVIDIA also runs on later devices of the same major version.
    const int code = sm_version(name, size);
    if (device >= 0 && code >= 0 && device / 10 == code / 10 && code <= device) return true;
    name += size;
    while (*name == ' ') ++name;
  }
  return false;
}

const char* embedded_architectures() { return FOVEA_HIP_EMBEDDED_ARCHITECTURES; }

int32_t device_count(int32_t* count, FoveaModuleMessage message) {
  int found = 0;
  const hipError_t error = hipGetDeviceCount(&found);
  if (error == hipErrorNoDevice) {
    (void)hipGetLastError();
    found = 0;
  } else if (error != hipSuccess) {
    return report_error(message, error, "hipGetDeviceCount");
  }
  *count = found;
  return kSuccess;
}

int32_t device_info(int32_t ordinal, FoveaModuleDeviceInfo* info, FoveaModuleMessage message) {
  hipDeviceProp_t properties;
  FOVEA_HIP_TRY(hipGetDeviceProperties(&properties, ordinal));
  std::memset(info, 0, sizeof(*info));
  snprintf(info->name, sizeof(info->name), "%.*s", static_cast<int>(sizeof(info->name)) - 1, properties.name);
  describe_architecture(properties, info->architecture, sizeof(info->architecture));
  info->supported = runs_embedded(info->architecture, embedded_architectures()) ? 1 : 0;
  info->num_compute_units = properties.multiProcessorCount;
  info->memory_bytes = static_cast<int64_t>(properties.totalGlobalMem);
  return kSuccess;
}

int32_t context_create(int32_t ordinal, FoveaModuleContext** context, FoveaModuleMessage message) {
  FoveaModuleDeviceInfo info;
  if (const int32_t status = device_info(ordinal, &info, message); status != kSuccess) return status;
  if (info.supported == 0) {
    return report(message, kArchMismatch, "%s (%s) is none of those with code here (%s)", info.name, info.architecture,
                  embedded_architectures());
  }
  const DeviceGuard guard(ordinal);
  FOVEA_HIP_TRY(guard.error());
  // Initialises the device, so that one that does not work is found now and not by the first launch.
  FOVEA_HIP_TRY(hipFree(nullptr));
  *context = new FoveaModuleContext{ordinal, info, {}};
  return kSuccess;
}

int32_t synchronize(FoveaModuleMessage message) {
  FOVEA_HIP_TRY(hipDeviceSynchronize());
  return kSuccess;
}

int32_t download(void* to, const void* from, size_t size, hipStream_t stream, FoveaModuleMessage message) {
  if (const int32_t status = refuse_capture(stream, message); status != kSuccess) return status;
  FOVEA_HIP_TRY(hipMemcpyAsync(to, from, size, hipMemcpyDeviceToHost, stream));
  FOVEA_HIP_TRY(hipStreamSynchronize(stream));
  return kSuccess;
}

int32_t check_pointers(const FoveaModuleContext& context, const FoveaModulePointer* pointers, int32_t num_pointers,
                       FoveaModuleMessage message) {
  for (int32_t i = 0; i < num_pointers; ++i) {
    const FoveaModulePointer& pointer = pointers[i];
    if (pointer.address == nullptr) continue;
    const uintptr_t region = reinterpret_cast<uintptr_t>(pointer.address) >> FoveaModuleContext::kRegionBits;
    std::atomic<uintptr_t>& known = context.regions[region % FoveaModuleContext::kRegions];
    if (known.load(std::memory_order_relaxed) == region) continue;
    hipPointerAttribute_t attributes;
    if (hipPointerGetAttributes(&attributes, pointer.address) != hipSuccess) {
      (void)hipGetLastError();
      continue;
    }
    if (!is_reachable(attributes, context.ordinal)) {
      return report(message, kInvalidArgument, "%s: %p is host memory that device %d cannot reach", pointer.name,
                    pointer.address, context.ordinal);
    }
    if (!is_on_device(attributes)) continue;
    if (attributes.device == context.ordinal) {
      known.store(region, std::memory_order_relaxed);
      continue;
    }
    int can_access = 0;
    const hipError_t error = hipDeviceCanAccessPeer(&can_access, context.ordinal, attributes.device);
    if (error != hipSuccess || can_access == 0) {
      return report(message, kInvalidArgument, "%s: %p is memory of device %d, but the context is of device %d",
                    pointer.name, pointer.address, attributes.device, context.ordinal);
    }
  }
  return kSuccess;
}

int32_t memory_create(size_t size, FoveaModuleMemory** memory, void** address, FoveaModuleMessage message) {
  auto* created = new FoveaModuleMemory;
  created->size = size;
  const auto take = [&]() -> int32_t {
    if (hipError_t error = hipMalloc(&created->device, size); error != hipSuccess) {
      (void)hipGetLastError();
      return report(message, error == hipErrorOutOfMemory ? kDeviceOutOfMemory : kDeviceError,
                    "no device memory for %zu bytes: %s", size, hipGetErrorString(error));
    }
    for (int i = 0; i < FoveaModuleMemory::kImages; ++i) {
      void* image = nullptr;
      if (hipError_t error = hipHostMalloc(&image, size, hipHostMallocDefault); error != hipSuccess) {
        (void)hipGetLastError();
        return report(message, error == hipErrorOutOfMemory ? kOutOfMemory : kDeviceError,
                      "no pinned host memory for %zu bytes: %s", size, hipGetErrorString(error));
      }
      created->images[i] = static_cast<char*>(image);
      FOVEA_HIP_TRY(hipEventCreateWithFlags(&created->sent[i], hipEventDisableTiming));
    }
    return kSuccess;
  };
  if (const int32_t status = take(); status != kSuccess) {
    memory_destroy(created);
    return status;
  }
  *memory = created;
  *address = created->device;
  return kSuccess;
}

void memory_destroy(FoveaModuleMemory* memory) {
  for (int i = 0; i < FoveaModuleMemory::kImages; ++i) {
    if (memory->in_flight[i]) (void)hipEventSynchronize(memory->sent[i]);
    if (memory->sent[i] != nullptr) (void)hipEventDestroy(memory->sent[i]);
    if (memory->images[i] != nullptr) (void)hipHostFree(memory->images[i]);
  }
  if (memory->device != nullptr) (void)hipFree(memory->device);
  delete memory;
}

int32_t memory_stage(FoveaModuleMemory& memory, hipStream_t stream, void** image, FoveaModuleMessage message) {
  if (const int32_t status = refuse_capture(stream, message); status != kSuccess) return status;
  const int next = (memory.current + 1) % FoveaModuleMemory::kImages;
  if (memory.in_flight[next]) {
    FOVEA_HIP_TRY(hipEventSynchronize(memory.sent[next]));
    memory.in_flight[next] = false;
  }
  memory.current = next;
  *image = memory.images[next];
  return kSuccess;
}

int32_t memory_upload(FoveaModuleMemory& memory, const FoveaModuleRange* ranges, int32_t num_ranges,
                      hipStream_t stream, FoveaModuleMessage message) {
  if (const int32_t status = refuse_capture(stream, message); status != kSuccess) return status;
  const char* image = memory.images[memory.current];
  for (int32_t i = 0; i < num_ranges; ++i) {
    const FoveaModuleRange& range = ranges[i];
    if (range.size > memory.size || range.offset > memory.size - range.size) {
      return report(message, kInternalError, "upload of %zu bytes at %zu into %zu", range.size, range.offset,
                    memory.size);
    }
    FOVEA_HIP_TRY(hipMemcpyAsync(static_cast<char*>(memory.device) + range.offset, image + range.offset, range.size,
                                 hipMemcpyHostToDevice, stream));
    memory.in_flight[memory.current] = true;
  }
  FOVEA_HIP_TRY(hipEventRecord(memory.sent[memory.current], stream));
  return kSuccess;
}

}  // namespace fovea::hip
