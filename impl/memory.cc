#include "impl/memory.h"

#include <cstdlib>

namespace fovea {
namespace {

void* allocate(void*, size_t size, size_t alignment) {
  void* memory = nullptr;
  return posix_memalign(&memory, alignment < sizeof(void*) ? sizeof(void*) : alignment, size) == 0 ? memory : nullptr;
}

void release(void*, void* memory, size_t) { std::free(memory); }

}  // namespace

Allocator default_allocator() noexcept { return {allocate, release, nullptr}; }

}  // namespace fovea
