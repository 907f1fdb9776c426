// Merging partial states, against the formula in double precision.
#include <cstring>

#include "tests/kernels/cpu/cpu_test_support.h"

namespace fovea::cpu::testing {
namespace {

class MergeStates : public CpuKernels {};

struct MergeData {
  int32_t num_states;
  int32_t num_tokens;
  int32_t num_heads;
  int32_t size;
  std::vector<std::vector<float>> outputs;
  std::vector<std::vector<float>> lses;

  MergeData(int32_t states, int32_t tokens, int32_t heads, int32_t head_size, float lse_spread, unsigned seed = 1)
      : num_states(states), num_tokens(tokens), num_heads(heads), size(head_size) {
    std::mt19937 random(seed);
    std::normal_distribution<float> normal;
    for (int32_t s = 0; s < states; ++s) {
      outputs.emplace_back(static_cast<size_t>(tokens) * heads * head_size);
      lses.emplace_back(static_cast<size_t>(tokens) * heads);
      for (float& x : outputs.back()) x = normal(random);
      for (float& x : lses.back()) x = lse_spread * normal(random);
    }
  }

  Merge params(DataType output_type, void* out, float* lse) {
    Merge m = {};
    m.num_states = num_states;
    m.num_tokens = num_tokens;
    m.num_query_heads = num_heads;
    m.head_size_v = size;
    for (int32_t s = 0; s < num_states; ++s) {
      m.outputs[s] = {outputs[static_cast<size_t>(s)].data(), int64_t{num_heads} * size, size};
      m.lses[s] = {lses[static_cast<size_t>(s)].data(), num_heads, 1};
    }
    m.output = {out, int64_t{num_heads} * size, size};
    m.output_type = output_type;
    m.lse = {lse, num_heads, 1};
    m.output_scale = 1.0f;
    return m;
  }
};

// out and lse of one row in double precision.
void reference_row(const MergeData& data, size_t row, const float* sink, std::vector<double>* out, double* lse) {
  double max = sink != nullptr ? static_cast<double>(*sink) : -INFINITY;
  std::vector<double> weights;
  for (const auto& lses : data.lses) {
    const double x = std::isinf(lses[row]) ? -INFINITY : static_cast<double>(lses[row]);
    weights.push_back(x);
    max = std::max(max, x);
  }
  out->assign(static_cast<size_t>(data.size), 0.0);
  *lse = -INFINITY;
  if (max == -INFINITY) return;
  double sum = sink != nullptr ? std::exp(*sink - max) : 0.0;
  for (double& w : weights) sum += w = std::exp(w - max);
  for (size_t s = 0; s < weights.size(); ++s) {
    if (weights[s] == 0) continue;
    for (size_t d = 0; d < out->size(); ++d) {
      (*out)[d] += weights[s] / sum * data.outputs[s][row * static_cast<size_t>(data.size) + d];
    }
  }
  *lse = max + std::log(sum);
}

void check_merge(const KernelTable& table, MergeData& data, const std::vector<float>* sinks) {
  const auto rows = static_cast<size_t>(data.num_tokens * data.num_heads);
  std::vector<float> out(rows * static_cast<size_t>(data.size), 1e30f);
  std::vector<float> lse(rows, 1e30f);
  Merge params = data.params(DataType::kF32, out.data(), lse.data());
  if (sinks != nullptr) params.sinks = sinks->data();
  merge_states(table, params, threads(2));
  for (size_t row = 0; row < rows; ++row) {
    std::vector<double> expected;
    double expected_lse;
    reference_row(data, row, sinks != nullptr ? &(*sinks)[row % static_cast<size_t>(data.num_heads)] : nullptr, &expected,
                  &expected_lse);
    if (expected_lse == -INFINITY) {
      ASSERT_EQ(lse[row], -INFINITY);
    } else {
      ASSERT_NEAR(lse[row], expected_lse, 1e-6 * std::max(1.0, std::fabs(expected_lse)));
    }
    for (size_t d = 0; d < expected.size(); ++d) {
      ASSERT_NEAR(out[row * expected.size() + d], expected[d], 4e-6) << "row " << row << " d " << d;
    }
  }
}

TEST_P(MergeStates, AgreesWithTheFormula) {
  for (const int32_t states : {1, 2, 3, 64}) {
    for (const int32_t size : {8, 24, 128, 256, 264}) {
      for (const float spread : {1.0f, 30.0f}) {
        MergeData data(states, 5, 3, size, spread);
        const std::vector<float> sinks = {0.5f, -INFINITY, 20.0f};
        ASSERT_NO_FATAL_FAILURE(check_merge(table(), data, nullptr));
        ASSERT_NO_FATAL_FAILURE(check_merge(table(), data, &sinks));
      }
    }
  }
}

TEST_P(MergeStates, LargeLogSumExpKeepsItsDifferences) {
  MergeData data(3, 4, 2, 16, 1.0f);
  for (auto& lses : data.lses) {
    for (float& x : lses) x += 30000.0f;
  }
  check_merge(table(), data, nullptr);
}

TEST_P(MergeStates, EmptyStatesDoNotCount) {
  // What an empty state's output holds must not matter, and +inf marks an empty state as -inf does.
  MergeData data(3, 4, 2, 40, 1.0f);
  for (const float empty : {-INFINITY, INFINITY}) {
    data.lses[0].assign(data.lses[0].size(), empty);
    data.outputs[0].assign(data.outputs[0].size(), NAN);
    ASSERT_NO_FATAL_FAILURE(check_merge(table(), data, nullptr));
    data.lses[2] = data.lses[0];
    data.outputs[2] = data.outputs[0];
    ASSERT_NO_FATAL_FAILURE(check_merge(table(), data, nullptr));
  }
}

TEST_P(MergeStates, OnlyEmptyStatesGiveAnEmptyState) {
  MergeData data(2, 3, 2, 40, 1.0f);
  for (size_t s = 0; s < 2; ++s) {
    data.lses[s].assign(data.lses[s].size(), s == 0 ? -INFINITY : INFINITY);
    data.outputs[s].assign(data.outputs[s].size(), NAN);
  }
  check_merge(table(), data, nullptr);
  // With a sink, its value is all there is.
  const std::vector<float> sinks = {1.5f, -INFINITY};
  std::vector<float> out(3 * 2 * 40, 1.0f);
  std::vector<float> lse(6, 1.0f);
  Merge params = data.params(DataType::kF32, out.data(), lse.data());
  params.sinks = sinks.data();
  merge_states(table(), params, threads(1));
  for (size_t i = 0; i < 6; ++i) EXPECT_EQ(lse[i], sinks[i % 2]);
  for (const float x : out) EXPECT_EQ(x, 0.0f);
}

TEST_P(MergeStates, ConvertsAndScalesTheOutput) {
  const DataType types[] = {DataType::kF16, DataType::kBF16, DataType::kE4M3FN, DataType::kE4M3FNUZ, DataType::kE5M2};
  for (const DataType type : types) {
    MergeData data(2, 6, 2, 72, 1.0f);
    std::vector<float> plain(6 * 2 * 72);
    std::vector<unsigned char> stored(plain.size() * size_of(type));
    Merge params = data.params(DataType::kF32, plain.data(), nullptr);
    merge_states(table(), params, threads(1));
    params = data.params(type, stored.data(), nullptr);
    params.output_scale = 0.037f;
    merge_states(table(), params, threads(1));
    for (size_t i = 0; i < plain.size(); ++i) {
      ASSERT_EQ(element(type, stored.data(), i), round_to(type, plain[i] / 0.037f)) << name_of(type);
    }
  }
}

TEST_P(MergeStates, OutputMayBeTheFirstState) {
  MergeData data(3, 5, 2, 264, 1.0f);
  std::vector<float> out(5 * 2 * 264);
  std::vector<float> lse(10);
  Merge params = data.params(DataType::kF32, out.data(), lse.data());
  merge_states(table(), params, threads(1));
  params = data.params(DataType::kF32, data.outputs[0].data(), data.lses[0].data());
  merge_states(table(), params, threads(1));
  EXPECT_EQ(out, data.outputs[0]);
  EXPECT_EQ(lse, data.lses[0]);
}

TEST_P(MergeStates, StridesAreFollowedAndGapsSurvive) {
  MergeData data(2, 3, 2, 24, 1.0f);
  std::vector<float> dense(3 * 2 * 24);
  Merge params = data.params(DataType::kF32, dense.data(), nullptr);
  merge_states(table(), params, threads(1));
  const int64_t row = 2 * 30 + 5;
  std::vector<float> strided(static_cast<size_t>(3 * row), -7.0f);
  std::vector<float> lse(3 * 4, -7.0f);
  params.output = {strided.data(), row, 30};
  params.lse = {lse.data(), 4, 2};
  merge_states(table(), params, threads(1));
  size_t gaps = 0;
  for (size_t i = 0; i < strided.size(); ++i) {
    const size_t token = i / static_cast<size_t>(row);
    const size_t in_row = i % static_cast<size_t>(row);
    const size_t head = in_row / 30;
    const size_t d = in_row % 30;
    if (head < 2 && d < 24) {
      ASSERT_EQ(strided[i], dense[(token * 2 + head) * 24 + d]);
    } else {
      ASSERT_EQ(strided[i], -7.0f);
      ++gaps;
    }
  }
  EXPECT_EQ(gaps, strided.size() - dense.size());
  for (size_t i = 1; i < lse.size(); i += 2) EXPECT_EQ(lse[i], -7.0f);
}

FOVEA_FOR_ALL_TABLES(MergeStates);

}  // namespace
}  // namespace fovea::cpu::testing
