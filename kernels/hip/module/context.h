// One device: its description, the memory that metadata uploads to, and the guard of the caller's current device.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "kernels/hip/module/module_abi.h"
#include "kernels/hip/module/runtime.h"

struct FoveaModuleContext {
  int ordinal;
  FoveaModuleDeviceInfo info;

  // Asking the runtime about an address takes longer than all other checks of a call. Devices' memory comes in regions
  // of this size, so what was found to be the device's stays so; if it is freed, an error may be missed, never made up.
  static constexpr int kRegionBits = 21;
  static constexpr size_t kRegions = 256;
  mutable std::atomic<uintptr_t> regions[kRegions];  // their numbers; region 0 is no memory
};

namespace fovea::hip {

// Makes a device current and puts the caller's back. Where the runtime refuses, `error` says so and nothing was
// changed.
class DeviceGuard {
 public:
  explicit DeviceGuard(int ordinal) {
    error_ = hipGetDevice(&previous_);
    if (error_ != hipSuccess || previous_ == ordinal) return;
    error_ = hipSetDevice(ordinal);
    changed_ = error_ == hipSuccess;
  }
  ~DeviceGuard() {
    if (changed_) (void)hipSetDevice(previous_);
  }
  DeviceGuard(const DeviceGuard&) = delete;
  DeviceGuard& operator=(const DeviceGuard&) = delete;

  hipError_t error() const { return error_; }

 private:
  int previous_ = 0;
  bool changed_ = false;
  hipError_t error_;
};

// Whether code for `architecture` is embedded, or code that it runs as well. `embedded` is a list separated by spaces.
bool runs_embedded(const char* architecture, const char* embedded);
// Those of this module.
const char* embedded_architectures();

// The table's functions of the same names; those with a context run with its device current.
int32_t device_count(int32_t* count, FoveaModuleMessage message);
int32_t device_info(int32_t ordinal, FoveaModuleDeviceInfo* info, FoveaModuleMessage message);
int32_t context_create(int32_t ordinal, FoveaModuleContext** context, FoveaModuleMessage message);
int32_t synchronize(FoveaModuleMessage message);
int32_t download(void* to, const void* from, size_t size, hipStream_t stream, FoveaModuleMessage message);
int32_t check_pointers(const FoveaModuleContext& context, const FoveaModulePointer* pointers, int32_t num_pointers,
                       FoveaModuleMessage message);
int32_t memory_create(size_t size, FoveaModuleMemory** memory, void** address, FoveaModuleMessage message);
void memory_destroy(FoveaModuleMemory* memory);
int32_t memory_stage(FoveaModuleMemory& memory, hipStream_t stream, void** image, FoveaModuleMessage message);
int32_t memory_upload(FoveaModuleMemory& memory, const FoveaModuleRange* ranges, int32_t num_ranges,
                      hipStream_t stream, FoveaModuleMessage message);

}  // namespace fovea::hip
