// Matrix primitives of the AMD layers on the host: the MFMA and WMMA instructions that each processor has, evaluated from
// their slot maps. An operand is what a lane's registers hold, two 16-bit or four 8-bit elements in each, low bits first;
// operands and sums are arrays of Uint and Float, one entry a register.
//
//   CDNA    multiply_16x16x4(c[4], a, b)              f32
//           multiply_16x16x16<T>(c[4], a[2], b[2])    16-bit: gfx90a, gfx942, gfx950
//           multiply_32x32x8<T>(c[16], a[2], b[2])
//           multiply_16x16x32<T>(c[4], a[4], b[4])    16-bit: gfx950
//           multiply_32x32x16<T>(c[16], a[4], b[4])
//   RDNA 3  multiply_16x16x16<T>(c[8], a[8], b[8])    lanes L and L + 16 hold the same operands, which is checked
//   RDNA 4  multiply_16x16x16<T>(c[8], a[4], b[4])
#pragma once

namespace fovea::hip::host {

namespace detail {
template <Instruction kInstruction, class T, int kSums, int kRegisters>
void multiply(Float (&c)[kSums], const Uint (&a)[kRegisters], const Uint (&b)[kRegisters]) {
  multiply_add(kInstruction, Pack16<T>::kElement, a[0].v, Pack16<T>::kElement, b[0].v, c[0].v);
}
}  // namespace detail

// fp8 operands of CDNA 3 and later and of RDNA 4; each operand names its flavour.
template <Instruction kInstruction, int kSums, int kRegisters>
void multiply_fp8(Float (&c)[kSums], Element a_type, const Uint (&a)[kRegisters], Element b_type,
                  const Uint (&b)[kRegisters]) {
  multiply_add(kInstruction, a_type, a[0].v, b_type, b[0].v, c[0].v);
}

#if FOVEA_HOST_IS(gfx90a) || FOVEA_HOST_IS(gfx950)
inline void multiply_16x16x4(Float (&c)[4], const Float& a, const Float& b) {
  multiply_add(Instruction::kMfma16x16x4, Element::kF32, bits_of(a).v, Element::kF32, bits_of(b).v, c[0].v);
}
template <class T>
void multiply_16x16x16(Float (&c)[4], const Uint (&a)[2], const Uint (&b)[2]) {
  detail::multiply<Instruction::kMfma16x16x16, T>(c, a, b);
}
template <class T>
void multiply_32x32x8(Float (&c)[16], const Uint (&a)[2], const Uint (&b)[2]) {
  detail::multiply<Instruction::kMfma32x32x8, T>(c, a, b);
}
#endif
#if FOVEA_HOST_IS(gfx950)
template <class T>
void multiply_16x16x32(Float (&c)[4], const Uint (&a)[4], const Uint (&b)[4]) {
  detail::multiply<Instruction::kMfma16x16x32, T>(c, a, b);
}
template <class T>
void multiply_32x32x16(Float (&c)[16], const Uint (&a)[4], const Uint (&b)[4]) {
  detail::multiply<Instruction::kMfma32x32x16, T>(c, a, b);
}
#endif
#if FOVEA_HOST_IS(gfx11)
template <class T>
void multiply_16x16x16(Float (&c)[8], const Uint (&a)[8], const Uint (&b)[8]) {
  for (int r = 0; r < 8; ++r) {
    for (int i = 0; i < 16; ++i) {
      if (a[r].v[i] != a[r].v[i + 16]) report_error(i, "WMMA: its first operand differs from that of the lane 16 further on");
      if (b[r].v[i] != b[r].v[i + 16]) report_error(i, "WMMA: its second operand differs from that of the lane 16 further on");
    }
  }
  detail::multiply<Instruction::kWmma11, T>(c, a, b);
}
#endif
#if FOVEA_HOST_IS(gfx12)
template <class T>
void multiply_16x16x16(Float (&c)[8], const Uint (&a)[4], const Uint (&b)[4]) {
  detail::multiply<Instruction::kWmma12, T>(c, a, b);
}
#endif

// Which of the layer's ways the tiles take.
#if FOVEA_HOST_IS(gfx950)
inline constexpr bool kDeepMatrices = true;
#else
inline constexpr bool kDeepMatrices = false;
#if FOVEA_HOST_IS(gfx90a)
template <class T>
void multiply_16x16x32(Float (&c)[4], const Uint (&a)[4], const Uint (&b)[4]) = delete;
#endif
#endif
#if FOVEA_HOST_IS(gfx11)
inline constexpr bool kMirroredLanes = true;
#else
inline constexpr bool kMirroredLanes = false;
#endif

#if FOVEA_HOST_IS(gfx11) || FOVEA_HOST_IS(gfx12)
// Sixteen lanes side by side share rows, and lane kFrom's registers.
inline constexpr bool kSharesRegisters = true;
template <int kFrom>
Float shared_by_sixteen(const Float& x) {
  Float r;
  for (int i = 0; i < kWaveSize; ++i) r.v[i] = x.v[i / 16 * 16 + kFrom];
  return r;
}
template <int kFrom>
Float fma_shared(const Float& x, const Float& y, const Float& c) {
  return lane_fma(shared_by_sixteen<kFrom>(x), y, c);
}
#endif

template <int kCount, int kSums>
void keep_order(Float (&)[kCount][kSums], int, int) {}
inline Uint lds_load_word(const Workgroup&, const Int& from) { return detail::lds_load<uint32_t>(from); }
// As the GPUs round weights to bf16 that do not convert in hardware: halves up.
template <class T>
Uint pack_weights(const Float& low, const Float& high) {
  if constexpr (std::is_same_v<T, BF16> && !kDeepMatrices) {
    return join_high(bits_of(low) + 0x8000u, bits_of(high) + 0x8000u);
  } else {
    return Pack16<T>::pack(low, high);
  }
}

}  // namespace fovea::hip::host

// The GPU's tiles find the host's primitives under their own names.
namespace fovea::hip::amd {
using namespace host;
}
#include "kernels/hip/device/shapes_amd.h"
#if FOVEA_HOST_IS(gfx90a) || FOVEA_HOST_IS(gfx950)
#include "kernels/hip/device/cdna_f32_tiles.h"
#else
#include "kernels/hip/device/rdna_tiles.h"
#endif
namespace fovea::hip {
namespace device = amd;
#if FOVEA_HOST_IS(gfx90a)
using TargetShapes = CdnaShapes;
#elif FOVEA_HOST_IS(gfx950)
using TargetShapes = Gfx950Shapes;
#elif FOVEA_HOST_IS(gfx11)
using TargetShapes = Rdna3Shapes;
#else
using TargetShapes = Rdna4Shapes;
#endif
}  // namespace fovea::hip
