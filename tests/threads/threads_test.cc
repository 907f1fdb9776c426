// Many threads on shared objects: the same bits as one thread alone. Runs under ThreadSanitizer too.
#include <dirent.h>
#include <gtest/gtest.h>

#include <atomic>
#include <mutex>
#include <thread>

#include "tests/threads/long_batch.h"

namespace fovea_test {
namespace {

constexpr int kCallers = 5;
constexpr int kRounds = 6;

// Runs body(i) on `count` threads, started as close together as possible.
void on_threads(int count, const std::function<void(int)>& body) {
  std::atomic<int> waiting{count};
  std::vector<std::thread> threads;
  for (int i = 0; i < count; ++i) {
    threads.emplace_back([&, i] {
      waiting.fetch_sub(1);
      while (waiting.load() > 0) std::this_thread::yield();
      body(i);
    });
  }
  for (std::thread& thread : threads) thread.join();
}

int number_of_threads() {
  int count = 0;
  DIR* dir = opendir("/proc/self/task");
  while (const dirent* entry = readdir(dir)) count += entry->d_name[0] != '.';
  closedir(dir);
  return count;
}

class Threads : public testing::Test {
 protected:
  void SetUp() override {
    ASSERT_EQ(problem.status, FOVEA_STATUS_SUCCESS) << problem.message;
    ASSERT_TRUE(compute_expected(problem, &expected)) << foveaGetLastErrorMessage();
  }
  void expect_same(const Caller& caller, int causal) {
    EXPECT_TRUE(same_bits(caller.output, expected.output[causal]));
    EXPECT_TRUE(same_bits(caller.lse, expected.lse[causal]));
  }
  Problem problem{long_shape()};
  Expected expected;
};

TEST_F(Threads, ShareAttentionAndMetadata) {
  on_threads(kCallers, [this](int i) {
    Caller caller(problem);
    for (int round = 0; round < kRounds; ++round) {
      const int causal = (i + round) % 2;
      ASSERT_EQ(caller.forward(causal == 1), FOVEA_STATUS_SUCCESS) << foveaGetLastErrorMessage();
      expect_same(caller, causal);
    }
  });
}

TEST_F(Threads, OwnMetadataAndPlans) {
  on_threads(kCallers, [this](int i) {
    foveaMetadata_t metadata = nullptr;
    ASSERT_EQ(make_metadata(problem.context, problem.batch, &metadata), FOVEA_STATUS_SUCCESS);
    Caller caller(problem);
    AlignedBuffer plan_memory(problem.plan.size()), workspace(problem.workspace.size());
    for (int round = 0; round < kRounds; ++round) {
      const int causal = (i + round) % 2;
      ASSERT_EQ(foveaMetadataSetCausal(metadata, causal), FOVEA_STATUS_SUCCESS);
      foveaPlanArgs_t plan = FOVEA_PLAN_ARGS_INIT;
      plan.plan = plan_memory.data();
      plan.plan_size = plan_memory.size();
      ASSERT_EQ(foveaAttentionPlan(problem.attention, metadata, &plan), FOVEA_STATUS_SUCCESS)
          << foveaGetLastErrorMessage();
      foveaForwardArgs_t args = problem.forward_args();
      args.output = problem.batch.output_tensor(caller.output);
      args.lse = problem.batch.lse_tensor(caller.lse);
      args.workspace = workspace.data();
      args.workspace_size = workspace.size();
      args.plan = plan.plan;
      args.plan_size = plan.plan_size;
      ASSERT_EQ(foveaAttentionForward(problem.attention, metadata, &args), FOVEA_STATUS_SUCCESS)
          << foveaGetLastErrorMessage();
      expect_same(caller, causal);
    }
    foveaMetadataDestroy(metadata);
  });
}

TEST_F(Threads, ShareOnePlan) {
  foveaPlanArgs_t plan = FOVEA_PLAN_ARGS_INIT;
  plan.plan = problem.plan.data();
  plan.plan_size = problem.plan.size();
  plan.causal = 2;
  ASSERT_EQ(foveaAttentionPlan(problem.attention, problem.metadata, &plan), FOVEA_STATUS_SUCCESS);
  on_threads(kCallers, [&](int) {
    Caller caller(problem);
    AlignedBuffer workspace(problem.workspace.size());
    for (int round = 0; round < kRounds; ++round) {
      foveaForwardArgs_t args = problem.forward_args();
      args.output = problem.batch.output_tensor(caller.output);
      args.lse = problem.batch.lse_tensor(caller.lse);
      args.workspace = workspace.data();
      args.workspace_size = workspace.size();
      args.plan = plan.plan;
      args.plan_size = plan.plan_size;
      args.causal = 2;
      ASSERT_EQ(foveaAttentionForward(problem.attention, problem.metadata, &args), FOVEA_STATUS_SUCCESS)
          << foveaGetLastErrorMessage();
      expect_same(caller, 0);
    }
  });
}

TEST_F(Threads, TwoContextsAtOnce) {
  Problem other(long_shape(), 3);
  ASSERT_EQ(other.status, FOVEA_STATUS_SUCCESS) << other.message;
  on_threads(4, [&](int i) {
    Problem& mine = i % 2 == 0 ? problem : other;
    Caller caller(mine);
    for (int round = 0; round < kRounds; ++round) {
      const int causal = round % 2;
      ASSERT_EQ(caller.forward(causal == 1), FOVEA_STATUS_SUCCESS) << foveaGetLastErrorMessage();
      expect_same(caller, causal);
    }
  });
}

TEST_F(Threads, BitsDoNotDependOnTheNumberOfThreads) {
  for (int32_t num_threads : {1, 3, 8}) {
    Problem other(long_shape(), num_threads);
    ASSERT_EQ(other.status, FOVEA_STATUS_SUCCESS) << other.message;
    for (int causal : {0, 1}) {
      Caller caller(other);
      ASSERT_EQ(caller.forward(causal == 1), FOVEA_STATUS_SUCCESS) << foveaGetLastErrorMessage();
      SCOPED_TRACE(num_threads);
      expect_same(caller, causal);
    }
  }
}

struct CallersPool {
  std::atomic<int> calls{0};
  std::atomic<int> most_tasks{0};
  bool backwards_on_this_thread = false;
};

void callers_parallel_for(void* user, int32_t num_tasks, foveaTask_t task, void* data) {
  CallersPool& pool = *static_cast<CallersPool*>(user);
  pool.calls.fetch_add(1);
  int most = pool.most_tasks.load();
  while (most < num_tasks && !pool.most_tasks.compare_exchange_weak(most, num_tasks)) {
  }
  if (pool.backwards_on_this_thread) {
    for (int32_t i = num_tasks - 1; i >= 0; --i) task(data, i);
    return;
  }
  std::vector<std::thread> threads;
  for (int32_t i = 1; i < num_tasks; ++i) threads.emplace_back([=] { task(data, i); });
  if (num_tasks > 0) task(data, 0);
  for (std::thread& thread : threads) thread.join();
}

TEST_F(Threads, CallersParallelFor) {
  for (bool backwards : {true, false}) {
    CallersPool pool;
    pool.backwards_on_this_thread = backwards;
    foveaContextCreateInfo_t info = FOVEA_CONTEXT_CREATE_INFO_INIT;
    info.device = FOVEA_DEVICE_CPU;
    info.num_threads = 4;
    info.parallel_for = callers_parallel_for;
    info.parallel_for_user = &pool;
    const int threads_before = number_of_threads();
    Problem other(long_shape(), 0, 1, &info);
    ASSERT_EQ(other.status, FOVEA_STATUS_SUCCESS) << other.message;
    EXPECT_EQ(number_of_threads(), threads_before) << "the library started threads of its own";
    on_threads(backwards ? 1 : 3, [&](int i) {
      Caller caller(other);
      for (int round = 0; round < 3; ++round) {
        const int causal = (i + round) % 2;
        ASSERT_EQ(caller.forward(causal == 1), FOVEA_STATUS_SUCCESS) << foveaGetLastErrorMessage();
        expect_same(caller, causal);
      }
    });
    EXPECT_GT(pool.calls.load(), 0) << "the caller's pool was not used";
    EXPECT_LE(pool.most_tasks.load(), 4) << "more tasks than the context has threads";
    EXPECT_GT(pool.most_tasks.load(), 1) << "the work was not shared out";
  }
}

TEST_F(Threads, CreateAndDestroyWhileOthersCompute) {
  on_threads(kCallers, [this](int i) {
    Caller caller(problem);
    for (int round = 0; round < kRounds; ++round) {
      foveaConfig_t config = nullptr;
      foveaAttention_t attention = nullptr;
      foveaMetadata_t metadata = nullptr;
      ASSERT_EQ(make_config(problem.batch, &config), FOVEA_STATUS_SUCCESS);
      ASSERT_EQ(foveaAttentionCreate(problem.context, config, FOVEA_BACKEND_AUTO, &attention), FOVEA_STATUS_SUCCESS)
          << foveaGetLastErrorMessage();
      foveaConfigDestroy(config);
      ASSERT_EQ(make_metadata(problem.context, problem.batch, &metadata), FOVEA_STATUS_SUCCESS);
      const int causal = (i + round) % 2;
      ASSERT_EQ(caller.forward(causal == 1, attention, metadata), FOVEA_STATUS_SUCCESS) << foveaGetLastErrorMessage();
      expect_same(caller, causal);
      foveaMetadataDestroy(metadata);
      foveaAttentionDestroy(attention);
    }
  });
}

TEST_F(Threads, TheContextsHandleMayGoFirst) {
  foveaContextDestroy(problem.context);
  problem.context = nullptr;
  foveaConfigDestroy(problem.config);
  problem.config = nullptr;
  on_threads(3, [this](int i) {
    Caller caller(problem);
    ASSERT_EQ(caller.forward(i % 2 == 1), FOVEA_STATUS_SUCCESS) << foveaGetLastErrorMessage();
    expect_same(caller, i % 2);
  });
}

// The last handles are dropped by different threads at the same time, finalizer style.
TEST(ThreadsLifetimes, LastHandlesDroppedAtOnce) {
  for (int round = 0; round < 10; ++round) {
    Problem problem;
    ASSERT_EQ(problem.status, FOVEA_STATUS_SUCCESS) << problem.message;
    ASSERT_EQ(problem.forward(true), FOVEA_STATUS_SUCCESS);
    on_threads(4, [&](int i) {
      if (i == 0) foveaContextDestroy(problem.context);
      if (i == 1) foveaMetadataDestroy(problem.metadata);
      if (i == 2) foveaAttentionDestroy(problem.attention);
      if (i == 3) foveaConfigDestroy(problem.config);
    });
    problem.context = nullptr;
    problem.metadata = nullptr;
    problem.attention = nullptr;
    problem.config = nullptr;
  }
}

TEST_F(Threads, WriteDifferentSlots) {
  std::vector<float> key, value;
  std::vector<int64_t> slots;
  const foveaKvWriteArgs_t all = problem.write_args(&key, &value, &slots);
  const size_t row = static_cast<size_t>(problem.batch.shape.num_kv_heads) * problem.batch.shape.head_size;
  for (float& x : problem.batch.key_cache) x = std::nanf("");
  for (float& x : problem.batch.value_cache) x = std::nanf("");
  on_threads(4, [&](int i) {
    const int32_t begin = all.num_tokens * i / 4, end = all.num_tokens * (i + 1) / 4;
    foveaKvWriteArgs_t part = all;
    part.num_tokens = end - begin;
    part.slot_mapping = slots.data() + begin;
    part.key.data = key.data() + begin * row;
    part.value.data = value.data() + begin * row;
    part.key.shape[0] = part.value.shape[0] = part.num_tokens;
    ASSERT_EQ(foveaAttentionWriteKvCache(problem.attention, &part), FOVEA_STATUS_SUCCESS)
        << foveaGetLastErrorMessage();
  });
  Caller caller(problem);
  ASSERT_EQ(caller.forward(false), FOVEA_STATUS_SUCCESS);
  expect_same(caller, 0);
}

TEST(ThreadsErrors, EveryThreadHasItsOwnSentence) {
  std::vector<std::string> sentences(kCallers);
  on_threads(kCallers, [&](int i) {
    EXPECT_STREQ(foveaGetLastErrorMessage(), "") << "a thread starts without an error";
    for (int round = 0; round < 50; ++round) {
      foveaContextCreateInfo_t info = FOVEA_CONTEXT_CREATE_INFO_INIT;
      info.num_threads = -100 - i;
      foveaContext_t context = nullptr;
      ASSERT_EQ(foveaContextCreate(&info, &context), FOVEA_STATUS_INVALID_ARGUMENT);
      ASSERT_NE(std::string(foveaGetLastErrorMessage()).find(std::to_string(-100 - i)), std::string::npos)
          << foveaGetLastErrorMessage();
    }
  });
}

// The first use of what is made once (registry, instruction set, GPU modules) may be by many threads at once.
TEST(ThreadsQueries, FirstUseByMany) {
  on_threads(kCallers, [](int) {
    int32_t count = 0, supported = 0, available = 0;
    char reason[256];
    ASSERT_EQ(foveaGetBackendCount(&count), FOVEA_STATUS_SUCCESS);
    for (int32_t i = 0; i < count; ++i) {
      foveaBackend_t backend = FOVEA_BACKEND_AUTO;
      ASSERT_EQ(foveaGetBackend(i, &backend), FOVEA_STATUS_SUCCESS);
      ASSERT_EQ(foveaBackendIsAvailable(backend, &available, reason, sizeof(reason)), FOVEA_STATUS_SUCCESS);
      EXPECT_NE(foveaBackendGetName(backend), nullptr);
    }
    ASSERT_EQ(foveaBackendSupportsNonCausal(FOVEA_BACKEND_CPU_ATTN, &supported), FOVEA_STATUS_SUCCESS);
    EXPECT_EQ(supported, 1);
    foveaContext_t context = nullptr;
    ASSERT_EQ(foveaContextCreate(nullptr, &context), FOVEA_STATUS_SUCCESS) << foveaGetLastErrorMessage();
    foveaContextDestroy(context);
  });
}

// A callback that was replaced is neither running nor called again.
TEST(ThreadsLog, ReplacedCallbackIsDone) {
  struct Target {
    std::atomic<bool> alive{true};
    std::atomic<int> messages{0}, late{0};
  };
  const foveaLogCallback_t callback = [](void* user, foveaLogLevel_t, const char*) {
    Target& target = *static_cast<Target*>(user);
    target.messages.fetch_add(1);
    if (!target.alive.load()) target.late.fetch_add(1);
  };
  std::vector<Target> targets(20);
  std::atomic<bool> done{false};
  std::thread user([&] {
    while (!done.load()) {
      Problem problem;
      EXPECT_EQ(problem.status, FOVEA_STATUS_SUCCESS) << problem.message;
      EXPECT_EQ(foveaGetVersion(nullptr), FOVEA_STATUS_INVALID_ARGUMENT);
    }
  });
  int delivered = 0;
  for (Target& target : targets) {
    EXPECT_EQ(foveaSetLogCallback(callback, &target, FOVEA_LOG_DEBUG), FOVEA_STATUS_SUCCESS);
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
    EXPECT_EQ(foveaSetLogCallback(nullptr, nullptr, FOVEA_LOG_OFF), FOVEA_STATUS_SUCCESS);
    target.alive.store(false);
    delivered += target.messages.load();
  }
  done.store(true);
  user.join();
  for (Target& target : targets) EXPECT_EQ(target.late.load(), 0);
  EXPECT_GT(delivered, 0);
}

}  // namespace
}  // namespace fovea_test
