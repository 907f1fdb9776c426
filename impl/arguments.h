// What every backend checks of a call before anything runs. Whether the host may look at values, and how tensors are
// aligned, depends on where the context's memory is.
#pragma once

#include "impl/metadata.h"
#include "impl/tensor.h"

namespace fovea {

struct MemoryRules {
  size_t alignment;  // of tensors, where an element asks for less
  bool readable;     // by the host: then values are checked too
};
inline constexpr MemoryRules kHostMemory = {1, true};
inline constexpr MemoryRules kDeviceMemory = {16, false};

struct ForwardTensors {
  Rows query = {};
  Rows key = {};  // data = nullptr: everything is read from the cache
  Rows value = {};
  Cache key_cache = {};
  Cache value_cache = {};
  Rows output = {};
  Rows lse = {};  // data = nullptr: not wanted
  foveaDataType_t output_type = FOVEA_DATA_TYPE_NONE;
};

inline bool is_partial(const foveaForwardArgs_t& args) { return (args.flags & FOVEA_FORWARD_PARTIAL_STATE) != 0; }

foveaStatus_t check_forward_tensors(const LayerConfig& layer, const CommittedBatch& batch,
                                    const foveaForwardArgs_t& args, const MemoryRules& rules, ForwardTensors* tensors);
// Scales, slopes and sinks.
foveaStatus_t check_forward_parameters(const LayerConfig& layer, const foveaForwardArgs_t& args,
                                       const MemoryRules& rules);

struct WriteTensors {
  Rows key = {};
  Rows value = {};
  Cache key_cache = {};
  Cache value_cache = {};
};
// num_tokens is above 0.
foveaStatus_t check_write_arguments(const LayerConfig& layer, const foveaKvWriteArgs_t& args, const MemoryRules& rules,
                                    WriteTensors* tensors);

struct MergeTensors {
  int32_t num_query_heads = 0;
  int32_t head_size_v = 0;
  Rows outputs[cpu::kMaxMergeStates] = {};
  Rows lses[cpu::kMaxMergeStates] = {};
  Rows output = {};
  Rows lse = {};  // data = nullptr: not wanted
};
// Where num_tokens is 0, nothing else is looked at.
foveaStatus_t check_merge_arguments(const foveaMergeArgs_t& args, const MemoryRules& rules, MergeTensors* tensors);

foveaStatus_t check_workspace(const void* workspace, size_t size, size_t needed);
foveaStatus_t check_plan_memory(const void* plan, size_t size, size_t needed);

}  // namespace fovea
