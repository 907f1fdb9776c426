// Statuses and the sentence that explains the last failure of a thread.
#pragma once

#include <cstddef>

#include "fovea/fovea.h"

namespace fovea {

// Room for a failed selection, which shows the configuration and every backend with all of its reasons.
inline constexpr size_t kMaxMessage = 8192;

// Stores the sentence for the calling thread and returns `status`, so that a check is one line. Never allocates; a text
// that does not fit ends in "...". Arguments may point into the current message.
[[gnu::format(printf, 2, 3)]] foveaStatus_t fail(foveaStatus_t status, const char* format, ...) noexcept;

const char* last_error_message() noexcept;

}  // namespace fovea

#define FOVEA_REQUIRE(condition, status, ...)      \
  do {                                             \
    if (!(condition)) [[unlikely]]                 \
      return ::fovea::fail((status), __VA_ARGS__); \
  } while (0)

// The common case: an argument that is wrong by itself or does not fit the others.
#define FOVEA_REQUIRE_ARGUMENT(condition, ...) FOVEA_REQUIRE(condition, FOVEA_STATUS_INVALID_ARGUMENT, __VA_ARGS__)

#define FOVEA_TRY(expression)                                                                               \
  do {                                                                                                      \
    if (const foveaStatus_t fovea_status = (expression); fovea_status != FOVEA_STATUS_SUCCESS) [[unlikely]] \
      return fovea_status;                                                                                  \
  } while (0)
