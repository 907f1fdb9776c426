// Tiles of the device layer: scores and weighted values of one wave against plain loops, keys and values written to shared
// memory where the layer's own copies put them.
#include <gtest/gtest.h>

#include <bit>
#include <random>
#include <vector>

#include "kernels/hip/device/device.h"
#include "tests/simt/machine.h"

namespace fovea::hip {
namespace {

using namespace device;
using host::Launch;
using host::Report;

uint16_t bits16(F16, float x) { return host::round_to_f16(x); }
uint16_t bits16(BF16, float x) { return host::round_to_bf16(x); }
// The word of two numbers side by side, or of one.
template <class T>
uint32_t word_of(float first, float second) {
  if constexpr (T::kBytes == 4) return std::bit_cast<uint32_t>(first);
  if constexpr (T::kBytes == 2) return bits16(T(), first) | static_cast<uint32_t>(bits16(T(), second)) << 16;
}

// Puts numbers into shared memory, 16-byte piece by piece, at place(row, piece).
template <class T, int kPieces, class F>
void fill_tile(const Workgroup& wg, int at, int rows, F value) {
  for (int first = 0; first < rows * kPieces; first += kWaveSize) {
    const Int index = wg.lane + first;
    Quad q;
    for (int i = 0; i < kWaveSize; ++i) {
      for (int w = 0; w < 4; ++w) {
        const int row = index.v[i] / kPieces, element = (index.v[i] % kPieces * 4 + w) * (4 / T::kBytes);
        q.w[w].v[i] = word_of<T>(value(row, element), value(row, element + 1));
      }
    }
    lds_store_quad(wg, swizzled<kPieces>(quotient<kPieces>(index), remainder<kPieces>(index)) + at, q, index < rows * kPieces);
  }
}

template <class T, int kHeadSize, int kRows, int kKeys>
void check_tile() {
  using Ops = Tile<T, kHeadSize, kRows, kKeys>;
  constexpr int kBytes = T::kBytes, kPieces = kHeadSize * kBytes / 16;
  constexpr bool kTransposed = kTransposedValues && kBytes == 2;
  constexpr int kTileKeys = 2 * kKeys;  // the wave takes the second half
  constexpr int kKeysAt = kRows * kHeadSize * kBytes, kValuesAt = kKeysAt + kTileKeys * kHeadSize * kBytes;
  constexpr int kTransposedAt = kValuesAt + kTileKeys * kHeadSize * kBytes;
  // Small whole numbers: every sum is exact.
  const auto query = [](int row, int d) { return static_cast<float>((row * 5 + d * 3) % 7 - 3); };
  const auto key = [](int t, int d) { return static_cast<float>((t * 11 + d * 5) % 9 - 4); };
  const auto value = [](int t, int d) { return static_cast<float>((t * 13 + d * 7) % 11 - 5); };
  Launch launch;
  launch.kernel = "tile";
  launch.num_threads = kWaveSize;
  launch.lds_bytes = kTransposedAt + kTileKeys * kHeadSize * kBytes;
  std::vector<float> scores(kRows * kKeys, -1e9f), sums(kRows * kHeadSize, -1e9f), transposed(kRows * kHeadSize, -1e9f);
  std::vector<float> largest(kRows, -1e9f), total(kRows, -1e9f);
  const Report report = host::run(launch, [&](const Workgroup& wg) {
    fill_tile<T, kPieces>(wg, 0, kRows, query);
    fill_tile<T, kPieces>(wg, kKeysAt, kTileKeys, key);
    fill_tile<T, kPieces>(wg, kValuesAt, kTileKeys, value);
    if constexpr (kBytes == 2) fill_tile<T, kTileKeys / 8>(wg, kTransposedAt, kHeadSize, [&](int d, int t) { return value(t, d); });
    wg.barrier();
    typename Ops::Query q;
    Ops::load_query(wg, 0, 0, q);
    typename Ops::Scores s;
    Ops::scores(wg, q, kKeysAt, kKeys, s);
    typename Ops::RowValues max, sum;
    for (int r = 0; r < Ops::kRowSlots; ++r) max.v[r] = Float(-1e9f), sum.v[r] = Float(0.0f);
    for (int slot = 0; slot < Ops::kScoreSlots; ++slot) {
      const int r = Ops::score_row_slot(slot);
      const Int row = Ops::row_of(wg.lane, r), t = Ops::score_key(wg.lane, slot);
      for (int i = 0; i < kWaveSize; ++i) scores[row.v[i] * kKeys + t.v[i]] = Ops::score(s, slot).v[i];
      max.v[r] = lane_max(max.v[r], Ops::score(s, slot));
      sum.v[r] = sum.v[r] + Ops::score(s, slot);
    }
    Ops::row_max(max);
    Ops::row_sum(sum);
    for (int r = 0; r < Ops::kRowSlots; ++r) {
      const Int row = Ops::row_of(wg.lane, r);
      const Bool leader = Ops::row_leader(wg.lane);
      for (int i = 0; i < kWaveSize; ++i) {
        if (leader.v[i]) largest[row.v[i]] = max.v[r].v[i], total[row.v[i]] = sum.v[r].v[i];
      }
    }
    // Weights that are exact in 16 bits.
    for (int slot = 0; slot < Ops::kScoreSlots; ++slot) {
      const Int row = Ops::row_of(wg.lane, Ops::score_row_slot(slot)), t = Ops::score_key(wg.lane, slot);
      Ops::score(s, slot) = to_float((row * 3 + t) % 8);
    }
    const auto take = [&](typename Ops::Sums& o, std::vector<float>& to) {
      for (int slot = 0; slot < Ops::kOutSlots; ++slot) {
        const Int row = Ops::row_of(wg.lane, Ops::out_row_slot(slot)), d = Ops::out_element(wg.lane, slot);
        for (int i = 0; i < kWaveSize; ++i) to[row.v[i] * kHeadSize + d.v[i]] = Ops::sum(o, slot).v[i];
      }
    };
    typename Ops::Sums o;
    for (int slot = 0; slot < Ops::kOutSlots; ++slot) Ops::sum(o, slot) = Float(1.0f);
    Ops::template values<false, kTileKeys>(wg, s, kValuesAt, kKeys, o);
    take(o, sums);
    for (int slot = 0; slot < Ops::kOutSlots; ++slot) Ops::sum(o, slot) = Float(1.0f);
    if constexpr (kTransposed) {
      Ops::template values<true, kTileKeys>(wg, s, kTransposedAt, kKeys, o);
      take(o, transposed);
    }
  });
  ASSERT_EQ(report.num_errors, 0) << report.errors[0];
  for (int row = 0; row < kRows; ++row) {
    float row_max = -1e9f, row_sum = 0;
    for (int t = 0; t < kKeys; ++t) {
      float expected = 0;
      for (int d = 0; d < kHeadSize; ++d) expected += query(row, d) * key(t + kKeys, d);
      ASSERT_EQ(scores[row * kKeys + t], expected) << "row " << row << " key " << t;
      row_max = std::max(row_max, expected);
      row_sum += expected;
    }
    ASSERT_EQ(largest[row], row_max) << "row " << row;
    ASSERT_EQ(total[row], row_sum) << "row " << row;
    for (int d = 0; d < kHeadSize; ++d) {
      float expected = 1;
      for (int t = 0; t < kKeys; ++t) expected += static_cast<float>((row * 3 + t) % 8) * value(t + kKeys, d);
      ASSERT_EQ(sums[row * kHeadSize + d], expected) << "row " << row << " element " << d;
      if (kTransposed) {
        ASSERT_EQ(transposed[row * kHeadSize + d], expected) << "transposed, row " << row << " element " << d;
      }
    }
  }
}

TEST(Tile, small_head) { check_tile<F16, 64, 16, 16>(); }
TEST(Tile, sixteen_rows) { check_tile<BF16, 128, 16, 64>(); }
TEST(Tile, padded_head) { check_tile<BF16, 96, 16, 32>(); }
TEST(Tile, largest_head) { check_tile<F16, 256, 16, 32>(); }
TEST(Tile, two_blocks_of_rows) { check_tile<F16, 128, 32, 64>(); }
TEST(Tile, f32_of_sixteen_rows) { check_tile<F32, 128, 16, 32>(); }
TEST(Tile, f32_of_a_padded_head) { check_tile<F32, 96, 16, 16>(); }
TEST(Tile, f32_of_two_blocks_of_rows) { check_tile<F32, 64, 32, 64>(); }
TEST(Tile, f32_of_the_largest_head) { check_tile<F32, 256, 16, 16>(); }
TEST(Tile, two_blocks_of_rows_of_a_small_head) { check_tile<BF16, 64, 32, 32>(); }

}  // namespace
}  // namespace fovea::hip
