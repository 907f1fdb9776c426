// The parts of the generate example that need no model: conversions, products, sampling, UTF-8.
#include <cmath>
#include <cstdio>
#include <cstring>
#include <random>
#include <string>
#include <vector>

#include "check.h"
#include "matmul.h"
#include "sampler.h"
#include "task_pool.h"
#include "utf8.h"
#include "vector_kernels.h"

namespace real_model {
namespace {

using generate::TensorType;

// f16 by its definition: (-1)^s 2^(e - 15) (1 + m / 1024), subnormal at e = 0, infinite or NaN at e = 31.
double half_value(uint16_t half) {
  const int exponent = half >> 10 & 31;
  const int mantissa = half & 1023;
  const double sign = half >> 15 ? -1.0 : 1.0;
  if (exponent == 31) return mantissa != 0 ? NAN : sign * INFINITY;
  return exponent == 0 ? sign * std::ldexp(mantissa, -24) : sign * std::ldexp(1024 + mantissa, exponent - 25);
}

void check_halves() {
  for (uint32_t i = 0; i < 65536; ++i) {
    const double expected = half_value(static_cast<uint16_t>(i));
    const double got = generate::half_to_float(static_cast<uint16_t>(i));
    expect(std::isnan(expected) ? std::isnan(got) : got == expected && std::signbit(got) == std::signbit(expected),
           "f16 ", i, " is ", got, ", expected ", expected);
  }
}

// One weight of row-major blocks, by the formulas of tensor_type.h.
double weight_value(TensorType type, const std::byte* data, int64_t index) {
  const generate::TensorTypeInfo& info = generate::tensor_type_info(type);
  const auto* block = reinterpret_cast<const uint8_t*>(data) + index / info.block_weights * info.block_bytes;
  const int64_t i = index % info.block_weights;
  const auto half_at = [&](int64_t offset) {
    return half_value(static_cast<uint16_t>(block[offset] | block[offset + 1] << 8));
  };
  const auto nibble_at = [&](int64_t offset) { return i < 16 ? block[offset + i] & 15 : block[offset + i - 16] >> 4; };
  switch (type) {
    case TensorType::kF32: {
      float value;
      std::memcpy(&value, block, 4);
      return value;
    }
    case TensorType::kF16:
      return half_at(0);
    case TensorType::kQ4_0:
      return half_at(0) * (nibble_at(2) - 8);
    case TensorType::kQ4_1:
      return half_at(0) * nibble_at(4) + half_at(2);
    case TensorType::kQ8_0:
      return half_at(0) * static_cast<int8_t>(block[2 + i]);
  }
  return NAN;
}

// Random blocks; scales are finite.
std::vector<std::byte> random_blocks(TensorType type, int64_t count, std::mt19937& random) {
  const generate::TensorTypeInfo& info = generate::tensor_type_info(type);
  std::vector<std::byte> data(static_cast<size_t>(count / info.block_weights * info.block_bytes));
  for (std::byte& byte : data) byte = static_cast<std::byte>(random());
  std::normal_distribution<float> normal;
  for (size_t at = 0; at < data.size(); at += static_cast<size_t>(info.block_bytes)) {
    if (type == TensorType::kF32) {
      const float value = normal(random);
      std::memcpy(&data[at], &value, 4);
      continue;
    }
    const size_t num_halves = type == TensorType::kQ4_1 ? 2 : 1;
    for (size_t i = 0; i < num_halves; ++i) {
      const auto half = static_cast<uint16_t>((random() & 0x83ff) | (8 + random() % 8) << 10);
      std::memcpy(&data[at + 2 * i], &half, 2);
    }
  }
  return data;
}

constexpr TensorType kTypes[] = {TensorType::kF32, TensorType::kF16, TensorType::kQ4_0, TensorType::kQ4_1,
                                 TensorType::kQ8_0};

void check_dequantize() {
  std::mt19937 random(1);
  for (const TensorType type : kTypes) {
    for (const int64_t count : {32, 64, 96, 576, 1536}) {
      const std::vector<std::byte> data = random_blocks(type, count, random);
      std::vector<float> out(static_cast<size_t>(count) + 1, 12345.0f);
      generate::dequantize(type, data.data(), count, out.data());
      for (int64_t i = 0; i < count; ++i) {
        const double expected = weight_value(type, data.data(), i);
        const double got = out[static_cast<size_t>(i)];
        // One rounding of the sum in Q4_1; everything else is exact.
        expect(std::fabs(got - expected) <= std::fabs(expected) * 0x1p-23, generate::tensor_type_info(type).name,
               " weight ", i, " is ", got, ", expected ", expected);
      }
      expect(out.back() == 12345.0f, "wrote past the end");
    }
  }
}

void check_matmul() {
  std::mt19937 random(2);
  std::normal_distribution<float> normal;
  for (const int num_threads : {1, 3}) {
    generate::TaskPool pool(num_threads);
    generate::Matmul matmul(pool);
    for (const TensorType type : kTypes) {
      const int64_t row_size = 160;
      const std::vector<std::byte> data = random_blocks(type, 37 * row_size, random);
      const std::vector<std::byte> other_data = random_blocks(TensorType::kQ8_0, 8 * row_size, random);
      const generate::Matrix weights{type, data.data(), 37, row_size};
      const generate::Matrix other{TensorType::kQ8_0, other_data.data(), 8, row_size};
      std::vector<float> x(static_cast<size_t>(11 * row_size));
      for (float& value : x) value = normal(random);
      std::vector<float> all_out;
      for (const int64_t num_tokens : {11, 1, 2, 3, 4, 7}) {
        std::vector<float> out(static_cast<size_t>(num_tokens * 37));
        std::vector<float> other_out(static_cast<size_t>(num_tokens * 8));
        matmul(x.data(), num_tokens, {{weights, out.data()}, {other, other_out.data()}});
        const auto check = [&](const generate::Matrix& matrix, const std::vector<float>& result) {
          for (int64_t token = 0; token < num_tokens; ++token) {
            for (int64_t row = 0; row < matrix.num_rows; ++row) {
              double sum = 0.0;
              double magnitude = 0.0;
              for (int64_t i = 0; i < row_size; ++i) {
                const double term = weight_value(matrix.type, matrix.data, row * row_size + i) *
                                    x[static_cast<size_t>(token * row_size + i)];
                sum += term;
                magnitude += std::fabs(term);
              }
              const double got = result[static_cast<size_t>(token * matrix.num_rows + row)];
              expect(std::fabs(got - sum) <= magnitude * 1e-6, "product of token ", token, " and row ", row, " is ",
                     got, ", expected ", sum);
            }
          }
        };
        check(weights, out);
        check(other, other_out);
        // The first tokens of 11 have the same bits in any smaller number of tokens.
        if (all_out.empty()) all_out = out;
        expect(std::memcmp(all_out.data(), out.data(), out.size() * sizeof(float)) == 0,
               "the bits of a product depend on the number of tokens, ", num_tokens);
      }
    }
  }
}

void check_activations() {
  std::mt19937 random(3);
  std::normal_distribution<float> normal(0.0f, 6.0f);
  std::vector<float> gate(53), up(53), x(53), weight(53), out(53);
  for (size_t i = 0; i < gate.size(); ++i) {
    gate[i] = normal(random);
    up[i] = normal(random);
    x[i] = normal(random);
    weight[i] = normal(random);
  }
  gate[0] = -1000.0f;
  gate[1] = 1000.0f;
  std::vector<float> result = gate;
  generate::swiglu(result.data(), up.data(), 53);
  double squares = 0.0;
  for (size_t i = 0; i < gate.size(); ++i) {
    const double z = gate[i];
    const double expected = z / (1.0 + std::exp(-z)) * up[i];
    expect(std::fabs(result[i] - expected) <= std::fabs(expected) * 1e-6 + 1e-30, "swiglu of ", z, " is ", result[i],
           ", expected ", expected);
    squares += double{x[i]} * x[i];
  }
  generate::rms_norm(x.data(), weight.data(), 53, 1e-5f, out.data());
  for (size_t i = 0; i < x.size(); ++i) {
    const double expected = x[i] * weight[i] / std::sqrt(squares / 53 + 1e-5);
    expect(std::fabs(out[i] - expected) <= std::fabs(expected) * 1e-6, "rms_norm gives ", out[i], ", expected ",
           expected);
  }
}

void check_sampler() {
  const std::vector<float> logits = {0.0f, std::log(2.0f), std::log(4.0f), -30.0f, std::log(1.0f)};  // 1:2:4:0:1
  const auto frequencies = [&](generate::SamplerOptions options) {
    generate::Sampler sampler(options);
    std::vector<double> counts(logits.size());
    constexpr int kDraws = 20000;
    for (int i = 0; i < kDraws; ++i) counts[static_cast<size_t>(sampler.choose(logits))] += 1.0 / kDraws;
    return counts;
  };
  const auto check = [&](const char* what, generate::SamplerOptions options, std::vector<double> expected) {
    const std::vector<double> got = frequencies(options);
    for (size_t i = 0; i < expected.size(); ++i) {
      expect(std::fabs(got[i] - expected[i]) < 0.02, what, ": token ", i, " has frequency ", got[i], ", expected ",
             expected[i]);
    }
  };
  check("greedy", {0.0f, 0, 1.0f, 1}, {0, 0, 1, 0, 0});
  check("temperature 1", {1.0f, 0, 1.0f, 1}, {1.0 / 8, 2.0 / 8, 4.0 / 8, 0, 1.0 / 8});
  check("temperature 1/2", {0.5f, 0, 1.0f, 1}, {1.0 / 22, 4.0 / 22, 16.0 / 22, 0, 1.0 / 22});
  check("top-k 1", {1.0f, 1, 1.0f, 1}, {0, 0, 1, 0, 0});
  check("top-k 2", {1.0f, 2, 1.0f, 1}, {0, 2.0 / 6, 4.0 / 6, 0, 0});
  check("top-p 0", {1.0f, 0, 0.0f, 1}, {0, 0, 1, 0, 0});
  check("top-p 0.7", {1.0f, 0, 0.7f, 1}, {0, 2.0 / 6, 4.0 / 6, 0, 0});

  const auto draw = [&](uint64_t seed) {
    generate::Sampler sampler({1.0f, 0, 1.0f, seed});
    std::vector<int32_t> tokens;
    for (int i = 0; i < 50; ++i) tokens.push_back(sampler.choose(logits));
    return tokens;
  };
  expect(draw(5) == draw(5), "the same seed gives another text");
  expect(draw(5) != draw(6), "another seed gives the same text");
}

void check_utf8_stream() {
  const auto stream_bytes = [](const std::string& bytes) {
    generate::Utf8Stream stream;
    std::string text;
    for (const char byte : bytes) text += stream.push({&byte, 1});
    return text + stream.finish();
  };
  const std::string replacement = "\xef\xbf\xbd";
  const std::string valid = "a\xc3\xa9\xe6\x97\xa5\xf0\x9f\x8e\x89z";
  expect(stream_bytes(valid) == valid, "valid UTF-8 is changed: ", stream_bytes(valid));
  expect(stream_bytes("a\xff"
                      "b") == "a" + replacement + "b",
         "a byte that is never valid");
  expect(stream_bytes("a\xe6\x97") == "a" + replacement, "a character cut at the end");
  expect(stream_bytes("\xe6\x97"
                      "b") == replacement + "b",
         "a character cut by another");
  expect(stream_bytes("\xc0\xaf") == replacement + replacement, "an overlong form");
  generate::Utf8Stream stream;
  expect(stream.push("\xf0\x9f\x8e").empty(), "part of a character was passed on");
  expect(stream.push("\x89!") == "\xf0\x9f\x8e\x89!", "the rest of a character was lost");
}

}  // namespace
}  // namespace real_model

int main() {
  real_model::check_halves();
  real_model::check_dequantize();
  real_model::check_matmul();
  real_model::check_activations();
  real_model::check_sampler();
  real_model::check_utf8_stream();
  return real_model::result("parts_test");
}
