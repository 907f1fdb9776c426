// Reproducible numbers: every vector has a key (what it is, whose, where), and its numbers follow from that key alone.
#pragma once

#include <cstdint>
#include <vector>

#include "tests/reference/reference_numbers.h"

namespace fovea_test {

using fovea_reference::Type;

// A stream of random bits (splitmix64).
class Random {
 public:
  explicit Random(uint64_t seed) : state_(seed) {}
  uint64_t next() {
    state_ += 0x9e3779b97f4a7c15ull;
    uint64_t z = state_;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ull;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebull;
    return z ^ (z >> 31);
  }
  // In [0, n).
  int32_t below(int32_t n) { return static_cast<int32_t>(next() % static_cast<uint64_t>(n)); }
  double normal();

 private:
  uint64_t state_;
};

// Mixes the parts of a key into one seed.
uint64_t mix(uint64_t a, uint64_t b, uint64_t c = 0, uint64_t d = 0, uint64_t e = 0);

// 65,536 numbers drawn from N(0,1), the same on every machine; a vector of random data picks from them.
const std::vector<float>& normal_pool();

// normal_pool()[i] * factor as a type stores it. The reference stays valid; call from one thread.
const std::vector<uint32_t>& encoded_pool(Type type, float factor);

// The bits of `size` numbers of N(0,1) * factor by the key `seed`, as a type stores them.
void encoded_normals(Type type, float factor, uint64_t seed, int64_t size, uint32_t* bits);
// The same numbers before factor and rounding.
void normals(uint64_t seed, int64_t size, float* numbers);

// Bits that every reader must take for NaN.
uint32_t nan_bits(Type type);
// The byte that fills memory with NaN, whatever the offset.
uint8_t nan_byte(Type type);

}  // namespace fovea_test
