// A forked child computes on: with the objects of its parent, with new ones, and even if other threads of the parent
// were computing, allocating and logging when it was made.
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <thread>

#include "tests/threads/long_batch.h"

namespace fovea_test {
namespace {

// Runs `body` in a child and returns its exit code; a child that hangs is killed by its alarm and gives 1000 + signal.
int in_child(const std::function<int()>& body) {
  fflush(stdout);
  fflush(stderr);
  const pid_t child = fork();
  if (child == 0) {
    alarm(60);
    _exit(body());
  }
  int status = 0;
  if (child < 0 || waitpid(child, &status, 0) != child) return -1;
  return WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
}

int compute_and_compare(Problem& problem, const Expected& expected) {
  for (int causal = 0; causal < 2; ++causal) {
    Caller caller(problem);
    if (caller.forward(causal == 1) != FOVEA_STATUS_SUCCESS) return 10;
    if (!same_bits(caller.output, expected.output[causal])) return 11;
    if (!same_bits(caller.lse, expected.lse[causal])) return 12;
  }
  return 0;
}

int compute_with_new_objects(const Expected& expected) {
  Problem problem(long_shape(), 3);
  if (problem.status != FOVEA_STATUS_SUCCESS) return 20;
  return compute_and_compare(problem, expected);
}

TEST(Fork, ChildComputesWithItsParentsObjects) {
  Problem problem(long_shape(), 3);
  ASSERT_EQ(problem.status, FOVEA_STATUS_SUCCESS) << problem.message;
  Expected expected;
  ASSERT_TRUE(compute_expected(problem, &expected));
  for (int round = 0; round < 3; ++round) {
    EXPECT_EQ(in_child([&] {
                if (const int code = compute_and_compare(problem, expected)) return code;
                // A grandchild, whose pool is again another one.
                if (const int code = in_child([&] { return compute_and_compare(problem, expected); })) return 30 + code;
                return compute_and_compare(problem, expected);
              }),
              0);
    EXPECT_EQ(compute_and_compare(problem, expected), 0) << "the parent after the fork";
  }
}

TEST(Fork, ChildDestroysItsParentsObjects) {
  Problem problem(long_shape(), 3);
  ASSERT_EQ(problem.status, FOVEA_STATUS_SUCCESS) << problem.message;
  Expected expected;
  ASSERT_TRUE(compute_expected(problem, &expected));
  EXPECT_EQ(in_child([&] {
              foveaAttentionDestroy(problem.attention);
              foveaMetadataDestroy(problem.metadata);
              foveaConfigDestroy(problem.config);
              foveaContextDestroy(problem.context);
              return compute_with_new_objects(expected);
            }),
            0);
  EXPECT_EQ(compute_and_compare(problem, expected), 0) << "the parent after the fork";
}

TEST(Fork, BeforeTheFirstForward) {
  Problem problem(long_shape(), 3);
  ASSERT_EQ(problem.status, FOVEA_STATUS_SUCCESS) << problem.message;
  Problem other(long_shape(), 1);
  Expected expected;
  ASSERT_TRUE(compute_expected(other, &expected));
  EXPECT_EQ(in_child([&] { return compute_and_compare(problem, expected); }), 0);
}

TEST(Fork, WhileOtherThreadsUseTheLibrary) {
  Problem problem(long_shape(), 3);
  ASSERT_EQ(problem.status, FOVEA_STATUS_SUCCESS) << problem.message;
  Expected expected;
  ASSERT_TRUE(compute_expected(problem, &expected));
  ASSERT_EQ(foveaSetLogCallback([](void*, foveaLogLevel_t, const char*) {}, nullptr, FOVEA_LOG_DEBUG),
            FOVEA_STATUS_SUCCESS);
  std::atomic<bool> done{false};
  std::atomic<int> failures{0};
  std::vector<std::thread> threads;
  for (int i = 0; i < 2; ++i) {
    threads.emplace_back([&] {
      while (!done.load()) failures.fetch_add(compute_and_compare(problem, expected) != 0);
    });
  }
  threads.emplace_back([&] {
    while (!done.load()) failures.fetch_add(compute_with_new_objects(expected) != 0);
  });
  for (int round = 0; round < 15; ++round) {
    EXPECT_EQ(in_child([&] {
                if (const int code = compute_and_compare(problem, expected)) return code;
                return compute_with_new_objects(expected);
              }),
              0)
        << "round " << round;
  }
  done.store(true);
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(failures.load(), 0);
  EXPECT_EQ(foveaSetLogCallback(nullptr, nullptr, FOVEA_LOG_OFF), FOVEA_STATUS_SUCCESS);
}

}  // namespace
}  // namespace fovea_test
