// The kernels beside attention that move memory: the cache write and the merge of states, bit by bit or against the reference.
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <random>

#include "kernels/hip/attention/state_merge.h"
#include "kernels/hip/cache/write_kernel.h"
#include "tests/reference/reference_attention.h"
#include "tests/reference/reference_cache.h"
#include "tests/simt/machine.h"

namespace fovea::hip::host {
namespace {

namespace reference = fovea_reference;

reference::Type reference_type(DataType type) {
  switch (type) {
    case DataType::kF16: return reference::Type::kF16;
    case DataType::kBF16: return reference::Type::kBF16;
    case DataType::kE4M3FN: return reference::Type::kE4M3FN;
    case DataType::kE4M3FNUZ: return reference::Type::kE4M3FNUZ;
    case DataType::kE5M2: return reference::Type::kE5M2;
    default: return reference::Type::kF32;
  }
}

struct WriteCase {
  DataType input;
  DataType cache;
  bool vectorized;
  bool scales;
  int head_size;
  int head_size_v;
};

class CacheWrites : public ::testing::TestWithParam<WriteCase> {};

TEST_P(CacheWrites, match_the_reference_bit_for_bit) {
  const WriteCase& c = GetParam();
  const int heads = 3, num_tokens = 37, num_blocks = 5, block_size = 32;
  const auto input_size = static_cast<int64_t>(reference::bytes_of(reference_type(c.input)));
  const auto size = static_cast<int64_t>(reference::bytes_of(reference_type(c.cache)));
  const int64_t x = 16 / size;
  std::mt19937 random(static_cast<uint32_t>(c.head_size + static_cast<int>(c.cache)));
  std::normal_distribution<float> normal;

  reference::CacheWrite r;
  r.num_kv_heads = heads;
  r.head_size = c.head_size;
  r.head_size_v = c.head_size_v;
  r.block_size = block_size;
  r.layout = c.vectorized ? reference::Layout::kVectorized : reference::Layout::kStrided;
  for (int i = 0; i < num_tokens; ++i) r.slot_mapping.push_back(i % 7 == 3 ? -1 : (i * 29) % (num_blocks * block_size));
  if (c.scales) r.k_scales = {0.5f, 3.0f, 0.37f}, r.v_scales = {1.0f, 0.11f, 2.5f};

  WriteParams p = {};
  std::vector<std::unique_ptr<Region>> regions;
  std::vector<std::vector<char>> expected;
  const auto add = [&](const char* name, int64_t bytes, Access access) {
    regions.push_back(std::make_unique<Region>(name, static_cast<size_t>(bytes), access));
    return regions.back()->data();
  };
  const auto rows = [&](const char* name, int head_size, Rows& device, reference::Rows& host_rows) {
    device.head_stride = head_size * input_size;
    device.row_stride = device.head_stride * heads + 16;
    device.data = add(name, device.row_stride * num_tokens, Access::kRead);
    for (int64_t i = 0; i < device.row_stride * num_tokens / input_size; ++i) {
      const float special[] = {std::numeric_limits<float>::infinity(), -1e30f, std::nanf(""), 1e-6f, 0.0f, -0.0f};
      reference::store(reference_type(c.input), device.data, i, i % 50 < 6 ? special[i % 50] : 3 * normal(random));
    }
    host_rows.data = device.data;
    host_rows.type = reference_type(c.input);
    host_rows.token_stride = device.row_stride / input_size;
    host_rows.head_stride = device.head_stride / input_size;
  };
  const auto cache = [&](const char* name, int head_size, bool is_key, Cache& device, reference::Cache& host_cache) {
    device.num_blocks = num_blocks;
    if (!c.vectorized) {
      device.head_stride = head_size * size;
      device.row_stride = device.head_stride * heads + 16;
      device.block_stride = device.row_stride * block_size;
      const int64_t strides[5] = {device.block_stride / size, device.row_stride / size, device.head_stride / size, 1, 0};
      std::copy(strides, strides + 5, host_cache.strides);
    } else {
      device.group_stride = is_key ? block_size * 16 : block_size * size;
      device.row_stride = is_key ? 16 : size;
      device.head_stride = static_cast<int64_t>(head_size) * block_size * size;
      device.block_stride = device.head_stride * heads;
      const int64_t keys[5] = {device.block_stride / size, device.head_stride / size, block_size * x, x, 1};
      const int64_t values[5] = {device.block_stride / size, device.head_stride / size, block_size, 1, 0};
      std::copy(is_key ? keys : values, (is_key ? keys : values) + 5, host_cache.strides);
    }
    const int64_t bytes = device.block_stride * num_blocks;
    device.data = add(name, bytes, Access::kReadWrite);
    std::memset(device.data, 0xa5, static_cast<size_t>(bytes));
    expected.emplace_back(static_cast<size_t>(bytes), static_cast<char>(0xa5));
    host_cache.data = expected.back().data();
    host_cache.type = reference_type(c.cache);
  };
  expected.reserve(2);
  rows("key", c.head_size, p.key, r.key);
  rows("value", c.head_size_v, p.value, r.value);
  cache("key cache", c.head_size, true, p.key_cache, r.key_cache);
  cache("value cache", c.head_size_v, false, p.value_cache, r.value_cache);
  const Array<int64_t> slots("slot_mapping", r.slot_mapping);
  const Array<float> k_scales("k_scale", r.k_scales), v_scales("v_scale", r.v_scales);
  p.slot_mapping = slots.data();
  if (c.scales) p.k_scale = k_scales.data(), p.v_scale = v_scales.data(), p.scales_per_head = 1;
  p.num_tokens = num_tokens;
  p.num_kv_heads = heads;
  p.head_size = c.head_size;
  p.head_size_v = c.head_size_v;
  p.block_size = block_size;
  p.vectorized = c.vectorized;
  p.input_type = c.input;
  p.cache_type = c.cache;

  Launch launch;
  launch.kernel = "write";
  launch.num_threads = kWriteThreads;
  const int threads = num_tokens * heads * ((c.head_size + c.head_size_v) / 8);
  launch.grid_x = (threads + kWriteThreads - 1) / kWriteThreads;
  const Report report = host::run(launch, [&](const Workgroup& wg) { WriteKernel(p, wg).run(); });
  ASSERT_EQ(report.num_errors, 0) << report.errors[0];
  reference::write_cache(r);
  const Cache* caches[2] = {&p.key_cache, &p.value_cache};
  for (size_t i = 0; i < 2; ++i) {
    for (int64_t at = 0; at < static_cast<int64_t>(expected[i].size()) / size; ++at) {
      const uint32_t stored = reference::load_bits(reference_type(c.cache), caches[i]->data, at);
      const uint32_t wanted = reference::load_bits(reference_type(c.cache), expected[i].data(), at);
      const bool both_nan = std::isnan(reference::decode_bits(reference_type(c.cache), stored)) &&
                            std::isnan(reference::decode_bits(reference_type(c.cache), wanted));
      ASSERT_TRUE(stored == wanted || both_nan) << (i == 0 ? "key" : "value") << " cache, element " << at << ": " << stored
                                                << " instead of " << wanted;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(
    Write, CacheWrites,
    ::testing::Values(WriteCase{DataType::kBF16, DataType::kBF16, false, false, 64, 64},
                      WriteCase{DataType::kF16, DataType::kF16, true, false, 72, 40},
                      WriteCase{DataType::kBF16, DataType::kE4M3FN, false, true, 72, 64},
                      WriteCase{DataType::kF16, DataType::kE4M3FNUZ, false, true, 64, 64},
                      WriteCase{DataType::kF16, DataType::kE5M2, false, true, 40, 40},
                      WriteCase{DataType::kBF16, DataType::kE4M3FN, true, true, 64, 48},
                      WriteCase{DataType::kBF16, DataType::kE4M3FNUZ, true, true, 32, 64},
                      WriteCase{DataType::kF32, DataType::kE5M2, true, true, 32, 32},
                      WriteCase{DataType::kF32, DataType::kF32, false, false, 40, 24},
                      WriteCase{DataType::kF32, DataType::kF32, true, false, 24, 40}));

TEST(StateMerge, matches_the_reference) {
  const int tokens = 9, heads = 5, head_size_v = 40, num_states = 3;
  for (const bool with_sinks : {false, true}) {
    for (const DataType type : {DataType::kF32, DataType::kBF16}) {
      std::mt19937 random(7);
      std::normal_distribution<float> normal;
      const float infinity = std::numeric_limits<float>::infinity();
      std::vector<reference::State> states(num_states);
      std::vector<std::unique_ptr<Array<float>>> memory;
      MergeParams p = {};
      for (int s = 0; s < num_states; ++s) {
        auto lse = std::make_unique<Array<float>>("lse", static_cast<size_t>(tokens * heads), Access::kReadWrite);
        auto out = std::make_unique<Array<float>>("state", static_cast<size_t>(tokens * heads * head_size_v), Access::kReadWrite);
        for (int row = 0; row < tokens * heads; ++row) {
          const bool empty = row % 11 == 4 || (row % 5 == s);
          (*lse)[static_cast<size_t>(row)] = !empty ? 10 * normal(random) : row % 2 == 0 ? infinity : -infinity;
          states[static_cast<size_t>(s)].lse.push_back((*lse)[static_cast<size_t>(row)]);
          for (int d = 0; d < head_size_v; ++d) {
            const float v = empty ? std::nanf("") : normal(random);
            (*out)[static_cast<size_t>(row * head_size_v + d)] = v;
            states[static_cast<size_t>(s)].out.push_back(empty ? 0 : v);
          }
        }
        p.outputs[s] = {reinterpret_cast<const char*>(out->data()), heads * head_size_v * 4, head_size_v * 4};
        p.lses[s] = lse->data();
        p.lse_row_strides[s] = heads;
        p.lse_head_strides[s] = 1;
        memory.push_back(std::move(lse));
        memory.push_back(std::move(out));
      }
      std::vector<float> sinks;
      if (with_sinks) sinks = {0.5f, -infinity, 3.0f, -2.0f, 20.0f};
      const Array<float> sink_memory("sinks", sinks);
      const auto size = static_cast<int64_t>(reference::bytes_of(reference_type(type)));
      const Region output("output", static_cast<size_t>(tokens * heads * head_size_v * size), Access::kReadWrite);
      const Array<float> merged("merged lse", static_cast<size_t>(tokens * heads), Access::kReadWrite);
      p.output = {output.data(), heads * head_size_v * size, head_size_v * size};
      p.lse = merged.data();
      p.lse_row_stride = heads;
      p.lse_head_stride = 1;
      p.sinks = with_sinks ? sink_memory.data() : nullptr;
      p.num_states = num_states;
      p.num_tokens = tokens;
      p.num_query_heads = heads;
      p.head_size_v = head_size_v;
      p.output_type = type;
      Launch launch;
      launch.kernel = "state merge";
      launch.num_threads = kMergeStateThreads;
      launch.grid_x = (tokens * heads * (head_size_v / 4) + kMergeStateThreads - 1) / kMergeStateThreads;
      const Report report = host::run(launch, [&](const Workgroup& wg) { StateMergeKernel(p, wg).run(); });
      ASSERT_EQ(report.num_errors, 0) << report.errors[0];
      const reference::State expected = reference::merge(states, tokens, heads, head_size_v, sinks);
      for (int row = 0; row < tokens * heads; ++row) {
        const double lse = expected.lse[static_cast<size_t>(row)];
        if (std::isinf(lse)) {
          ASSERT_EQ(merged[static_cast<size_t>(row)], lse) << row;
        } else {
          ASSERT_NEAR(merged[static_cast<size_t>(row)], lse, 1e-5 * std::max(1.0, std::abs(lse))) << row;
        }
        for (int d = 0; d < head_size_v; ++d) {
          const auto at = static_cast<size_t>(row * head_size_v + d);
          ASSERT_NEAR(reference::load(reference_type(type), output.data(), static_cast<int64_t>(at)), expected.out[at],
                      1e-5 + (type == DataType::kBF16 ? 0x1p-8 * std::abs(expected.out[at]) : 0))
              << "row " << row << " element " << d;
        }
      }
    }
  }
}

}  // namespace
}  // namespace fovea::hip::host
