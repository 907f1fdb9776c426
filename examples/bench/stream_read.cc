#include "stream_read.h"

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <new>
#include <thread>
#include <vector>

size_t last_level_cache_bytes() {
  for (const int level : {_SC_LEVEL4_CACHE_SIZE, _SC_LEVEL3_CACHE_SIZE, _SC_LEVEL2_CACHE_SIZE}) {
    const long bytes = sysconf(level);
    if (bytes > 0) return static_cast<size_t>(bytes);
  }
  return size_t{32} << 20;
}

namespace {

uint64_t sum_words(const uint64_t* words, size_t count) {
  // Independent sums, so that the additions never wait for each other.
  uint64_t sums[16] = {};
  for (size_t i = 0; i + 16 <= count; i += 16) {
    for (size_t j = 0; j < 16; ++j) sums[j] += words[i + j];
  }
  uint64_t total = 0;
  for (const uint64_t sum : sums) total += sum;
  return total;
}

}  // namespace

double stream_read_bandwidth(size_t bytes, int threads) {
  // Huge pages, as for everything that is compared with it.
  constexpr size_t kHugePage = size_t{2} << 20;
  bytes = (bytes + kHugePage - 1) / kHugePage * kHugePage;
  const size_t count = bytes / sizeof(uint64_t);
  const std::unique_ptr<uint64_t[], void (*)(void*)> words(static_cast<uint64_t*>(std::aligned_alloc(kHugePage, bytes)), std::free);
  if (words == nullptr) throw std::bad_alloc();
  madvise(words.get(), bytes, MADV_HUGEPAGE);
  std::atomic<uint64_t> sink{0};
  std::atomic<int> waiting{0};
  std::atomic<int> round{0};
  constexpr int kRounds = 10;
  std::vector<std::thread> pool;
  std::atomic<int> finished{0};
  for (int t = 0; t < threads; ++t) {
    pool.emplace_back([&, t] {
      const size_t begin = count * static_cast<size_t>(t) / static_cast<size_t>(threads);
      const size_t end = count * static_cast<size_t>(t + 1) / static_cast<size_t>(threads);
      for (size_t i = begin; i < end; ++i) words[i] = i * 0x9e3779b97f4a7c15u;  // also places the pages
      for (int r = 1; r <= kRounds; ++r) {
        waiting.fetch_add(1);
        while (round.load(std::memory_order_acquire) < r) std::this_thread::yield();
        sink.fetch_add(sum_words(&words[begin], end - begin), std::memory_order_relaxed);
        finished.fetch_add(1, std::memory_order_release);
      }
    });
  }
  double best = 0;
  for (int r = 1; r <= kRounds; ++r) {
    while (waiting.load() < r * threads) std::this_thread::yield();
    const auto start = std::chrono::steady_clock::now();
    round.store(r, std::memory_order_release);
    while (finished.load(std::memory_order_acquire) < r * threads) std::this_thread::yield();
    const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - start;
    best = std::max(best, static_cast<double>(count * sizeof(uint64_t)) / seconds.count());
  }
  for (std::thread& thread : pool) thread.join();
  return sink.load() == 0 ? 0 : best;  // using the sums keeps the loops
}
