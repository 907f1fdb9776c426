// The library as the tests call it: handles that free themselves, and the steps from a case to a finished forward.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "fovea/fovea.h"
#include "tests/conformance/workload.h"

namespace fovea_test {

template <typename T>
struct HandleDeleter {
  void (*destroy)(T*) = nullptr;
  void operator()(T* handle) const { destroy(handle); }
};
using Context = std::unique_ptr<foveaContext_st, HandleDeleter<foveaContext_st>>;
using Config = std::unique_ptr<foveaConfig_st, HandleDeleter<foveaConfig_st>>;
using Report = std::unique_ptr<foveaReport_st, HandleDeleter<foveaReport_st>>;
using Metadata = std::unique_ptr<foveaMetadata_st, HandleDeleter<foveaMetadata_st>>;
using Attention = std::unique_ptr<foveaAttention_st, HandleDeleter<foveaAttention_st>>;

// Throws Failure with the call, the status and the library's sentence unless `status` is SUCCESS.
void require_success(foveaStatus_t status, const char* call);
#define FOVEA_OK(call) ::fovea_test::require_success((call), #call)

// Throws Failure unless `status` is as expected and the last error's sentence contains `words`.
void require_refusal(foveaStatus_t status, foveaStatus_t expected, const std::string& words, const std::string& what);

// What is under test: a backend on a device.
struct Target {
  foveaBackend_t backend = FOVEA_BACKEND_CPU_ATTN;
  foveaDevice_t device = FOVEA_DEVICE_CPU;
  int32_t ordinal = 0;
  std::string gpu_runtime;  // of open_gpu_memory
};

// The backend under test with its device's memory, and its contexts: one for each number of threads on a CPU.
class Engine {
 public:
  explicit Engine(const Target& target);
  foveaBackend_t backend() const { return target_.backend; }
  bool on_gpu() const { return target_.device != FOVEA_DEVICE_CPU; }
  const DeviceMemory& memory() const { return gpu_memory_ ? *gpu_memory_ : host_memory(); }
  void* stream() const { return memory().stream(); }
  foveaContext_t context(int32_t threads);
  // Makes calls that enqueue work: directly, or recorded in a graph that is launched, if so set.
  void enqueue(const std::function<void()>& calls);
  void set_capture(bool capture) { capture_ = capture; }
  // Name of the instruction set or GPU architecture in use.
  std::string architecture();

 private:
  Target target_;
  bool capture_ = false;
  std::unique_ptr<DeviceMemory> gpu_memory_;
  std::vector<std::pair<int32_t, Context>> contexts_;
};

Config make_config(const Case& c);

// The attention of a case. A refusal is a Failure where the backend claims every feature that the case uses, else a Skip.
Attention make_attention(Engine& engine, const Case& c);
Attention make_attention(Engine& engine, const Case& c, int32_t threads);

// The metadata of a workload, committed.
Metadata make_metadata(Engine& engine, const Workload& workload, int32_t threads);

// A batch of one's own over the memory of a workload.
struct Batch {
  std::vector<int32_t> query_start_loc;
  std::vector<int32_t> seq_lens;
  std::vector<int32_t> block_table;  // [num_seqs, columns]
  int32_t columns = 0;
  bool causal = true;
};
Metadata make_metadata(Engine& engine, const Batch& batch, int32_t threads, foveaMetadataLimits_t* limits);

// Scratch of exactly the size that the library asks for, between guard zones.
DeviceBuffer make_workspace(Engine& engine, foveaAttention_t attention, const foveaMetadataLimits_t& limits, uint8_t poison);
DeviceBuffer make_plan(Engine& engine, foveaAttention_t attention, const foveaMetadataLimits_t& limits,
                       foveaMetadata_t metadata, int32_t causal);

// One forward of the workload as its case says: memory prepared before and checked after.
struct RunOptions {
  int32_t threads = 0;  // 0: the case's
  uint8_t workspace_poison = 0xff;
};
void run_forward(Engine& engine, Workload& workload, const RunOptions& options = {});

// The same with given arguments: outputs elsewhere, other metadata.
void run_forward(Engine& engine, foveaAttention_t attention, foveaMetadata_t metadata, const foveaMetadataLimits_t& limits,
                 foveaForwardArgs_t args, uint8_t workspace_poison = 0xff);

// Whether the backend says that it supports everything the case uses.
bool claims_everything(foveaBackend_t backend, const Case& c);

}  // namespace fovea_test
