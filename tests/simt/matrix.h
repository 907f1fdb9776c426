// The arithmetic of the matrix instructions: operands are put where their slot maps say, multiplied and added in fp32.
// Compiled without instrumentation: it touches nothing but its arguments, and it is where the time goes.
#pragma once

#include <cstdint>

namespace fovea::hip::host {

enum class Element { kF16, kBF16, kE4M3FN, kE4M3FNUZ, kE5M2, kF32 };

uint16_t round_to_f16(float x);
uint16_t round_to_bf16(float x);
float widen_f16(uint16_t bits);
float widen_bf16(uint16_t bits);
float widen_fp8(uint8_t bits, Element type);
void pack_f16(const float* low, const float* high, uint32_t* packed, int count);
void pack_bf16(const float* low, const float* high, uint32_t* packed, int count);

// One instruction's slots for all lanes of a wave. A is m x k, B is k x n and mirrors A (its column takes the place of A's
// row) unless the instruction says otherwise; element e of lane L of A lies in row a_row(L, e) and at a_k(L, e).
enum class Instruction {
  kMma16x8x16,     // NVIDIA mma.sync, 16-bit
  kMma16x8x32,     // NVIDIA mma.sync, fp8
  kMfma16x16x16,   // CDNA, 16-bit, wave of 64
  kMfma32x32x8,
  kMfma16x16x32,   // fp8; gfx950: 16-bit
  kMfma32x32x16,   // fp8; gfx950: 16-bit
  kWmma11,         // RDNA 3, 16x16x16, lanes L and L + 16 hold the same operands
  kWmma12,         // RDNA 4, 16x16x16, 16-bit and fp8
  kMfma16x16x4,    // CDNA, f32
};

struct SlotMap {
  int m, n, k;
  int wave_size;
  int a_elements, b_elements, c_elements;  // of each lane
  struct Place {
    int16_t row, column;
  };
  Place a[64 * 16];  // [lane][element]
  Place b[64 * 16];
  Place c[64 * 16];
};
const SlotMap& slot_map(Instruction instruction);

// c[r][lane] += sum over k. a and b are the registers as lanes hold them, [register][lane], elements from the low bits up.
void multiply_add(Instruction instruction, Element a_type, const uint32_t* a, Element b_type, const uint32_t* b, float* c);

}  // namespace fovea::hip::host
