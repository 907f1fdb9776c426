// Structs that start with `struct_size` may grow: a shorter one comes from an older header, a longer one from a newer.
#pragma once

#include <cstring>

#include "impl/error.h"

namespace fovea {

// A struct_size beyond this is an uninitialised field, not a newer header; reading that far could fault.
inline constexpr size_t kMaxStructGrowth = 4096;

// Copies what is there; missing fields become zero, which is every struct's default.
template <class T>
foveaStatus_t read_struct(const T* in, const char* name, T* out) {
  FOVEA_REQUIRE_ARGUMENT(in != nullptr, "%s: NULL, expected a struct", name);
  const size_t size = in->struct_size;
  FOVEA_REQUIRE_ARGUMENT(size >= sizeof(size_t) && size <= sizeof(T) + kMaxStructGrowth,
                         "%s: struct_size is %zu, expected sizeof the struct (%zu)", name, size, sizeof(T));
  const char* bytes = reinterpret_cast<const char*>(in);
  for (size_t i = sizeof(T); i < size; ++i) {
    FOVEA_REQUIRE(bytes[i] == 0, FOVEA_STATUS_VERSION_MISMATCH,
                  "%s: byte %zu is set, but this library (" FOVEA_VERSION_STRING ") knows only the first %zu bytes",
                  name, i, sizeof(T));
  }
  std::memset(static_cast<void*>(out), 0, sizeof(T));
  std::memcpy(static_cast<void*>(out), bytes, size < sizeof(T) ? size : sizeof(T));
  out->struct_size = sizeof(T);
  return FOVEA_STATUS_SUCCESS;
}

// Writes an output struct as far as the caller's goes, leaving its struct_size as it is.
template <class T>
foveaStatus_t write_struct(T value, const char* name, T* out) {
  FOVEA_REQUIRE_ARGUMENT(out != nullptr, "%s: NULL, expected a struct to write to", name);
  const size_t size = out->struct_size;
  FOVEA_REQUIRE_ARGUMENT(size >= sizeof(size_t) && size <= sizeof(T) + kMaxStructGrowth,
                         "%s: struct_size is %zu, expected sizeof the struct (%zu)", name, size, sizeof(T));
  value.struct_size = size;
  std::memcpy(static_cast<void*>(out), &value, size < sizeof(T) ? size : sizeof(T));
  return FOVEA_STATUS_SUCCESS;
}

}  // namespace fovea
