// Where each matrix instruction keeps its elements: a one in A and a one in B give a one in C exactly where the instruction
// manuals' tables say. The expectations are written here once more, from the tables, and not shared with the evaluator.
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <string>
#include <tuple>
#include <vector>

#include "tests/simt/matrix.h"

namespace fovea::hip::host {
namespace {

struct Place {
  int row, column;
};

// The tables: element e of a lane of A, of B, and register r of C.
struct Table {
  const char* name;
  Instruction instruction;
  int m, n, k, wave_size, elements_a, elements_b, registers_c;
  Element type;
  Place (*a)(int lane, int e);
  Place (*b)(int lane, int e);
  Place (*c)(int lane, int r);
};

const Table kTables[] = {
    {"mfma_f32_16x16x4", Instruction::kMfma16x16x4, 16, 16, 4, 64, 1, 1, 4, Element::kF32,
     [](int lane, int) { return Place{lane % 16, lane / 16}; }, [](int lane, int) { return Place{lane / 16, lane % 16}; },
     [](int lane, int r) { return Place{4 * (lane / 16) + r, lane % 16}; }},
    {"mfma_f32_16x16x16", Instruction::kMfma16x16x16, 16, 16, 16, 64, 4, 4, 4, Element::kF16,
     [](int lane, int e) { return Place{lane % 16, 4 * (lane / 16) + e}; },
     [](int lane, int e) { return Place{4 * (lane / 16) + e, lane % 16}; },
     [](int lane, int r) { return Place{4 * (lane / 16) + r, lane % 16}; }},
    {"mfma_f32_32x32x8", Instruction::kMfma32x32x8, 32, 32, 8, 64, 4, 4, 16, Element::kBF16,
     [](int lane, int e) { return Place{lane % 32, 4 * (lane / 32) + e}; },
     [](int lane, int e) { return Place{4 * (lane / 32) + e, lane % 32}; },
     [](int lane, int r) { return Place{8 * (r / 4) + 4 * (lane / 32) + r % 4, lane % 32}; }},
    {"mfma_f32_16x16x32", Instruction::kMfma16x16x32, 16, 16, 32, 64, 8, 8, 4, Element::kBF16,
     [](int lane, int e) { return Place{lane % 16, 8 * (lane / 16) + e}; },
     [](int lane, int e) { return Place{8 * (lane / 16) + e, lane % 16}; },
     [](int lane, int r) { return Place{4 * (lane / 16) + r, lane % 16}; }},
    {"mfma_f32_16x16x32_fp8", Instruction::kMfma16x16x32, 16, 16, 32, 64, 8, 8, 4, Element::kE4M3FNUZ,
     [](int lane, int e) { return Place{lane % 16, 8 * (lane / 16) + e}; },
     [](int lane, int e) { return Place{8 * (lane / 16) + e, lane % 16}; },
     [](int lane, int r) { return Place{4 * (lane / 16) + r, lane % 16}; }},
    {"mfma_f32_32x32x16", Instruction::kMfma32x32x16, 32, 32, 16, 64, 8, 8, 16, Element::kF16,
     [](int lane, int e) { return Place{lane % 32, 8 * (lane / 32) + e}; },
     [](int lane, int e) { return Place{8 * (lane / 32) + e, lane % 32}; },
     [](int lane, int r) { return Place{8 * (r / 4) + 4 * (lane / 32) + r % 4, lane % 32}; }},
    {"wmma_gfx12", Instruction::kWmma12, 16, 16, 16, 32, 8, 8, 8, Element::kBF16,
     [](int lane, int e) { return Place{lane % 16, 8 * (lane / 16) + e}; },
     [](int lane, int e) { return Place{8 * (lane / 16) + e, lane % 16}; },
     [](int lane, int r) { return Place{8 * (lane / 16) + r, lane % 16}; }},
    {"wmma_gfx12_fp8", Instruction::kWmma12, 16, 16, 16, 32, 8, 8, 8, Element::kE4M3FN,
     [](int lane, int e) { return Place{lane % 16, 8 * (lane / 16) + e}; },
     [](int lane, int e) { return Place{8 * (lane / 16) + e, lane % 16}; },
     [](int lane, int r) { return Place{8 * (lane / 16) + r, lane % 16}; }},
    {"wmma_gfx11", Instruction::kWmma11, 16, 16, 16, 32, 16, 16, 8, Element::kF16,
     [](int lane, int e) { return Place{lane % 16, e}; }, [](int lane, int e) { return Place{e, lane % 16}; },
     [](int lane, int r) { return Place{2 * r + lane / 16, lane % 16}; }},
    {"mma_m16n8k16", Instruction::kMma16x8x16, 16, 8, 16, 32, 8, 4, 4, Element::kBF16,
     [](int lane, int e) {
       const int g = lane / 4, t = lane % 4;
       const Place pairs[4] = {{g, 2 * t}, {g + 8, 2 * t}, {g, 2 * t + 8}, {g + 8, 2 * t + 8}};
       return Place{pairs[e / 2].row, pairs[e / 2].column + e % 2};
     },
     [](int lane, int e) { return Place{2 * (lane % 4) + 8 * (e / 2) + e % 2, lane / 4}; },
     [](int lane, int r) { return Place{lane / 4 + (r < 2 ? 0 : 8), 2 * (lane % 4) + r % 2}; }},
    {"mma_m16n8k32_fp8", Instruction::kMma16x8x32, 16, 8, 32, 32, 16, 8, 4, Element::kE5M2,
     [](int lane, int e) { return Place{lane / 4 + 8 * ((e / 4) % 2), 4 * (lane % 4) + e % 4 + (e < 8 ? 0 : 16)}; },
     [](int lane, int e) { return Place{4 * (lane % 4) + e % 4 + (e < 4 ? 0 : 16), lane / 4}; },
     [](int lane, int r) { return Place{lane / 4 + (r < 2 ? 0 : 8), 2 * (lane % 4) + r % 2}; }},
};

uint32_t one_of(Element type) {
  switch (type) {
    case Element::kF16: return 0x3c00;
    case Element::kBF16: return 0x3f80;
    case Element::kE4M3FN: return 0x38;
    case Element::kE4M3FNUZ: return 0x40;
    case Element::kE5M2: return 0x3c;
    case Element::kF32: return 0x3f800000;
  }
  return 0;
}
int bits_of_element(Element type) {
  return type == Element::kF32 ? 32 : type == Element::kF16 || type == Element::kBF16 ? 16 : 8;
}

void put(std::vector<uint32_t>& registers, const Table& t, int lane, int e, uint32_t bits) {
  const int width = bits_of_element(t.type), per_register = 32 / width;
  registers[static_cast<size_t>(e / per_register * t.wave_size + lane)] |= bits << (e % per_register * width);
}

class SlotMaps : public ::testing::TestWithParam<Table> {};

TEST_P(SlotMaps, a_one_in_each_operand_lands_where_the_table_says) {
  const Table& t = GetParam();
  const size_t registers_a = static_cast<size_t>(t.elements_a * bits_of_element(t.type) / 32 * t.wave_size);
  const size_t registers_b = static_cast<size_t>(t.elements_b * bits_of_element(t.type) / 32 * t.wave_size);
  // The operand with ones in all slots of one element of the matrix (several lanes hold it on gfx11).
  const auto operand = [&](bool is_a, int row, int column) {
    std::vector<uint32_t> out(is_a ? registers_a : registers_b, 0);
    int found = 0;
    for (int lane = 0; lane < t.wave_size; ++lane) {
      for (int e = 0; e < (is_a ? t.elements_a : t.elements_b); ++e) {
        const Place at = is_a ? t.a(lane, e) : t.b(lane, e);
        if (at.row != row || at.column != column) continue;
        put(out, t, lane, e, one_of(t.type));
        ++found;
      }
    }
    EXPECT_EQ(found, t.instruction == Instruction::kWmma11 ? 2 : 1) << row << ", " << column;
    return out;
  };
  std::vector<float> c(static_cast<size_t>(t.registers_c * t.wave_size));
  for (int k = 0; k < t.k; ++k) {
    for (int i = 0; i < t.m; i += t.m == 16 && t.n == 8 ? 1 : 3) {
      const std::vector<uint32_t> a = operand(true, i, k);
      for (int j = (i + k) % 2; j < t.n; j += 2) {
        for (const int other : {k, (k + 1) % t.k}) {
          const std::vector<uint32_t> b = operand(false, other, j);
          std::fill(c.begin(), c.end(), 2.0f);
          multiply_add(t.instruction, t.type, a.data(), t.type, b.data(), c.data());
          for (int lane = 0; lane < t.wave_size; ++lane) {
            for (int r = 0; r < t.registers_c; ++r) {
              const Place at = t.c(lane, r);
              const float expected = at.row == i && at.column == j && other == k ? 3.0f : 2.0f;
              ASSERT_EQ(c[static_cast<size_t>(r * t.wave_size + lane)], expected)
                  << "A(" << i << ", " << k << ") B(" << other << ", " << j << "): lane " << lane << " register " << r;
            }
          }
        }
      }
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Matrix, SlotMaps, ::testing::ValuesIn(kTables),
                         [](const auto& info) { return std::string(info.param.name); });

TEST(Conversions, every_f16_and_bf16_survives_and_halves_round_to_even) {
  for (uint32_t bits = 0; bits < 0x10000; ++bits) {
    const auto half = static_cast<uint16_t>(bits);
    const bool is_nan = (bits & 0x7fffu) > 0x7c00u;
    const float value = widen_f16(half);
    ASSERT_EQ(std::isnan(value), is_nan) << bits;
    if (!is_nan) {
      ASSERT_EQ(round_to_f16(value), half) << bits;
    } else {
      ASSERT_TRUE(std::isnan(widen_f16(round_to_f16(value)))) << bits;
    }
    const bool is_bf16_nan = (bits & 0x7fffu) > 0x7f80u;
    if (!is_bf16_nan) {
      ASSERT_EQ(round_to_bf16(widen_bf16(half)), half) << bits;
    } else {
      ASSERT_TRUE(std::isnan(widen_bf16(round_to_bf16(widen_bf16(half))))) << bits;
    }
    // Half way to the next: to the even one; a little less or more: to the nearer one.
    if ((bits & 0x7fffu) < 0x7bffu) {
      const float next = widen_f16(static_cast<uint16_t>(bits + 1));
      const float middle = value + (next - value) / 2;
      ASSERT_EQ(round_to_f16(middle), (bits & 1) ? bits + 1 : bits) << bits;
      ASSERT_EQ(round_to_f16(std::nextafter(middle, value)), bits) << bits;
      ASSERT_EQ(round_to_f16(std::nextafter(middle, next)), bits + 1) << bits;
    }
  }
  EXPECT_EQ(round_to_f16(65519.0f), 0x7bff);
  EXPECT_EQ(round_to_f16(65520.0f), 0x7c00);
  EXPECT_EQ(round_to_bf16(1.00390625f), 0x3f80);
  EXPECT_EQ(round_to_bf16(1.01171875f), 0x3f82);
}

TEST(Conversions, fp8) {
  EXPECT_EQ(widen_fp8(0x7e, Element::kE4M3FN), 448.0f);
  EXPECT_EQ(widen_fp8(0x01, Element::kE4M3FN), 0x1p-9f);
  EXPECT_TRUE(std::isnan(widen_fp8(0xff, Element::kE4M3FN)));
  EXPECT_EQ(widen_fp8(0x7f, Element::kE4M3FNUZ), 240.0f);
  EXPECT_TRUE(std::isnan(widen_fp8(0x80, Element::kE4M3FNUZ)));
  EXPECT_EQ(widen_fp8(0xfb, Element::kE5M2), -57344.0f);
  EXPECT_TRUE(std::isinf(widen_fp8(0x7c, Element::kE5M2)));
}

}  // namespace
}  // namespace fovea::hip::host
