// What the unit tests of the CPU kernels share: the tables to run, a processor mode, threads.
#pragma once

#include <gtest/gtest.h>

#include <random>
#include <string>
#include <thread>
#include <vector>

#include "kernels/cpu/cpu_kernels.h"
#include "tests/kernels/cpu/small_float.h"

#if defined(__x86_64__)
#include <xmmintrin.h>
#endif

namespace fovea::cpu::testing {

inline std::vector<const KernelTable*> tables() {
  const KernelTable* all[16];
  const int32_t count = all_kernels(all, 16);
  return std::vector<const KernelTable*>(all, all + count);
}

inline std::string table_name(const ::testing::TestParamInfo<const KernelTable*>& info) { return info.param->name; }

// Flush-to-zero and denormals-are-zero, as an engine's threads may have them set.
class FlushMode {
 public:
  explicit FlushMode(bool on) {
#if defined(__x86_64__)
    saved_ = _mm_getcsr();
    if (on) _mm_setcsr(saved_ | 0x8040u);
#else
    (void)on;
#endif
  }
  ~FlushMode() {
#if defined(__x86_64__)
    _mm_setcsr(saved_);
#endif
  }
  FlushMode(const FlushMode&) = delete;
  FlushMode& operator=(const FlushMode&) = delete;

 private:
#if defined(__x86_64__)
  unsigned saved_ = 0;
#endif
};

// Every task on a thread of its own.
inline void run_on_threads(void*, int32_t num_tasks, void (*task)(void* data, int32_t index), void* data) {
  std::vector<std::thread> threads;
  for (int32_t i = 1; i < num_tasks; ++i) threads.emplace_back(task, data, i);
  task(data, 0);
  for (std::thread& thread : threads) thread.join();
}

inline Parallel threads(int32_t count) { return {run_on_threads, nullptr, count}; }

inline Layer plain_layer(int32_t num_query_heads, int32_t num_kv_heads, int32_t head_size, int32_t head_size_v, int32_t block_size) {
  Layer layer = {};
  layer.num_query_heads = num_query_heads;
  layer.num_kv_heads = num_kv_heads;
  layer.head_size = head_size;
  layer.head_size_v = head_size_v;
  layer.block_size = block_size;
  layer.query_type = layer.dense_type = layer.cache_type = layer.output_type = DataType::kF32;
  layer.scale = 1.0f / std::sqrt(static_cast<float>(head_size));
  layer.window_left = layer.window_right = -1;
  return layer;
}

class CpuKernels : public ::testing::TestWithParam<const KernelTable*> {
 protected:
  const KernelTable& table() const { return *GetParam(); }
};

}  // namespace fovea::cpu::testing

#define FOVEA_FOR_ALL_TABLES(suite)                                                                                    \
  INSTANTIATE_TEST_SUITE_P(AllTables, suite, ::testing::ValuesIn(::fovea::cpu::testing::tables()), \
                           ::fovea::cpu::testing::table_name)
