// A GPU's runtime library (CUDA's or HIP's), opened at run time so that this program starts on machines without one, and
// what a benchmark needs of it. Functions throw std::runtime_error with the runtime's words.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "fovea/fovea.h"

class GpuRuntime {
 public:
  // `kind` is FOVEA_DEVICE_AMD or FOVEA_DEVICE_NVIDIA.
  GpuRuntime(foveaDevice_t kind, int32_t ordinal);
  ~GpuRuntime();
  GpuRuntime(const GpuRuntime&) = delete;
  GpuRuntime& operator=(const GpuRuntime&) = delete;

  bool is_nvidia() const { return nvidia_; }
  void* stream() const { return stream_; }
  void* allocate(size_t bytes) const;
  void release(void* memory) const noexcept;
  void upload(void* device, const void* host, size_t bytes) const;
  // On the stream, without waiting.
  void copy_on_device(void* to, const void* from, size_t bytes) const;
  void synchronize() const;

  // Seconds between two events around each of `samples` calls of `enqueue`, which puts work on the stream; sorted.
  std::vector<double> time(int samples, const std::function<void()>& enqueue) const;
  // What `enqueue` puts on the stream, as one graph to be launched by the function that is returned.
  std::function<void()> record(const std::function<void()>& enqueue) const;

 private:
  void check(int error, const char* what) const;

  struct Calls;
  std::unique_ptr<Calls> call_;
  bool nvidia_;
  void* stream_ = nullptr;
  void* begin_ = nullptr;
  void* end_ = nullptr;
};

// The first library of `names` that opens, one that the process has already loaded first of all; nullptr if none does.
void* open_first_library(const std::vector<std::string>& names);
