// Checks of the tensors a caller hands over, and their translation into what kernels take.
#pragma once

#include "fovea/fovea.h"
#include "impl/config.h"
#include "kernels/cpu/params.h"

namespace fovea {

// Every backend's kernels describe memory like this.
using Rows = cpu::Rows;
using Cache = cpu::Cache;

inline bool is_absent(const foveaTensor_t& tensor) { return tensor.data == nullptr; }

// Whether memory is only read, or written too: then no two elements may share an address.
enum class Access { kRead, kWrite };

// What one axis must be.
struct Axis {
  int64_t size;
  const char* name;
  bool at_least = false;  // more rows than are used are welcome
};

// Checks data, dtype, ndim, shape, strides and alignment, and that no offset overflows. Fills `strides` with those in
// use: row-major where the caller left them all zero. Axes with at_least count only as far as `size` for overlap. Data
// is aligned to an element, and to `alignment` where that is more.
foveaStatus_t check_tensor(const foveaTensor_t& tensor, const char* name, foveaDataType_t dtype, const Axis* axes,
                           int32_t ndim, Access access, int64_t* strides, size_t alignment = 1);

// [>= num_tokens, heads, size]
foveaStatus_t check_rows(const foveaTensor_t& tensor, const char* name, foveaDataType_t dtype, int64_t num_tokens,
                         Axis heads, Axis size, Access access, Rows* rows, size_t alignment = 1);

// fp32 [>= num_tokens, num_query_heads]
foveaStatus_t check_lse(const foveaTensor_t& tensor, const char* name, int64_t num_tokens, int64_t num_query_heads,
                        Access access, Rows* rows, size_t alignment = 1);

// Key and value cache in the config's layout; both have the same number of blocks.
foveaStatus_t check_caches(const LayerConfig& config, const foveaTensor_t& key_cache, const foveaTensor_t& value_cache,
                           Access access, Cache* key, Cache* value, size_t alignment = 1);

// Float parameters: present exactly when `expected`, 4-byte aligned; the first `count` values as asked for. Memory that
// the host cannot read has a count of 0.
enum class Values { kAny, kFinite, kPositive, kSink };
foveaStatus_t check_floats(const float* values, const char* name, bool expected, const char* why, int64_t count,
                           Values kind);

}  // namespace fovea
