// What every entry point does: handles become objects, and nothing is thrown across the C boundary.
#pragma once

#include <cxxabi.h>

#include <exception>
#include <new>

#include "impl/error.h"
#include "impl/object.h"

namespace fovea::capi {

// Runs the body; exceptions become statuses. Cancellation of the thread must pass through.
template <class Body>
foveaStatus_t guarded(Body body) {
  try {
    return body();
  } catch (const std::bad_alloc&) {
    return fail(FOVEA_STATUS_OUT_OF_MEMORY, "out of host memory");
  } catch (const abi::__forced_unwind&) {
    throw;
  } catch (const std::exception& error) {
    return fail(FOVEA_STATUS_INTERNAL_ERROR, "internal error: %s", error.what());
  } catch (...) {
    return fail(FOVEA_STATUS_INTERNAL_ERROR, "internal error");
  }
}

// A handle is the address of an object of the expected kind. The tag finds handles of another kind and, mostly, those
// that were destroyed.
template <class T, class Handle>
foveaStatus_t open(Handle handle, const char* name, T** object) {
  FOVEA_REQUIRE_ARGUMENT(handle != nullptr, "%s: NULL, expected a handle", name);
  auto* candidate = reinterpret_cast<Object*>(handle);
  FOVEA_REQUIRE_ARGUMENT(candidate->kind() == T::kKind, "%s: not a handle of this kind, or already destroyed", name);
  *object = static_cast<T*>(candidate);
  return FOVEA_STATUS_SUCCESS;
}

template <class T, class Handle>
void drop(Handle handle) {
  auto* object = reinterpret_cast<Object*>(handle);
  if (object != nullptr && object->kind() == T::kKind) object->release();
}

template <class Handle, class T>
Handle to_handle(T* object) {
  return reinterpret_cast<Handle>(static_cast<Object*>(object));
}

// Where a result goes.
template <class T>
foveaStatus_t check_out(const T* out, const char* name) {
  FOVEA_REQUIRE_ARGUMENT(out != nullptr, "%s: NULL, expected where to write", name);
  return FOVEA_STATUS_SUCCESS;
}

}  // namespace fovea::capi
