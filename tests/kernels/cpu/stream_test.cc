// The decode path (units of few packed rows) against the definition in double precision.
#include "tests/kernels/cpu/attention_problem.h"

namespace fovea::cpu::testing {
namespace {

class Stream : public CpuKernels {};

const DataType kCacheTypes[] = {DataType::kF32,    DataType::kF16,      DataType::kBF16,
                                DataType::kE4M3FN, DataType::kE4M3FNUZ, DataType::kE5M2};

// Against the definition; and the bits must not depend on how chunks are shared out.
void check(const KernelTable& table, const ProblemShape& shape, double tolerance = 1e-5) {
  Problem problem(shape);
  ASSERT_NO_FATAL_FAILURE(problem.run(table, 1 << 20, 1));
  ASSERT_NO_FATAL_FAILURE(problem.check(tolerance));
  const std::vector<float> output = problem.output();
  const std::vector<float> lse = problem.lse();
  for (const int32_t chunks_per_item : {1, 2}) {
    ASSERT_NO_FATAL_FAILURE(problem.run(table, chunks_per_item, 3));
    ASSERT_EQ(std::memcmp(output.data(), problem.output().data(), output.size() * sizeof(float)), 0) << "split differs";
    ASSERT_EQ(std::memcmp(lse.data(), problem.lse().data(), lse.size() * sizeof(float)), 0) << "split differs";
  }
}

// Decode at lengths around blocks, tiles and chunks, with empty and padded sequences between.
std::vector<SequenceShape> decode_lengths() {
  return {{1, 1}, {1, 15}, {1, 16}, {0, 0}, {1, 17}, {1, 33}, {1, 64}, {1, 129}, {0, 40}, {1, 511}, {1, 512}, {1, 513}, {1, 0}, {1, 1100}};
}

TEST_P(Stream, EveryCacheTypeAndGroup) {
  for (const DataType type : kCacheTypes) {
    for (const int32_t group : {1, 2, 3, 4, 5, 6, 7, 8}) {
      ProblemShape shape;
      shape.sequences = {{1, 37}, {1, 530}};
      shape.num_kv_heads = 2;
      shape.num_query_heads = 2 * group;
      shape.cache_type = type;
      shape.query_type = shape.dense_type = size_of(type) == 1 ? DataType::kBF16 : type;
      SCOPED_TRACE(std::string(name_of(type)) + " group " + std::to_string(group));
      ASSERT_NO_FATAL_FAILURE(check(table(), shape));
    }
  }
}

TEST_P(Stream, EveryHeadSize) {
  for (const DataType type : {DataType::kF32, DataType::kF16, DataType::kBF16, DataType::kE4M3FN}) {
    for (int32_t head_size = 8; head_size <= 256; head_size += 8) {
      ProblemShape shape;
      shape.sequences = {{1, 21}, {1, 70}};
      shape.num_query_heads = 5;
      shape.num_kv_heads = 1;
      shape.head_size = head_size;
      shape.head_size_v = (head_size * 3 + 40) % 256 / 8 * 8 + 8;
      shape.cache_type = type;
      SCOPED_TRACE(std::string(name_of(type)) + " head_size " + std::to_string(head_size));
      ASSERT_NO_FATAL_FAILURE(check(table(), shape));
    }
  }
}

TEST_P(Stream, LengthsAroundBlocksTilesAndChunks) {
  for (const int32_t block_size : {16, 48, 544}) {
    for (const DataType type : {DataType::kF32, DataType::kBF16}) {
      ProblemShape shape;
      shape.sequences = decode_lengths();
      shape.block_size = block_size;
      shape.cache_type = type;
      ASSERT_NO_FATAL_FAILURE(check(table(), shape));
    }
  }
}

TEST_P(Stream, VectorizedLayout) {
  for (const DataType type : kCacheTypes) {
    for (const int32_t head_size : {16, 80, 128}) {
      ProblemShape shape;
      shape.sequences = {{1, 100}, {2, 531}};
      shape.layout = CacheLayout::kVectorized;
      shape.cache_type = type;
      shape.head_size = head_size;
      shape.head_size_v = head_size == 80 ? 96 : head_size;
      shape.kv_scales = size_of(type) == 1 ? KvScales::kPerHead : KvScales::kNone;
      shape.window_left = head_size == 80 ? 60 : -1;
      ASSERT_NO_FATAL_FAILURE(check(table(), shape));
    }
  }
}

TEST_P(Stream, DenseRowsOfThisStep) {
  for (const DataType dense : {DataType::kF32, DataType::kF16, DataType::kBF16}) {
    for (const DataType cache : kCacheTypes) {
      ProblemShape shape;
      shape.sequences = {{1, 1}, {1, 17}, {2, 514}, {3, 3}, {2, 1}, {1, 600}, {2, 1025}};
      shape.dense = true;
      shape.query_type = shape.dense_type = dense;
      shape.cache_type = cache;
      shape.kv_scales = size_of(cache) == 1 ? KvScales::kPerTensor : KvScales::kNone;
      SCOPED_TRACE(std::string(name_of(dense)) + " with a cache of " + name_of(cache));
      ASSERT_NO_FATAL_FAILURE(check(table(), shape));
    }
  }
}

TEST_P(Stream, QueryTypes) {
  for (const DataType query : kCacheTypes) {
    ProblemShape shape;
    shape.sequences = {{1, 50}, {1, 300}};
    shape.query_type = query;
    shape.dense_type = is_fp8(query) ? DataType::kBF16 : query;
    shape.cache_type = is_fp8(query) ? query : DataType::kBF16;
    shape.kv_scales = KvScales::kPerHead;
    ASSERT_NO_FATAL_FAILURE(check(table(), shape));
  }
}

TEST_P(Stream, Bf16QueriesAndCache) {
  for (const int32_t head_size : {32, 64, 96, 128, 160, 256, 72}) {
    for (const int32_t group : {1, 2, 3, 4, 5, 6, 8}) {
      ProblemShape shape;
      shape.num_kv_heads = 2;
      shape.num_query_heads = 2 * group;
      shape.head_size = head_size;
      shape.head_size_v = head_size == 96 ? 128 : head_size;
      shape.query_type = shape.dense_type = shape.cache_type = DataType::kBF16;
      shape.sequences = {{1, 1}, {1, 16}, {1, 33}, {1, 130, 0}, {1, 700}};
      shape.layout = group == 2 ? CacheLayout::kVectorized : CacheLayout::kStrided;
      shape.dense = group % 2 == 0;
      if (head_size == 128) {
        shape.window_left = 200;
        shape.prefix_ranges = PrefixRanges::kFull;
        shape.sequences.push_back({1, 600, 1, {{10, 20}, {40, 599}}});
        shape.sequences.push_back({2, 640, 1, {{5, 7}, {300, 639}}});
      }
      SCOPED_TRACE("head_size " + std::to_string(head_size) + " group " + std::to_string(group));
      ASSERT_NO_FATAL_FAILURE(check(table(), shape));
    }
  }
}

TEST_P(Stream, CausalAndNonCausalRows) {
  ProblemShape shape;
  shape.num_query_heads = 2;
  shape.num_kv_heads = 1;
  for (const int32_t causal : {0, 1}) {
    for (const int32_t query_len : {1, 2, 3, 4}) {
      for (const int32_t seq_len : {1, 2, 5, 64, 515, 1030}) shape.sequences.push_back({query_len, seq_len, causal});
    }
  }
  for (const DataType type : {DataType::kF32, DataType::kBF16}) {
    shape.cache_type = type;
    check(table(), shape);
  }
}

TEST_P(Stream, Windows) {
  const int32_t windows[][2] = {{0, 0}, {15, 0}, {255, 0}, {127, 127}, {-1, 0}, {0, 40}, {31, -1}, {600, 1}};
  for (const auto& window : windows) {
    for (const bool dense : {false, true}) {
      ProblemShape shape;
      for (const int32_t causal : {0, 1}) {
        for (const int32_t seq_len : {1, 16, 64, 257, 700, 1300}) {
          shape.sequences.push_back({1, seq_len, causal});
          shape.sequences.push_back({4, seq_len, causal});
        }
      }
      shape.window_left = window[0];
      shape.window_right = window[1];
      shape.dense = dense;
      shape.cache_type = dense ? DataType::kBF16 : DataType::kF32;
      SCOPED_TRACE("window " + std::to_string(window[0]) + ", " + std::to_string(window[1]));
      ASSERT_NO_FATAL_FAILURE(check(table(), shape));
    }
  }
}

TEST_P(Stream, PrefixRanges) {
  for (const PrefixRanges kind : {PrefixRanges::kFull, PrefixRanges::kWindowed}) {
    for (const int32_t window : {-1, 20, 300}) {
      ProblemShape shape;
      shape.prefix_ranges = kind;
      shape.window_left = window;
      shape.sequences = {{4, 700, 1, {{10, 100}, {200, 699}}},
                         {3, 120, 1, {{100, 118}, {118, 118}, {119, 300}}},
                         {2, 60, 0, {{0, 59}}},
                         {2, 60, 1, {}},
                         {4, 1100, 1, {{5, 8}, {40, 1097}}},
                         {4, 6, 1, {{0, 3}, {4, 9}}}};
      SCOPED_TRACE("window " + std::to_string(window));
      ASSERT_NO_FATAL_FAILURE(check(table(), shape));
    }
  }
}

TEST_P(Stream, ScoreFeatures) {
  for (const float softcap : {0.0f, 5.0f}) {
    for (const Alibi alibi : {Alibi::kNone, Alibi::kLinear, Alibi::kSqrt}) {
      for (const bool sinks : {false, true}) {
        ProblemShape shape;
        shape.sequences = {{1, 1}, {2, 200}, {1, 600, 0}, {2, 530, 0}, {1, 0}};
        shape.num_query_heads = 6;
        shape.num_kv_heads = 2;
        shape.softcap = softcap;
        shape.alibi = alibi;
        shape.sinks = sinks;
        shape.query_factor = 4.0f;
        ASSERT_NO_FATAL_FAILURE(check(table(), shape, 3e-5));
      }
    }
  }
}

TEST_P(Stream, CrossAttention) {
  ProblemShape shape;
  shape.attention_type = AttentionType::kEncoderDecoder;
  shape.sequences = {{1, 700}, {4, 2}, {2, 65}, {3, 0}};
  check(table(), shape);
}

TEST_P(Stream, EncoderHasNoCache) {
  ProblemShape shape;
  shape.attention_type = AttentionType::kEncoder;
  shape.dense = true;
  shape.sequences = {{1, 1}, {2, 2}, {4, 4}};
  shape.query_type = shape.dense_type = shape.cache_type = DataType::kBF16;
  Problem problem(shape);
  problem.params().key_cache = {};
  problem.params().value_cache = {};
  problem.params().batch.block_table = nullptr;
  problem.run(table(), 1 << 20, 1);
  problem.check(1e-5);
}

TEST_P(Stream, MaximumThatRisesInEveryTile) {
  for (const float rising : {0.5f, -0.5f}) {
    ProblemShape shape;
    shape.sequences = {{1, 1200}, {2, 700}};
    shape.rising = rising;
    ASSERT_NO_FATAL_FAILURE(check(table(), shape, 3e-5));
  }
}

TEST_P(Stream, LargeScores) {
  ProblemShape shape;
  shape.sequences = {{1, 800}};
  shape.query_factor = 100.0f;
  check(table(), shape, 1e-3);
}

// Each code of a cache type, alone in a value row that has all the weight, and alone in a key row that makes the score.
TEST_P(Stream, EveryCodeOfTheCacheIsReadExactly) {
  for (const DataType type : kCacheTypes) {
    if (type == DataType::kF32) continue;
    const int32_t head_size = 64;
    const uint32_t codes = num_codes(type);
    const int32_t keys = 64;  // sequences of one key; a code per element of the value
    for (uint32_t first = 0; first < codes; first += keys * head_size) {
      ProblemShape shape;
      shape.num_query_heads = 1;
      shape.num_kv_heads = 1;
      shape.head_size = shape.head_size_v = head_size;
      shape.cache_type = type;
      for (int32_t s = 0; s < keys; ++s) shape.sequences.push_back({1, 1});
      Problem problem(shape);
      Forward& f = problem.params();
      auto* values = const_cast<void*>(f.value_cache.data);
      for (int32_t s = 0; s < keys; ++s) {
        const int64_t at = f.batch.block_table[s * f.batch.block_table_stride] * f.value_cache.block_stride;
        for (int32_t d = 0; d < head_size; ++d) {
          const uint32_t code = (first + static_cast<uint32_t>(s * head_size + d)) % codes;
          const auto index = static_cast<size_t>(at + d);
          if (size_of(type) == 1) {
            static_cast<uint8_t*>(values)[index] = static_cast<uint8_t>(code);
          } else {
            static_cast<uint16_t*>(values)[index] = static_cast<uint16_t>(code);
          }
        }
      }
      problem.run(table(), 1, 1);
      for (int32_t s = 0; s < keys; ++s) {
        for (int32_t d = 0; d < head_size; ++d) {
          const uint32_t code = (first + static_cast<uint32_t>(s * head_size + d)) % codes;
          const double expected = decode(type, code);
          const float actual = problem.output()[static_cast<size_t>(s * (head_size + 3 + 5) + d)];
          if (std::isnan(expected)) {
            ASSERT_TRUE(std::isnan(actual)) << name_of(type) << " code " << code;
          } else if (std::fabs(expected) < 1.2e-38) {
            ASSERT_NEAR(actual, expected, 1.2e-38);  // kernels may flush fp32's subnormals
          } else {
            ASSERT_EQ(actual, expected) << name_of(type) << " code " << code;
          }
        }
      }
    }
  }
}

TEST_P(Stream, EveryFp8CodeOfAKeyMakesItsScore) {
  for (const DataType type : {DataType::kE4M3FN, DataType::kE4M3FNUZ, DataType::kE5M2}) {
    const int32_t head_size = 40;
    ProblemShape shape;
    shape.num_query_heads = 1;
    shape.num_kv_heads = 1;
    shape.head_size = shape.head_size_v = head_size;
    shape.cache_type = type;
    for (int32_t code = 0; code < 256; ++code) shape.sequences.push_back({1, 1});
    Problem problem(shape);
    Forward& f = problem.params();
    auto* keys = static_cast<uint8_t*>(const_cast<void*>(f.key_cache.data));
    auto* query = static_cast<float*>(f.query.data);
    for (int32_t code = 0; code < 256; ++code) {
      const int64_t at = f.batch.block_table[code * f.batch.block_table_stride] * f.key_cache.block_stride;
      const int32_t d = code * 7 % head_size;
      std::memset(keys + at, 0, head_size);
      keys[at + d] = static_cast<uint8_t>(code);
      for (int32_t i = 0; i < head_size; ++i) query[code * head_size + i] = i == d ? 1.0f : 0.0f;
    }
    problem.run(table(), 1, 1);
    for (int32_t code = 0; code < 256; ++code) {
      const double expected = decode(type, static_cast<uint32_t>(code)) * static_cast<double>(f.layer.scale);
      const float lse = problem.lse()[static_cast<size_t>(code)];
      if (std::isfinite(expected)) {
        ASSERT_NEAR(lse, expected, 1e-6 * std::max(1.0, std::fabs(expected))) << name_of(type) << " code " << code;
      } else {
        ASSERT_FALSE(std::isfinite(lse)) << name_of(type) << " code " << code;
      }
    }
  }
}

// A key that holds most of the weight is planted at each edge; the row must react exactly as the mask says.
TEST_P(Stream, NeedlesAtTheEdges) {
  const int32_t seq_len = 560;
  for (const int32_t causal : {0, 1}) {
    ProblemShape shape;
    shape.num_query_heads = 3;
    shape.num_kv_heads = 1;
    shape.sequences = {{2, seq_len, causal}};
    shape.window_left = 100;
    shape.window_right = 0;
    shape.cache_type = DataType::kBF16;
    for (int32_t i = 0; i < 2; ++i) {
      const int32_t p = seq_len - 2 + i;
      for (const int32_t t : {p, p + 1, p - 100, p - 101, p - 99, 511, 512, 463, 464, seq_len - 1}) {
        Problem problem(shape);
        ASSERT_NO_FATAL_FAILURE(problem.run(table(), 1 << 20, 1));
        const std::vector<float> before = problem.output();
        if (t >= seq_len) continue;
        Forward& f = problem.params();
        const int64_t block = f.batch.block_table[t / 16];
        if (block < 0) {
          for (int32_t j = 0; j < 2; ++j) ASSERT_FALSE(problem.is_visible(shape.sequences[0], j, t));
          continue;
        }
        // The key points where the query of row i, head 0 points.
        auto* keys = static_cast<uint16_t*>(const_cast<void*>(f.key_cache.data));
        const auto* query = static_cast<const float*>(f.query.data) + i * 3 * shape.head_size;
        const int64_t at = block * f.key_cache.block_stride + t % 16 * f.key_cache.row_stride;
        for (int32_t d = 0; d < shape.head_size; ++d) {
          set_element(DataType::kBF16, keys, static_cast<size_t>(at + d), 4.0f * query[d]);
        }
        ASSERT_NO_FATAL_FAILURE(problem.run(table(), 1 << 20, 1));
        ASSERT_NO_FATAL_FAILURE(problem.check(1e-5));
        const size_t row = static_cast<size_t>(i) * static_cast<size_t>(3 * (shape.head_size_v + 3) + 5);
        const bool changed = std::memcmp(&before[row], &problem.output()[row], static_cast<size_t>(shape.head_size_v) * 4) != 0;
        EXPECT_EQ(changed, problem.is_visible(shape.sequences[0], i, t)) << "row " << i << " key " << t;
      }
    }
  }
}

FOVEA_FOR_ALL_TABLES(Stream);

}  // namespace
}  // namespace fovea::cpu::testing
