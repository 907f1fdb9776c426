// The ordered list of backends: AUTO takes the first that serves, unless a later one is known to be faster.
#pragma once

#include <span>
#include <string>

#include "fovea/fovea.h"
#include "impl/attention.h"
#include "impl/backend/claims.h"
#include "impl/reasons.h"

namespace fovea {

// One backend. Nothing of it is loaded by listing it.
struct Backend {
  foveaBackend_t id;
  const char* name;
  bool (*runs_on)(foveaDevice_t device);
  // Whether this machine, or the context if there is one, can use it; fills in the sentence if not. May load a module.
  bool (*available)(const Context* context, std::string* reason);
  // false while unavailable: without its module a backend claims nothing.
  bool (*claims)(Claims* claims);
  // The one place that decides whether a complete, consistent configuration can be served, on a context or, without
  // one, on the device that would be taken; adds every reason against it. Workspace and launch of an attention follow
  // from what this function resolved.
  bool (*support)(const Context* context, const LayerConfig& config, Reasons* reasons);
  foveaStatus_t (*bind)(Context* context, const LayerConfig& config, Attention** attention);
  // Whether AUTO takes it for a configuration that it supports, although one before it in the list could serve it as
  // well. nullptr: never.
  bool (*preferred)(const Context& context, const LayerConfig& config) = nullptr;
};

using BackendList = std::span<const Backend* const>;

BackendList registry();

// nullptr for AUTO and unknown values.
const Backend* find_backend(BackendList backends, foveaBackend_t id);
// INVALID_ARGUMENT, with the known names, for a name that is none of a backend or "AUTO".
foveaStatus_t backend_from_name(BackendList backends, const char* name, const char* argument, foveaBackend_t* id);
// The backend, or INVALID_ARGUMENT.
foveaStatus_t require_backend(BackendList backends, foveaBackend_t id, const char* argument, const Backend** backend);
// Its claims, or BACKEND_UNAVAILABLE with the reason.
foveaStatus_t require_claims(const Backend& backend, Claims* claims);

// Everything against a configuration on one backend and a context of a device it runs on, or without one.
void check_support(const Backend& backend, const Context* context, const LayerConfig& config, Reasons* reasons);

}  // namespace fovea
