#include "impl/backend/registry.h"

#include <strings.h>

#include "impl/backend/cpu_attn.h"
#include "impl/backend/rocm_attn.h"
#include "impl/error.h"

namespace fovea {

BackendList registry() {
  static constexpr const Backend* kBackends[] = {&kRocmAttn, &kRocmUnifiedAttn, &kCpuAttn};
  return kBackends;
}

const Backend* find_backend(BackendList backends, foveaBackend_t id) {
  for (const Backend* backend : backends) {
    if (backend->id == id) return backend;
  }
  return nullptr;
}

foveaStatus_t backend_from_name(BackendList backends, const char* name, const char* argument, foveaBackend_t* id) {
  if (strcasecmp(name, "AUTO") == 0) {
    *id = FOVEA_BACKEND_AUTO;
    return FOVEA_STATUS_SUCCESS;
  }
  for (const Backend* backend : backends) {
    if (strcasecmp(name, backend->name) == 0) {
      *id = backend->id;
      return FOVEA_STATUS_SUCCESS;
    }
  }
  std::string known = "AUTO";
  for (const Backend* backend : backends) known += std::string(", ") + backend->name;
  return fail(FOVEA_STATUS_INVALID_ARGUMENT, "%s: \"%.100s\" is not a backend, expected one of %s", argument, name,
              known.c_str());
}

foveaStatus_t require_backend(BackendList backends, foveaBackend_t id, const char* argument, const Backend** backend) {
  *backend = find_backend(backends, id);
  FOVEA_REQUIRE_ARGUMENT(*backend != nullptr, "%s: %d is %s", argument, static_cast<int>(id),
                         id == FOVEA_BACKEND_AUTO ? "AUTO, expected a backend" : "not a backend");
  return FOVEA_STATUS_SUCCESS;
}

foveaStatus_t require_claims(const Backend& backend, Claims* claims) {
  if (backend.claims(claims)) return FOVEA_STATUS_SUCCESS;
  std::string reason;
  backend.available(nullptr, &reason);
  return fail(FOVEA_STATUS_BACKEND_UNAVAILABLE, "%s is unavailable: %s", backend.name, reason.c_str());
}

void check_support(const Backend& backend, const Context* context, const LayerConfig& config, Reasons* reasons) {
  if (std::string reason; !backend.available(context, &reason)) {
    reasons->add(FOVEA_REASON_UNAVAILABLE, "unavailable: %s", reason.c_str());
    return;
  }
  if (check_config(config, reasons)) backend.support(context, config, reasons);
  reasons->sort();
}

}  // namespace fovea
