#include "tests/faults/failing_memory.h"

#include <dlfcn.h>
#include <pthread.h>

#include <atomic>
#include <cerrno>
#include <cstdint>
#include <cstdlib>
#include <new>

#ifndef FOVEA_TEST_ONLY_OPERATOR_NEW
// glibc's own allocator under the names that it keeps for such replacements.
extern "C" {
void* __libc_malloc(size_t);
void* __libc_calloc(size_t, size_t);
void* __libc_realloc(void*, size_t);
void* __libc_memalign(size_t, size_t);
void __libc_free(void*);
}
#endif

namespace fovea_test {
namespace {

struct Armed {
  bool on = false;
  Fault fault = Fault::kNone;
  int fail_at = 0;
  int seen = 0;
};
// Plain data: no constructor runs when a thread touches it first.
constinit thread_local Armed memory;
constinit thread_local Armed threads;

// Addresses of the blocks that are counted: open addressing, all of it atomic because any thread may free.
constexpr size_t kSlots = 1 << 16;
constexpr uintptr_t kEmpty = 0, kRemoved = 1;
std::atomic<uintptr_t> table[kSlots];
std::atomic<int> live{0};

size_t slot_of(uintptr_t address) { return (address >> 4) * 0x9E3779B97F4A7C15ull >> 48 & (kSlots - 1); }

void* counted(void* block) {
  if (block == nullptr || !memory.on) return block;
  const auto address = reinterpret_cast<uintptr_t>(block);
  for (size_t i = slot_of(address);; i = (i + 1) & (kSlots - 1)) {
    uintptr_t held = table[i].load();
    if ((held == kEmpty || held == kRemoved) && table[i].compare_exchange_strong(held, address)) break;
  }
  live.fetch_add(1);
  return block;
}

void uncounted(void* block) {
  if (block == nullptr || live.load() == 0) return;
  const auto address = reinterpret_cast<uintptr_t>(block);
  for (size_t i = slot_of(address), probes = 0; probes < kSlots; i = (i + 1) & (kSlots - 1), ++probes) {
    const uintptr_t held = table[i].load();
    if (held == kEmpty) return;
    if (held != address) continue;
    table[i].store(kRemoved);
    live.fetch_sub(1);
    return;
  }
}

bool fails_now(Armed& armed) {
  if (!armed.on) return false;
  const int number = ++armed.seen;
  return armed.fault == Fault::kOnce ? number == armed.fail_at
                                     : armed.fault == Fault::kFromThenOn && number >= armed.fail_at;
}

}  // namespace

void arm_memory(Fault fault, int n) { memory = {true, fault, n, 0}; }
int disarm_memory() {
  memory.on = false;
  return memory.seen;
}
int live_blocks() { return live.load(); }
void forget_live_blocks() {
  for (auto& slot : table) slot.store(kEmpty);
  live.store(0);
}
void arm_threads(int n) { threads = {true, n > 0 ? Fault::kFromThenOn : Fault::kNone, n, 0}; }
int disarm_threads() {
  threads.on = false;
  return threads.seen;
}

#ifdef FOVEA_TEST_ONLY_OPERATOR_NEW
namespace {
void* allocate(size_t size, size_t alignment) {
  if (fails_now(memory)) return nullptr;
  void* block = nullptr;
  if (alignment <= alignof(std::max_align_t)) {
    block = std::malloc(size == 0 ? 1 : size);
  } else if (posix_memalign(&block, alignment, size == 0 ? 1 : size) != 0) {
    block = nullptr;
  }
  return counted(block);
}
void* allocate_or_throw(size_t size, size_t alignment) {
  void* block = allocate(size, alignment);
  if (block == nullptr) throw std::bad_alloc();
  return block;
}
void release(void* block) {
  uncounted(block);
  std::free(block);
}
}  // namespace
#endif

}  // namespace fovea_test

#ifdef FOVEA_TEST_ONLY_OPERATOR_NEW

using fovea_test::allocate;
using fovea_test::allocate_or_throw;
using fovea_test::release;
constexpr size_t kUsual = alignof(std::max_align_t);

void* operator new(size_t size) { return allocate_or_throw(size, kUsual); }
void* operator new[](size_t size) { return allocate_or_throw(size, kUsual); }
void* operator new(size_t size, const std::nothrow_t&) noexcept { return allocate(size, kUsual); }
void* operator new[](size_t size, const std::nothrow_t&) noexcept { return allocate(size, kUsual); }
void* operator new(size_t size, std::align_val_t align) { return allocate_or_throw(size, static_cast<size_t>(align)); }
void* operator new[](size_t size, std::align_val_t align) { return allocate_or_throw(size, static_cast<size_t>(align)); }
void* operator new(size_t size, std::align_val_t align, const std::nothrow_t&) noexcept {
  return allocate(size, static_cast<size_t>(align));
}
void* operator new[](size_t size, std::align_val_t align, const std::nothrow_t&) noexcept {
  return allocate(size, static_cast<size_t>(align));
}
void operator delete(void* block) noexcept { release(block); }
void operator delete[](void* block) noexcept { release(block); }
void operator delete(void* block, size_t) noexcept { release(block); }
void operator delete[](void* block, size_t) noexcept { release(block); }
void operator delete(void* block, const std::nothrow_t&) noexcept { release(block); }
void operator delete[](void* block, const std::nothrow_t&) noexcept { release(block); }
void operator delete(void* block, std::align_val_t) noexcept { release(block); }
void operator delete[](void* block, std::align_val_t) noexcept { release(block); }
void operator delete(void* block, size_t, std::align_val_t) noexcept { release(block); }
void operator delete[](void* block, size_t, std::align_val_t) noexcept { release(block); }

#else

// The library must see these, whatever the program's default visibility is.
#pragma GCC visibility push(default)
extern "C" {

void* malloc(size_t size) {
  if (fovea_test::fails_now(fovea_test::memory)) return errno = ENOMEM, nullptr;
  return fovea_test::counted(__libc_malloc(size));
}
void* calloc(size_t count, size_t size) {
  if (fovea_test::fails_now(fovea_test::memory)) return errno = ENOMEM, nullptr;
  return fovea_test::counted(__libc_calloc(count, size));
}
void* realloc(void* block, size_t size) {
  if (fovea_test::fails_now(fovea_test::memory)) return errno = ENOMEM, nullptr;
  fovea_test::uncounted(block);
  return fovea_test::counted(__libc_realloc(block, size));
}
void* memalign(size_t alignment, size_t size) {
  if (fovea_test::fails_now(fovea_test::memory)) return errno = ENOMEM, nullptr;
  return fovea_test::counted(__libc_memalign(alignment, size));
}
void* aligned_alloc(size_t alignment, size_t size) { return memalign(alignment, size); }
int posix_memalign(void** block, size_t alignment, size_t size) {
  void* made = memalign(alignment, size);
  if (made == nullptr) return ENOMEM;
  *block = made;
  return 0;
}
void free(void* block) {
  fovea_test::uncounted(block);
  __libc_free(block);
}

int pthread_create(pthread_t* thread, const pthread_attr_t* attributes, void* (*start)(void*), void* argument) {
  using Create = int (*)(pthread_t*, const pthread_attr_t*, void* (*)(void*), void*);
  static const Create real = reinterpret_cast<Create>(dlsym(RTLD_NEXT, "pthread_create"));
  if (fovea_test::fails_now(fovea_test::threads)) return EAGAIN;
  return real(thread, attributes, start, argument);
}

}  // extern "C"
#pragma GCC visibility pop

#endif
