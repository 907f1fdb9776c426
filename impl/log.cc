#include "impl/log.h"

#include <fcntl.h>
#include <stdlib.h>
#include <strings.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdarg>
#include <cstdio>
#include <cstring>
#include <mutex>

#include "impl/error.h"
#include "impl/fork_locks.h"

namespace fovea {
namespace {

constexpr int kUnread = -1;

// Read without the lock so that a disabled message costs one load.
std::atomic<int> current_level{kUnread};

// Guarded by log_mutex(), which is held while a callback runs: a replaced callback is therefore not running any more.
foveaLogCallback_t current_callback = nullptr;
void* current_user = nullptr;

thread_local bool inside_callback = false;

int level_from_environment() {
  const char* name = secure_getenv("FOVEA_LOG_LEVEL");
  if (name == nullptr) return FOVEA_LOG_OFF;
  static constexpr const char* kLevels[] = {"off", "error", "warning", "info", "debug"};
  for (int level = 0; level < 5; ++level) {
    if (strcasecmp(name, kLevels[level]) == 0) return level;
  }
  return FOVEA_LOG_OFF;
}

// Opened for every message: nothing to close when the library is unloaded, and a fork shares no position.
void write_line(const char* text, size_t length) {
  const char* path = secure_getenv("FOVEA_LOG_FILE");
  int file = STDERR_FILENO;
  if (path != nullptr && path[0] != '\0') {
    file = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
    if (file < 0) return;
  }
  while (length > 0) {
    const ssize_t written = write(file, text, length);
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) break;
    text += written;
    length -= static_cast<size_t>(written);
  }
  if (file != STDERR_FILENO) close(file);
}

}  // namespace

void log(foveaLogLevel_t level, const char* format, ...) noexcept {
  int enabled = current_level.load(std::memory_order_relaxed);
  if (enabled != kUnread && level > enabled) return;
  // Messages from inside a callback are dropped: delivering them would need the lock that this thread holds.
  if (inside_callback) return;

  const int saved_errno = errno;
  std::lock_guard lock(log_mutex());
  enabled = current_level.load(std::memory_order_relaxed);
  if (enabled == kUnread) {
    enabled = level_from_environment();
    current_level.store(enabled, std::memory_order_relaxed);
  }
  if (level <= enabled) {
    static constexpr const char* kNames[] = {"off", "error", "warning", "info", "debug"};
    char text[kMaxMessage + 64];
    int prefix = 0;
    if (current_callback == nullptr) {
      prefix = std::snprintf(text, sizeof(text), "fovea %s: ", kNames[level]);
    }
    va_list arguments;
    va_start(arguments, format);
    const int length = std::vsnprintf(text + prefix, sizeof(text) - 1 - prefix, format, arguments);
    va_end(arguments);
    if (length >= 0) {
      if (current_callback != nullptr) {
        inside_callback = true;
        current_callback(current_user, level, text);
        inside_callback = false;
      } else {
        const size_t end = std::strlen(text);
        text[end] = '\n';
        write_line(text, end + 1);
      }
    }
  }
  errno = saved_errno;
}

foveaStatus_t set_log_callback(foveaLogCallback_t callback, void* user, foveaLogLevel_t level) noexcept {
  FOVEA_REQUIRE_ARGUMENT(level >= FOVEA_LOG_OFF && level <= FOVEA_LOG_DEBUG,
                         "level: %d is not a log level, expected 0 (off) to 4 (debug)", static_cast<int>(level));
  FOVEA_REQUIRE(!inside_callback, FOVEA_STATUS_INVALID_STATE, "a log callback must not call the library");
  std::lock_guard lock(log_mutex());
  current_callback = callback;
  current_user = user;
  current_level.store(callback != nullptr ? static_cast<int>(level) : kUnread, std::memory_order_relaxed);
  return FOVEA_STATUS_SUCCESS;
}

}  // namespace fovea
