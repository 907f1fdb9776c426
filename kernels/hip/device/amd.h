// Device layer, AMD: one lane is one work-item. CDNA has waves of 64, RDNA of 32. Compiled by clang in HIP mode, with HIP's own
// headers or without any. What the names mean is told in nvidia.h.
#pragma once

#include <stddef.h>
#include <stdint.h>

#if !defined(__HIP_DEVICE_COMPILE__)
#error "for the device's side of a compilation only"
#endif
#ifndef INFINITY
#define INFINITY __builtin_inff()
#endif

#define FOVEA_DEVICE __attribute__((device)) inline __attribute__((always_inline))
#define FOVEA_GLOBAL __attribute__((address_space(1)))
#define FOVEA_LDS __attribute__((address_space(3)))

namespace fovea::hip::amd {

template <class T>
using Lane = T;
using Int = Lane<int32_t>;
using Uint = Lane<uint32_t>;
using Long = Lane<int64_t>;
using Float = Lane<float>;
using Bool = Lane<bool>;
using Pointer = Lane<const char*>;

#if defined(__GFX9__)
inline constexpr int kWaveSize = 64;
#else
inline constexpr int kWaveSize = 32;
#endif
// 16-bit matrix instructions over 32 elements.
#if defined(__gfx950__)
inline constexpr bool kDeepMatrices = true;
#else
inline constexpr bool kDeepMatrices = false;
#endif
// Both halves of a wave hold the same matrix operands.
#if defined(__GFX11__)
inline constexpr bool kMirroredLanes = true;
#else
inline constexpr bool kMirroredLanes = false;
#endif

// 16 bytes of each lane.
struct Quad {
  Uint w[4];
};
using Words2 = uint32_t __attribute__((ext_vector_type(2)));
using Words4 = uint32_t __attribute__((ext_vector_type(4)));

template <class T>
FOVEA_DEVICE T select(bool condition, T a, T b) {
  return condition ? a : b;
}
FOVEA_DEVICE Int lane_min(Int a, Int b) { return a < b ? a : b; }
FOVEA_DEVICE Int lane_max(Int a, Int b) { return a > b ? a : b; }
FOVEA_DEVICE Float lane_min(Float a, Float b) { return __builtin_fminf(a, b); }
FOVEA_DEVICE Float lane_max(Float a, Float b) { return __builtin_fmaxf(a, b); }
FOVEA_DEVICE Int lane_abs(Int a) { return a < 0 ? -a : a; }
FOVEA_DEVICE Float lane_fma(Float a, Float b, Float c) { return __builtin_fmaf(a, b, c); }
FOVEA_DEVICE Float lane_sqrt(Float a) { return __builtin_amdgcn_sqrtf(a); }
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
FOVEA_DEVICE Uint bits_of(Float a) { return __builtin_bit_cast(uint32_t, a); }
FOVEA_DEVICE Float float_of(Uint a) { return __builtin_bit_cast(float, a); }

// The same value, which the compiler may not compute ahead of where it is used.
FOVEA_DEVICE Int opaque(Int x) {
  asm volatile("" : "+v"(x));
  return x;
}

// v_exp_f32 and v_log_f32: relative error 2^-22, base 2.
FOVEA_DEVICE Float exp2_fast(Float x) { return __builtin_amdgcn_exp2f(x); }
FOVEA_DEVICE Float reciprocal_fast(Float x) { return __builtin_amdgcn_rcpf(x); }
FOVEA_DEVICE Float log2_of(Float x) { return __builtin_amdgcn_logf(x); }

FOVEA_DEVICE Int lane_index() {
#if defined(__GFX9__)
  return static_cast<int32_t>(__builtin_amdgcn_mbcnt_hi(~0u, __builtin_amdgcn_mbcnt_lo(~0u, 0u)));
#else
  return static_cast<int32_t>(__builtin_amdgcn_mbcnt_lo(~0u, 0u));
#endif
}
// `mask` is a constant. One instruction where a lane's partner is 16 lanes away, on RDNA also where it is among 16 side by side.
FOVEA_DEVICE Int shuffle_xor(Int x, int mask) {
#if defined(__GFX9__)
  if (mask == 16) return __builtin_amdgcn_ds_swizzle(x, 0x401f);
#else
  if (mask == 16) return __builtin_amdgcn_permlanex16(x, x, 0x76543210, static_cast<int>(0xfedcba98), false, false);
  // DPP row_xmask.
  if (mask == 1) return __builtin_amdgcn_mov_dpp(x, 0x161, 0xf, 0xf, true);
  if (mask == 2) return __builtin_amdgcn_mov_dpp(x, 0x162, 0xf, 0xf, true);
  if (mask == 4) return __builtin_amdgcn_mov_dpp(x, 0x164, 0xf, 0xf, true);
  if (mask == 8) return __builtin_amdgcn_mov_dpp(x, 0x168, 0xf, 0xf, true);
#endif
  return __builtin_amdgcn_ds_bpermute((lane_index() ^ mask) * 4, x);
}
FOVEA_DEVICE Uint shuffle_xor(Uint x, int mask) { return as_uint(shuffle_xor(as_int(x), mask)); }
FOVEA_DEVICE Float shuffle_xor(Float x, int mask) { return float_of(shuffle_xor(bits_of(x), mask)); }
#if !defined(__GFX9__)
// f32_tiles.h: sixteen lanes share rows, here sixteen side by side, which instructions that compute read from one of them
// (DPP row_share).
inline constexpr bool kSharesRegisters = true;
// What lane kFrom of each sixteen has.
template <int kFrom>
FOVEA_DEVICE Float shared_by_sixteen(Float x) {
  return float_of(as_uint(__builtin_amdgcn_mov_dpp(as_int(bits_of(x)), 0x150 + kFrom, 0xf, 0xf, true)));
}
// c + x * y with the x of lane kFrom of each sixteen. One instruction by name: the compiler would take the sharing of a query, which
// is the same for all tiles, out of the loop over tiles and keep sixteen registers of each.
template <int kFrom>
FOVEA_DEVICE Float fma_shared(Float x, Float y, Float c) {
  asm("v_fmac_f32_dpp %0, %1, %2 row_share:%3 row_mask:0xf bank_mask:0xf" : "+v"(c) : "v"(x), "v"(y), "n"(kFrom));
  return c;
}
#endif
// Lanes with nothing below them keep their value.
FOVEA_DEVICE Int shuffle_up(Int x, int distance) {
  const Int lane = lane_index();
  return __builtin_amdgcn_ds_bpermute((lane < distance ? lane : lane - distance) * 4, x);
}
FOVEA_DEVICE int lane_value(Int x, int lane) { return __builtin_amdgcn_readlane(x, lane); }
FOVEA_DEVICE int last_lane(Int x) { return lane_value(x, kWaveSize - 1); }
FOVEA_DEVICE uint64_t ballot(bool condition) {
#if defined(__GFX9__)
  return __builtin_amdgcn_ballot_w64(condition);
#else
  return __builtin_amdgcn_ballot_w32(condition);
#endif
}
FOVEA_DEVICE bool any_lane(bool condition) { return ballot(condition) != 0; }
FOVEA_DEVICE int count_lanes(bool condition) { return __builtin_popcountll(ballot(condition)); }
FOVEA_DEVICE Int lanes_before(bool condition) {
  const uint64_t lanes = ballot(condition);
  const Uint low = __builtin_amdgcn_mbcnt_lo(static_cast<uint32_t>(lanes), 0u);
#if defined(__GFX9__)
  return as_int(__builtin_amdgcn_mbcnt_hi(static_cast<uint32_t>(lanes >> 32), low));
#else
  return as_int(low);
#endif
}
FOVEA_DEVICE int first_where(bool condition) { return __builtin_ctzll(ballot(condition)); }
FOVEA_DEVICE int wave_sum(Int x) {
#pragma unroll
  for (int d = 1; d < kWaveSize; d *= 2) x += shuffle_xor(x, d);
  return __builtin_amdgcn_readfirstlane(x);
}
FOVEA_DEVICE int wave_max(Int x) {
#pragma unroll
  for (int d = 1; d < kWaveSize; d *= 2) x = lane_max(x, shuffle_xor(x, d));
  return __builtin_amdgcn_readfirstlane(x);
}

// Waves that each SIMD must hold so that a compute unit (RDNA: a pair of them) holds `workgroups`.
constexpr int waves_per_simd(int threads, int workgroups) {
  const int waves = threads / kWaveSize * workgroups;
  return waves < 4 ? 1 : waves / 4;
}

// The workgroup a kernel runs in.
struct Workgroup {
  int x, y, z;     // its place in the grid
  int num_x;
  int wave;        // the wave's place in the workgroup
  Int lane;
  uint32_t lds;    // address of its shared memory

  FOVEA_DEVICE Int thread() const { return wave * kWaveSize + lane; }
  FOVEA_DEVICE void barrier() const {
    __builtin_amdgcn_fence(__ATOMIC_RELEASE, "workgroup");
    __builtin_amdgcn_s_barrier();
    __builtin_amdgcn_fence(__ATOMIC_ACQUIRE, "workgroup");
  }
  // Of shared memory only: loads from global memory may stay under way, for which RDNA would wait and throw its cache away.
  FOVEA_DEVICE void lds_barrier() const {
#if __clang_major__ >= 20
    __builtin_amdgcn_fence(__ATOMIC_RELEASE, "workgroup", "local");
    __builtin_amdgcn_s_barrier();
    __builtin_amdgcn_fence(__ATOMIC_ACQUIRE, "workgroup", "local");
#else
    barrier();
#endif
  }
};

// Kernels have no shared memory but what the launch gives them, and that begins at 0.
FOVEA_DEVICE Workgroup this_workgroup() {
  Workgroup wg;
  wg.x = static_cast<int>(__builtin_amdgcn_workgroup_id_x());
  wg.y = static_cast<int>(__builtin_amdgcn_workgroup_id_y());
  wg.z = static_cast<int>(__builtin_amdgcn_workgroup_id_z());
  wg.num_x = static_cast<int>(__builtin_amdgcn_grid_size_x() / __builtin_amdgcn_workgroup_size_x());
  const uint32_t thread = __builtin_amdgcn_workitem_id_x();
  wg.wave = __builtin_amdgcn_readfirstlane(static_cast<int>(thread / kWaveSize));
  wg.lane = static_cast<int>(thread % kWaveSize);
  wg.lds = 0;
  return wg;
}

template <class T>
FOVEA_DEVICE FOVEA_LDS T* lds_at(const Workgroup& wg, Int offset) {
  return (FOVEA_LDS T*)(wg.lds + static_cast<uint32_t>(offset));
}
template <class T>
FOVEA_DEVICE const FOVEA_GLOBAL T* global_at(const void* p) {
  return (const FOVEA_GLOBAL T*)p;
}
template <class T>
FOVEA_DEVICE FOVEA_GLOBAL T* global_at(void* p) {
  return (FOVEA_GLOBAL T*)p;
}

// --- copies from global memory to shared memory; offsets in bytes from the workgroup's shared memory -----------------

// What is read where there is nothing to read: that takes a branch from around each load, so that loads run side by side.
__attribute__((device)) __attribute__((aligned(16))) static const uint32_t nothing_to_read[4] = {0, 0, 0, 0};

// 16 bytes, or zeros without a read where load is false; anything where mask is. 16-byte aligned. kAll: mask is true.
template <bool kAll>
FOVEA_DEVICE Quad fetch16(Bool mask, Pointer from, Bool load) {
  const char* source = load & (kAll | mask) ? from : reinterpret_cast<const char*>(nothing_to_read);
  const Words4 q = *global_at<Words4>(source);
  return {{q.x, q.y, q.z, q.w}};
}
// The same for 8 bytes, in the first half.
template <bool kAll>
FOVEA_DEVICE Quad fetch8(Bool mask, Pointer from, Bool load) {
  const char* source = load & (kAll | mask) ? from : reinterpret_cast<const char*>(nothing_to_read);
  const Words2 q = *global_at<Words2>(source);
  return {{q.x, q.y, 0, 0}};
}
// `offset` bytes behind `from`, which is uniform: then one register holds a lane's address.
FOVEA_DEVICE Pointer offset_by(const char* from, Int offset) { return from + static_cast<uint32_t>(offset); }
// Copies 16 bytes to shared memory, as fetch16 reads them.
template <bool kAll>
FOVEA_DEVICE void copy_async16(const Workgroup& wg, Bool mask, Int to, Pointer from, Bool load) {
  const Quad q = fetch16<kAll>(mask, from, load);
  if (kAll || mask) *lds_at<Words4>(wg, to) = Words4{q.w[0], q.w[1], q.w[2], q.w[3]};
}
// Copies have arrived when they have been issued; barriers order them.
FOVEA_DEVICE void copy_commit() {}
template <int kPending>
FOVEA_DEVICE void copy_wait() {}

FOVEA_DEVICE void lds_store(const Workgroup& wg, Int to, Float value, Bool mask) {
  if (mask) *lds_at<float>(wg, to) = value;
}
FOVEA_DEVICE Float lds_load(const Workgroup& wg, Int from) { return *lds_at<float>(wg, from); }
FOVEA_DEVICE void lds_store_quad(const Workgroup& wg, Int to, const Quad& q, Bool mask) {
  if (mask) *lds_at<Words4>(wg, to) = Words4{q.w[0], q.w[1], q.w[2], q.w[3]};
}
FOVEA_DEVICE Quad lds_load_quad(const Workgroup& wg, Int from) {
  const Words4 q = *lds_at<Words4>(wg, from);
  return {{q.x, q.y, q.z, q.w}};
}
// Zeros where mask is false. kAll: it is true.
template <bool kAll>
FOVEA_DEVICE Quad lds_load_quad(const Workgroup& wg, Int from, Bool mask) {
  if (kAll || mask) return lds_load_quad(wg, from);
  return {{0, 0, 0, 0}};
}
FOVEA_DEVICE void lds_load_pair(const Workgroup& wg, Int from, Uint (&words)[2]) {
  const Words2 q = *lds_at<Words2>(wg, from);
  words[0] = q.x;
  words[1] = q.y;
}
FOVEA_DEVICE Uint lds_load_word(const Workgroup& wg, Int from) { return *lds_at<uint32_t>(wg, from); }
FOVEA_DEVICE void lds_store_int(const Workgroup& wg, Int to, Int value, Bool mask) {
  if (mask) *lds_at<int32_t>(wg, to) = value;
}
// The same word for all lanes.
FOVEA_DEVICE int lds_load_uniform(const Workgroup& wg, int from) {
  return __builtin_amdgcn_readfirstlane(*lds_at<int32_t>(wg, from));
}
FOVEA_DEVICE void lds_add(const Workgroup& wg, Int to, Int value, Bool mask) {
  if (mask) __hip_atomic_fetch_add(lds_at<int32_t>(wg, to), value, __ATOMIC_RELAXED, __HIP_MEMORY_SCOPE_WORKGROUP);
}
FOVEA_DEVICE Int lds_fetch_add(const Workgroup& wg, Int to, Int value, Bool mask) {
  int before = 0;
  if (mask) before = __hip_atomic_fetch_add(lds_at<int32_t>(wg, to), value, __ATOMIC_RELAXED, __HIP_MEMORY_SCOPE_WORKGROUP);
  return before;
}
FOVEA_DEVICE void lds_max(const Workgroup& wg, Int to, Int value, Bool mask) {
  if (mask) __hip_atomic_fetch_max(lds_at<int32_t>(wg, to), value, __ATOMIC_RELAXED, __HIP_MEMORY_SCOPE_WORKGROUP);
}
// Lanes run in lockstep and LDS works in order; the compiler must not reorder.
FOVEA_DEVICE void wave_sync() {
  __builtin_amdgcn_fence(__ATOMIC_ACQ_REL, "wavefront");
  __builtin_amdgcn_wave_barrier();
}
FOVEA_DEVICE void lds_store_half(const Workgroup& wg, Int to, Uint bits, Bool mask) {
  if (mask) *lds_at<uint16_t>(wg, to) = static_cast<uint16_t>(bits);
}

// --- global memory ---------------------------------------------------------------------------------------------------

template <class T>
FOVEA_DEVICE Lane<T> global_load(Lane<const T*> from, Bool mask, T otherwise) {
  return mask ? *global_at<T>(from) : otherwise;
}
template <class T>
FOVEA_DEVICE void global_store(Lane<T*> to, Lane<T> value, Bool mask) {
  if (mask) *global_at<T>(to) = value;
}
// A word that all lanes read and nobody writes while the kernel runs: by the scalar unit, whose loads nobody waits for who waits for
// those of the lanes.
FOVEA_DEVICE int constant_load(const int32_t* from) { return *(const __attribute__((address_space(4))) int32_t*)from; }
FOVEA_DEVICE Quad global_load_quad(Pointer from, Bool mask) {
  Words4 q = {0, 0, 0, 0};
  if (mask) q = *global_at<Words4>(from);
  return {{q.x, q.y, q.z, q.w}};
}
FOVEA_DEVICE Quad global_load_half_quad(Pointer from, Bool mask) {
  Words2 q = {0, 0};
  if (mask) q = *global_at<Words2>(from);
  return {{q.x, q.y, 0, 0}};
}
FOVEA_DEVICE void global_store_quad(Lane<char*> to, const Quad& q, Bool mask) {
  if (mask) *global_at<Words4>(to) = Words4{q.w[0], q.w[1], q.w[2], q.w[3]};
}
FOVEA_DEVICE void global_store_pair(Lane<char*> to, Uint a, Uint b, Bool mask) {
  if (mask) *global_at<Words2>(to) = Words2{a, b};
}
FOVEA_DEVICE void global_store_half(Lane<char*> to, Uint bits, Bool mask) {
  if (mask) *global_at<uint16_t>(to) = static_cast<uint16_t>(bits);
}
FOVEA_DEVICE void global_store_byte(Lane<char*> to, Uint bits, Bool mask) {
  if (mask) *global_at<uint8_t>(to) = static_cast<uint8_t>(bits);
}
template <class T, class U>
FOVEA_DEVICE T* reinterpret_pointer(U* p) {
  return reinterpret_cast<T*>(p);
}
FOVEA_DEVICE void global_min(int32_t* to, Int value, Bool mask) {
  if (mask) __hip_atomic_fetch_min(global_at<int32_t>(to), value, __ATOMIC_RELAXED, __HIP_MEMORY_SCOPE_AGENT);
}
FOVEA_DEVICE void global_min(uint32_t* to, Uint value, Bool mask) {
  if (mask) __hip_atomic_fetch_min(global_at<uint32_t>(to), value, __ATOMIC_RELAXED, __HIP_MEMORY_SCOPE_AGENT);
}
FOVEA_DEVICE Int global_fetch_add(int32_t* to, Int value, Bool mask) {
  int before = 0;
  if (mask) before = __hip_atomic_fetch_add(global_at<int32_t>(to), value, __ATOMIC_RELAXED, __HIP_MEMORY_SCOPE_AGENT);
  return before;
}
FOVEA_DEVICE Int publish_and_add(int32_t* to, Int value, Bool mask) { return global_fetch_add(to, value, mask); }
FOVEA_DEVICE void release_to_device() { __builtin_amdgcn_fence(__ATOMIC_RELEASE, "agent"); }
FOVEA_DEVICE void acquire_from_device() { __builtin_amdgcn_fence(__ATOMIC_ACQUIRE, "agent"); }

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

#if defined(__gfx950__) || defined(__GFX12__)
inline constexpr bool kConvertsFp8 = true;
#else
// gfx942 converts too, but its e4m3 is another one. numbers.h does it by arithmetic.
inline constexpr bool kConvertsFp8 = false;
#endif

// The lower, or the upper, 16 bits of each as one word.
FOVEA_DEVICE Uint join_low(Uint low, Uint high) { return __builtin_amdgcn_perm(high, low, 0x05040100u); }
FOVEA_DEVICE Uint join_high(Uint low, Uint high) { return __builtin_amdgcn_perm(high, low, 0x07060302u); }

template <class T>
struct Pack16;
template <>
struct Pack16<F16> {
  static FOVEA_DEVICE Uint pack(Float low, Float high) {
    using Halves = _Float16 __attribute__((ext_vector_type(2)));
    return __builtin_bit_cast(uint32_t, Halves{static_cast<_Float16>(low), static_cast<_Float16>(high)});
  }
  static FOVEA_DEVICE Float low(Uint pair) { return static_cast<float>(__builtin_bit_cast(_Float16, static_cast<uint16_t>(pair))); }
  static FOVEA_DEVICE Float high(Uint pair) { return low(pair >> 16); }
};
template <>
struct Pack16<BF16> {
  static FOVEA_DEVICE Uint pack(Float low, Float high) {
#if defined(__gfx950__)
    uint32_t out;
    asm("v_cvt_pk_bf16_f32 %0, %1, %2" : "=v"(out) : "v"(low), "v"(high));
    return out;
#else
    return join_high(rounded(low), rounded(high));
#endif
  }
  static FOVEA_DEVICE Float low(Uint pair) { return float_of(pair << 16); }
  static FOVEA_DEVICE Float high(Uint pair) { return float_of(pair & 0xffff0000u); }

 private:
  static FOVEA_DEVICE Uint rounded(Float x) {
    const Uint bits = bits_of(x);
    return x == x ? bits + 0x7fffu + ((bits >> 16) & 1u) : 0x7fff0000u;
  }
};

// Products of two pairs of f16.
FOVEA_DEVICE Uint multiply_halves(Uint a, Uint b) {
  using Halves = _Float16 __attribute__((ext_vector_type(2)));
  return __builtin_bit_cast(uint32_t, __builtin_bit_cast(Halves, a) * __builtin_bit_cast(Halves, b));
}

// Four fp8 elements, e5m2 or e4m3fn, to two pairs.
template <class T, bool kE5M2>
FOVEA_DEVICE void convert_fp8(Uint bytes, Uint& low, Uint& high) {
#if defined(__gfx950__)
  if constexpr (T::kIsBF16) {
    low = __builtin_bit_cast(uint32_t, kE5M2 ? __builtin_amdgcn_cvt_scalef32_pk_bf16_bf8(bytes, 1.0f, false)
                                             : __builtin_amdgcn_cvt_scalef32_pk_bf16_fp8(bytes, 1.0f, false));
    high = __builtin_bit_cast(uint32_t, kE5M2 ? __builtin_amdgcn_cvt_scalef32_pk_bf16_bf8(bytes, 1.0f, true)
                                              : __builtin_amdgcn_cvt_scalef32_pk_bf16_fp8(bytes, 1.0f, true));
  } else {
    low = __builtin_bit_cast(uint32_t, kE5M2 ? __builtin_amdgcn_cvt_scalef32_pk_f16_bf8(bytes, 1.0f, false)
                                             : __builtin_amdgcn_cvt_scalef32_pk_f16_fp8(bytes, 1.0f, false));
    high = __builtin_bit_cast(uint32_t, kE5M2 ? __builtin_amdgcn_cvt_scalef32_pk_f16_bf8(bytes, 1.0f, true)
                                              : __builtin_amdgcn_cvt_scalef32_pk_f16_fp8(bytes, 1.0f, true));
  }
#elif defined(__GFX12__)
  const int word = as_int(bytes);
  const auto a = kE5M2 ? __builtin_amdgcn_cvt_pk_f32_bf8(word, false) : __builtin_amdgcn_cvt_pk_f32_fp8(word, false);
  const auto b = kE5M2 ? __builtin_amdgcn_cvt_pk_f32_bf8(word, true) : __builtin_amdgcn_cvt_pk_f32_fp8(word, true);
  // Nothing is rounded: fp8 has less mantissa.
  low = T::kIsBF16 ? join_high(bits_of(a[0]), bits_of(a[1])) : Pack16<T>::pack(a[0], a[1]);
  high = T::kIsBF16 ? join_high(bits_of(b[0]), bits_of(b[1])) : Pack16<T>::pack(b[0], b[1]);
#else
  low = high = bytes;
#endif
}

// Weights, which are not negative: where the hardware does not convert to bf16, halves are rounded up, which takes half the
// instructions of rounding them to even. A NaN may get lost here; it is in the sum of the weights too.
template <class T>
FOVEA_DEVICE Uint pack_weights(Float low, Float high) {
  return Pack16<T>::pack(low, high);
}
#if !defined(__gfx950__)
template <>
FOVEA_DEVICE Uint pack_weights<BF16>(Float low, Float high) {
  return join_high(bits_of(low) + 0x8000u, bits_of(high) + 0x8000u);
}
#endif

// --- matrices: c += a * b, operands in 32-bit registers, see matrix tiles' headers for their places -----------------------

namespace detail {
template <int kWords>
using Words = uint32_t __attribute__((ext_vector_type(kWords)));
template <int kSums>
using Floats = float __attribute__((ext_vector_type(kSums)));
template <int kElements>
using Halves = _Float16 __attribute__((ext_vector_type(kElements)));
template <int kElements>
using Shorts = int16_t __attribute__((ext_vector_type(kElements)));
template <int kElements>
using Brains = __bf16 __attribute__((ext_vector_type(kElements)));

template <class V, int kWords>
FOVEA_DEVICE V operand(const Uint (&w)[kWords]) {
  Words<kWords> v;
#pragma unroll
  for (int i = 0; i < kWords; ++i) v[i] = w[i];
  return __builtin_bit_cast(V, v);
}
// As a whole, so that the compiler keeps sums in the tuples of registers that matrix instructions take.
template <int kSums>
FOVEA_DEVICE Floats<kSums> gather(const Float (&c)[kSums]) {
  Floats<kSums> v;
  __builtin_memcpy(&v, &c, sizeof v);
  return v;
}
template <int kSums>
FOVEA_DEVICE void scatter(const Floats<kSums>& v, Float (&c)[kSums]) {
  __builtin_memcpy(&c, &v, sizeof v);
}
}  // namespace detail

// What was added to the sums comes before this, and what follows is not begun earlier: the compiler would move products to
// where they are used and load all their operands ahead of them until no register is left.
template <int kCount, int kSums>
FOVEA_DEVICE void keep_order(Float (&c)[kCount][kSums], int first, int end) {
#pragma unroll
  for (int i = first; i < end; ++i) {
    detail::Floats<kSums> v = detail::gather(c[i]);
    asm volatile("" : "+v"(v));
    detail::scatter<kSums>(v, c[i]);
  }
  __builtin_amdgcn_sched_barrier(0);
}

// What follows is not scheduled before this, which keeps operands from being loaded ahead until no register is left.
FOVEA_DEVICE void keep_order() { __builtin_amdgcn_sched_barrier(0); }

#define FOVEA_MATRIX_PRODUCT(NAME, TYPE, SUMS, WORDS, VECTOR, CALL)                           \
  template <>                                                                                \
  FOVEA_DEVICE void NAME<TYPE>(Float (&c)[SUMS], const Uint (&a)[WORDS], const Uint (&b)[WORDS]) { \
    const auto x = detail::operand<VECTOR>(a), y = detail::operand<VECTOR>(b);               \
    detail::scatter<SUMS>(CALL, c);                                                          \
  }

#if defined(__GFX9__)
template <class T>
FOVEA_DEVICE void multiply_16x16x16(Float (&c)[4], const Uint (&a)[2], const Uint (&b)[2]);
template <class T>
FOVEA_DEVICE void multiply_16x16x32(Float (&c)[4], const Uint (&a)[4], const Uint (&b)[4]);
FOVEA_MATRIX_PRODUCT(multiply_16x16x16, F16, 4, 2, detail::Halves<4>,
                     __builtin_amdgcn_mfma_f32_16x16x16f16(x, y, detail::gather(c), 0, 0, 0))
FOVEA_MATRIX_PRODUCT(multiply_16x16x16, BF16, 4, 2, detail::Shorts<4>,
                     __builtin_amdgcn_mfma_f32_16x16x16bf16_1k(x, y, detail::gather(c), 0, 0, 0))
// f32 operands, nothing of which is rounded.
FOVEA_DEVICE void multiply_16x16x4(Float (&c)[4], Float a, Float b) {
  detail::scatter<4>(__builtin_amdgcn_mfma_f32_16x16x4f32(a, b, detail::gather(c), 0, 0, 0), c);
}
#if defined(__gfx950__)
FOVEA_MATRIX_PRODUCT(multiply_16x16x32, F16, 4, 4, detail::Halves<8>,
                     __builtin_amdgcn_mfma_f32_16x16x32_f16(x, y, detail::gather(c), 0, 0, 0))
FOVEA_MATRIX_PRODUCT(multiply_16x16x32, BF16, 4, 4, detail::Brains<8>,
                     __builtin_amdgcn_mfma_f32_16x16x32_bf16(x, y, detail::gather(c), 0, 0, 0))
#endif
#elif defined(__GFX11__)
template <class T>
FOVEA_DEVICE void multiply_16x16x16(Float (&c)[8], const Uint (&a)[8], const Uint (&b)[8]);
FOVEA_MATRIX_PRODUCT(multiply_16x16x16, F16, 8, 8, detail::Halves<16>,
                     __builtin_amdgcn_wmma_f32_16x16x16_f16_w32(x, y, detail::gather(c)))
FOVEA_MATRIX_PRODUCT(multiply_16x16x16, BF16, 8, 8, detail::Shorts<16>,
                     __builtin_amdgcn_wmma_f32_16x16x16_bf16_w32(x, y, detail::gather(c)))
#elif defined(__GFX12__)
template <class T>
FOVEA_DEVICE void multiply_16x16x16(Float (&c)[8], const Uint (&a)[4], const Uint (&b)[4]);
FOVEA_MATRIX_PRODUCT(multiply_16x16x16, F16, 8, 4, detail::Halves<8>,
                     __builtin_amdgcn_wmma_f32_16x16x16_f16_w32_gfx12(x, y, detail::gather(c)))
FOVEA_MATRIX_PRODUCT(multiply_16x16x16, BF16, 8, 4, detail::Shorts<8>,
                     __builtin_amdgcn_wmma_f32_16x16x16_bf16_w32_gfx12(x, y, detail::gather(c)))
#else
#error "no matrix instructions are known for this architecture"
#endif
#undef FOVEA_MATRIX_PRODUCT

}  // namespace fovea::hip::amd
