// What the library makes once per process (registry, instruction set, the thread's error text) under failing memory:
// each n in a process of its own that has not used the library before.
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/capi/problem.h"
#include "tests/faults/failing_memory.h"

namespace fovea_test {
namespace {

constexpr int kReachedTheEnd = 0, kFailedCleanly = 1;

int in_child(const std::function<int()>& body) {
  const pid_t child = fork();
  if (child == 0) {
    alarm(60);
    _exit(body());
  }
  int status = 0;
  if (child < 0 || waitpid(child, &status, 0) != child) return -1;
  return WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
}

int expect_same_afterwards() {
  Problem problem;
  if (problem.status != FOVEA_STATUS_SUCCESS) return 20;
  if (problem.forward(false) != FOVEA_STATUS_SUCCESS) return 21;
  return largest_difference(problem.output, problem.batch.expected(false)) < kTolerance ? 0 : 22;
}

TEST(FaultsFirstUse, FirstContext) {
  bool ended = false;
  for (int n = 1; n < 500 && !ended; ++n) {
    const int code = in_child([n] {
      foveaContextCreateInfo_t info = FOVEA_CONTEXT_CREATE_INFO_INIT;
      info.device = FOVEA_DEVICE_CPU;
      foveaContext_t context = nullptr;
      arm_memory(Fault::kOnce, n);
      const foveaStatus_t status = foveaContextCreate(&info, &context);
      const int seen = disarm_memory();
      if (status != FOVEA_STATUS_SUCCESS && status != FOVEA_STATUS_OUT_OF_MEMORY) return 10;
      if ((status == FOVEA_STATUS_SUCCESS) != (context != nullptr)) return 11;
      foveaContextDestroy(context);
      if (const int later = expect_same_afterwards()) return later;
      return seen < n ? kReachedTheEnd : kFailedCleanly;
    });
    EXPECT_TRUE(code == kReachedTheEnd || code == kFailedCleanly) << "allocation " << n << ": " << code;
    ended = code != kFailedCleanly;
  }
  EXPECT_TRUE(ended);
}

// Asking for GPU modules goes through the dynamic linker, which allocates too.
TEST(FaultsFirstUse, BackendQueries) {
  bool ended = false;
  for (int n = 1; n < 500 && !ended; ++n) {
    const int code = in_child([n] {
      int32_t available = 77, count = 0;
      char reason[512] = "";
      arm_memory(Fault::kOnce, n);
      const foveaStatus_t counted = foveaGetBackendCount(&count);
      const foveaStatus_t status = foveaBackendIsAvailable(FOVEA_BACKEND_ROCM_ATTN, &available, reason, sizeof(reason));
      const int seen = disarm_memory();
      if (counted != FOVEA_STATUS_SUCCESS || count < 2) return 10;
      if (status != FOVEA_STATUS_SUCCESS && status != FOVEA_STATUS_OUT_OF_MEMORY) return 11;
      if (status == FOVEA_STATUS_SUCCESS && available == 0 && reason[0] == '\0') return 12;
      if (const int later = expect_same_afterwards()) return later;
      return seen < n ? kReachedTheEnd : kFailedCleanly;
    });
    EXPECT_TRUE(code == kReachedTheEnd || code == kFailedCleanly) << "allocation " << n << ": " << code;
    ended = code != kFailedCleanly;
  }
  EXPECT_TRUE(ended);
}

}  // namespace
}  // namespace fovea_test
