#include "impl/tensor.h"

#include <cmath>

#include "impl/error.h"
#include "impl/memory.h"
#include "impl/names.h"

namespace fovea {
namespace {

// Elements that cannot share an address: each axis, from the smallest stride on, steps over everything before it.
// Sufficient, and true of every slice, transposition and padding of an array.
bool may_overlap(const int64_t* sizes, const int64_t* strides, int32_t ndim) {
  int32_t order[FOVEA_MAX_DIMS];
  int32_t count = 0;
  for (int32_t axis = 0; axis < ndim; ++axis) {
    if (sizes[axis] <= 1) continue;
    int32_t place = count++;
    for (; place > 0 && strides[order[place - 1]] > strides[axis]; --place) order[place] = order[place - 1];
    order[place] = axis;
  }
  int64_t extent = 1;
  for (int32_t i = 0; i < count; ++i) {
    if (strides[order[i]] < extent) return true;
    extent += (sizes[order[i]] - 1) * strides[order[i]];
  }
  return false;
}

}  // namespace

foveaStatus_t check_tensor(const foveaTensor_t& tensor, const char* name, foveaDataType_t dtype, const Axis* axes,
                           int32_t ndim, Access access, int64_t* strides, size_t alignment) {
  FOVEA_REQUIRE_ARGUMENT(!is_absent(tensor), "%s: absent (data is NULL), expected a tensor", name);
  FOVEA_REQUIRE_ARGUMENT(is_data_type(tensor.dtype), "%s: dtype is %d, which is not a data type", name,
                         static_cast<int>(tensor.dtype));
  FOVEA_REQUIRE_ARGUMENT(tensor.dtype == dtype, "%s: dtype is %s, expected %s", name, data_type_name(tensor.dtype),
                         data_type_name(dtype));
  FOVEA_REQUIRE_ARGUMENT(tensor.ndim == ndim, "%s: ndim is %d, expected %d", name, tensor.ndim, ndim);
  const size_t element = data_type_size(dtype);
  const size_t aligned_to = element > alignment ? element : alignment;
  FOVEA_REQUIRE_ARGUMENT(is_aligned(tensor.data, aligned_to), "%s: data at %p is not aligned to %zu bytes", name,
                         tensor.data, aligned_to);

  bool contiguous = true;
  for (int32_t axis = 0; axis < ndim; ++axis) {
    const Axis& want = axes[axis];
    const int64_t have = tensor.shape[axis];
    if (want.at_least) {
      FOVEA_REQUIRE_ARGUMENT(have >= want.size, "%s: shape[%d] is %lld, expected at least %s %lld", name, axis,
                             static_cast<long long>(have), want.name, static_cast<long long>(want.size));
    } else {
      FOVEA_REQUIRE_ARGUMENT(have == want.size, "%s: shape[%d] is %lld, expected %s %lld", name, axis,
                             static_cast<long long>(have), want.name, static_cast<long long>(want.size));
    }
    contiguous &= tensor.strides[axis] == 0;
  }

  if (contiguous) {
    int64_t stride = 1;
    for (int32_t axis = ndim - 1; axis >= 0; --axis) {
      strides[axis] = stride;
      FOVEA_REQUIRE_ARGUMENT(!__builtin_mul_overflow(stride, tensor.shape[axis] > 0 ? tensor.shape[axis] : 1, &stride),
                             "%s: shape[%d] is %lld, which makes the tensor larger than memory", name, axis,
                             static_cast<long long>(tensor.shape[axis]));
    }
  } else {
    for (int32_t axis = 0; axis < ndim; ++axis) {
      strides[axis] = tensor.strides[axis];
      FOVEA_REQUIRE_ARGUMENT(strides[axis] >= 0, "%s: strides[%d] is %lld, expected 0 or more", name, axis,
                             static_cast<long long>(strides[axis]));
    }
    FOVEA_REQUIRE_ARGUMENT(strides[ndim - 1] == 1,
                           "%s: strides[%d] is %lld, expected 1 (the innermost axis is contiguous)", name, ndim - 1,
                           static_cast<long long>(strides[ndim - 1]));
  }

  // The last byte that can be touched must have an address; only the rows in use count.
  int64_t sizes[FOVEA_MAX_DIMS];
  int64_t last = 0;
  for (int32_t axis = 0; axis < ndim; ++axis) {
    sizes[axis] = axes[axis].size;
    int64_t step = 0;
    const bool wraps = sizes[axis] > 0 && (__builtin_mul_overflow(sizes[axis] - 1, strides[axis], &step) ||
                                           __builtin_add_overflow(last, step, &last));
    FOVEA_REQUIRE_ARGUMENT(!wraps && last <= PTRDIFF_MAX / static_cast<int64_t>(element) - 1,
                           "%s: strides[%d] is %lld, which reaches beyond memory for %s %lld", name, axis,
                           static_cast<long long>(strides[axis]), axes[axis].name, static_cast<long long>(sizes[axis]));
  }
  FOVEA_REQUIRE_ARGUMENT(access == Access::kRead || !may_overlap(sizes, strides, ndim),
                         "%s: strides let elements overlap, but the tensor is written", name);
  return FOVEA_STATUS_SUCCESS;
}

foveaStatus_t check_rows(const foveaTensor_t& tensor, const char* name, foveaDataType_t dtype, int64_t num_tokens,
                         Axis heads, Axis size, Access access, Rows* rows, size_t alignment) {
  const Axis axes[] = {{num_tokens, "num_tokens", true}, heads, size};
  int64_t strides[FOVEA_MAX_DIMS];
  FOVEA_TRY(check_tensor(tensor, name, dtype, axes, 3, access, strides, alignment));
  *rows = {tensor.data, strides[0], strides[1]};
  return FOVEA_STATUS_SUCCESS;
}

foveaStatus_t check_lse(const foveaTensor_t& tensor, const char* name, int64_t num_tokens, int64_t num_query_heads,
                        Access access, Rows* rows, size_t alignment) {
  const Axis axes[] = {{num_tokens, "num_tokens", true}, {num_query_heads, "num_query_heads"}};
  int64_t strides[FOVEA_MAX_DIMS];
  FOVEA_TRY(check_tensor(tensor, name, FOVEA_DATA_TYPE_F32, axes, 2, access, strides, alignment));
  *rows = {tensor.data, strides[0], strides[1]};
  return FOVEA_STATUS_SUCCESS;
}

foveaStatus_t check_caches(const LayerConfig& config, const foveaTensor_t& key_cache, const foveaTensor_t& value_cache,
                           Access access, Cache* key, Cache* value, size_t alignment) {
  const foveaDataType_t type = config.cache_type();
  const bool vectorized = config.layout == FOVEA_KV_CACHE_LAYOUT_VECTORIZED;
  const int32_t key_ndim = vectorized ? 5 : 4;
  // Whatever number of blocks the key cache has, the value cache must have too.
  FOVEA_REQUIRE_ARGUMENT(!is_absent(key_cache), "key_cache: absent (data is NULL), expected a tensor");
  FOVEA_REQUIRE_ARGUMENT(key_cache.ndim == key_ndim, "key_cache: ndim is %d, expected %d (%s layout)", key_cache.ndim,
                         key_ndim, layout_name(config.layout));
  const Axis any_blocks = {key_cache.shape[0], "num_blocks"};
  FOVEA_REQUIRE_ARGUMENT(key_cache.shape[0] >= 0, "key_cache: shape[0] is %lld, expected num_blocks 0 or more",
                         static_cast<long long>(key_cache.shape[0]));
  const Axis blocks = {key_cache.shape[0], "num_blocks of key_cache"};
  const Axis rows = {config.block_size, "block_size"};
  const Axis heads = {config.num_kv_heads, "num_kv_heads"};
  int64_t k[FOVEA_MAX_DIMS];
  int64_t v[FOVEA_MAX_DIMS];
  if (vectorized) {
    const auto x = static_cast<int64_t>(16 / data_type_size(type));
    const Axis key_axes[] = {any_blocks, heads, {config.head_size / x, "head_size / x"}, rows, {x, "x"}};
    const Axis value_axes[] = {blocks, heads, {config.value_size(), "head_size_v"}, rows};
    FOVEA_TRY(check_tensor(key_cache, "key_cache", type, key_axes, 5, access, k, alignment));
    FOVEA_TRY(check_tensor(value_cache, "value_cache", type, value_axes, 4, access, v, alignment));
    *key = {key_cache.data, key_cache.shape[0], k[0], k[3], k[1], k[2]};
    *value = {value_cache.data, key_cache.shape[0], v[0], v[3], v[1], v[2]};
  } else {
    const Axis key_axes[] = {any_blocks, rows, heads, {config.head_size, "head_size"}};
    const Axis value_axes[] = {blocks, rows, heads, {config.value_size(), "head_size_v"}};
    FOVEA_TRY(check_tensor(key_cache, "key_cache", type, key_axes, 4, access, k, alignment));
    FOVEA_TRY(check_tensor(value_cache, "value_cache", type, value_axes, 4, access, v, alignment));
    *key = {key_cache.data, key_cache.shape[0], k[0], k[1], k[2], 0};
    *value = {value_cache.data, key_cache.shape[0], v[0], v[1], v[2], 0};
  }
  return FOVEA_STATUS_SUCCESS;
}

foveaStatus_t check_floats(const float* values, const char* name, bool expected, const char* why, int64_t count,
                           Values kind) {
  if (!expected) {
    FOVEA_REQUIRE_ARGUMENT(values == nullptr, "%s: given, but %s", name, why);
    return FOVEA_STATUS_SUCCESS;
  }
  FOVEA_REQUIRE_ARGUMENT(values != nullptr, "%s: NULL, but %s", name, why);
  FOVEA_REQUIRE_ARGUMENT(is_aligned(values, alignof(float)), "%s: %p is not aligned to %zu bytes", name,
                         static_cast<const void*>(values), alignof(float));
  for (int64_t i = 0; i < count; ++i) {
    const float value = values[i];
    bool good = true;
    const char* wanted = "";
    switch (kind) {
      case Values::kAny:
        break;
      case Values::kFinite:
        good = std::isfinite(value);
        wanted = "a finite number";
        break;
      case Values::kPositive:
        good = std::isfinite(value) && value > 0;
        wanted = "a finite number above 0";
        break;
      case Values::kSink:
        good = value < INFINITY;  // false for NaN too
        wanted = "a finite number, or -inf for none";
        break;
    }
    FOVEA_REQUIRE_ARGUMENT(good, "%s: element %lld is %g, expected %s", name, static_cast<long long>(i),
                           static_cast<double>(value), wanted);
  }
  return FOVEA_STATUS_SUCCESS;
}

}  // namespace fovea
