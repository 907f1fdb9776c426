// The process's logger: a callback, or standard error or a file as the environment says. Off by default.
#pragma once

#include "fovea/fovea.h"

namespace fovea {

// Cheap where the level is off. Never allocates and never fails.
[[gnu::format(printf, 2, 3)]] void log(foveaLogLevel_t level, const char* format, ...) noexcept;

foveaStatus_t set_log_callback(foveaLogCallback_t callback, void* user, foveaLogLevel_t level) noexcept;

}  // namespace fovea
