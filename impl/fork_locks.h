// The process-wide locks. They are taken around fork(), so that a child never inherits one that a thread it does not
// have was holding.
#pragma once

#include <mutex>

namespace fovea {

std::mutex& log_mutex() noexcept;
std::mutex& module_mutex() noexcept;

}  // namespace fovea
