#include "impl/attention.h"

#include <string>

#include "impl/backend/registry.h"
#include "impl/log.h"
#include "impl/select.h"

namespace fovea {

foveaStatus_t create_attention(Context* context, const LayerConfig& config, foveaBackend_t requested,
                               Attention** attention) {
  const Backend* backend = nullptr;
  if (const foveaStatus_t status = select_backend(registry(), *context, config, requested, "backend", &backend);
      status != FOVEA_STATUS_SUCCESS) {
    return status;
  }
  const std::string description = config.describe();  // may throw: after bind that would lose the attention
  const foveaStatus_t status = backend->bind(context, config, attention);
  if (status == FOVEA_STATUS_SUCCESS) log(FOVEA_LOG_INFO, "attention on %s: %s", backend->name, description.c_str());
  return status;
}

}  // namespace fovea
