// Conversions between fp32 and the storage types, through cache writes: a write from type A to a cache of type B reads A
// and stores B. Exhaustive over codes; rounding at and beside every tie.
#include <cstring>

#include "tests/kernels/cpu/cpu_test_support.h"

namespace fovea::cpu::testing {
namespace {

class Convert : public CpuKernels {};

// n elements of `from` as `to`, with vectors of `head_size` elements (small ones take the paths for leftovers).
std::vector<unsigned char> convert(const KernelTable& table, DataType from, DataType to, const void* data, size_t n,
                                   int32_t head_size, const float* scale = nullptr) {
  const auto tokens = static_cast<int32_t>((n + head_size - 1) / head_size);
  std::vector<unsigned char> in(static_cast<size_t>(tokens) * head_size * size_of(from));
  std::memcpy(in.data(), data, n * size_of(from));
  std::vector<unsigned char> keys(static_cast<size_t>(tokens) * head_size * size_of(to));
  std::vector<unsigned char> values = keys;
  std::vector<int64_t> slots(static_cast<size_t>(tokens));
  for (int32_t i = 0; i < tokens; ++i) slots[static_cast<size_t>(i)] = i;
  KvWrite write = {};
  write.layer = plain_layer(1, 1, head_size, head_size, tokens);
  write.layer.dense_type = from;
  write.layer.cache_type = to;
  write.layer.kv_scales = scale != nullptr ? KvScales::kPerTensor : KvScales::kNone;
  write.key = write.value = {in.data(), head_size, head_size};
  write.key_cache = {keys.data(), 1, int64_t{tokens} * head_size, head_size, head_size, 0};
  write.value_cache = write.key_cache;
  write.value_cache.data = values.data();
  write.slot_mapping = slots.data();
  write.num_tokens = tokens;
  write.k_scale = write.v_scale = scale;
  table.write_kv(write, 0, tokens);
  EXPECT_EQ(keys, values);
  keys.resize(n * size_of(to));
  return keys;
}

const DataType kSmallTypes[] = {DataType::kF16, DataType::kBF16, DataType::kE4M3FN, DataType::kE4M3FNUZ, DataType::kE5M2};

TEST_P(Convert, ReadsEveryCodeExactly) {
  for (const bool flush : {false, true}) {
    for (const DataType type : kSmallTypes) {
      for (const int32_t head_size : {8, 24, 256}) {
        std::vector<unsigned char> codes(num_codes(type) * size_of(type));
        for (uint32_t code = 0; code < num_codes(type); ++code) {
          std::memcpy(&codes[code * size_of(type)], &code, size_of(type));
        }
        std::vector<unsigned char> bytes;
        {
          const FlushMode mode(flush);
          bytes = convert(table(), type, DataType::kF32, codes.data(), num_codes(type), head_size);
        }
        for (uint32_t code = 0; code < num_codes(type); ++code) {
          uint32_t bits;
          std::memcpy(&bits, &bytes[code * 4], 4);
          const double expected = decode(type, code);
          if (std::isnan(expected)) {
            ASSERT_GT(bits & 0x7fffffffu, 0x7f800000u) << name_of(type) << " code " << code;
            continue;
          }
          const auto expected_float = static_cast<float>(expected);
          uint32_t expected_bits;
          std::memcpy(&expected_bits, &expected_float, 4);
          ASSERT_EQ(bits, expected_bits) << name_of(type) << " code " << code << " flush " << flush;
        }
      }
    }
  }
}

// Values that rounding can get wrong: all codes, the midpoints between neighbours, and their fp32 neighbours.
std::vector<float> rounding_inputs(DataType type) {
  std::vector<float> inputs;
  const auto add = [&](double value) {
    const auto x = static_cast<float>(value);
    for (const float y : {x, std::nextafterf(x, INFINITY), std::nextafterf(x, -INFINITY)}) {
      inputs.push_back(y);
      inputs.push_back(-y);
    }
  };
  const std::vector<double>& table = magnitudes(type);
  for (size_t code = 0; code < table.size(); ++code) {
    add(table[code]);
    if (code + 1 < table.size()) add((table[code] + table[code + 1]) / 2);
  }
  const double step = table.back() - table[table.size() - 2];
  add(table.back() + step / 2);
  add(table.back() + step);
  for (const float special : {0.0f, INFINITY, NAN, 3.4e38f, 1e-38f, 1e-45f, 465.0f, 464.0f, 1.0f}) {
    inputs.push_back(special);
    inputs.push_back(-special);
  }
  std::mt19937 random(7);
  for (int i = 0; i < 200000; ++i) {
    const uint32_t bits = static_cast<uint32_t>(random());
    float x;
    std::memcpy(&x, &bits, 4);
    inputs.push_back(x);
  }
  std::normal_distribution<float> normal;
  for (int i = 0; i < 100000; ++i) inputs.push_back(normal(random));
  return inputs;
}

void expect_stored(DataType type, float x, const unsigned char* stored, size_t index) {
  const double value = element(type, stored, index);
  const double expected = round_to(type, x);
  if (std::isnan(expected)) {
    ASSERT_TRUE(std::isnan(value)) << name_of(type) << " of NaN";
    return;
  }
  ASSERT_EQ(value, expected) << name_of(type) << " of " << x;
  if (type == DataType::kE4M3FNUZ) {
    // -0 does not exist: its code is NaN.
    if (expected == 0) {
      ASSERT_EQ(stored[index], 0) << "of " << x;
    }
  } else {
    ASSERT_EQ(std::signbit(value), std::signbit(x)) << name_of(type) << " of " << x;
  }
}

TEST_P(Convert, WritesRoundToNearestEven) {
  for (const DataType type : kSmallTypes) {
    const std::vector<float> inputs = rounding_inputs(type);
    for (const int32_t head_size : {8, 256}) {
      const auto stored = convert(table(), DataType::kF32, type, inputs.data(), inputs.size(), head_size);
      for (size_t i = 0; i < inputs.size(); ++i) {
        ASSERT_NO_FATAL_FAILURE(expect_stored(type, inputs[i], stored.data(), i));
      }
    }
  }
}

TEST_P(Convert, WritesDoNotDependOnFlushToZero) {
  for (const DataType type : kSmallTypes) {
    const std::vector<float> inputs = rounding_inputs(type);
    const auto plain = convert(table(), DataType::kF32, type, inputs.data(), inputs.size(), 256);
    const FlushMode mode(true);
    const auto flushed = convert(table(), DataType::kF32, type, inputs.data(), inputs.size(), 256);
    ASSERT_EQ(std::memcmp(plain.data(), flushed.data(), plain.size()), 0) << name_of(type);
  }
}

TEST_P(Convert, Fp8SaturatesInfinities) {
  const float inputs[8] = {INFINITY, -INFINITY, 3e38f, -3e38f, NAN, 0.0f, -0.0f, 1.0f};
  const double maxima[] = {448, 240, 57344};
  const DataType types[] = {DataType::kE4M3FN, DataType::kE4M3FNUZ, DataType::kE5M2};
  for (int i = 0; i < 3; ++i) {
    const auto stored = convert(table(), DataType::kF32, types[i], inputs, 8, 8);
    for (size_t j = 0; j < 4; ++j) {
      EXPECT_EQ(element(types[i], stored.data(), j), j % 2 == 0 ? maxima[i] : -maxima[i]) << name_of(types[i]);
    }
    EXPECT_TRUE(std::isnan(element(types[i], stored.data(), 4)));
    EXPECT_EQ(element(types[i], stored.data(), 7), 1.0);
  }
}

TEST_P(Convert, DividesByTheScaleInFloat) {
  std::vector<float> inputs(4096);
  std::mt19937 random(3);
  std::normal_distribution<float> normal(0.0f, 4.0f);
  for (float& x : inputs) x = normal(random);
  const float scale = 0.0371f;
  for (const DataType type : {DataType::kE4M3FN, DataType::kE4M3FNUZ, DataType::kE5M2, DataType::kBF16}) {
    for (const int32_t head_size : {8, 128}) {
      const auto stored = convert(table(), DataType::kF32, type, inputs.data(), inputs.size(), head_size, &scale);
      for (size_t i = 0; i < inputs.size(); ++i) {
        ASSERT_NO_FATAL_FAILURE(expect_stored(type, inputs[i] / scale, stored.data(), i));
      }
    }
  }
}

TEST_P(Convert, BetweenStorageTypes) {
  for (const DataType from : {DataType::kF16, DataType::kBF16}) {
    std::vector<uint16_t> codes(65536);
    for (uint32_t code = 0; code < 65536; ++code) codes[code] = static_cast<uint16_t>(code);
    for (const DataType to : kSmallTypes) {
      const auto stored = convert(table(), from, to, codes.data(), codes.size(), 64);
      for (uint32_t code = 0; code < 65536; ++code) {
        ASSERT_NO_FATAL_FAILURE(expect_stored(to, static_cast<float>(decode(from, code)), stored.data(), code));
      }
    }
  }
}

FOVEA_FOR_ALL_TABLES(Convert);

}  // namespace
}  // namespace fovea::cpu::testing
