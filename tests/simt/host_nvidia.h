// Matrix primitives of the NVIDIA layer on the host: ldmatrix and mma.sync. The tiles above them are the GPU's own.
#pragma once

#define FOVEA_HAS_ASYNC_COPIES 1

namespace fovea::hip::host {

// Byte i of the result is the byte of x that digit i of the selector names.
inline Uint permute_bytes(const Uint& x, uint32_t selector) {
  return detail::map<uint32_t>(x, [selector](uint32_t word) {
    uint32_t out = 0;
    for (int i = 0; i < 4; ++i) out |= (word >> (8 * (selector >> (4 * i) & 3u)) & 0xffu) << (8 * i);
    return out;
  });
}

// Even and odd lanes are the two sixteens that share rows.
inline constexpr bool kSharesRegisters = false;
template <int kFrom>
Float shared_by_sixteen(const Float& x) {
  Float r;
  for (int i = 0; i < kWaveSize; ++i) r.v[i] = x.v[i % 2 + kFrom * 2];
  return r;
}

struct Fragment4 {
  Uint r[4];
};

namespace detail {
// Rows of four 8 x 8 matrices of 16-bit elements; lane i names row i % 8 of matrix i / 8.
inline void load_matrix_rows(const Int& from, uint16_t (&rows)[32][8]) {
  for (int i = 0; i < 32; ++i) {
    std::memset(rows[i], 0xff, 16);
    if (const char* at = lds_for_read(-1, from.v[i], 16, 16)) std::memcpy(rows[i], at, 16);
  }
  count_lds(from, 16, Bool(true));
}
}  // namespace detail

// address: wg.lds plus an offset, 16-byte aligned.
inline Fragment4 load_matrices(const Workgroup&, const Int& address) {
  uint16_t rows[32][8];
  detail::load_matrix_rows(address, rows);
  Fragment4 f;
  for (int m = 0; m < 4; ++m) {
    for (int i = 0; i < 32; ++i) {
      const uint16_t* pair = &rows[m * 8 + i / 4][i % 4 * 2];
      f.r[m].v[i] = pair[0] | static_cast<uint32_t>(pair[1]) << 16;
    }
  }
  return f;
}
inline Fragment4 load_matrices_transposed(const Workgroup&, const Int& address) {
  uint16_t rows[32][8];
  detail::load_matrix_rows(address, rows);
  Fragment4 f;
  for (int m = 0; m < 4; ++m) {
    for (int i = 0; i < 32; ++i) {
      const int row = m * 8 + i % 4 * 2;
      f.r[m].v[i] = rows[row][i / 4] | static_cast<uint32_t>(rows[row + 1][i / 4]) << 16;
    }
  }
  return f;
}

template <class T>
void multiply(Float (&c)[4], const Fragment4& a, const Uint& b0, const Uint& b1) {
  const Uint b[2] = {b0, b1};
  multiply_add(Instruction::kMma16x8x16, Pack16<T>::kElement, a.r[0].v, Pack16<T>::kElement, b[0].v, c[0].v);
}

}  // namespace fovea::hip::host

// The GPU's tiles find the host's primitives under their own names.
namespace fovea::hip::nvidia {
using namespace host;
}
#include "kernels/hip/device/nvidia_tiles.h"
#include "kernels/hip/device/shapes_nvidia.h"

namespace fovea::hip {
namespace device = nvidia;
using TargetShapes = NvidiaShapes;
}  // namespace fovea::hip
