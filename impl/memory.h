// Memory whose size depends on limits comes from the context's allocator; alignment and size arithmetic that cannot
// wrap.
#pragma once

#include <cstddef>
#include <cstdint>

#include "fovea/fovea.h"

namespace fovea {

inline constexpr size_t kAlignment = 64;

constexpr size_t align_up(size_t size) { return (size + kAlignment - 1) & ~(kAlignment - 1); }

inline bool is_aligned(const void* address, size_t alignment) {
  return reinterpret_cast<uintptr_t>(address) % alignment == 0;
}

struct Allocator {
  foveaAllocate_t allocate;
  foveaFree_t free;
  void* user;
};

// The library's own: aligned memory of the C library.
Allocator default_allocator() noexcept;

// Adds up the parts of one buffer; remembers whether any sum or product did not fit.
class SizeSum {
 public:
  // Returns the offset of `count` elements of `element_size` bytes, aligned to kAlignment.
  size_t add(size_t count, size_t element_size) {
    size_t bytes = 0;
    const size_t offset = total_;
    overflow_ |= __builtin_mul_overflow(count, element_size, &bytes);
    overflow_ |= __builtin_add_overflow(bytes, kAlignment - 1, &bytes);
    overflow_ |= __builtin_add_overflow(total_, bytes & ~(kAlignment - 1), &total_);
    overflow_ |= total_ > static_cast<size_t>(PTRDIFF_MAX);
    return offset;
  }
  size_t total() const { return total_; }
  bool overflow() const { return overflow_; }

 private:
  size_t total_ = 0;
  bool overflow_ = false;
};

}  // namespace fovea
