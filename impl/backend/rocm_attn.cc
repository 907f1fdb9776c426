#include "impl/backend/rocm_attn.h"

#include "impl/backend/module_loader.h"
#include "impl/error.h"

namespace fovea {
namespace {

bool available(std::string* reason) {
  const ModuleDevice found = find_gpu(FOVEA_DEVICE_GPU, 0);
  if (found.status == FOVEA_STATUS_SUCCESS) return true;
  *reason = found.reason;
  return false;
}

bool support(const LayerConfig&, Reasons* reasons) {
  std::string reason;
  if (available(&reason)) return true;
  reasons->add(FOVEA_REASON_UNAVAILABLE, "unavailable: %s", reason.c_str());
  return false;
}

foveaStatus_t bind(Context*, const LayerConfig&, Attention**) {
  std::string reason;
  available(&reason);
  return fail(FOVEA_STATUS_BACKEND_UNAVAILABLE, "ROCM_ATTN is unavailable: %s", reason.c_str());
}

}  // namespace

constinit const Backend kRocmAttn = {
    .id = FOVEA_BACKEND_ROCM_ATTN,
    .name = "ROCM_ATTN",
    .runs_on = [](foveaDevice_t device) { return device == FOVEA_DEVICE_AMD || device == FOVEA_DEVICE_NVIDIA; },
    .available = available,
    // A module's claims are its own: without one there are none.
    .claims = []() -> const Claims* { return nullptr; },
    .support = support,
    .bind = bind,
};

}  // namespace fovea
