#include "impl/select.h"

#include <stdlib.h>

#include "impl/error.h"
#include "impl/log.h"
#include "impl/names.h"

namespace fovea {
namespace {

// All reasons against one backend on one device. One for another device is only asked whether it is there, and only if
// it was named: asking could load a module.
Reasons reasons_against(const Backend& backend, const Context& context, const LayerConfig& config, bool is_named) {
  Reasons reasons;
  if (backend.runs_on(context.device())) {
    check_support(backend, &context, config, &reasons);
    return reasons;
  }
  reasons.add(FOVEA_REASON_DEVICE, "does not run on the context's device (%s)", device_name(context.device()));
  if (std::string reason; is_named && !backend.available(nullptr, &reason)) {
    reasons.add(FOVEA_REASON_UNAVAILABLE, "unavailable: %s", reason.c_str());
  }
  return reasons;
}

bool is_unavailable(const Reasons& reasons) {
  for (const Reason& reason : reasons.list()) {
    if (reason.code == FOVEA_REASON_UNAVAILABLE) return true;
  }
  return false;
}

}  // namespace

foveaStatus_t select_backend(BackendList backends, const Context& context, const LayerConfig& config,
                             foveaBackend_t requested, const char* argument, const Backend** selected) {
  const char* origin = "requested";
  if (requested == FOVEA_BACKEND_AUTO) {
    const char* name = secure_getenv("FOVEA_BACKEND");
    if (name != nullptr && name[0] != '\0') {
      FOVEA_TRY(backend_from_name(backends, name, "FOVEA_BACKEND", &requested));
      origin = "named by FOVEA_BACKEND";
    }
  }
  const Backend* explicit_one = nullptr;
  const Backend* first = nullptr;  // that can serve it
  if (requested != FOVEA_BACKEND_AUTO) FOVEA_TRY(require_backend(backends, requested, argument, &explicit_one));

  const auto take = [selected](const Backend& backend, const char* why) {
    log(FOVEA_LOG_INFO, "backend %s %s", backend.name, why);
    *selected = &backend;
    return FOVEA_STATUS_SUCCESS;
  };
  std::string list;
  foveaStatus_t status = FOVEA_STATUS_NOT_SUPPORTED;
  for (const Backend* backend : backends) {
    const Reasons reasons = reasons_against(*backend, context, config, backend == explicit_one);
    if (reasons.empty()) {
      if (backend == explicit_one) return take(*backend, origin);
      if (explicit_one == nullptr && backend->preferred != nullptr && backend->preferred(context, config)) {
        return take(*backend, "preferred");
      }
      if (first == nullptr) first = backend;
      list += std::string("\n  ") + backend->name + ": could serve it";
      continue;
    }
    if (backend == explicit_one && is_unavailable(reasons)) status = FOVEA_STATUS_BACKEND_UNAVAILABLE;
    list += std::string("\n  ") + backend->name + ": " + reasons.joined("; ");
  }
  if (explicit_one != nullptr) {
    return fail(status, "%s, %s, cannot serve this config\n  config: %s%s", explicit_one->name, origin,
                config.describe().c_str(), list.c_str());
  }
  if (first != nullptr) return take(*first, "selected");
  return fail(status, "no backend can serve this config\n  config: %s%s", config.describe().c_str(), list.c_str());
}

}  // namespace fovea
