#include "impl/device_arrays.h"

#include <cstring>

#include "impl/memory.h"

namespace fovea {
namespace {

constexpr uint32_t kNoOffender = UINT32_MAX;

// What lies between the used parts of two neighbours costs less to send than another copy would.
constexpr size_t kMergedGap = 4096;

}  // namespace

foveaStatus_t DeviceArrays::create(const GpuDevice& device, const std::array<size_t, kBatchArrays>& capacities,
                                   std::unique_ptr<DeviceArrays>* arrays) {
  std::unique_ptr<DeviceArrays> created(new DeviceArrays(device));
  SizeSum sum;
  sum.add(1, sizeof(uint32_t));
  for (int32_t i = 0; i < kBatchArrays; ++i) created->offsets_[i] = sum.add(capacities[i], sizeof(int32_t));
  FOVEA_REQUIRE(!sum.overflow(), FOVEA_STATUS_DEVICE_OUT_OF_MEMORY, "limits: the arrays exceed memory");
  FOVEA_TRY(device.call(device.table().memory_create, sum.total(), &created->memory_, &created->address_));
  *arrays = std::move(created);
  return FOVEA_STATUS_SUCCESS;
}

DeviceArrays::~DeviceArrays() {
  if (memory_ != nullptr && device_.of_this_process()) device_.table().memory_destroy(device_.context(), memory_);
}

const int32_t* DeviceArrays::address(BatchArray array) const {
  return reinterpret_cast<const int32_t*>(static_cast<const char*>(address_) + offsets_[static_cast<int32_t>(array)]);
}

foveaStatus_t DeviceArrays::upload(const std::array<Source, kBatchArrays>& sources, void* stream) {
  void* staged = nullptr;
  FOVEA_TRY(device_.call(device_.table().memory_stage, memory_, stream, &staged));
  auto* image = static_cast<char*>(staged);
  FoveaModuleRange ranges[kBatchArrays + 1];
  int32_t num_ranges = 1;
  ranges[0] = {0, sizeof(kNoOffender)};
  std::memcpy(image, &kNoOffender, sizeof(kNoOffender));
  int32_t last_array = -1;  // the word lies before the first
  for (int32_t i = 0; i < kBatchArrays; ++i) {
    const size_t size = sources[i].count * sizeof(int32_t);
    if (sources[i].data == nullptr || size == 0) continue;
    std::memcpy(image + offsets_[i], sources[i].data, size);
    FoveaModuleRange& last = ranges[num_ranges - 1];
    const size_t end = last.offset + last.size;
    // Between others lie arrays that stay as they are.
    if (i == last_array + 1 && offsets_[i] - end <= kMergedGap) {
      std::memset(image + end, 0, offsets_[i] - end);
      last.size = offsets_[i] + size - last.offset;
    } else {
      ranges[num_ranges++] = {offsets_[i], size};
    }
    last_array = i;
  }
  FOVEA_TRY(device_.call(device_.table().memory_upload, memory_, ranges, num_ranges, stream));
  uploaded_ = true;
  return FOVEA_STATUS_SUCCESS;
}

foveaStatus_t DeviceArrays::take_async_error(void* stream, int32_t* sequence) {
  uint32_t offender = kNoOffender;
  if (uploaded_) {
    FOVEA_TRY(device_.call(device_.table().download, &offender, address_, sizeof(offender), stream));
  } else {
    FOVEA_TRY(device_.check_process());
  }
  *sequence = offender == kNoOffender ? -1 : static_cast<int32_t>(offender);
  if (offender == kNoOffender) return FOVEA_STATUS_SUCCESS;
  FOVEA_TRY(upload({}, stream));
  return fail(FOVEA_STATUS_INVALID_ARGUMENT,
              "sequence %u: a length or a block id in device memory was out of its bounds; its outputs are NaN",
              offender);
}

}  // namespace fovea
