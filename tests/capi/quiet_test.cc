// The library prints nothing, whatever happens; with a log callback or FOVEA_LOG_FILE the messages go there and nowhere
// else.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fstream>
#include <mutex>
#include <sstream>

#include "tests/capi/problem.h"

namespace fovea_test {
namespace {

// Runs `body` in a child whose standard output and standard error are files; returns what was printed to both.
std::string printed_by(const std::function<void()>& body) {
  char path[] = "/tmp/fovea_quiet_XXXXXX";
  const int file = mkstemp(path);
  EXPECT_GE(file, 0);
  fflush(stdout);
  fflush(stderr);
  const pid_t child = fork();
  if (child == 0) {
    dup2(file, STDOUT_FILENO);
    dup2(file, STDERR_FILENO);
    body();
    fflush(stdout);
    fflush(stderr);
    _exit(0);
  }
  int status = 0;
  EXPECT_EQ(waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0) << "the child died: " << status;
  close(file);
  std::ostringstream text;
  text << std::ifstream(path).rdbuf();
  unlink(path);
  return text.str();
}

void use_and_misuse() {
  Problem problem;
  if (problem.status != FOVEA_STATUS_SUCCESS) _exit(10);
  if (problem.forward(true) != FOVEA_STATUS_SUCCESS || problem.forward(false) != FOVEA_STATUS_SUCCESS) _exit(11);
  foveaForwardArgs_t args = problem.forward_args();
  args.query.dtype = static_cast<foveaDataType_t>(99);
  if (foveaAttentionForward(problem.attention, problem.metadata, &args) == FOVEA_STATUS_SUCCESS) _exit(12);
  args = problem.forward_args();
  args.workspace_size = 0;
  if (foveaAttentionForward(problem.attention, problem.metadata, &args) == FOVEA_STATUS_SUCCESS) _exit(13);
  foveaBackend_t backend = FOVEA_BACKEND_AUTO;
  if (foveaBackendFromName("nobody", &backend) == FOVEA_STATUS_SUCCESS) _exit(14);
  foveaContextCreateInfo_t info = FOVEA_CONTEXT_CREATE_INFO_INIT;
  info.num_threads = -1;
  foveaContext_t context = nullptr;
  if (foveaContextCreate(&info, &context) == FOVEA_STATUS_SUCCESS) _exit(15);
  info = FOVEA_CONTEXT_CREATE_INFO_INIT;
  info.device = FOVEA_DEVICE_GPU;
  foveaContextCreate(&info, &context);
  foveaContextDestroy(context);
}

TEST(Quiet, PrintsNothing) {
  EXPECT_EQ(printed_by([] {
              for (const char* name : {"FOVEA_LOG_LEVEL", "FOVEA_LOG_FILE"}) unsetenv(name);
              use_and_misuse();
            }),
            "");
}

TEST(Quiet, PrintedByHelperSeesOutput) {
  // The helper must be able to see what the test above says is not there.
  EXPECT_EQ(printed_by([] { fputs("seen", stderr); }), "seen");
}

TEST(Quiet, LogFileGetsTheMessages) {
  char path[] = "/tmp/fovea_log_XXXXXX";
  close(mkstemp(path));
  EXPECT_EQ(printed_by([&path] {
              setenv("FOVEA_LOG_LEVEL", "debug", 1);
              setenv("FOVEA_LOG_FILE", path, 1);
              // What the environment says is read anew when the callback is taken away.
              foveaSetLogCallback(nullptr, nullptr, FOVEA_LOG_DEBUG);
              use_and_misuse();
            }),
            "");
  std::ostringstream text;
  text << std::ifstream(path).rdbuf();
  EXPECT_NE(text.str(), "") << "nothing was logged";
  unlink(path);
}

struct Received {
  std::mutex mutex;
  std::vector<std::string> messages;
  foveaLogLevel_t most_detailed = FOVEA_LOG_OFF;
};

TEST(Quiet, CallbackGetsTheMessages) {
  Received received;
  const foveaLogCallback_t callback = [](void* user, foveaLogLevel_t level, const char* message) {
    Received& to = *static_cast<Received*>(user);
    const std::lock_guard<std::mutex> lock(to.mutex);
    to.messages.emplace_back(message);
    to.most_detailed = std::max(to.most_detailed, level);
  };
  ASSERT_EQ(foveaSetLogCallback(callback, &received, FOVEA_LOG_DEBUG), FOVEA_STATUS_SUCCESS);
  EXPECT_EQ(printed_by(use_and_misuse), "");  // in a child: its messages are in the child's copy
  use_and_misuse();
  ASSERT_EQ(foveaSetLogCallback(callback, &received, FOVEA_LOG_OFF), FOVEA_STATUS_SUCCESS);
  const size_t count = received.messages.size();
  EXPECT_GT(count, 0u);
  for (const std::string& message : received.messages) {
    EXPECT_NE(message, "");
    EXPECT_NE(message.back(), '\n') << message;
  }
  use_and_misuse();
  EXPECT_EQ(received.messages.size(), count) << "delivered although the level is off";
  ASSERT_EQ(foveaSetLogCallback(callback, &received, FOVEA_LOG_ERROR), FOVEA_STATUS_SUCCESS);
  received.most_detailed = FOVEA_LOG_OFF;
  use_and_misuse();
  EXPECT_LE(received.most_detailed, FOVEA_LOG_ERROR);
  ASSERT_EQ(foveaSetLogCallback(nullptr, nullptr, FOVEA_LOG_OFF), FOVEA_STATUS_SUCCESS);
  const size_t last = received.messages.size();
  use_and_misuse();
  EXPECT_EQ(received.messages.size(), last) << "delivered after the callback was taken away";
}

}  // namespace
}  // namespace fovea_test
