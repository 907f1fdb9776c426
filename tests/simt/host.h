// Device layer, host: the kernels' sources run in ordinary tests. It offers what kernels/hip/device/nvidia.h offers, with a
// wave's lanes in an array; machine.h checks every access. The kernels take it instead of a GPU's layer where
// FOVEA_DEVICE_HOST names this file.
#pragma once

#include <cstdint>
#include <type_traits>

#include "tests/simt/lane.h"
#include "tests/simt/machine.h"
#include "tests/simt/matrix.h"

#define FOVEA_DEVICE inline

namespace fovea::hip::host {

// 16 bytes of each lane.
struct Quad {
  Uint w[4];
};

struct Workgroup {
  int x, y, z;
  int num_x;
  int wave;
  Int lane;
  int lds;

  Int thread() const { return wave * kWaveSize + lane; }
  void barrier() const { reach_barrier(); }
  void lds_barrier() const { reach_barrier(); }
};

// --- shared memory -----------------------------------------------------------------------------------------------------

namespace detail {
template <bool kAll>
void copy_async(const Bool& mask, const Int& to, const Pointer& from, const Bool& load, int bytes) {
  for (int i = 0; i < kWaveSize; ++i) {
    if (kAll || mask.v[i]) start_copy(i, to.v[i], load.v[i] ? from.v[i] : nullptr, bytes);
  }
  count_lds(to, bytes, kAll ? Bool(true) : mask);
  count_global(from, bytes, (kAll ? Bool(true) : mask) & load);
}
}  // namespace detail

// Copies 16 bytes, or writes 16 zeros and reads nothing where load is false. 16-byte aligned. kAll: mask is true.
template <bool kAll>
void copy_async16(const Workgroup&, const Bool& mask, const Int& to, const Pointer& from, const Bool& load) {
  detail::copy_async<kAll>(mask, to, from, load, 16);
}
template <bool kAll>
void copy_async8(const Workgroup&, const Bool& mask, const Int& to, const Pointer& from, const Bool& load) {
  detail::copy_async<kAll>(mask, to, from, load, 8);
}
inline void copy_commit() { commit_copies(); }
template <int kPending>
void copy_wait() {
  wait_for_copies(kPending);
}

namespace detail {
template <class T>
void lds_store(const Int& to, const Lane<T>& value, const Bool& mask) {
  for (int i = 0; i < kWaveSize; ++i) {
    if (!mask.v[i]) continue;
    if (char* at = lds_for_write(i, to.v[i], sizeof(T), sizeof(T), false)) std::memcpy(at, &value.v[i], sizeof(T));
  }
  count_lds(to, sizeof(T), mask);
}
template <class T>
Lane<T> lds_load(const Int& from) {
  Lane<T> r;
  std::memset(r.v, 0xff, sizeof r.v);
  for (int i = 0; i < kWaveSize; ++i) {
    if (const char* at = lds_for_read(i, from.v[i], sizeof(T), sizeof(T))) std::memcpy(&r.v[i], at, sizeof(T));
  }
  count_lds(from, sizeof(T), Bool(true));
  return r;
}
template <class F>
Int lds_atomic(const Int& to, const Int& value, const Bool& mask, F f) {
  Int before(0);
  for (int i = 0; i < kWaveSize; ++i) {
    if (!mask.v[i]) continue;
    char* at = lds_for_write(i, to.v[i], 4, 4, true);
    if (at == nullptr) continue;
    std::memcpy(&before.v[i], at, 4);
    const int32_t after = f(before.v[i], value.v[i]);
    std::memcpy(at, &after, 4);
  }
  count_lds(to, 4, mask);
  return before;
}
}  // namespace detail

inline void lds_store(const Workgroup&, const Int& to, const Float& value, const Bool& mask) {
  detail::lds_store(to, value, mask);
}
inline Float lds_load(const Workgroup&, const Int& from) { return detail::lds_load<float>(from); }
inline void lds_store_int(const Workgroup&, const Int& to, const Int& value, const Bool& mask) {
  detail::lds_store(to, value, mask);
}
inline void lds_store_half(const Workgroup&, const Int& to, const Uint& bits, const Bool& mask) {
  detail::lds_store(to, detail::map<uint16_t>(bits, [](uint32_t x) { return static_cast<uint16_t>(x); }), mask);
}
inline void lds_store_byte(const Workgroup&, const Int& to, const Uint& bits, const Bool& mask) {
  detail::lds_store(to, detail::map<uint8_t>(bits, [](uint32_t x) { return static_cast<uint8_t>(x); }), mask);
}
inline void lds_store_pair(const Workgroup&, const Int& to, const Uint& a, const Uint& b, const Bool& mask) {
  for (int i = 0; i < kWaveSize; ++i) {
    if (!mask.v[i]) continue;
    const uint32_t words[2] = {a.v[i], b.v[i]};
    if (char* at = lds_for_write(i, to.v[i], 8, 8, false)) std::memcpy(at, words, 8);
  }
  count_lds(to, 8, mask);
}
inline void lds_store_quad(const Workgroup&, const Int& to, const Quad& q, const Bool& mask) {
  for (int i = 0; i < kWaveSize; ++i) {
    if (!mask.v[i]) continue;
    const uint32_t words[4] = {q.w[0].v[i], q.w[1].v[i], q.w[2].v[i], q.w[3].v[i]};
    if (char* at = lds_for_write(i, to.v[i], 16, 16, false)) std::memcpy(at, words, 16);
  }
  count_lds(to, 16, mask);
}
// Zeros where mask is false. kAll: it is true.
template <bool kAll>
Quad lds_load_quad(const Workgroup&, const Int& from, const Bool& mask) {
  Quad q;
  for (int i = 0; i < kWaveSize; ++i) {
    uint32_t words[4] = {0, 0, 0, 0};
    if (kAll || mask.v[i]) {
      if (const char* at = lds_for_read(i, from.v[i], 16, 16)) std::memcpy(words, at, 16);
    }
    for (int w = 0; w < 4; ++w) q.w[w].v[i] = words[w];
  }
  count_lds(from, 16, kAll ? Bool(true) : mask);
  return q;
}
inline Quad lds_load_quad(const Workgroup& wg, const Int& from) { return lds_load_quad<true>(wg, from, Bool(true)); }
inline void lds_load_pair(const Workgroup&, const Int& from, Uint (&words)[2]) {
  const Lane<uint64_t> pair = detail::lds_load<uint64_t>(from);
  for (int i = 0; i < kWaveSize; ++i) {
    words[0].v[i] = static_cast<uint32_t>(pair.v[i]);
    words[1].v[i] = static_cast<uint32_t>(pair.v[i] >> 32);
  }
}
// The same word for all lanes.
inline int lds_load_uniform(const Workgroup&, int from) {
  int value = -1;
  if (const char* at = lds_for_read(-1, from, 4, 4)) std::memcpy(&value, at, 4);
  return value;
}
inline void lds_add(const Workgroup&, const Int& to, const Int& value, const Bool& mask) {
  detail::lds_atomic(to, value, mask, [](int32_t a, int32_t b) { return a + b; });
}
inline Int lds_fetch_add(const Workgroup&, const Int& to, const Int& value, const Bool& mask) {
  return detail::lds_atomic(to, value, mask, [](int32_t a, int32_t b) { return a + b; });
}
inline void lds_max(const Workgroup&, const Int& to, const Int& value, const Bool& mask) {
  detail::lds_atomic(to, value, mask, [](int32_t a, int32_t b) { return a > b ? a : b; });
}
inline void keep_order() {}
inline void wave_sync() { synchronize_wave(); }

// --- global memory -----------------------------------------------------------------------------------------------------

namespace detail {
template <class T>
Lane<T> load(const Lane<const T*>& from, const Bool& mask, T otherwise) {
  Lane<T> r(otherwise);
  for (int i = 0; i < kWaveSize; ++i) {
    if (mask.v[i] && check_global(i, from.v[i], sizeof(T), sizeof(T), GlobalUse::kLoad)) std::memcpy(&r.v[i], from.v[i], sizeof(T));
  }
  count_global(reinterpret_pointer<const char>(from), sizeof(T), mask);
  return r;
}
inline Quad load_words(const Pointer& from, const Bool& mask, int num_words) {
  Quad q;
  for (int i = 0; i < kWaveSize; ++i) {
    uint32_t words[4] = {0, 0, 0, 0};
    if (mask.v[i] && check_global(i, from.v[i], 4 * num_words, 4 * num_words, GlobalUse::kLoad)) {
      std::memcpy(words, from.v[i], 4 * num_words);
    }
    for (int w = 0; w < 4; ++w) q.w[w].v[i] = words[w];
  }
  count_global(from, 4 * num_words, mask);
  return q;
}
template <class T>
void atomic_min(T* to, const Lane<T>& value, const Bool& mask) {
  for (int i = 0; i < kWaveSize; ++i) {
    if (mask.v[i] && check_global(i, to, 4, 4, GlobalUse::kAtomic) && value.v[i] < *to) *to = value.v[i];
  }
}
}  // namespace detail

template <class P>
  requires(std::is_pointer_v<P>)
auto global_load(const Lane<P>& from, const Bool& mask, std::remove_const_t<std::remove_pointer_t<P>> otherwise) {
  using T = std::remove_const_t<std::remove_pointer_t<P>>;
  return detail::load<T>(Lane<const T*>(from), mask, otherwise);
}
template <class T>
void global_store(const Lane<T*>& to, const Lane<T>& value, const Bool& mask) {
  for (int i = 0; i < kWaveSize; ++i) {
    if (mask.v[i] && check_global(i, to.v[i], sizeof(T), sizeof(T), GlobalUse::kStore)) {
      std::memcpy(to.v[i], &value.v[i], sizeof(T));
    }
  }
  count_global(reinterpret_pointer<const char>(to), sizeof(T), mask);
}
inline int constant_load(const int32_t* from) { return *from; }
inline Quad global_load_quad(const Pointer& from, const Bool& mask) {
  return detail::load_words(from, mask, 4);
}
inline Quad global_load_half_quad(const Pointer& from, const Bool& mask) {
  return detail::load_words(from, mask, 2);
}
// Through registers, as GPUs copy that have no asynchronous copies.
template <bool kAll>
Quad fetch16(const Bool& mask, const Pointer& from, const Bool& load) {
  return global_load_quad(from, (kAll ? Bool(true) : mask) & load);
}
template <bool kAll>
Quad fetch8(const Bool& mask, const Pointer& from, const Bool& load) {
  return global_load_half_quad(from, (kAll ? Bool(true) : mask) & load);
}
inline Pointer offset_by(const char* from, const Int& offset) { return from + to_long(offset); }
inline void global_store_quad(const Lane<char*>& to, const Quad& q, const Bool& mask) {
  for (int i = 0; i < kWaveSize; ++i) {
    if (!mask.v[i] || !check_global(i, to.v[i], 16, 16, GlobalUse::kStore)) continue;
    const uint32_t words[4] = {q.w[0].v[i], q.w[1].v[i], q.w[2].v[i], q.w[3].v[i]};
    std::memcpy(to.v[i], words, 16);
  }
  count_global(to, 16, mask);
}
inline void global_store_pair(const Lane<char*>& to, const Uint& a, const Uint& b, const Bool& mask) {
  for (int i = 0; i < kWaveSize; ++i) {
    if (!mask.v[i] || !check_global(i, to.v[i], 8, 8, GlobalUse::kStore)) continue;
    const uint32_t words[2] = {a.v[i], b.v[i]};
    std::memcpy(to.v[i], words, 8);
  }
  count_global(to, 8, mask);
}
namespace detail {
template <class T>
void store_low_bits(const Lane<char*>& to, const Uint& bits, const Bool& mask) {
  host::global_store(reinterpret_pointer<T>(to), map<T>(bits, [](uint32_t x) { return static_cast<T>(x); }), mask);
}
}  // namespace detail
inline void global_store_half(const Lane<char*>& to, const Uint& bits, const Bool& mask) {
  detail::store_low_bits<uint16_t>(to, bits, mask);
}
inline void global_store_byte(const Lane<char*>& to, const Uint& bits, const Bool& mask) {
  detail::store_low_bits<uint8_t>(to, bits, mask);
}
inline void global_min(int32_t* to, const Int& value, const Bool& mask) { detail::atomic_min(to, value, mask); }
inline void global_min(uint32_t* to, const Uint& value, const Bool& mask) { detail::atomic_min(to, value, mask); }
inline Int global_fetch_add(int32_t* to, const Int& value, const Bool& mask) {
  Int before(0);
  for (int i = 0; i < kWaveSize; ++i) {
    if (!mask.v[i] || !check_global(i, to, 4, 4, GlobalUse::kAtomic)) continue;
    before.v[i] = *to;
    *to += value.v[i];
  }
  return before;
}
inline Int publish_and_add(int32_t* to, const Int& value, const Bool& mask) {
  const Int before = global_fetch_add(to, value, mask);
  if (any_lane(mask)) note_count();
  return before;
}
inline void release_to_device() { release_stores(); }
inline void acquire_from_device() { acquire_stores(); }

// --- numbers -----------------------------------------------------------------------------------------------------------

// fp8 is widened by the arithmetic of numbers.h.
inline constexpr bool kConvertsFp8 = false;

struct F16 {
  static constexpr int kBytes = 2;
};
struct BF16 {
  static constexpr int kBytes = 2;
};
struct F32 {
  static constexpr int kBytes = 4;
};

template <class T>
struct Pack16;
template <>
struct Pack16<F16> {
  static constexpr Element kElement = Element::kF16;
  static Uint pack(const Float& low, const Float& high) {
    Uint r;
    pack_f16(low.v, high.v, r.v, kWaveSize);
    return r;
  }
  static Float low(const Uint& pair) {
    return detail::map<float>(pair, [](uint32_t x) { return widen_f16(static_cast<uint16_t>(x)); });
  }
  static Float high(const Uint& pair) {
    return detail::map<float>(pair, [](uint32_t x) { return widen_f16(static_cast<uint16_t>(x >> 16)); });
  }
};
template <>
struct Pack16<BF16> {
  static constexpr Element kElement = Element::kBF16;
  static Uint pack(const Float& low, const Float& high) {
    Uint r;
    pack_bf16(low.v, high.v, r.v, kWaveSize);
    return r;
  }
  static Float low(const Uint& pair) { return float_of(pair << 16); }
  static Float high(const Uint& pair) { return float_of(pair & 0xffff0000u); }
};

// The lower, or the upper, 16 bits of each as one word.
inline Uint join_low(const Uint& low, const Uint& high) { return (low & 0xffffu) | (high << 16); }
inline Uint join_high(const Uint& low, const Uint& high) { return (low >> 16) | (high & 0xffff0000u); }
// Products of two pairs of f16.
inline Uint multiply_halves(const Uint& a, uint32_t b) {
  const Uint factor(b);
  return Pack16<F16>::pack(Pack16<F16>::low(a) * Pack16<F16>::low(factor), Pack16<F16>::high(a) * Pack16<F16>::high(factor));
}

}  // namespace fovea::hip::host

#if FOVEA_HOST_IS(nvidia)
#include "tests/simt/host_nvidia.h"
#else
#include "tests/simt/host_amd.h"
#endif
