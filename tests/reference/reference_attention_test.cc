// Attention on numbers small enough to work by hand. Most use one-element vectors: the key of weight w is ln(w), so that
// with a query of 1 and scale 1 the softmax weights are w over their sum.
#include "tests/reference/reference_attention.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <vector>

namespace fovea_reference {
namespace {

constexpr double kInf = std::numeric_limits<double>::infinity();
constexpr float kInfF = std::numeric_limits<float>::infinity();
constexpr double kClose = 1e-6;  // the inputs are floats

// Decoder attention over a strided f32 cache of one block, everything read from the cache.
struct Small {
  Problem problem;
  std::vector<float> query, key, value;
  std::vector<int32_t> table = {0};

  Small(std::vector<float> q, std::vector<float> k, std::vector<float> v)
      : query(std::move(q)), key(std::move(k)), value(std::move(v)) {
    problem.query_start_loc = {0, static_cast<int32_t>(query.size())};
    problem.seq_lens = {static_cast<int32_t>(key.size())};
    key.resize(16, std::numeric_limits<float>::quiet_NaN());
    value.resize(16, std::numeric_limits<float>::quiet_NaN());
  }
  Result run() {
    Problem& p = problem;
    p.query = {query.data(), Type::kF32, p.num_query_heads * p.head_size, p.head_size};
    p.block_table = table.data();
    p.block_table_stride = static_cast<int64_t>(table.size());
    const int64_t row = static_cast<int64_t>(p.num_kv_heads) * p.head_size;
    p.key_cache = {key.data(), Type::kF32, {16 * row, row, p.head_size, 1, 0}};
    p.value_cache = {value.data(), Type::kF32, {16 * row, row, p.head_size, 1, 0}};
    return attention(p);
  }
};

float ln(double x) { return static_cast<float>(std::log(x)); }

TEST(Attention, WeightsAndLogSumExp) {
  Small small({1}, {ln(1), ln(2)}, {3, 6});
  const Result r = small.run();
  EXPECT_NEAR(r.out[0], 5.0, kClose);  // (1*3 + 2*6) / 3
  EXPECT_NEAR(r.lse[0], std::log(3.0), kClose);
}

TEST(Attention, CausalRows) {
  Small small({1, 1}, {ln(1), ln(2), ln(3)}, {3, 6, 12});
  const Result r = small.run();
  EXPECT_NEAR(r.out[0], 5.0, kClose);            // sees 1 and 2
  EXPECT_NEAR(r.out[1], (15 + 36) / 6.0, kClose);  // sees all
}

TEST(Attention, NonCausalRows) {
  Small small({1, 1}, {ln(1), ln(2), ln(3)}, {3, 6, 12});
  small.problem.causal = false;
  const Result r = small.run();
  EXPECT_NEAR(r.out[0], 8.5, kClose);
  EXPECT_NEAR(r.out[1], 8.5, kClose);
}

TEST(Attention, ScaleMultipliesTheProduct) {
  Small small({2}, {ln(1), ln(2)}, {3, 6});
  small.problem.scale = 1.5;  // weights 1 and 2^3
  EXPECT_NEAR(small.run().out[0], (3 + 48) / 9.0, kClose);
}

TEST(Attention, SoftCap) {
  // c tanh(S / c) with c = 2 ln 2 and S = c atanh(1/2) is ln 2.
  const double c = 2 * std::log(2.0);
  Small small({1}, {0, static_cast<float>(c * std::atanh(0.5))}, {3, 6});
  small.problem.softcap = c;
  EXPECT_NEAR(small.run().out[0], 5.0, kClose);
}

TEST(Attention, Alibi) {
  // Row at position 4, equal scores: key t weighs exp(-ln 2 * (4 - t)).
  Small small({1}, {0, 0, 0, 0, 0}, {0, 0, 0, 3, 6});
  small.problem.alibi = Alibi::kLinear;
  small.problem.alibi_slopes = {ln(2)};
  EXPECT_NEAR(small.run().out[0], (0.5 * 3 + 6) / (1 + 0.5 + 0.25 + 0.125 + 0.0625), kClose);
  // sqrt: of key 0 it is 2^-2, of key 3 2^-1.
  small.problem.alibi = Alibi::kSqrt;
  small.problem.window_left = 1;
  EXPECT_NEAR(small.run().out[0], (0.5 * 3 + 6) / 1.5, kClose);
  Small far({1}, {0, 0, 0, 0, 0}, {8, 0, 0, 0, 0});
  far.problem.alibi = Alibi::kSqrt;
  far.problem.alibi_slopes = {ln(2)};
  const double sum = 1 + 0.5 + std::exp2(-std::sqrt(2.0)) + std::exp2(-std::sqrt(3.0)) + 0.25;
  EXPECT_NEAR(far.run().out[0], 0.25 * 8 / sum, kClose);
}

TEST(Attention, AlibiIsSymmetricForNonCausalRowsAndTakesEitherSign) {
  Small small({1, 1, 1}, {0, 0, 0}, {3, 6, 12});
  small.problem.causal = false;
  small.problem.alibi = Alibi::kLinear;
  small.problem.alibi_slopes = {ln(2)};
  EXPECT_NEAR(small.run().out[1], (1.5 + 6 + 6) / 2, kClose);
  small.problem.alibi_slopes = {-ln(2)};
  EXPECT_NEAR(small.run().out[1], (6 + 6 + 24) / 5.0, kClose);
}

TEST(Attention, TheSinkJoinsTheDenominatorOnce) {
  Small small({1}, {ln(1), ln(2)}, {3, 6});
  small.problem.sinks = {ln(3)};
  small.problem.scale = 1;
  Result r = small.run();
  EXPECT_NEAR(r.out[0], 15 / 6.0, kClose);
  EXPECT_NEAR(r.lse[0], std::log(6.0), kClose);
  small.problem.sinks = {-kInfF};
  EXPECT_NEAR(small.run().out[0], 5.0, kClose);
  small.problem.sinks = {200.0f};  // far above every score
  r = small.run();
  EXPECT_NEAR(r.out[0], 0.0, kClose);
  EXPECT_NEAR(r.lse[0], 200.0, kClose);
  small.problem.partial = true;
  r = small.run();
  EXPECT_NEAR(r.out[0], 5.0, kClose);
  EXPECT_NEAR(r.lse[0], std::log(3.0), kClose);
}

TEST(Attention, RowsThatSeeNothing) {
  Small small({1, 1}, {ln(2)}, {3});  // positions -1 and 0
  Result r = small.run();
  EXPECT_EQ(r.out[0], 0.0);
  EXPECT_EQ(r.lse[0], -kInf);
  EXPECT_NEAR(r.out[1], 3.0, kClose);
  small.problem.sinks = {1.5f};
  r = small.run();
  EXPECT_EQ(r.out[0], 0.0);
  EXPECT_EQ(r.lse[0], 1.5);
  small.problem.seq_lens = {0};
  r = small.run();
  EXPECT_EQ(r.out[1], 0.0);
  EXPECT_EQ(r.lse[1], 1.5);
}

TEST(Attention, QueryHeadsShareKvHeadsInOrder) {
  // Four query heads, two KV heads: heads 0 and 1 read the first, 2 and 3 the second.
  Small small({1, 1, 1, 1}, {0}, {0});
  small.problem.num_query_heads = 4;
  small.problem.num_kv_heads = 2;
  small.problem.query_start_loc = {0, 1};
  small.key = std::vector<float>(32, std::numeric_limits<float>::quiet_NaN());
  small.value = small.key;
  small.key[0] = small.key[1] = 0;
  small.value[0] = 3;
  small.value[1] = 7;
  const Result r = small.run();
  EXPECT_EQ(r.out, (std::vector<double>{3, 3, 7, 7}));
}

TEST(Attention, DifferentSizesOfKeyAndValue) {
  // q.k over two elements: 1*1 + 2*k1.
  Problem p;
  p.head_size = 2;
  p.head_size_v = 3;
  p.kind = Kind::kEncoder;
  p.query_start_loc = {0, 2};
  p.seq_lens = {2};
  const std::vector<float> q = {1, 2, 1, 2};
  const std::vector<float> k = {0, 0, ln(2) - 2, 1};  // scores 0 and ln 2
  const std::vector<float> v = {3, 0, 9, 6, 3, 0};
  p.query = {q.data(), Type::kF32, 2, 2};
  p.key = {k.data(), Type::kF32, 2, 2};
  p.value = {v.data(), Type::kF32, 3, 3};
  const Result r = attention(p);
  for (int row = 0; row < 2; ++row) {
    EXPECT_NEAR(r.out[static_cast<size_t>(3 * row)], 5.0, kClose);
    EXPECT_NEAR(r.out[static_cast<size_t>(3 * row + 1)], 2.0, kClose);
    EXPECT_NEAR(r.out[static_cast<size_t>(3 * row + 2)], 3.0, kClose);
  }
}

TEST(Attention, PagingFollowsTheBlockTable) {
  // 18 keys in blocks 2 and 0; the value of key t is t, all scores equal: the mean of 0 .. 17.
  Small small({1}, std::vector<float>(16, 0), std::vector<float>(16, 0));
  small.key = std::vector<float>(48, std::numeric_limits<float>::quiet_NaN());
  small.value = small.key;
  small.table = {2, 0};
  small.problem.seq_lens = {18};
  for (int t = 0; t < 18; ++t) {
    const size_t at = static_cast<size_t>(t < 16 ? 32 + t : t - 16);
    small.key[at] = 0;
    small.value[at] = static_cast<float>(t);
  }
  EXPECT_NEAR(small.run().out[0], 8.5, kClose);
}

TEST(Attention, TheCurrentChunkComesFromTheDenseTensors) {
  // Two keys of context in the cache (values 3, 6), one in the dense tensors (12); the cache's third is NaN.
  Small small({1}, {ln(1), ln(2)}, {3, 6});
  const std::vector<float> k = {ln(3)}, v = {12};
  small.problem.seq_lens = {3};
  small.problem.key = {k.data(), Type::kF32, 1, 1};
  small.problem.value = {v.data(), Type::kF32, 1, 1};
  EXPECT_NEAR(small.run().out[0], 8.5, kClose);
}

TEST(Attention, CacheScalesDoNotTouchTheDenseChunk) {
  // Two KV heads with scales of their own. Cached keys are ln(w) / k_scale, cached values v / v_scale.
  Small small({1, 1}, {0}, {0});
  Problem& p = small.problem;
  p.num_query_heads = p.num_kv_heads = 2;
  p.query_start_loc = {0, 1};
  p.seq_lens = {3};
  p.k_scales = {2.0f, 0.5f};
  p.v_scales = {4.0f, 0.25f};
  small.key = {ln(1) / 2, ln(1) / 0.5f, ln(2) / 2, ln(2) / 0.5f};
  small.value = {3.0f / 4, 30.0f / 0.25f, 6.0f / 4, 60.0f / 0.25f};
  small.key.resize(32, std::numeric_limits<float>::quiet_NaN());
  small.value.resize(32, std::numeric_limits<float>::quiet_NaN());
  const std::vector<float> k = {ln(3), ln(3)}, v = {12, 120};
  p.key = {k.data(), Type::kF32, 2, 1};
  p.value = {v.data(), Type::kF32, 2, 1};
  const Result r = small.run();
  EXPECT_NEAR(r.out[0], 8.5, kClose);
  EXPECT_NEAR(r.out[1], 85, 1e-4);
}

TEST(Attention, Fp8Query) {
  // The query's stored 2 (0x40 in e4m3fn) times q_scale 0.5 is 1.
  Small small({1}, {ln(1), ln(2)}, {3, 6});
  const uint8_t q = 0x40;
  small.run();
  small.problem.query = {&q, Type::kE4M3FN, 1, 1};
  small.problem.q_scale = 0.5;
  EXPECT_NEAR(attention(small.problem).out[0], 5.0, kClose);
}

TEST(Attention, Fp8OutputIsClampedAndRoundedInLowprecOnly) {
  Small small({1}, {ln(1), ln(2)}, {3, 6});
  small.problem.output_type = Type::kE4M3FN;
  small.problem.output_scale = 4;  // 5 / 4 = 1.25 is representable
  Result r = small.run();
  EXPECT_NEAR(r.out[0], 5.0, kClose);
  EXPECT_EQ(r.lowprec[0], 5.0);
  small.problem.output_scale = 4.25;  // 1.176 lies between 1.125 and 1.25, nearer to 1.125
  r = small.run();
  EXPECT_NEAR(r.out[0], 5.0, kClose);
  EXPECT_EQ(r.lowprec[0], 1.125 * 4.25);
  small.problem.output_scale = 0.01;  // 500 is beyond 448
  r = small.run();
  EXPECT_NEAR(r.out[0], 4.48, kClose);
  EXPECT_NEAR(r.lowprec[0], 4.48, kClose);
}

TEST(Attention, LowprecRoundsProbabilitiesAndOutput) {
  // Scores -0.6875 (which bf16 has) and 0. The first weight, 0.50283, lies between 0.5 and 0.50390625 of bf16, nearer to the
  // second; the sum keeps the unrounded one.
  Small small({1}, {-0.6875f, 0}, {3, 6});
  small.problem.p_type = Type::kBF16;
  const double sum = std::exp(-0.6875) + 1;
  EXPECT_NEAR(small.run().lowprec[0], (3 * 0.50390625 + 6) / sum, kClose);
  EXPECT_NEAR(small.run().out[0], (3 * std::exp(-0.6875) + 6) / sum, kClose);
  small.problem.output_type = Type::kBF16;
  EXPECT_EQ(small.run().lowprec[0], 5.0);  // of 4.998: bf16 has steps of 1/32 there
}

TEST(Attention, LowprecRoundsACacheThatIsWiderThanTheQuery) {
  // bf16 makes 3 of 3.001 and 0 of nothing else; f32 queries round nothing.
  Small small({1}, {0}, {3.001f});
  EXPECT_NEAR(small.run().lowprec[0], 3.001, kClose);
  small.problem.p_type = Type::kBF16;
  EXPECT_EQ(small.run().lowprec[0], 3.0);
  EXPECT_NEAR(small.run().out[0], 3.001, kClose);
}

TEST(Attention, OnlyWantedRowsAreComputed) {
  Small small({1, 1}, {ln(1), ln(2), ln(3)}, {3, 6, 12});
  small.run();
  const Result r = attention(small.problem, 2, {0, 1});
  EXPECT_EQ(r.out[0], 0.0);
  EXPECT_NEAR(r.out[1], 8.5, kClose);
}

TEST(Attention, ThreadsChangeNothing) {
  std::vector<float> q(40), k(16), v(16);
  for (size_t i = 0; i < q.size(); ++i) q[i] = static_cast<float>(i % 7) - 3;
  for (size_t i = 0; i < k.size(); ++i) k[i] = static_cast<float>(i % 5) * 0.3f, v[i] = static_cast<float>(i);
  Small small(q, k, v);
  small.problem.causal = false;
  small.run();
  const Result one = attention(small.problem, 1);
  const Result three = attention(small.problem, 3);
  EXPECT_EQ(one.out, three.out);
  EXPECT_EQ(one.lse, three.lse);
}

TEST(Merge, PartsMakeTheWhole) {
  // Keys of weight 1, 2 | 3 with values 3, 6 | 12: states 5 (ln 3) and 12 (ln 3).
  const State a = {{5.0}, {std::log(3.0)}};
  const State b = {{12.0}, {std::log(3.0)}};
  State whole = merge({a, b}, 1, 1, 1, {});
  EXPECT_NEAR(whole.out[0], 8.5, 1e-12);
  EXPECT_NEAR(whole.lse[0], std::log(6.0), 1e-12);
  whole = merge({a, b}, 1, 1, 1, {ln(6)});  // the sink once, not once per state
  EXPECT_NEAR(whole.out[0], 4.25, kClose);
  EXPECT_NEAR(whole.lse[0], std::log(12.0), kClose);
}

TEST(Merge, EmptyStates) {
  const State empty = {{0.0}, {-kInf}};
  const State infinite = {{7.0}, {kInf}};  // plus infinity means empty too
  const State b = {{12.0}, {1.0}};
  EXPECT_EQ(merge({empty, b, infinite}, 1, 1, 1, {}).out[0], 12.0);
  const State none = merge({empty, infinite}, 1, 1, 1, {});
  EXPECT_EQ(none.out[0], 0.0);
  EXPECT_EQ(none.lse[0], -kInf);
  EXPECT_EQ(merge({empty}, 1, 1, 1, {2.0f}).lse[0], 2.0);
}

}  // namespace
}  // namespace fovea_reference
