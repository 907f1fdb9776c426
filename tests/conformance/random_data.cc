#include "tests/conformance/random_data.h"

#include <cmath>
#include <cstring>
#include <map>
#include <utility>

namespace fovea_test {

using namespace fovea_reference;

double Random::normal() {
  const double u = (static_cast<double>(next() >> 11) + 0.5) * 0x1p-53;
  const double v = static_cast<double>(next() >> 11) * 0x1p-53;
  return std::sqrt(-2 * std::log(u)) * std::cos(6.283185307179586 * v);
}

uint64_t mix(uint64_t a, uint64_t b, uint64_t c, uint64_t d, uint64_t e) {
  uint64_t state = 0x2545f4914f6cdd1dull;
  for (const uint64_t part : {a, b, c, d, e}) state = Random(state ^ (part * 0xd6e8feb86659fd93ull + 1)).next();
  return state;
}

const std::vector<float>& normal_pool() {
  static const std::vector<float> pool = [] {
    std::vector<float> numbers(65536);
    Random random(20240229);
    for (float& number : numbers) number = static_cast<float>(random.normal());
    return numbers;
  }();
  return pool;
}

const std::vector<uint32_t>& encoded_pool(Type type, float factor) {
  static std::map<std::pair<Type, float>, std::vector<uint32_t>> pools;
  std::vector<uint32_t>& pool = pools[{type, factor}];
  if (pool.empty()) {
    pool.resize(normal_pool().size());
    for (size_t i = 0; i < pool.size(); ++i) pool[i] = encode_bits(type, normal_pool()[i] * factor);
  }
  return pool;
}

void encoded_normals(Type type, float factor, uint64_t seed, int64_t size, uint32_t* bits) {
  const std::vector<uint32_t>& pool = encoded_pool(type, factor);
  Random random(seed);
  uint64_t picks = 0;
  for (int64_t d = 0; d < size; ++d) {
    if (d % 4 == 0) picks = random.next();
    bits[d] = pool[picks & 0xffff];
    picks >>= 16;
  }
}

void normals(uint64_t seed, int64_t size, float* numbers) {
  Random random(seed);
  uint64_t picks = 0;
  for (int64_t d = 0; d < size; ++d) {
    if (d % 4 == 0) picks = random.next();
    numbers[d] = normal_pool()[picks & 0xffff];
    picks >>= 16;
  }
}

uint32_t nan_bits(Type type) { return encode_bits(type, std::nan("")); }

uint8_t nan_byte(Type type) { return type == Type::kE4M3FNUZ ? 0x80 : 0xff; }

}  // namespace fovea_test
