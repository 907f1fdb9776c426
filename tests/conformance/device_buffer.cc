#include "tests/conformance/device_buffer.h"

#include <cstring>
#include <utility>

#include "tests/conformance/test_case.h"

namespace fovea_test {
namespace {

constexpr size_t kGuard = 4096;

uint8_t guard_byte(size_t position) { return static_cast<uint8_t>(0xa5 ^ (position * 29)); }

}  // namespace

DeviceBuffer::DeviceBuffer(const DeviceMemory& memory, size_t bytes, size_t misalignment)
    : memory_(&memory), bytes_(bytes), total_(bytes + 2 * kGuard + misalignment) {
  device_base_ = static_cast<uint8_t*>(memory.allocate(total_));
  host_base_ = memory.host_visible() ? device_base_ : static_cast<uint8_t*>(host_memory().allocate(total_));
  device_ = device_base_ + kGuard + misalignment;
  host_ = host_base_ + kGuard + misalignment;
  const size_t end = static_cast<size_t>(host_ - host_base_) + bytes_;
  for (size_t i = 0; i < static_cast<size_t>(host_ - host_base_); ++i) host_base_[i] = guard_byte(i);
  for (size_t i = end; i < total_; ++i) host_base_[i] = guard_byte(i);
}

DeviceBuffer::~DeviceBuffer() {
  if (!memory_) return;
  if (!memory_->host_visible()) host_memory().release(host_base_);
  memory_->release(device_base_);
}

DeviceBuffer::DeviceBuffer(DeviceBuffer&& other) noexcept { *this = std::move(other); }

DeviceBuffer& DeviceBuffer::operator=(DeviceBuffer&& other) noexcept {
  std::swap(memory_, other.memory_);
  std::swap(device_base_, other.device_base_);
  std::swap(host_base_, other.host_base_);
  std::swap(device_, other.device_);
  std::swap(host_, other.host_);
  std::swap(bytes_, other.bytes_);
  std::swap(total_, other.total_);
  std::swap(remembered_, other.remembered_);
  return *this;
}

void DeviceBuffer::to_device() {
  if (memory_ && !memory_->host_visible()) memory_->upload(device_base_, host_base_, total_);
}

void DeviceBuffer::to_host() {
  if (memory_ && !memory_->host_visible()) memory_->download(host_base_, device_base_, total_);
}

void DeviceBuffer::fill(uint8_t byte) {
  if (bytes_) std::memset(host_, byte, bytes_);
}

std::string DeviceBuffer::guard_damage() const {
  if (!memory_) return "";
  const size_t begin = static_cast<size_t>(host_ - host_base_);
  const size_t end = begin + bytes_;
  for (size_t i = begin; i-- > 0;) {
    if (host_base_[i] != guard_byte(i)) return text("%zu bytes before its start", begin - i);
  }
  for (size_t i = end; i < total_; ++i) {
    if (host_base_[i] != guard_byte(i)) return text("%zu bytes past its end", i - end);
  }
  return "";
}

uint64_t DeviceBuffer::print() const {
  // Four FNV-like lanes of eight bytes: fast, and every changed byte changes the result.
  uint64_t lanes[4] = {1, 2, 3, 4};
  size_t i = 0;
  for (; i + 32 <= bytes_; i += 32) {
    for (size_t lane = 0; lane < 4; ++lane) {
      uint64_t word;
      std::memcpy(&word, host_ + i + 8 * lane, 8);
      lanes[lane] = (lanes[lane] ^ word) * 0x9e3779b97f4a7c15ull;
      lanes[lane] ^= lanes[lane] >> 29;
    }
  }
  for (; i < bytes_; ++i) lanes[0] = (lanes[0] ^ host_[i]) * 0x100000001b3ull;
  return lanes[0] ^ (lanes[1] * 3) ^ (lanes[2] * 5) ^ (lanes[3] * 7);
}

}  // namespace fovea_test
