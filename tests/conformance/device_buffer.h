// Memory of the device under test with guard zones on both sides. On a CPU the host's view is the memory itself; a device
// with memory of its own gets a mirror and explicit copies.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "tests/conformance/device_memory.h"

namespace fovea_test {

class DeviceBuffer {
 public:
  DeviceBuffer() = default;
  // `misalignment` bytes past a multiple of 64; `bytes` may be 0.
  DeviceBuffer(const DeviceMemory& memory, size_t bytes, size_t misalignment = 0);
  ~DeviceBuffer();
  DeviceBuffer(DeviceBuffer&& other) noexcept;
  DeviceBuffer& operator=(DeviceBuffer&& other) noexcept;
  DeviceBuffer(const DeviceBuffer&) = delete;
  DeviceBuffer& operator=(const DeviceBuffer&) = delete;

  size_t size() const { return bytes_; }
  uint8_t* host() { return host_; }
  const uint8_t* host() const { return host_; }
  uint8_t* device() const { return device_; }

  void to_device();
  void to_host();

  void fill(uint8_t byte);
  // Takes a print of the host's content; `unchanged` compares with it.
  void remember() { remembered_ = print(); }
  bool unchanged() const { return remembered_ == print(); }
  // "" if the guard zones (as last seen by to_host) hold what was put there, else where they were hit.
  std::string guard_damage() const;

 private:
  uint64_t print() const;

  const DeviceMemory* memory_ = nullptr;
  uint8_t* device_base_ = nullptr;
  uint8_t* host_base_ = nullptr;
  uint8_t* device_ = nullptr;
  uint8_t* host_ = nullptr;
  size_t bytes_ = 0;
  size_t total_ = 0;
  uint64_t remembered_ = 0;
};

}  // namespace fovea_test
