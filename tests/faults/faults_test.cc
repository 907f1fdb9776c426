// The n-th allocation fails, for every n, through every call: a clean status, nothing leaked, outputs untouched, and the
// next call works.
#include <gtest/gtest.h>

#include <map>
#include <mutex>

#include "tests/capi/problem.h"
#include "tests/faults/failing_memory.h"

namespace fovea_test {
namespace {

constexpr int kMostAllocations = 2000;

// One call and how its result is taken back.
struct Step {
  std::function<foveaStatus_t(Problem&)> call;
  std::function<void(Problem&)> undo = [](Problem&) {};
  foveaStatus_t expected = FOVEA_STATUS_SUCCESS;
  std::function<bool(Problem&)> untouched = [](Problem&) { return true; };  // asked after a failure
  bool new_problem_each_time = false;
};

void expect_works(Problem& problem) {
  for (bool causal : {true, false}) {
    ASSERT_EQ(problem.forward(causal), FOVEA_STATUS_SUCCESS) << foveaGetLastErrorMessage();
    ASSERT_LT(largest_difference(problem.output, problem.batch.expected(causal)), kTolerance);
  }
}

// Returns how many allocations the call makes when none fails.
int every_allocation_fails(const Step& step) {
  int usual = -1;
  auto problem = std::make_unique<Problem>();
  EXPECT_EQ(problem->status, FOVEA_STATUS_SUCCESS) << problem->message;
  // What is made once per process is made now; first_use_test.cc is about that.
  EXPECT_EQ(step.call(*problem), step.expected) << foveaGetLastErrorMessage();
  step.undo(*problem);
  forget_live_blocks();
  for (Fault fault : {Fault::kNone, Fault::kOnce, Fault::kFromThenOn}) {
    for (int n = 1; n < kMostAllocations; ++n) {
      SCOPED_TRACE("fault mode " + std::to_string(static_cast<int>(fault)) + ", allocation " + std::to_string(n));
      if (step.new_problem_each_time) problem = std::make_unique<Problem>();
      arm_memory(fault, n);
      const foveaStatus_t status = step.call(*problem);
      const int seen = disarm_memory();
      if (status == step.expected) {
        // Either nothing failed, or what failed could be done without.
        if (status == FOVEA_STATUS_SUCCESS) expect_works(*problem);
        step.undo(*problem);
      } else {
        EXPECT_EQ(status, FOVEA_STATUS_OUT_OF_MEMORY) << foveaGetLastErrorMessage();
        EXPECT_STRNE(foveaGetLastErrorMessage(), "");
        EXPECT_TRUE(step.untouched(*problem)) << "an output was written";
        EXPECT_GE(seen, n) << "out of memory, but no allocation failed";
      }
      if (step.new_problem_each_time) problem.reset();
      EXPECT_EQ(live_blocks(), 0) << "leaked";
      if (testing::Test::HasFailure()) return seen;
      if (problem != nullptr) {
        EXPECT_EQ(step.call(*problem), step.expected) << "the next call: " << foveaGetLastErrorMessage();
        step.undo(*problem);
        expect_works(*problem);
      }
      if (fault == Fault::kNone) {
        usual = seen;
        break;
      }
      if (seen < n) break;  // every allocation has had its turn
      EXPECT_LT(n, kMostAllocations - 1) << "never ends";
    }
  }
  return usual;
}

template <class Handle>
Step creation(const std::function<foveaStatus_t(Problem&, Handle*)>& create, void (*destroy)(Handle),
              foveaStatus_t expected = FOVEA_STATUS_SUCCESS) {
  const Handle poison = reinterpret_cast<Handle>(static_cast<uintptr_t>(0x5a5a5a50));
  auto handle = std::make_shared<Handle>(poison);
  Step step;
  step.call = [=](Problem& problem) {
    *handle = poison;
    return create(problem, handle.get());
  };
  step.undo = [=](Problem&) {
    if (*handle != poison) destroy(*handle);
    *handle = poison;
  };
  step.untouched = [=](Problem&) { return *handle == poison; };
  step.expected = expected;
  return step;
}

TEST(Faults, ContextCreate) {
  EXPECT_GT(every_allocation_fails(creation<foveaContext_t>(
                [](Problem&, foveaContext_t* context) {
                  foveaContextCreateInfo_t info = FOVEA_CONTEXT_CREATE_INFO_INIT;
                  info.device = FOVEA_DEVICE_CPU;
                  info.num_threads = 3;
                  return foveaContextCreate(&info, context);
                },
                foveaContextDestroy)),
            0);
}

TEST(Faults, ConfigCreate) {
  EXPECT_GT(every_allocation_fails(creation<foveaConfig_t>(
                [](Problem&, foveaConfig_t* config) { return foveaConfigCreate(config); }, foveaConfigDestroy)),
            0);
}

TEST(Faults, ConfigCheckSupported) {
  every_allocation_fails(creation<foveaReport_t>(
      [](Problem& problem, foveaReport_t* report) {
        return foveaConfigCheck(problem.config, FOVEA_BACKEND_CPU_ATTN, report);
      },
      foveaReportDestroy));
}

foveaConfig_t impossible_config() {
  foveaConfig_t config = nullptr;
  EXPECT_EQ(foveaConfigCreate(&config), FOVEA_STATUS_SUCCESS);
  EXPECT_EQ(foveaConfigSetHeads(config, 6, 2), FOVEA_STATUS_SUCCESS);
  EXPECT_EQ(foveaConfigSetHeadSizes(config, 7, 9), FOVEA_STATUS_SUCCESS);
  EXPECT_EQ(foveaConfigSetDataTypes(config, FOVEA_DATA_TYPE_BF16, FOVEA_DATA_TYPE_NONE, FOVEA_DATA_TYPE_NONE),
            FOVEA_STATUS_SUCCESS);
  EXPECT_EQ(foveaConfigSetKvCacheLayout(config, FOVEA_KV_CACHE_LAYOUT_STRIDED, 17), FOVEA_STATUS_SUCCESS);
  return config;
}

TEST(Faults, ConfigCheckRefused) {
  const foveaConfig_t config = impossible_config();
  every_allocation_fails(creation<foveaReport_t>(
      [config](Problem&, foveaReport_t* report) { return foveaConfigCheck(config, FOVEA_BACKEND_CPU_ATTN, report); },
      foveaReportDestroy, FOVEA_STATUS_NOT_SUPPORTED));
  foveaConfigDestroy(config);
}

TEST(Faults, SelectBackend) {
  const foveaConfig_t config = impossible_config();
  for (bool possible : {true, false}) {
    foveaBackend_t backend = FOVEA_BACKEND_AUTO;
    Step step;
    step.call = [&](Problem& problem) {
      backend = FOVEA_BACKEND_AUTO;
      return foveaSelectBackend(problem.context, possible ? problem.config : config, FOVEA_BACKEND_AUTO, &backend);
    };
    step.expected = possible ? FOVEA_STATUS_SUCCESS : FOVEA_STATUS_NOT_SUPPORTED;
    step.untouched = [&](Problem&) { return backend == FOVEA_BACKEND_AUTO; };
    every_allocation_fails(step);
  }
  foveaConfigDestroy(config);
}

TEST(Faults, Queries) {
  foveaBackend_t backend = FOVEA_BACKEND_AUTO;
  int32_t available = 0;
  char reason[256];
  Step unknown_name;
  unknown_name.call = [&](Problem&) { return foveaBackendFromName("nobody", &backend); };
  unknown_name.expected = FOVEA_STATUS_INVALID_ARGUMENT;
  unknown_name.untouched = [&](Problem&) { return backend == FOVEA_BACKEND_AUTO; };
  every_allocation_fails(unknown_name);
  Step is_available;
  is_available.call = [&](Problem&) {
    available = 77;
    return foveaBackendIsAvailable(FOVEA_BACKEND_CPU_ATTN, &available, reason, sizeof(reason));
  };
  is_available.untouched = [&](Problem&) { return available == 77; };
  every_allocation_fails(is_available);
}

TEST(Faults, AttentionCreate) {
  EXPECT_GT(every_allocation_fails(creation<foveaAttention_t>(
                [](Problem& problem, foveaAttention_t* attention) {
                  return foveaAttentionCreate(problem.context, problem.config, FOVEA_BACKEND_AUTO, attention);
                },
                foveaAttentionDestroy)),
            0);
}

// The first attention of a context starts the threads.
TEST(Faults, FirstAttentionOfAContext) {
  struct Fresh {
    foveaContext_t context = nullptr;
    foveaAttention_t attention = nullptr;
  } fresh;
  Step step;
  step.call = [&](Problem& problem) {
    foveaContextCreateInfo_t info = FOVEA_CONTEXT_CREATE_INFO_INIT;
    info.device = FOVEA_DEVICE_CPU;
    info.num_threads = 4;
    fresh = Fresh();
    foveaStatus_t status = foveaContextCreate(&info, &fresh.context);
    if (status != FOVEA_STATUS_SUCCESS) return status;
    status = foveaAttentionCreate(fresh.context, problem.config, FOVEA_BACKEND_AUTO, &fresh.attention);
    foveaContextDestroy(fresh.context);
    return status;
  };
  step.undo = [&](Problem&) {
    foveaAttentionDestroy(fresh.attention);
    fresh = Fresh();
  };
  step.untouched = [&](Problem&) { return fresh.attention == nullptr; };
  EXPECT_GT(every_allocation_fails(step), 0);
}

TEST(Faults, MetadataCreate) {
  EXPECT_GT(every_allocation_fails(creation<foveaMetadata_t>(
                [](Problem& problem, foveaMetadata_t* metadata) {
                  const foveaMetadataLimits_t limits = limits_of(problem.batch);
                  return foveaMetadataCreate(problem.context, &limits, metadata);
                },
                foveaMetadataDestroy)),
            0);
}

// Whatever does not say OUT_OF_MEMORY in the header allocates nothing at all, wrong input included.
TEST(Faults, TheRestNeverAllocates) {
  using Call = std::function<foveaStatus_t(Problem&)>;
  std::vector<float> key, value, state_output, state_lse;
  std::vector<int64_t> slots;
  size_t size = 0;
  int32_t number = 0;
  foveaBackend_t backend = FOVEA_BACKEND_AUTO;
  foveaBounds_t bounds = FOVEA_BOUNDS_INIT;
  foveaContextInfo_t info = FOVEA_CONTEXT_INFO_INIT;
  Problem problem;
  ASSERT_EQ(problem.status, FOVEA_STATUS_SUCCESS) << problem.message;
  state_output = problem.output;
  state_lse = problem.lse;
  const foveaMetadataLimits_t limits = limits_of(problem.batch);
  const foveaKvWriteArgs_t write = problem.write_args(&key, &value, &slots);
  const foveaForwardArgs_t forward = problem.forward_args();
  foveaTensor_t outputs[1] = {problem.batch.output_tensor(state_output)};
  foveaTensor_t lses[1] = {problem.batch.lse_tensor(state_lse)};
  foveaMergeArgs_t merge = FOVEA_MERGE_ARGS_INIT;
  merge.num_states = 1;
  merge.num_tokens = problem.batch.num_tokens;
  merge.outputs = outputs;
  merge.lses = lses;
  merge.output = problem.batch.output_tensor(problem.output);
  const int32_t flags[4] = {1, 0, 1, 0}, range_start[5] = {0, 1, 1, 1, 1}, ranges[2] = {0, 3};
  foveaPlanArgs_t plan = FOVEA_PLAN_ARGS_INIT;
  plan.plan = problem.plan.data();
  plan.plan_size = problem.plan.size();
  const std::map<std::string, Call> calls = {
      {"01 set sequences",
       [&](Problem& p) {
         return foveaMetadataSetSequences(p.metadata, FOVEA_MEMORY_HOST, p.batch.num_seqs, p.batch.num_tokens, 0, 0,
                                          p.batch.query_start_loc.data(), p.batch.shape.seq_lens.data());
       }},
      {"02 set block table",
       [&](Problem& p) {
         return foveaMetadataSetBlockTable(p.metadata, FOVEA_MEMORY_HOST, p.batch.num_seqs, p.batch.num_columns, 0,
                                           p.batch.block_table.data());
       }},
      {"03 set flags",
       [&](Problem& p) { return foveaMetadataSetCausalPerSequence(p.metadata, FOVEA_MEMORY_HOST, flags); }},
      {"04 clear flags",
       [&](Problem& p) { return foveaMetadataSetCausalPerSequence(p.metadata, FOVEA_MEMORY_HOST, nullptr); }},
      {"05 set ranges",
       [&](Problem& p) { return foveaMetadataSetPrefixRanges(p.metadata, FOVEA_MEMORY_HOST, 1, range_start, ranges); }},
      {"06 clear ranges",
       [&](Problem& p) { return foveaMetadataSetPrefixRanges(p.metadata, FOVEA_MEMORY_HOST, 0, nullptr, nullptr); }},
      {"07 commit", [&](Problem& p) { return foveaMetadataCommit(p.metadata, nullptr); }},
      {"08 validate",
       [&](Problem& p) { return foveaMetadataValidate(p.metadata, p.attention, p.batch.num_blocks); }},
      {"09 set causal", [&](Problem& p) { return foveaMetadataSetCausal(p.metadata, 1); }},
      {"10 get causal", [&](Problem& p) { return foveaMetadataGetCausal(p.metadata, &number); }},
      {"11 async error", [&](Problem& p) { return foveaMetadataGetAsyncError(p.metadata, nullptr, &number); }},
      {"12 workspace size", [&](Problem& p) { return foveaAttentionGetWorkspaceSize(p.attention, &limits, &size); }},
      {"13 plan size", [&](Problem& p) { return foveaAttentionGetPlanSize(p.attention, &limits, &size); }},
      {"14 backend", [&](Problem& p) { return foveaAttentionGetBackend(p.attention, &backend); }},
      {"15 plan", [&](Problem& p) { return foveaAttentionPlan(p.attention, p.metadata, &plan); }},
      {"16 write", [&](Problem& p) { return foveaAttentionWriteKvCache(p.attention, &write); }},
      {"17 forward", [&](Problem& p) { return foveaAttentionForward(p.attention, p.metadata, &forward); }},
      {"18 merge", [&](Problem& p) { return foveaMergeAttentionStates(p.context, &merge); }},
      {"19 bounds",
       [&](Problem&) { return foveaBackendGetBounds(FOVEA_BACKEND_CPU_ATTN, FOVEA_BOUNDS_HEAD_SIZE, &bounds); }},
      {"20 info", [&](Problem& p) { return foveaContextGetInfo(p.context, &info); }},
      {"21 supports",
       [&](Problem&) { return foveaBackendSupports(FOVEA_BACKEND_CPU_ATTN, FOVEA_CAPABILITY_SINKS, &number); }},
      {"22 count", [&](Problem&) { return foveaGetBackendCount(&number); }},
      {"23 from name", [&](Problem&) { return foveaBackendFromName("cpu_attn", &backend); }},
      {"24 config setters", [&](Problem& p) { return foveaConfigSetHeads(p.config, 4, 2); }},
  };
  for (const auto& [name, call] : calls) {
    SCOPED_TRACE(name);
    ASSERT_EQ(call(problem), FOVEA_STATUS_SUCCESS) << foveaGetLastErrorMessage();
    arm_memory(Fault::kFromThenOn, 1);
    const foveaStatus_t status = call(problem);
    const int seen = disarm_memory();
    EXPECT_EQ(status, FOVEA_STATUS_SUCCESS) << foveaGetLastErrorMessage();
    EXPECT_EQ(seen, 0);
  }
  const std::map<std::string, Call> refused = {
      {"forward without a query",
       [&](Problem& p) {
         foveaForwardArgs_t args = forward;
         args.query.data = nullptr;
         return foveaAttentionForward(p.attention, p.metadata, &args);
       }},
      {"write past the cache",
       [&](Problem& p) {
         foveaKvWriteArgs_t args = write;
         const int64_t slot = 1 << 20;
         args.slot_mapping = &slot;
         args.num_tokens = 1;
         return foveaAttentionWriteKvCache(p.attention, &args);
       }},
      {"causal flag", [](Problem& p) { return foveaMetadataSetCausal(p.metadata, 9); }},
      {"decreasing starts",
       [&](Problem& p) {
         const int32_t start[3] = {0, 5, 3}, lens[2] = {5, 5};
         return foveaMetadataSetSequences(p.metadata, FOVEA_MEMORY_HOST, 2, 3, 0, 0, start, lens);
       }},
  };
  for (const auto& [name, call] : refused) {
    SCOPED_TRACE(name);
    arm_memory(Fault::kFromThenOn, 1);
    const foveaStatus_t status = call(problem);
    const int seen = disarm_memory();
    EXPECT_EQ(status, FOVEA_STATUS_INVALID_ARGUMENT) << foveaGetLastErrorMessage();
    EXPECT_EQ(seen, 0);
  }
  EXPECT_EQ(live_blocks(), 0);
  expect_works(problem);
}

// The allocator of a context: the n-th request fails; every block comes back with its size, aligned as asked.
class ContextAllocator {
 public:
  foveaContextCreateInfo_t info() {
    foveaContextCreateInfo_t info = FOVEA_CONTEXT_CREATE_INFO_INIT;
    info.device = FOVEA_DEVICE_CPU;
    info.num_threads = 2;
    info.allocator_user = this;
    info.allocate = [](void* user, size_t size, size_t alignment) -> void* {
      ContextAllocator& self = *static_cast<ContextAllocator*>(user);
      const std::lock_guard<std::mutex> lock(self.mutex_);
      EXPECT_GT(size, 0u);
      EXPECT_EQ(alignment & (alignment - 1), 0u) << alignment;
      if (++self.requests == self.fail_at) return nullptr;
      void* block = nullptr;
      if (posix_memalign(&block, std::max(alignment, sizeof(void*)), size) != 0) return nullptr;
      std::memset(block, 0xee, size);  // nobody may rely on zeros
      self.blocks_[block] = size;
      return block;
    };
    info.free = [](void* user, void* memory, size_t size) {
      ContextAllocator& self = *static_cast<ContextAllocator*>(user);
      const std::lock_guard<std::mutex> lock(self.mutex_);
      const auto block = self.blocks_.find(memory);
      ASSERT_NE(block, self.blocks_.end()) << "freed twice, or never allocated here";
      EXPECT_EQ(block->second, size) << "freed with another size";
      self.blocks_.erase(block);
      std::free(memory);
    };
    return info;
  }
  size_t live() const { return blocks_.size(); }

  int requests = 0;
  int fail_at = 0;

 private:
  std::mutex mutex_;
  std::map<void*, size_t> blocks_;
};

TEST(Faults, ContextsAllocator) {
  int failures = 0;
  for (int n = 0; n < 100; ++n) {  // 0: none fails
    SCOPED_TRACE(n);
    ContextAllocator allocator;
    allocator.fail_at = n;
    const foveaContextCreateInfo_t info = allocator.info();
    {
      Problem problem(Shape(), 0, 1, &info);
      if (n == 0 || allocator.requests < n) {
        ASSERT_EQ(problem.status, FOVEA_STATUS_SUCCESS) << problem.message;
        EXPECT_GT(allocator.requests, 0) << "the allocator was not used";
        const int requests = allocator.requests;
        expect_works(problem);
        EXPECT_EQ(allocator.requests, requests) << "a forward allocated";
      } else if (problem.status != FOVEA_STATUS_SUCCESS) {
        ++failures;
        EXPECT_EQ(problem.status, FOVEA_STATUS_OUT_OF_MEMORY) << problem.message;
        EXPECT_NE(problem.message, "");
      }
    }
    EXPECT_EQ(allocator.live(), 0u) << "leaked";
    if (n > 0 && allocator.requests < n) break;
  }
  EXPECT_GT(failures, 0) << "no failing request was noticed";
}

#ifndef FOVEA_TEST_ONLY_OPERATOR_NEW
// Threads that cannot be started: fewer compute, with the same result, or the creation fails cleanly.
TEST(Faults, ThreadsCannotBeStarted) {
  std::vector<float> right;
  {
    Problem problem(Shape(), 1);
    ASSERT_EQ(problem.forward(false), FOVEA_STATUS_SUCCESS);
    right = problem.output;
  }
  for (int n = 1; n < 10; ++n) {
    SCOPED_TRACE(n);
    arm_threads(n);
    Problem problem(Shape(), 4);
    const int seen = disarm_threads();
    if (problem.status == FOVEA_STATUS_SUCCESS) {
      expect_works(problem);
      ASSERT_EQ(problem.forward(false), FOVEA_STATUS_SUCCESS);
      EXPECT_EQ(std::memcmp(problem.output.data(), right.data(), right.size() * sizeof(float)), 0);
    } else {
      EXPECT_EQ(problem.status, FOVEA_STATUS_OUT_OF_MEMORY) << problem.message;
    }
    if (n == 1) {
      EXPECT_GT(seen, 0) << "no thread was started";
    }
    if (seen < n) break;
  }
}
#endif

}  // namespace
}  // namespace fovea_test
