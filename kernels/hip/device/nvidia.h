// Device layer, NVIDIA: one lane is one thread of a warp. Compiled by nvcc for sm_80 and later.
//
// Every device layer offers the same names. Kernels are written per wave: Lane<T> holds a value of each lane, plain scalars
// are uniform over the wave, and only uniform values may steer control flow. Here both are T; the host's layer has an array
// for Lane<T>, so what only happens to compile for one lane does not compile there.
#pragma once

#include <stddef.h>
#include <stdint.h>

#define FOVEA_DEVICE __device__ __forceinline__

#define FOVEA_HAS_ASYNC_COPIES 1

namespace fovea::hip::nvidia {

template <class T>
using Lane = T;
using Int = Lane<int32_t>;
using Uint = Lane<uint32_t>;
using Long = Lane<int64_t>;
using Float = Lane<float>;
using Bool = Lane<bool>;
using Pointer = Lane<const char*>;

inline constexpr int kWaveSize = 32;

// 16 bytes of each lane.
struct Quad {
  Uint w[4];
};

template <class T>
FOVEA_DEVICE T select(bool condition, T a, T b) {
  return condition ? a : b;
}
FOVEA_DEVICE Int lane_min(Int a, Int b) { return a < b ? a : b; }
FOVEA_DEVICE Int lane_max(Int a, Int b) { return a > b ? a : b; }
FOVEA_DEVICE Float lane_min(Float a, Float b) { return fminf(a, b); }
FOVEA_DEVICE Float lane_max(Float a, Float b) { return fmaxf(a, b); }
FOVEA_DEVICE Int lane_abs(Int a) { return a < 0 ? -a : a; }
FOVEA_DEVICE Float lane_fma(Float a, Float b, Float c) { return fmaf(a, b, c); }
FOVEA_DEVICE Float lane_sqrt(Float a) { return sqrtf(a); }
// For lane values that are not negative.
template <int kDivisor>
FOVEA_DEVICE Int quotient(Int x) {
  return static_cast<int32_t>(static_cast<uint32_t>(x) / kDivisor);
}
template <int kDivisor>
FOVEA_DEVICE Int remainder(Int x) {
  return static_cast<int32_t>(static_cast<uint32_t>(x) % kDivisor);
}
FOVEA_DEVICE Long to_long(Int a) { return a; }
FOVEA_DEVICE Int to_int(Long a) { return static_cast<int32_t>(a); }
FOVEA_DEVICE Int to_int(Float a) { return static_cast<int32_t>(a); }
FOVEA_DEVICE Uint as_uint(Int a) { return static_cast<uint32_t>(a); }
FOVEA_DEVICE Int as_int(Uint a) { return static_cast<int32_t>(a); }
FOVEA_DEVICE Float to_float(Int a) { return static_cast<float>(a); }
FOVEA_DEVICE Uint bits_of(Float a) { return __float_as_uint(a); }
FOVEA_DEVICE Float float_of(Uint a) { return __uint_as_float(a); }

// The same value, which the compiler may not compute ahead of where it is used.
FOVEA_DEVICE Int opaque(Int x) {
  asm volatile("" : "+r"(x));
  return x;
}
FOVEA_DEVICE Pointer opaque(Pointer p) {
  asm volatile("" : "+l"(p));
  return p;
}

// 2^x, relative error 2^-22; 0 for -inf.
FOVEA_DEVICE Float exp2_fast(Float x) {
  float y;
  asm("ex2.approx.ftz.f32 %0, %1;" : "=f"(y) : "f"(x));
  return y;
}
// 1 / x, relative error 2^-22.
FOVEA_DEVICE Float reciprocal_fast(Float x) {
  float y;
  asm("rcp.approx.ftz.f32 %0, %1;" : "=f"(y) : "f"(x));
  return y;
}
FOVEA_DEVICE Float log2_of(Float x) { return log2f(x); }

FOVEA_DEVICE Float shuffle_xor(Float x, int mask) { return __shfl_xor_sync(0xffffffffu, x, mask); }
FOVEA_DEVICE Int shuffle_up(Int x, int distance) { return __shfl_up_sync(0xffffffffu, x, distance); }
FOVEA_DEVICE bool any_lane(bool condition) { return __any_sync(0xffffffffu, condition); }
// The value of one lane, and of the wave's last.
FOVEA_DEVICE int lane_value(Int x, int lane) { return __shfl_sync(0xffffffffu, x, lane); }
FOVEA_DEVICE int last_lane(Int x) { return lane_value(x, kWaveSize - 1); }
// Lanes where the condition holds: how many, how many of them come before this lane, and the first, where there is one.
FOVEA_DEVICE int count_lanes(bool condition) { return __popc(__ballot_sync(0xffffffffu, condition)); }
FOVEA_DEVICE Int lanes_before(bool condition) {
  uint32_t before;
  asm("mov.u32 %0, %%lanemask_lt;" : "=r"(before));
  return __popc(__ballot_sync(0xffffffffu, condition) & before);
}
FOVEA_DEVICE int first_where(bool condition) { return __ffs(static_cast<int>(__ballot_sync(0xffffffffu, condition))) - 1; }
FOVEA_DEVICE int wave_sum(Int x) { return __reduce_add_sync(0xffffffffu, x); }
FOVEA_DEVICE int wave_max(Int x) { return __reduce_max_sync(0xffffffffu, x); }

// f32_tiles.h: sixteen lanes share rows, here the even and the odd lanes: then neighbours read the same place of shared memory,
// which serves them at once. A shuffle costs as much as a read of shared memory.
inline constexpr bool kSharesRegisters = false;
// What lane kFrom of each sixteen has.
template <int kFrom>
FOVEA_DEVICE Float shared_by_sixteen(Float x) {
  float y;
  // The lane is taken from its own parity and from 2 * kFrom.
  asm volatile("shfl.sync.idx.b32 %0, %1, %2, 0x11f, 0xffffffff;" : "=f"(y) : "f"(x), "n"(kFrom * 2));
  return y;
}

// Of what is scheduled, which is the compiler's affair here.
FOVEA_DEVICE void keep_order() {}

// The workgroup a kernel runs in.
struct Workgroup {
  int x, y, z;     // its place in the grid
  int num_x;
  int wave;        // the wave's place in the workgroup
  Int lane;
  uint32_t lds;    // address of its shared memory
  int sharers;     // threads that meet at barriers, the first ones; 0: all

  FOVEA_DEVICE Int thread() const { return wave * kWaveSize + lane; }
  FOVEA_DEVICE void barrier() const {
    if (sharers == 0) {
      __syncthreads();
    } else {
      asm volatile("bar.sync 1, %0;" ::"r"(sharers) : "memory");
    }
  }
};

FOVEA_DEVICE Workgroup this_workgroup(void* lds) {
  Workgroup wg;
  wg.x = static_cast<int>(blockIdx.x);
  wg.y = static_cast<int>(blockIdx.y);
  wg.z = static_cast<int>(blockIdx.z);
  wg.num_x = static_cast<int>(gridDim.x);
  wg.wave = __shfl_sync(0xffffffffu, static_cast<int>(threadIdx.x) / kWaveSize, 0);
  wg.lane = static_cast<int>(threadIdx.x) % kWaveSize;
  wg.lds = static_cast<uint32_t>(__cvta_generic_to_shared(lds));
  wg.sharers = 0;
  return wg;
}

// --- copies from global memory to shared memory; offsets in bytes from the workgroup's shared memory -----------------

// Copies 16 bytes, or writes 16 zeros and reads nothing where load is false. 16-byte aligned. kAll: mask is true.
template <bool kAll>
FOVEA_DEVICE void copy_async16(const Workgroup& wg, Bool mask, Int to, Pointer from, Bool load) {
  if (kAll || mask) {
    // With a predicate this is one instruction; with a number of bytes it becomes a branch and a loop.
    asm volatile(
        "{ .reg .pred ignore; setp.eq.s32 ignore, %2, 0; cp.async.cg.shared.global.L2::128B [%0], [%1], 16, ignore; }" ::"r"(wg.lds + to),
        "l"(from), "r"(static_cast<int>(load)));
  }
}
template <bool kAll>
FOVEA_DEVICE void copy_async8(const Workgroup& wg, Bool mask, Int to, Pointer from, Bool load) {
  if (kAll || mask) {
    asm volatile("{ .reg .pred ignore; setp.eq.s32 ignore, %2, 0; cp.async.ca.shared.global [%0], [%1], 8, ignore; }" ::"r"(wg.lds + to),
                 "l"(from), "r"(static_cast<int>(load)));
  }
}
FOVEA_DEVICE void copy_commit() { asm volatile("cp.async.commit_group;"); }
// Waits until at most kPending of this wave's committed groups are under way.
template <int kPending>
FOVEA_DEVICE void copy_wait() {
  asm volatile("cp.async.wait_group %0;" ::"n"(kPending) : "memory");
}

FOVEA_DEVICE void lds_store(const Workgroup& wg, Int to, Float value, Bool mask) {
  if (mask) asm volatile("st.shared.f32 [%0], %1;" ::"r"(wg.lds + to), "f"(value) : "memory");
}
FOVEA_DEVICE Float lds_load(const Workgroup& wg, Int from) {
  float value;
  asm volatile("ld.shared.f32 %0, [%1];" : "=f"(value) : "r"(wg.lds + from) : "memory");
  return value;
}
FOVEA_DEVICE void lds_store_quad(const Workgroup& wg, Int to, const Quad& q, Bool mask) {
  if (mask)
    asm volatile("st.shared.v4.b32 [%0], {%1, %2, %3, %4};" ::"r"(wg.lds + to), "r"(q.w[0]), "r"(q.w[1]), "r"(q.w[2]), "r"(q.w[3])
                 : "memory");
}
FOVEA_DEVICE void lds_store_pair(const Workgroup& wg, Int to, Uint a, Uint b, Bool mask) {
  if (mask) asm volatile("st.shared.v2.b32 [%0], {%1, %2};" ::"r"(wg.lds + to), "r"(a), "r"(b) : "memory");
}
FOVEA_DEVICE void lds_store_byte(const Workgroup& wg, Int to, Uint bits, Bool mask) {
  if (mask) asm volatile("{ .reg .b32 x; and.b32 x, %1, 255; st.shared.b8 [%0], x; }" ::"r"(wg.lds + to), "r"(bits) : "memory");
}
FOVEA_DEVICE Uint permute_bytes(Uint x, uint32_t selector) { return __byte_perm(x, 0, selector); }
FOVEA_DEVICE Quad lds_load_quad(const Workgroup& wg, Int from) {
  Quad q;
  asm volatile("ld.shared.v4.b32 {%0, %1, %2, %3}, [%4];"
               : "=r"(q.w[0]), "=r"(q.w[1]), "=r"(q.w[2]), "=r"(q.w[3])
               : "r"(wg.lds + from)
               : "memory");
  return q;
}
FOVEA_DEVICE void lds_load_pair(const Workgroup& wg, Int from, Uint (&words)[2]) {
  asm volatile("ld.shared.v2.b32 {%0, %1}, [%2];" : "=r"(words[0]), "=r"(words[1]) : "r"(wg.lds + from) : "memory");
}
// Zeros where mask is false. kAll: it is true.
template <bool kAll>
FOVEA_DEVICE Quad lds_load_quad(const Workgroup& wg, Int from, Bool mask) {
  if (kAll || mask) return lds_load_quad(wg, from);
  return {{0, 0, 0, 0}};
}
FOVEA_DEVICE void lds_store_int(const Workgroup& wg, Int to, Int value, Bool mask) {
  if (mask) asm volatile("st.shared.s32 [%0], %1;" ::"r"(wg.lds + to), "r"(value) : "memory");
}
// The same word for all lanes.
FOVEA_DEVICE int lds_load_uniform(const Workgroup& wg, int from) {
  int value;
  asm volatile("ld.shared.s32 %0, [%1];" : "=r"(value) : "r"(wg.lds + from) : "memory");
  return value;
}
FOVEA_DEVICE void lds_add(const Workgroup& wg, Int to, Int value, Bool mask) {
  if (mask) asm volatile("red.shared.add.s32 [%0], %1;" ::"r"(wg.lds + to), "r"(value) : "memory");
}
FOVEA_DEVICE Int lds_fetch_add(const Workgroup& wg, Int to, Int value, Bool mask) {
  int before = 0;
  if (mask) asm volatile("atom.shared.add.s32 %0, [%1], %2;" : "=r"(before) : "r"(wg.lds + to), "r"(value) : "memory");
  return before;
}
FOVEA_DEVICE void lds_max(const Workgroup& wg, Int to, Int value, Bool mask) {
  if (mask) asm volatile("red.shared.max.s32 [%0], %1;" ::"r"(wg.lds + to), "r"(value) : "memory");
}
FOVEA_DEVICE void wave_sync() { __syncwarp(); }
FOVEA_DEVICE void lds_store_half(const Workgroup& wg, Int to, Uint bits, Bool mask) {
  if (mask) asm volatile("st.shared.b16 [%0], %1;" ::"r"(wg.lds + to), "h"(static_cast<uint16_t>(bits)) : "memory");
}

// --- global memory ---------------------------------------------------------------------------------------------------

template <class T>
FOVEA_DEVICE Lane<T> global_load(Lane<const T*> from, Bool mask, T otherwise) {
  return mask ? *from : otherwise;
}
template <class T>
FOVEA_DEVICE void global_store(Lane<T*> to, Lane<T> value, Bool mask) {
  if (mask) *to = value;
}
FOVEA_DEVICE Quad global_load_quad(Pointer from, Bool mask) {
  uint4 q = make_uint4(0, 0, 0, 0);
  if (mask) q = *reinterpret_cast<const uint4*>(from);
  return {{q.x, q.y, q.z, q.w}};
}
FOVEA_DEVICE Quad global_load_half_quad(Pointer from, Bool mask) {
  uint2 q = make_uint2(0, 0);
  if (mask) q = *reinterpret_cast<const uint2*>(from);
  return {{q.x, q.y, 0, 0}};
}
FOVEA_DEVICE void global_store_quad(Lane<char*> to, const Quad& q, Bool mask) {
  if (mask) *reinterpret_cast<uint4*>(to) = make_uint4(q.w[0], q.w[1], q.w[2], q.w[3]);
}
FOVEA_DEVICE void global_store_pair(Lane<char*> to, Uint a, Uint b, Bool mask) {
  if (mask) *reinterpret_cast<uint2*>(to) = make_uint2(a, b);
}
FOVEA_DEVICE void global_store_half(Lane<char*> to, Uint bits, Bool mask) {
  if (mask) *reinterpret_cast<uint16_t*>(to) = static_cast<uint16_t>(bits);
}
FOVEA_DEVICE void global_store_byte(Lane<char*> to, Uint bits, Bool mask) {
  if (mask) *reinterpret_cast<uint8_t*>(to) = static_cast<uint8_t>(bits);
}
template <class T, class U>
FOVEA_DEVICE T* reinterpret_pointer(U* p) {
  return reinterpret_cast<T*>(p);
}
FOVEA_DEVICE void global_min(int32_t* to, Int value, Bool mask) {
  if (mask) atomicMin(to, value);
}
FOVEA_DEVICE void global_min(uint32_t* to, Uint value, Bool mask) {
  if (mask) atomicMin(to, value);
}
// What was there before, 0 where mask is false.
FOVEA_DEVICE Int global_fetch_add(int32_t* to, Int value, Bool mask) {
  int before = 0;
  if (mask) before = atomicAdd(to, value);
  return before;
}
// What a workgroup wrote becomes another's to read: every thread of the writer releases, a barrier, one thread counts up by
// publish_and_add; one thread of the reader sees the count, a barrier, every thread acquires. Here that one thread fences for all.
FOVEA_DEVICE void release_to_device() {}
FOVEA_DEVICE void acquire_from_device() {}
FOVEA_DEVICE Int publish_and_add(int32_t* to, Int value, Bool mask) {
  int before = 0;
  if (mask) {
    __threadfence();
    before = atomicAdd(to, value);
    __threadfence();
  }
  return before;
}

// --- numbers ---------------------------------------------------------------------------------------------------------

struct F16 {
  static constexpr int kBytes = 2;
  static constexpr bool kIsBF16 = false;
};
struct BF16 {
  static constexpr int kBytes = 2;
  static constexpr bool kIsBF16 = true;
};
struct F32 {
  static constexpr int kBytes = 4;
};

template <class T>
struct Pack16;
template <>
struct Pack16<F16> {
  static FOVEA_DEVICE Uint pack(Float low, Float high) {
    uint32_t out;
    asm("cvt.rn.f16x2.f32 %0, %1, %2;" : "=r"(out) : "f"(high), "f"(low));
    return out;
  }
  static FOVEA_DEVICE Float low(Uint pair) {
    float out;
    asm("{ .reg .b16 l, h; mov.b32 {l, h}, %1; cvt.f32.f16 %0, l; }" : "=f"(out) : "r"(pair));
    return out;
  }
  static FOVEA_DEVICE Float high(Uint pair) {
    float out;
    asm("{ .reg .b16 l, h; mov.b32 {l, h}, %1; cvt.f32.f16 %0, h; }" : "=f"(out) : "r"(pair));
    return out;
  }
};
template <>
struct Pack16<BF16> {
  static FOVEA_DEVICE Uint pack(Float low, Float high) {
    uint32_t out;
    asm("cvt.rn.bf16x2.f32 %0, %1, %2;" : "=r"(out) : "f"(high), "f"(low));
    return out;
  }
  static FOVEA_DEVICE Float low(Uint pair) { return __uint_as_float(pair << 16); }
  static FOVEA_DEVICE Float high(Uint pair) { return __uint_as_float(pair & 0xffff0000u); }
};

// The upper 16 bits of each as one word.
FOVEA_DEVICE Uint join_high(Uint low, Uint high) { return __byte_perm(low, high, 0x7632); }
// Products of two pairs of f16.
FOVEA_DEVICE Uint multiply_halves(Uint a, Uint b) {
  uint32_t out;
  asm("mul.f16x2 %0, %1, %2;" : "=r"(out) : "r"(a), "r"(b));
  return out;
}

// Whether the hardware widens the OCP flavours of fp8.
#if !defined(__CUDA_ARCH__) || __CUDA_ARCH__ >= 890
inline constexpr bool kConvertsFp8 = true;
#else
inline constexpr bool kConvertsFp8 = false;
#endif

// Four fp8 elements to two pairs.
template <class T, bool kE5M2>
FOVEA_DEVICE void convert_fp8(Uint bytes, Uint& low, Uint& high) {
#if !defined(__CUDA_ARCH__) || __CUDA_ARCH__ >= 890
  if constexpr (kE5M2) {
    asm("{ .reg .b16 a, b; mov.b32 {a, b}, %2; cvt.rn.f16x2.e5m2x2 %0, a; cvt.rn.f16x2.e5m2x2 %1, b; }" : "=r"(low), "=r"(high) : "r"(bytes));
  } else {
    asm("{ .reg .b16 a, b; mov.b32 {a, b}, %2; cvt.rn.f16x2.e4m3x2 %0, a; cvt.rn.f16x2.e4m3x2 %1, b; }" : "=r"(low), "=r"(high) : "r"(bytes));
  }
  if constexpr (T::kIsBF16) {
    low = Pack16<T>::pack(Pack16<F16>::low(low), Pack16<F16>::high(low));
    high = Pack16<T>::pack(Pack16<F16>::low(high), Pack16<F16>::high(high));
  }
#else
  low = high = bytes;
#endif
}

// --- matrices: ldmatrix and mma.sync; the tiles above them are in nvidia_tiles.h ------------------------------------

struct Fragment4 {
  Uint r[4];
};

// address: wg.lds plus an offset, 16-byte aligned.
FOVEA_DEVICE Fragment4 load_matrices(const Workgroup&, Int address) {
  Fragment4 f;
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0, %1, %2, %3}, [%4];"
               : "=r"(f.r[0]), "=r"(f.r[1]), "=r"(f.r[2]), "=r"(f.r[3])
               : "r"(address)
               : "memory");
  return f;
}
FOVEA_DEVICE Fragment4 load_matrices_transposed(const Workgroup&, Int address) {
  Fragment4 f;
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0, %1, %2, %3}, [%4];"
               : "=r"(f.r[0]), "=r"(f.r[1]), "=r"(f.r[2]), "=r"(f.r[3])
               : "r"(address)
               : "memory");
  return f;
}

template <class T>
FOVEA_DEVICE void multiply(Float (&c)[4], const Fragment4& a, Uint b0, Uint b1);
template <>
FOVEA_DEVICE void multiply<F16>(Float (&c)[4], const Fragment4& a, Uint b0, Uint b1) {
  asm volatile("mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, {%0,%1,%2,%3};"
               : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3])
               : "r"(a.r[0]), "r"(a.r[1]), "r"(a.r[2]), "r"(a.r[3]), "r"(b0), "r"(b1));
}
template <>
FOVEA_DEVICE void multiply<BF16>(Float (&c)[4], const Fragment4& a, Uint b0, Uint b1) {
  asm volatile("mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, {%0,%1,%2,%3};"
               : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3])
               : "r"(a.r[0]), "r"(a.r[1]), "r"(a.r[2]), "r"(a.r[3]), "r"(b0), "r"(b1));
}

}  // namespace fovea::hip::nvidia
