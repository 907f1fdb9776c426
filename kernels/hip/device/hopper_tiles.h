// Matrix tiles on Hopper: wgmma, whose operands come from shared memory and whose products run while a warp does other things.
//
// Four waves make a warpgroup of 64 rows; wave w of it holds rows 16w to 16w + 15, with the slots of nvidia_tiles.h. Tiles in
// shared memory are panels of 64 elements: a row of a panel is 128 bytes, its 16-byte pieces swapped around by the row (the
// 128-byte swizzle of the PTX manual's "Strides" and "Asynchronous warpgroup level matrix shared memory layout").
#pragma once

#include "kernels/hip/device/nvidia_tiles.h"

#if defined(__CUDA_ARCH_FEAT_SM90_ALL)
#define FOVEA_HAS_WGMMA 1
#else
#define FOVEA_HAS_WGMMA 0
#endif

namespace fovea::hip::nvidia {

inline constexpr int kWarpgroup = 128;  // threads
// Registers of a thread where one warpgroup copies for two that compute.
inline constexpr int kCopyRegisters = 56, kComputeRegisters = 224;

// Byte offset of a 16-byte piece in a tile of kRows rows.
template <int kRows>
FOVEA_DEVICE Int in_panels(Int row, Int piece) {
  return (quotient<8>(piece) * kRows + row) * 128 + (remainder<8>(piece) ^ (row & 7)) * 16;
}

// Of a matrix in shared memory: strides in bytes, as the manual's canonical layouts name them.
FOVEA_DEVICE uint64_t matrix_descriptor(uint32_t address, uint32_t leading, uint32_t stride) {
  return static_cast<uint64_t>((address & 0x3ffffu) >> 4) | static_cast<uint64_t>(leading >> 4) << 16 |
         static_cast<uint64_t>(stride >> 4) << 32 | uint64_t{1} << 62;
}

// The descriptor of a place `bytes` further on.
FOVEA_DEVICE uint64_t advanced(uint64_t descriptor, uint32_t bytes) {
  return (descriptor & 0xffffffff00000000u) | (static_cast<uint32_t>(descriptor) + (bytes >> 4));
}

FOVEA_DEVICE void products_begin() {
#if FOVEA_HAS_WGMMA
  asm volatile("wgmma.fence.sync.aligned;" ::: "memory");
#endif
}
FOVEA_DEVICE void products_commit() {
#if FOVEA_HAS_WGMMA
  asm volatile("wgmma.commit_group.sync.aligned;" ::: "memory");
#endif
}
template <int kPending>
FOVEA_DEVICE void products_wait() {
#if FOVEA_HAS_WGMMA
  asm volatile("wgmma.wait_group.sync.aligned %0;" ::"n"(kPending) : "memory");
#endif
}
// What this thread wrote to shared memory, copies included, becomes visible to products.
FOVEA_DEVICE void publish_to_products() {
#if FOVEA_HAS_WGMMA
  asm volatile("fence.proxy.async.shared::cta;" ::: "memory");
#endif
}

// Barriers in shared memory, of 8 bytes each at byte `at`. They count arrivals, and turn over when all are there: then whoever waits
// for that turn, the first of which has parity 0, goes on.
FOVEA_DEVICE void barrier_init(const Workgroup& wg, int at, int arrivals) {
#if FOVEA_HAS_WGMMA
  asm volatile("mbarrier.init.shared::cta.b64 [%0], %1;" ::"r"(wg.lds + at), "r"(arrivals) : "memory");
#endif
}
FOVEA_DEVICE void barrier_arrive(const Workgroup& wg, int at) {
#if FOVEA_HAS_WGMMA
  asm volatile("mbarrier.arrive.shared::cta.b64 _, [%0];" ::"r"(wg.lds + at) : "memory");
#endif
}
// Arrives by itself when the copies that this thread has started are done.
FOVEA_DEVICE void barrier_arrive_when_copied(const Workgroup& wg, int at) {
#if FOVEA_HAS_WGMMA
  asm volatile("cp.async.mbarrier.arrive.noinc.shared::cta.b64 [%0];" ::"r"(wg.lds + at) : "memory");
#endif
}
FOVEA_DEVICE void barrier_wait(const Workgroup& wg, int at, int parity) {
#if FOVEA_HAS_WGMMA
  uint32_t done;
  do {
    asm volatile("{ .reg .pred p; mbarrier.try_wait.parity.shared::cta.b64 p, [%1], %2; selp.u32 %0, 1, 0, p; }"
                 : "=r"(done)
                 : "r"(wg.lds + at), "r"(parity)
                 : "memory");
  } while (done == 0);
#endif
}

// A warpgroup gives registers back, or takes those that others gave.
template <int kCount>
FOVEA_DEVICE void registers_shrink() {
#if FOVEA_HAS_WGMMA
  asm volatile("setmaxnreg.dec.sync.aligned.u32 %0;" ::"n"(kCount));
#endif
}
template <int kCount>
FOVEA_DEVICE void registers_grow() {
#if FOVEA_HAS_WGMMA
  asm volatile("setmaxnreg.inc.sync.aligned.u32 %0;" ::"n"(kCount));
#endif
}

// Values that products write may not be moved across.
template <int kCount>
FOVEA_DEVICE void keep_in_place(Float (&v)[kCount][4]) {
#pragma unroll
  for (int i = 0; i < kCount; ++i) {
#pragma unroll
    for (int e = 0; e < 4; ++e) asm volatile("" : "+f"(v[i][e])::"memory");
  }
}

// c (+)= a * b, 64 x 8 kBlocks, depth 16. a and b by descriptor, or a in registers; kTransposed: b has its columns side by side.
template <class T, int kBlocks>
struct Wgmma;

template <>
struct Wgmma<F16, 8> {
  static FOVEA_DEVICE void shared(Float (&c)[8][4], uint64_t a, uint64_t b, int accumulate) {
#if FOVEA_HAS_WGMMA
    asm volatile("{ .reg .pred p; setp.ne.b32 p, %34, 0; wgmma.mma_async.sync.aligned.m64n64k16.f32.f16.f16 {%0, %1, %2, %3, %4, %5, %6, %7, %8, %9, %10, %11, %12, %13, %14, %15, %16, %17, %18, %19, %20, %21, %22, %23, %24, %25, %26, %27, %28, %29, %30, %31}, %32, %33, p, 1, 1, 0, 0; }"
                 : "+f"(c[0][0]), "+f"(c[0][1]), "+f"(c[0][2]), "+f"(c[0][3]), "+f"(c[1][0]), "+f"(c[1][1]), "+f"(c[1][2]), "+f"(c[1][3]), "+f"(c[2][0]), "+f"(c[2][1]), "+f"(c[2][2]), "+f"(c[2][3]), "+f"(c[3][0]), "+f"(c[3][1]), "+f"(c[3][2]), "+f"(c[3][3]), "+f"(c[4][0]), "+f"(c[4][1]), "+f"(c[4][2]), "+f"(c[4][3]), "+f"(c[5][0]), "+f"(c[5][1]), "+f"(c[5][2]), "+f"(c[5][3]), "+f"(c[6][0]), "+f"(c[6][1]), "+f"(c[6][2]), "+f"(c[6][3]), "+f"(c[7][0]), "+f"(c[7][1]), "+f"(c[7][2]), "+f"(c[7][3])
                 : "l"(a), "l"(b), "r"(accumulate));
#endif
  }
  template <int kTransposed>
  static FOVEA_DEVICE void registers(Float (&c)[8][4], const Fragment4& a, uint64_t b) {
#if FOVEA_HAS_WGMMA
    asm volatile("{ .reg .pred p; setp.ne.b32 p, %38, 0; wgmma.mma_async.sync.aligned.m64n64k16.f32.f16.f16 {%0, %1, %2, %3, %4, %5, %6, %7, %8, %9, %10, %11, %12, %13, %14, %15, %16, %17, %18, %19, %20, %21, %22, %23, %24, %25, %26, %27, %28, %29, %30, %31}, {%32, %33, %34, %35}, %36, p, 1, 1, %37; }"
                 : "+f"(c[0][0]), "+f"(c[0][1]), "+f"(c[0][2]), "+f"(c[0][3]), "+f"(c[1][0]), "+f"(c[1][1]), "+f"(c[1][2]), "+f"(c[1][3]), "+f"(c[2][0]), "+f"(c[2][1]), "+f"(c[2][2]), "+f"(c[2][3]), "+f"(c[3][0]), "+f"(c[3][1]), "+f"(c[3][2]), "+f"(c[3][3]), "+f"(c[4][0]), "+f"(c[4][1]), "+f"(c[4][2]), "+f"(c[4][3]), "+f"(c[5][0]), "+f"(c[5][1]), "+f"(c[5][2]), "+f"(c[5][3]), "+f"(c[6][0]), "+f"(c[6][1]), "+f"(c[6][2]), "+f"(c[6][3]), "+f"(c[7][0]), "+f"(c[7][1]), "+f"(c[7][2]), "+f"(c[7][3])
                 : "r"(a.r[0]), "r"(a.r[1]), "r"(a.r[2]), "r"(a.r[3]), "l"(b), "n"(kTransposed), "r"(1));
#endif
  }
};

template <>
struct Wgmma<F16, 16> {
  static FOVEA_DEVICE void shared(Float (&c)[16][4], uint64_t a, uint64_t b, int accumulate) {
#if FOVEA_HAS_WGMMA
    asm volatile("{ .reg .pred p; setp.ne.b32 p, %66, 0; wgmma.mma_async.sync.aligned.m64n128k16.f32.f16.f16 {%0, %1, %2, %3, %4, %5, %6, %7, %8, %9, %10, %11, %12, %13, %14, %15, %16, %17, %18, %19, %20, %21, %22, %23, %24, %25, %26, %27, %28, %29, %30, %31, %32, %33, %34, %35, %36, %37, %38, %39, %40, %41, %42, %43, %44, %45, %46, %47, %48, %49, %50, %51, %52, %53, %54, %55, %56, %57, %58, %59, %60, %61, %62, %63}, %64, %65, p, 1, 1, 0, 0; }"
                 : "+f"(c[0][0]), "+f"(c[0][1]), "+f"(c[0][2]), "+f"(c[0][3]), "+f"(c[1][0]), "+f"(c[1][1]), "+f"(c[1][2]), "+f"(c[1][3]), "+f"(c[2][0]), "+f"(c[2][1]), "+f"(c[2][2]), "+f"(c[2][3]), "+f"(c[3][0]), "+f"(c[3][1]), "+f"(c[3][2]), "+f"(c[3][3]), "+f"(c[4][0]), "+f"(c[4][1]), "+f"(c[4][2]), "+f"(c[4][3]), "+f"(c[5][0]), "+f"(c[5][1]), "+f"(c[5][2]), "+f"(c[5][3]), "+f"(c[6][0]), "+f"(c[6][1]), "+f"(c[6][2]), "+f"(c[6][3]), "+f"(c[7][0]), "+f"(c[7][1]), "+f"(c[7][2]), "+f"(c[7][3]), "+f"(c[8][0]), "+f"(c[8][1]), "+f"(c[8][2]), "+f"(c[8][3]), "+f"(c[9][0]), "+f"(c[9][1]), "+f"(c[9][2]), "+f"(c[9][3]), "+f"(c[10][0]), "+f"(c[10][1]), "+f"(c[10][2]), "+f"(c[10][3]), "+f"(c[11][0]), "+f"(c[11][1]), "+f"(c[11][2]), "+f"(c[11][3]), "+f"(c[12][0]), "+f"(c[12][1]), "+f"(c[12][2]), "+f"(c[12][3]), "+f"(c[13][0]), "+f"(c[13][1]), "+f"(c[13][2]), "+f"(c[13][3]), "+f"(c[14][0]), "+f"(c[14][1]), "+f"(c[14][2]), "+f"(c[14][3]), "+f"(c[15][0]), "+f"(c[15][1]), "+f"(c[15][2]), "+f"(c[15][3])
                 : "l"(a), "l"(b), "r"(accumulate));
#endif
  }
  template <int kTransposed>
  static FOVEA_DEVICE void registers(Float (&c)[16][4], const Fragment4& a, uint64_t b) {
#if FOVEA_HAS_WGMMA
    asm volatile("{ .reg .pred p; setp.ne.b32 p, %70, 0; wgmma.mma_async.sync.aligned.m64n128k16.f32.f16.f16 {%0, %1, %2, %3, %4, %5, %6, %7, %8, %9, %10, %11, %12, %13, %14, %15, %16, %17, %18, %19, %20, %21, %22, %23, %24, %25, %26, %27, %28, %29, %30, %31, %32, %33, %34, %35, %36, %37, %38, %39, %40, %41, %42, %43, %44, %45, %46, %47, %48, %49, %50, %51, %52, %53, %54, %55, %56, %57, %58, %59, %60, %61, %62, %63}, {%64, %65, %66, %67}, %68, p, 1, 1, %69; }"
                 : "+f"(c[0][0]), "+f"(c[0][1]), "+f"(c[0][2]), "+f"(c[0][3]), "+f"(c[1][0]), "+f"(c[1][1]), "+f"(c[1][2]), "+f"(c[1][3]), "+f"(c[2][0]), "+f"(c[2][1]), "+f"(c[2][2]), "+f"(c[2][3]), "+f"(c[3][0]), "+f"(c[3][1]), "+f"(c[3][2]), "+f"(c[3][3]), "+f"(c[4][0]), "+f"(c[4][1]), "+f"(c[4][2]), "+f"(c[4][3]), "+f"(c[5][0]), "+f"(c[5][1]), "+f"(c[5][2]), "+f"(c[5][3]), "+f"(c[6][0]), "+f"(c[6][1]), "+f"(c[6][2]), "+f"(c[6][3]), "+f"(c[7][0]), "+f"(c[7][1]), "+f"(c[7][2]), "+f"(c[7][3]), "+f"(c[8][0]), "+f"(c[8][1]), "+f"(c[8][2]), "+f"(c[8][3]), "+f"(c[9][0]), "+f"(c[9][1]), "+f"(c[9][2]), "+f"(c[9][3]), "+f"(c[10][0]), "+f"(c[10][1]), "+f"(c[10][2]), "+f"(c[10][3]), "+f"(c[11][0]), "+f"(c[11][1]), "+f"(c[11][2]), "+f"(c[11][3]), "+f"(c[12][0]), "+f"(c[12][1]), "+f"(c[12][2]), "+f"(c[12][3]), "+f"(c[13][0]), "+f"(c[13][1]), "+f"(c[13][2]), "+f"(c[13][3]), "+f"(c[14][0]), "+f"(c[14][1]), "+f"(c[14][2]), "+f"(c[14][3]), "+f"(c[15][0]), "+f"(c[15][1]), "+f"(c[15][2]), "+f"(c[15][3])
                 : "r"(a.r[0]), "r"(a.r[1]), "r"(a.r[2]), "r"(a.r[3]), "l"(b), "n"(kTransposed), "r"(1));
#endif
  }
};

template <>
struct Wgmma<BF16, 8> {
  static FOVEA_DEVICE void shared(Float (&c)[8][4], uint64_t a, uint64_t b, int accumulate) {
#if FOVEA_HAS_WGMMA
    asm volatile("{ .reg .pred p; setp.ne.b32 p, %34, 0; wgmma.mma_async.sync.aligned.m64n64k16.f32.bf16.bf16 {%0, %1, %2, %3, %4, %5, %6, %7, %8, %9, %10, %11, %12, %13, %14, %15, %16, %17, %18, %19, %20, %21, %22, %23, %24, %25, %26, %27, %28, %29, %30, %31}, %32, %33, p, 1, 1, 0, 0; }"
                 : "+f"(c[0][0]), "+f"(c[0][1]), "+f"(c[0][2]), "+f"(c[0][3]), "+f"(c[1][0]), "+f"(c[1][1]), "+f"(c[1][2]), "+f"(c[1][3]), "+f"(c[2][0]), "+f"(c[2][1]), "+f"(c[2][2]), "+f"(c[2][3]), "+f"(c[3][0]), "+f"(c[3][1]), "+f"(c[3][2]), "+f"(c[3][3]), "+f"(c[4][0]), "+f"(c[4][1]), "+f"(c[4][2]), "+f"(c[4][3]), "+f"(c[5][0]), "+f"(c[5][1]), "+f"(c[5][2]), "+f"(c[5][3]), "+f"(c[6][0]), "+f"(c[6][1]), "+f"(c[6][2]), "+f"(c[6][3]), "+f"(c[7][0]), "+f"(c[7][1]), "+f"(c[7][2]), "+f"(c[7][3])
                 : "l"(a), "l"(b), "r"(accumulate));
#endif
  }
  template <int kTransposed>
  static FOVEA_DEVICE void registers(Float (&c)[8][4], const Fragment4& a, uint64_t b) {
#if FOVEA_HAS_WGMMA
    asm volatile("{ .reg .pred p; setp.ne.b32 p, %38, 0; wgmma.mma_async.sync.aligned.m64n64k16.f32.bf16.bf16 {%0, %1, %2, %3, %4, %5, %6, %7, %8, %9, %10, %11, %12, %13, %14, %15, %16, %17, %18, %19, %20, %21, %22, %23, %24, %25, %26, %27, %28, %29, %30, %31}, {%32, %33, %34, %35}, %36, p, 1, 1, %37; }"
                 : "+f"(c[0][0]), "+f"(c[0][1]), "+f"(c[0][2]), "+f"(c[0][3]), "+f"(c[1][0]), "+f"(c[1][1]), "+f"(c[1][2]), "+f"(c[1][3]), "+f"(c[2][0]), "+f"(c[2][1]), "+f"(c[2][2]), "+f"(c[2][3]), "+f"(c[3][0]), "+f"(c[3][1]), "+f"(c[3][2]), "+f"(c[3][3]), "+f"(c[4][0]), "+f"(c[4][1]), "+f"(c[4][2]), "+f"(c[4][3]), "+f"(c[5][0]), "+f"(c[5][1]), "+f"(c[5][2]), "+f"(c[5][3]), "+f"(c[6][0]), "+f"(c[6][1]), "+f"(c[6][2]), "+f"(c[6][3]), "+f"(c[7][0]), "+f"(c[7][1]), "+f"(c[7][2]), "+f"(c[7][3])
                 : "r"(a.r[0]), "r"(a.r[1]), "r"(a.r[2]), "r"(a.r[3]), "l"(b), "n"(kTransposed), "r"(1));
#endif
  }
};

template <>
struct Wgmma<BF16, 16> {
  static FOVEA_DEVICE void shared(Float (&c)[16][4], uint64_t a, uint64_t b, int accumulate) {
#if FOVEA_HAS_WGMMA
    asm volatile("{ .reg .pred p; setp.ne.b32 p, %66, 0; wgmma.mma_async.sync.aligned.m64n128k16.f32.bf16.bf16 {%0, %1, %2, %3, %4, %5, %6, %7, %8, %9, %10, %11, %12, %13, %14, %15, %16, %17, %18, %19, %20, %21, %22, %23, %24, %25, %26, %27, %28, %29, %30, %31, %32, %33, %34, %35, %36, %37, %38, %39, %40, %41, %42, %43, %44, %45, %46, %47, %48, %49, %50, %51, %52, %53, %54, %55, %56, %57, %58, %59, %60, %61, %62, %63}, %64, %65, p, 1, 1, 0, 0; }"
                 : "+f"(c[0][0]), "+f"(c[0][1]), "+f"(c[0][2]), "+f"(c[0][3]), "+f"(c[1][0]), "+f"(c[1][1]), "+f"(c[1][2]), "+f"(c[1][3]), "+f"(c[2][0]), "+f"(c[2][1]), "+f"(c[2][2]), "+f"(c[2][3]), "+f"(c[3][0]), "+f"(c[3][1]), "+f"(c[3][2]), "+f"(c[3][3]), "+f"(c[4][0]), "+f"(c[4][1]), "+f"(c[4][2]), "+f"(c[4][3]), "+f"(c[5][0]), "+f"(c[5][1]), "+f"(c[5][2]), "+f"(c[5][3]), "+f"(c[6][0]), "+f"(c[6][1]), "+f"(c[6][2]), "+f"(c[6][3]), "+f"(c[7][0]), "+f"(c[7][1]), "+f"(c[7][2]), "+f"(c[7][3]), "+f"(c[8][0]), "+f"(c[8][1]), "+f"(c[8][2]), "+f"(c[8][3]), "+f"(c[9][0]), "+f"(c[9][1]), "+f"(c[9][2]), "+f"(c[9][3]), "+f"(c[10][0]), "+f"(c[10][1]), "+f"(c[10][2]), "+f"(c[10][3]), "+f"(c[11][0]), "+f"(c[11][1]), "+f"(c[11][2]), "+f"(c[11][3]), "+f"(c[12][0]), "+f"(c[12][1]), "+f"(c[12][2]), "+f"(c[12][3]), "+f"(c[13][0]), "+f"(c[13][1]), "+f"(c[13][2]), "+f"(c[13][3]), "+f"(c[14][0]), "+f"(c[14][1]), "+f"(c[14][2]), "+f"(c[14][3]), "+f"(c[15][0]), "+f"(c[15][1]), "+f"(c[15][2]), "+f"(c[15][3])
                 : "l"(a), "l"(b), "r"(accumulate));
#endif
  }
  template <int kTransposed>
  static FOVEA_DEVICE void registers(Float (&c)[16][4], const Fragment4& a, uint64_t b) {
#if FOVEA_HAS_WGMMA
    asm volatile("{ .reg .pred p; setp.ne.b32 p, %70, 0; wgmma.mma_async.sync.aligned.m64n128k16.f32.bf16.bf16 {%0, %1, %2, %3, %4, %5, %6, %7, %8, %9, %10, %11, %12, %13, %14, %15, %16, %17, %18, %19, %20, %21, %22, %23, %24, %25, %26, %27, %28, %29, %30, %31, %32, %33, %34, %35, %36, %37, %38, %39, %40, %41, %42, %43, %44, %45, %46, %47, %48, %49, %50, %51, %52, %53, %54, %55, %56, %57, %58, %59, %60, %61, %62, %63}, {%64, %65, %66, %67}, %68, p, 1, 1, %69; }"
                 : "+f"(c[0][0]), "+f"(c[0][1]), "+f"(c[0][2]), "+f"(c[0][3]), "+f"(c[1][0]), "+f"(c[1][1]), "+f"(c[1][2]), "+f"(c[1][3]), "+f"(c[2][0]), "+f"(c[2][1]), "+f"(c[2][2]), "+f"(c[2][3]), "+f"(c[3][0]), "+f"(c[3][1]), "+f"(c[3][2]), "+f"(c[3][3]), "+f"(c[4][0]), "+f"(c[4][1]), "+f"(c[4][2]), "+f"(c[4][3]), "+f"(c[5][0]), "+f"(c[5][1]), "+f"(c[5][2]), "+f"(c[5][3]), "+f"(c[6][0]), "+f"(c[6][1]), "+f"(c[6][2]), "+f"(c[6][3]), "+f"(c[7][0]), "+f"(c[7][1]), "+f"(c[7][2]), "+f"(c[7][3]), "+f"(c[8][0]), "+f"(c[8][1]), "+f"(c[8][2]), "+f"(c[8][3]), "+f"(c[9][0]), "+f"(c[9][1]), "+f"(c[9][2]), "+f"(c[9][3]), "+f"(c[10][0]), "+f"(c[10][1]), "+f"(c[10][2]), "+f"(c[10][3]), "+f"(c[11][0]), "+f"(c[11][1]), "+f"(c[11][2]), "+f"(c[11][3]), "+f"(c[12][0]), "+f"(c[12][1]), "+f"(c[12][2]), "+f"(c[12][3]), "+f"(c[13][0]), "+f"(c[13][1]), "+f"(c[13][2]), "+f"(c[13][3]), "+f"(c[14][0]), "+f"(c[14][1]), "+f"(c[14][2]), "+f"(c[14][3]), "+f"(c[15][0]), "+f"(c[15][1]), "+f"(c[15][2]), "+f"(c[15][3])
                 : "r"(a.r[0]), "r"(a.r[1]), "r"(a.r[2]), "r"(a.r[3]), "l"(b), "n"(kTransposed), "r"(1));
#endif
  }
};

// What one wave computes of its warpgroup's 64 rows. kTileRows: rows of the workgroup's query tile.
template <class T, int kHeadSize, int kKeys, int kTileRows>
struct AsyncTile : Tile<T, kHeadSize, 16, kKeys> {
  using Base = Tile<T, kHeadSize, 16, kKeys>;
  using Scores = typename Base::Scores;
  using Sums = typename Base::Sums;
  static_assert(kHeadSize % 64 == 0 && kKeys % 64 == 0);
  static constexpr int kPanelBytes = 64 * 2;

  struct Query {
    int lds;  // of the warpgroup's first row
  };
  // Weights as the first operand of their product; they stay there until it is done.
  struct Weights {
    Fragment4 f[kKeys / 16];
  };

  static FOVEA_DEVICE Int query_place(Int row, Int piece) { return in_panels<kTileRows>(row, piece); }
  static FOVEA_DEVICE Int key_place(Int row, Int piece) { return in_panels<kKeys>(row, piece); }
  static FOVEA_DEVICE Int transposed_place(Int element, Int piece) { return in_panels<kHeadSize>(element, piece); }

  static FOVEA_DEVICE void load_query(const Workgroup&, int lds, int first, Query& q) { q.lds = lds + first / 64 * 64 * kPanelBytes; }

  // Starts scores = Q * K^T with the tile at byte `lds`.
  static FOVEA_DEVICE void begin_scores(const Workgroup& wg, const Query& q, int lds, Scores& s) {
    const uint64_t a = matrix_descriptor(wg.lds + q.lds, 16, 8 * kPanelBytes);
    const uint64_t b = matrix_descriptor(wg.lds + lds, 16, 8 * kPanelBytes);
    keep_in_place(s.v[0]);
    products_begin();
#pragma unroll
    for (int k = 0; k < kHeadSize / 16; ++k) {
      Wgmma<T, kKeys / 8>::shared(s.v[0], advanced(a, k / 4 * kTileRows * kPanelBytes + k % 4 * 32),
                                  advanced(b, k / 4 * kKeys * kPanelBytes + k % 4 * 32), k > 0);
    }
    products_commit();
  }

  static FOVEA_DEVICE void pack(const Scores& s, Weights& w) {
#pragma unroll
    for (int k = 0; k < kKeys / 16; ++k) {
      w.f[k].r[0] = Pack16<T>::pack(s.v[0][2 * k][0], s.v[0][2 * k][1]);
      w.f[k].r[1] = Pack16<T>::pack(s.v[0][2 * k][2], s.v[0][2 * k][3]);
      w.f[k].r[2] = Pack16<T>::pack(s.v[0][2 * k + 1][0], s.v[0][2 * k + 1][1]);
      w.f[k].r[3] = Pack16<T>::pack(s.v[0][2 * k + 1][2], s.v[0][2 * k + 1][3]);
    }
  }

  // Starts sums += weights * V.
  template <bool kTransposed>
  static FOVEA_DEVICE void begin_values(const Workgroup& wg, const Weights& w, int lds, Sums& o) {
    // Rows of elements: 8 keys side by side in a row. Rows of keys: panels of 64 elements are the leading dimension.
    const uint64_t b = kTransposed ? matrix_descriptor(wg.lds + lds, 16, 8 * kPanelBytes)
                                   : matrix_descriptor(wg.lds + lds, kKeys * kPanelBytes, 8 * kPanelBytes);
    keep_in_place(o.v[0]);
    products_begin();
#pragma unroll
    for (int k = 0; k < kKeys / 16; ++k) {
      if constexpr (kTransposed) {
        Wgmma<T, kHeadSize / 8>::template registers<0>(o.v[0], w.f[k], advanced(b, k / 4 * kHeadSize * kPanelBytes + k % 4 * 32));
      } else {
        Wgmma<T, kHeadSize / 8>::template registers<1>(o.v[0], w.f[k], advanced(b, k * 16 * kPanelBytes));
      }
    }
    products_commit();
  }
  static FOVEA_DEVICE void wait_scores(Scores& s) {
    products_wait<1>();
    keep_in_place(s.v[0]);
  }
  static FOVEA_DEVICE void wait_all(Scores& s, Sums& o) {
    products_wait<0>();
    keep_in_place(s.v[0]);
    keep_in_place(o.v[0]);
  }
};

}  // namespace fovea::hip::nvidia
