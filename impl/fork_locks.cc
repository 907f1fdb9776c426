#include "impl/fork_locks.h"

#include <pthread.h>

namespace fovea {
namespace {

// Constant initialised and trivially destroyed: they add nothing to loading and unloading the library.
constinit std::mutex log_lock;
constinit std::mutex module_lock;
pthread_once_t registered = PTHREAD_ONCE_INIT;

// The module lock comes first everywhere: loading a module logs.
void before_fork() {
  module_lock.lock();
  log_lock.lock();
}

void after_fork() {
  log_lock.unlock();
  module_lock.unlock();
}

void register_handlers() {
  // glibc drops the handlers of a library when it is unloaded. Without memory for them only the guarantee is lost.
  (void)pthread_atfork(before_fork, after_fork, after_fork);
}

}  // namespace

std::mutex& log_mutex() noexcept {
  pthread_once(&registered, register_handlers);
  return log_lock;
}

std::mutex& module_mutex() noexcept {
  pthread_once(&registered, register_handlers);
  return module_lock;
}

}  // namespace fovea
