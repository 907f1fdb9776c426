#include "tests/simt/matrix.h"

#include <array>
#include <cstring>
#include <memory>

namespace fovea::hip::host {
namespace {

uint32_t bits_of_float(float x) {
  uint32_t bits;
  std::memcpy(&bits, &x, 4);
  return bits;
}
float float_of_bits(uint32_t bits) {
  float x;
  std::memcpy(&x, &bits, 4);
  return x;
}

inline uint16_t f16_of(float x) {
  const uint32_t bits = bits_of_float(x), sign = bits >> 16 & 0x8000u, magnitude = bits & 0x7fffffffu;
  // Subnormal results are multiples of 2^-24: adding 0.5, whose last place is that, rounds there.
  const uint32_t small = bits_of_float(float_of_bits(magnitude) + 0.5f) - 0x3f000000u;
  const uint32_t normal = (magnitude + 0xfffu + (magnitude >> 13 & 1u) - (112u << 23)) >> 13;
  const uint32_t special = magnitude > 0x7f800000u ? 0x7fffu : 0x7c00u;
  const uint32_t out = magnitude >= 0x477ff000u ? special : magnitude < 0x38800000u ? small : normal;
  return static_cast<uint16_t>(sign | out);
}
inline uint16_t bf16_of(float x) {
  const uint32_t bits = bits_of_float(x);
  if ((bits & 0x7fffffffu) > 0x7f800000u) return 0x7fff;
  return static_cast<uint16_t>((bits + 0x7fffu + (bits >> 16 & 1u)) >> 16);
}
inline float of_f16(uint32_t bits) {
  const uint32_t placed = (bits & 0x7fffu) << 13;
  const float value = float_of_bits(placed) * 0x1p112f;
  const uint32_t special = (bits & 0x7c00u) == 0x7c00u ? 0x7f800000u : 0u;
  return float_of_bits(bits_of_float(value) | special | (bits & 0x8000u) << 16);
}
inline float of_bf16(uint32_t bits) { return float_of_bits(bits << 16); }

float of_fp8(uint32_t byte, Element type) {
  const int mantissa = type == Element::kE5M2 ? 2 : 3;
  const int bias = type == Element::kE5M2 ? 15 : type == Element::kE4M3FNUZ ? 8 : 7;
  const uint32_t magnitude = byte & 0x7fu;
  const int exponent = static_cast<int>(magnitude >> mantissa);
  const int fraction = static_cast<int>(magnitude & ((1u << mantissa) - 1));
  const float nan = float_of_bits(0x7fc00000u);
  if (type == Element::kE4M3FN && magnitude == 0x7f) return nan;
  if (type == Element::kE4M3FNUZ && byte == 0x80) return nan;
  float value = exponent == 0 ? static_cast<float>(fraction) : static_cast<float>(fraction + (1 << mantissa));
  const int shift = (exponent == 0 ? 1 : exponent) - bias - mantissa;
  value = shift < 0 ? value / static_cast<float>(1ll << -shift) : value * static_cast<float>(1ll << shift);
  if (type == Element::kE5M2 && exponent == 31) value = fraction != 0 ? nan : float_of_bits(0x7f800000u);
  return byte & 0x80u ? -value : value;
}

const float* fp8_table(Element type) {
  struct Tables {
    std::array<std::array<float, 256>, 3> of;
    Tables() {
      for (int t = 0; t < 3; ++t) {
        for (uint32_t b = 0; b < 256; ++b) of[t][b] = of_fp8(b, static_cast<Element>(static_cast<int>(Element::kE4M3FN) + t));
      }
    }
  };
  static const Tables tables;
  return tables.of[static_cast<int>(type) - static_cast<int>(Element::kE4M3FN)].data();
}

// The maps, from the instruction manuals.
SlotMap make_map(Instruction instruction) {
  SlotMap s = {};
  const auto shape = [&](int m, int n, int k, int wave, int a, int b, int c) {
    s.m = m, s.n = n, s.k = k, s.wave_size = wave, s.a_elements = a, s.b_elements = b, s.c_elements = c;
  };
  // For instructions whose B mirrors A: row_of_a(lane, e), k_of_a(lane, e), row_of_c(lane, r), column_of_c(lane, r).
  const auto fill = [&](auto row, auto depth, auto c_row, auto c_column) {
    for (int lane = 0; lane < s.wave_size; ++lane) {
      for (int e = 0; e < s.a_elements; ++e) {
        const auto r = static_cast<int16_t>(row(lane, e)), k = static_cast<int16_t>(depth(lane, e));
        s.a[lane * s.a_elements + e] = {r, k};
        s.b[lane * s.a_elements + e] = {k, r};
      }
      for (int r = 0; r < s.c_elements; ++r) {
        s.c[lane * s.c_elements + r] = {static_cast<int16_t>(c_row(lane, r)), static_cast<int16_t>(c_column(lane, r))};
      }
    }
  };
  const auto c16 = [](int lane, int r) { return 4 * (lane / 16) + r; };
  const auto c32 = [](int lane, int r) { return 8 * (r / 4) + 4 * (lane / 32) + r % 4; };
  const auto mod16 = [](int lane, int) { return lane % 16; };
  const auto mod32 = [](int lane, int) { return lane % 32; };
  switch (instruction) {
    case Instruction::kMfma16x16x16:
      shape(16, 16, 16, 64, 4, 4, 4);
      fill(mod16, [](int lane, int e) { return 4 * (lane / 16) + e; }, c16, mod16);
      break;
    case Instruction::kMfma16x16x4:
      shape(16, 16, 4, 64, 1, 1, 4);
      fill(mod16, [](int lane, int) { return lane / 16; }, c16, mod16);
      break;
    case Instruction::kMfma32x32x8:
      shape(32, 32, 8, 64, 4, 4, 16);
      fill(mod32, [](int lane, int e) { return 4 * (lane / 32) + e; }, c32, mod32);
      break;
    case Instruction::kMfma16x16x32:
      shape(16, 16, 32, 64, 8, 8, 4);
      fill(mod16, [](int lane, int e) { return 8 * (lane / 16) + e; }, c16, mod16);
      break;
    case Instruction::kMfma32x32x16:
      shape(32, 32, 16, 64, 8, 8, 16);
      fill(mod32, [](int lane, int e) { return 8 * (lane / 32) + e; }, c32, mod32);
      break;
    case Instruction::kWmma11:
      shape(16, 16, 16, 32, 16, 16, 8);
      fill(mod16, [](int, int e) { return e; }, [](int lane, int r) { return 2 * r + lane / 16; }, mod16);
      break;
    case Instruction::kWmma12:
      shape(16, 16, 16, 32, 8, 8, 8);
      fill(mod16, [](int lane, int e) { return 8 * (lane / 16) + e; }, [](int lane, int r) { return 8 * (lane / 16) + r; },
           mod16);
      break;
    case Instruction::kMma16x8x16:
    case Instruction::kMma16x8x32: {
      const int run = instruction == Instruction::kMma16x8x16 ? 2 : 4;  // elements side by side in a register
      shape(16, 8, 8 * run, 32, 4 * run, 2 * run, 4);
      for (int lane = 0; lane < 32; ++lane) {
        const int g = lane / 4, t = lane % 4;
        for (int e = 0; e < s.a_elements; ++e) {
          const int reg = e / run;
          s.a[lane * s.a_elements + e] = {static_cast<int16_t>(g + reg % 2 * 8),
                                          static_cast<int16_t>(run * t + e % run + reg / 2 * 4 * run)};
        }
        for (int e = 0; e < s.b_elements; ++e) {
          s.b[lane * s.b_elements + e] = {static_cast<int16_t>(run * t + e % run + e / run * 4 * run), static_cast<int16_t>(g)};
        }
        for (int r = 0; r < 4; ++r) {
          s.c[lane * 4 + r] = {static_cast<int16_t>(g + r / 2 * 8), static_cast<int16_t>(2 * t + r % 2)};
        }
      }
      break;
    }
  }
  return s;
}

// The elements of an operand, widened, in the order [lane][element].
void widen(Element type, const uint32_t* registers, int wave_size, int elements, float* out) {
  if (type == Element::kF32) {
    std::memcpy(out, registers, static_cast<size_t>(wave_size * elements) * 4);  // one element a lane
    return;
  }
  if (type == Element::kF16 || type == Element::kBF16) {
    float low[64], high[64];
    for (int r = 0; r < elements / 2; ++r) {
      const uint32_t* from = registers + r * wave_size;
      if (type == Element::kF16) {
        for (int i = 0; i < wave_size; ++i) low[i] = of_f16(from[i] & 0xffffu), high[i] = of_f16(from[i] >> 16);
      } else {
        for (int i = 0; i < wave_size; ++i) low[i] = of_bf16(from[i]), high[i] = of_bf16(from[i] >> 16);
      }
      for (int i = 0; i < wave_size; ++i) out[i * elements + 2 * r] = low[i], out[i * elements + 2 * r + 1] = high[i];
    }
    return;
  }
  const float* table = fp8_table(type);
  for (int r = 0; r < elements / 4; ++r) {
    for (int i = 0; i < wave_size; ++i) {
      for (int e = 0; e < 4; ++e) out[i * elements + 4 * r + e] = table[registers[r * wave_size + i] >> (8 * e) & 0xffu];
    }
  }
}

template <int kN>
void product(int m, int k, const float* a, const float* b, float* c) {
  for (int i = 0; i < m; ++i) {
    float sum[kN];
    std::memcpy(sum, c + i * kN, sizeof sum);
    for (int d = 0; d < k; ++d) {
      const float x = a[i * k + d];
      for (int j = 0; j < kN; ++j) sum[j] += x * b[d * kN + j];
    }
    std::memcpy(c + i * kN, sum, sizeof sum);
  }
}

}  // namespace

uint16_t round_to_f16(float x) { return f16_of(x); }
uint16_t round_to_bf16(float x) { return bf16_of(x); }
float widen_f16(uint16_t bits) { return of_f16(bits); }
float widen_bf16(uint16_t bits) { return of_bf16(bits); }
float widen_fp8(uint8_t bits, Element type) { return fp8_table(type)[bits]; }
void pack_f16(const float* low, const float* high, uint32_t* packed, int count) {
  for (int i = 0; i < count; ++i) packed[i] = f16_of(low[i]) | static_cast<uint32_t>(f16_of(high[i])) << 16;
}
void pack_bf16(const float* low, const float* high, uint32_t* packed, int count) {
  for (int i = 0; i < count; ++i) packed[i] = bf16_of(low[i]) | static_cast<uint32_t>(bf16_of(high[i])) << 16;
}

const SlotMap& slot_map(Instruction instruction) {
  struct Maps {
    SlotMap map[9];
    Maps() {
      for (int i = 0; i < 9; ++i) map[i] = make_map(static_cast<Instruction>(i));
    }
  };
  static const std::unique_ptr<const Maps> maps = std::make_unique<const Maps>();
  return maps->map[static_cast<int>(instruction)];
}

void multiply_add(Instruction instruction, Element a_type, const uint32_t* a, Element b_type, const uint32_t* b, float* c) {
  const SlotMap& s = slot_map(instruction);
  float wide[64 * 16], left[32 * 32], right[32 * 32], sums[32 * 32];
  widen(a_type, a, s.wave_size, s.a_elements, wide);
  for (int i = 0; i < s.wave_size * s.a_elements; ++i) left[s.a[i].row * s.k + s.a[i].column] = wide[i];
  widen(b_type, b, s.wave_size, s.b_elements, wide);
  for (int i = 0; i < s.wave_size * s.b_elements; ++i) right[s.b[i].row * s.n + s.b[i].column] = wide[i];
  for (int lane = 0; lane < s.wave_size; ++lane) {
    for (int r = 0; r < s.c_elements; ++r) {
      const SlotMap::Place at = s.c[lane * s.c_elements + r];
      sums[at.row * s.n + at.column] = c[r * s.wave_size + lane];
    }
  }
  if (s.n == 8) {
    product<8>(s.m, s.k, left, right, sums);
  } else if (s.n == 16) {
    product<16>(s.m, s.k, left, right, sums);
  } else {
    product<32>(s.m, s.k, left, right, sums);
  }
  for (int lane = 0; lane < s.wave_size; ++lane) {
    for (int r = 0; r < s.c_elements; ++r) {
      const SlotMap::Place at = s.c[lane * s.c_elements + r];
      c[r * s.wave_size + lane] = sums[at.row * s.n + at.column];
    }
  }
}

}  // namespace fovea::hip::host
