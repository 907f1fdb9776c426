// Where the device under test keeps its memory, and how work is given to it: the host itself, or a GPU through its runtime
// library, which is opened at run time so that this program starts on machines without one.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "fovea/fovea.h"

namespace fovea_test {

// Work that was recorded and can be launched any number of times.
class RecordedGraph {
 public:
  virtual ~RecordedGraph() = default;
  // Enqueues it on the stream of the memory that recorded it.
  virtual void launch() = 0;
};

// Functions throw Failure with the runtime's own words when it reports an error, and Skip when memory is exhausted.
class DeviceMemory {
 public:
  virtual ~DeviceMemory() = default;
  virtual const char* name() const = 0;
  // The host reads and writes this memory in place, and tensors in it need no more alignment than their elements.
  virtual bool host_visible() const = 0;
  virtual void* allocate(size_t bytes) const = 0;
  virtual void release(void* memory) const noexcept = 0;
  // Both are complete when they return, and in order with everything on the stream.
  virtual void upload(void* device, const void* host, size_t bytes) const = 0;
  virtual void download(void* host, const void* device, size_t bytes) const = 0;

  // The stream for all calls under test; NULL on the host. On a GPU it does not wait for the default stream, so that work
  // which strays there is found.
  virtual void* stream() const { return nullptr; }
  virtual void synchronize() const {}
  // Records what `calls` puts on the stream instead of running it.
  virtual std::unique_ptr<RecordedGraph> record(const std::function<void()>& calls) const;
  // Whether kernels can read any memory of the host, so that its addresses are no errors.
  virtual bool reaches_host() const { return true; }
};

const DeviceMemory& host_memory();

// A GPU of one kind (FOVEA_DEVICE_AMD or FOVEA_DEVICE_NVIDIA). `library` names its runtime; empty: the one that the process
// has already loaded, else the usual names. Throws Failure listing what was tried.
std::unique_ptr<DeviceMemory> open_gpu_memory(foveaDevice_t kind, int32_t ordinal, const std::string& library);

}  // namespace fovea_test
