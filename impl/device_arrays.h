// The arrays of a batch in the memory of a GPU, at addresses that never change, because captured graphs keep them; and
// the word in which a plan leaves the first sequence that it could not serve.
#pragma once

#include <array>
#include <memory>

#include "fovea/fovea.h"
#include "impl/gpu_device.h"

namespace fovea {

enum class BatchArray : int32_t { kQueryStartLoc, kSeqLens, kFlags, kRangeStartLoc, kRanges, kBlockTable };
inline constexpr int32_t kBatchArrays = 6;

class DeviceArrays {
 public:
  // Room for `capacities` elements of each array.
  static foveaStatus_t create(const GpuDevice& device, const std::array<size_t, kBatchArrays>& capacities,
                              std::unique_ptr<DeviceArrays>* arrays);
  ~DeviceArrays();
  DeviceArrays(const DeviceArrays&) = delete;
  DeviceArrays& operator=(const DeviceArrays&) = delete;

  const int32_t* address(BatchArray array) const;
  uint32_t* async_error() const { return static_cast<uint32_t*>(address_); }

  // What one commit changes: `count` elements for each array whose source is given.
  struct Source {
    const int32_t* data = nullptr;
    size_t count = 0;
  };
  // Sends them, and forgets the last offender, on the stream.
  foveaStatus_t upload(const std::array<Source, kBatchArrays>& sources, void* stream);
  // Waits for the stream; -1 if there is none. What was read is forgotten.
  foveaStatus_t take_async_error(void* stream, int32_t* sequence);

 private:
  explicit DeviceArrays(const GpuDevice& device) : device_(device) {}

  const GpuDevice& device_;
  FoveaModuleMemory* memory_ = nullptr;
  void* address_ = nullptr;
  std::array<size_t, kBatchArrays> offsets_ = {};
  bool uploaded_ = false;  // the word holds nothing before
};

}  // namespace fovea
