#include "impl/error.h"

#include <cstdarg>
#include <cstdio>
#include <cstring>

#include "impl/log.h"
#include "impl/names.h"

namespace fovea {
namespace {

thread_local char message[kMaxMessage];

}  // namespace

foveaStatus_t fail(foveaStatus_t status, const char* format, ...) noexcept {
  // A second buffer, because arguments may point into the message that is being replaced.
  char text[kMaxMessage];
  va_list arguments;
  va_start(arguments, format);
  const int length = std::vsnprintf(text, sizeof(text), format, arguments);
  va_end(arguments);
  if (length < 0) {
    std::snprintf(text, sizeof(text), "%s", status_string(status));
  } else if (static_cast<size_t>(length) >= sizeof(text)) {
    std::memcpy(text + sizeof(text) - 4, "...", 4);
  }
  std::memcpy(message, text, std::strlen(text) + 1);
  log(FOVEA_LOG_DEBUG, "%s: %s", status_name(status), text);
  return status;
}

const char* last_error_message() noexcept { return message; }

}  // namespace fovea
