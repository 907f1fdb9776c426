// Which backend serves a configuration on a context's device.
#pragma once

#include "impl/backend/registry.h"

namespace fovea {

// AUTO takes the first backend that can serve the configuration and is preferred for it, else the first that can serve
// it; the environment variable FOVEA_BACKEND stands in for AUTO only. An explicit request never falls back. A failure shows the configuration and every backend with all
// reasons. `argument` is what the caller calls `requested`.
foveaStatus_t select_backend(BackendList backends, const Context& context, const LayerConfig& config,
                             foveaBackend_t requested, const char* argument, const Backend** selected);

}  // namespace fovea
