// A value of every lane of a wave. Unlike on a GPU it is another type than a uniform value: nothing converts it back, and a
// Lane<bool> is no condition, so a kernel that branches on one does not compile here.
#pragma once

#include <cmath>
#include <cstdint>
#include <cstring>
#include <type_traits>

#include "tests/simt/host_map.h"

namespace fovea::hip::host {

template <class T>
struct Lane {
  T v[kWaveSize];

  Lane() = default;
  template <class U>
    requires(std::is_convertible_v<U, T>)
  Lane(U uniform) {
    for (int i = 0; i < kWaveSize; ++i) v[i] = static_cast<T>(uniform);
  }
  // Only pointers convert: to const, as they do outside of lanes.
  template <class U>
    requires(std::is_pointer_v<T> && std::is_convertible_v<U, T> && !std::is_same_v<U, T>)
  Lane(const Lane<U>& other) {
    for (int i = 0; i < kWaveSize; ++i) v[i] = other.v[i];
  }
};

using Int = Lane<int32_t>;
using Uint = Lane<uint32_t>;
using Long = Lane<int64_t>;
using Float = Lane<float>;
using Bool = Lane<bool>;
using Pointer = Lane<const char*>;

// Uniform values that may meet a Lane<T>: those that do not make the result another type than T.
template <class U, class T>
concept MeetsLane = std::is_arithmetic_v<T> && (std::is_arithmetic_v<U> || std::is_enum_v<U>) && std::is_convertible_v<U, T> &&
                    (std::is_enum_v<U> || std::is_same_v<std::common_type_t<T, U>, T>);

#define FOVEA_LANE_BINARY(OP, RESULT)                                      \
  template <class T>                                                       \
    requires(std::is_arithmetic_v<T>)                                      \
  inline Lane<RESULT> operator OP(const Lane<T>& a, const Lane<T>& b) {    \
    Lane<RESULT> r;                                                        \
    for (int i = 0; i < kWaveSize; ++i) r.v[i] = a.v[i] OP b.v[i];         \
    return r;                                                              \
  }                                                                        \
  template <class T, MeetsLane<T> U>                                       \
  inline Lane<RESULT> operator OP(const Lane<T>& a, U uniform) {           \
    const T b = static_cast<T>(uniform);                                   \
    Lane<RESULT> r;                                                        \
    for (int i = 0; i < kWaveSize; ++i) r.v[i] = a.v[i] OP b;              \
    return r;                                                              \
  }                                                                        \
  template <class T, MeetsLane<T> U>                                       \
  inline Lane<RESULT> operator OP(U uniform, const Lane<T>& b) {           \
    const T a = static_cast<T>(uniform);                                   \
    Lane<RESULT> r;                                                        \
    for (int i = 0; i < kWaveSize; ++i) r.v[i] = a OP b.v[i];              \
    return r;                                                              \
  }
FOVEA_LANE_BINARY(+, T)
FOVEA_LANE_BINARY(-, T)
FOVEA_LANE_BINARY(*, T)
FOVEA_LANE_BINARY(&, T)
FOVEA_LANE_BINARY(|, T)
FOVEA_LANE_BINARY(^, T)
FOVEA_LANE_BINARY(==, bool)
FOVEA_LANE_BINARY(!=, bool)
FOVEA_LANE_BINARY(<, bool)
FOVEA_LANE_BINARY(<=, bool)
FOVEA_LANE_BINARY(>, bool)
FOVEA_LANE_BINARY(>=, bool)
#undef FOVEA_LANE_BINARY

// A GPU does not trap where a masked-off lane divides by zero.
template <class T>
inline T divide(T a, T b) {
  if constexpr (std::is_integral_v<T>) return b == 0 ? static_cast<T>(-1) : static_cast<T>(a / b);
  return a / b;
}
template <class T>
inline T remainder_of(T a, T b) {
  return b == 0 ? a : static_cast<T>(a % b);
}
#define FOVEA_LANE_DIVISION(OP, CALL)                                      \
  template <class T>                                                       \
  inline Lane<T> operator OP(const Lane<T>& a, const Lane<T>& b) {         \
    Lane<T> r;                                                             \
    for (int i = 0; i < kWaveSize; ++i) r.v[i] = CALL(a.v[i], b.v[i]);     \
    return r;                                                              \
  }                                                                        \
  template <class T, MeetsLane<T> U>                                       \
  inline Lane<T> operator OP(const Lane<T>& a, U uniform) {                \
    const T b = static_cast<T>(uniform);                                   \
    Lane<T> r;                                                             \
    for (int i = 0; i < kWaveSize; ++i) r.v[i] = CALL(a.v[i], b);          \
    return r;                                                              \
  }                                                                        \
  template <class T, MeetsLane<T> U>                                       \
  inline Lane<T> operator OP(U uniform, const Lane<T>& b) {                \
    const T a = static_cast<T>(uniform);                                   \
    Lane<T> r;                                                             \
    for (int i = 0; i < kWaveSize; ++i) r.v[i] = CALL(a, b.v[i]);          \
    return r;                                                              \
  }
FOVEA_LANE_DIVISION(/, divide)
FOVEA_LANE_DIVISION(%, remainder_of)
#undef FOVEA_LANE_DIVISION

template <class T>
  requires(std::is_integral_v<T>)
inline Lane<T> operator<<(const Lane<T>& a, int bits) {
  Lane<T> r;
  for (int i = 0; i < kWaveSize; ++i) r.v[i] = static_cast<T>(a.v[i] << bits);
  return r;
}
template <class T>
  requires(std::is_integral_v<T>)
inline Lane<T> operator>>(const Lane<T>& a, int bits) {
  Lane<T> r;
  for (int i = 0; i < kWaveSize; ++i) r.v[i] = static_cast<T>(a.v[i] >> bits);
  return r;
}
template <class T>
  requires(std::is_integral_v<T> && !std::is_same_v<T, bool>)
inline Lane<T> operator<<(const Lane<T>& a, const Int& bits) {
  Lane<T> r;
  for (int i = 0; i < kWaveSize; ++i) r.v[i] = static_cast<T>(a.v[i] << (bits.v[i] & (8 * sizeof(T) - 1)));
  return r;
}
template <class T>
  requires(std::is_integral_v<T> && !std::is_same_v<T, bool>)
inline Lane<T> operator>>(const Lane<T>& a, const Int& bits) {
  Lane<T> r;
  for (int i = 0; i < kWaveSize; ++i) r.v[i] = static_cast<T>(a.v[i] >> (bits.v[i] & (8 * sizeof(T) - 1)));
  return r;
}
inline Bool operator!(const Bool& a) {
  Bool r;
  for (int i = 0; i < kWaveSize; ++i) r.v[i] = !a.v[i];
  return r;
}
template <class T>
  requires(std::is_arithmetic_v<T> && !std::is_same_v<T, bool>)
inline Lane<T> operator-(const Lane<T>& a) {
  Lane<T> r;
  for (int i = 0; i < kWaveSize; ++i) r.v[i] = -a.v[i];
  return r;
}
template <class T>
  requires(std::is_integral_v<T> && !std::is_same_v<T, bool>)
inline Lane<T> operator~(const Lane<T>& a) {
  Lane<T> r;
  for (int i = 0; i < kWaveSize; ++i) r.v[i] = ~a.v[i];
  return r;
}

// Addresses are computed as integers: masked-off lanes may point anywhere.
template <class T>
inline T* moved(T* p, int64_t elements) {
  return reinterpret_cast<T*>(reinterpret_cast<uintptr_t>(p) + static_cast<uintptr_t>(elements) * sizeof(T));
}
template <class T, class I>
  requires(std::is_integral_v<I>)
inline Lane<T*> operator+(T* p, const Lane<I>& elements) {
  Lane<T*> r;
  for (int i = 0; i < kWaveSize; ++i) r.v[i] = moved(p, elements.v[i]);
  return r;
}
template <class T, class I>
  requires(std::is_integral_v<I>)
inline Lane<T*> operator+(const Lane<T*>& p, const Lane<I>& elements) {
  Lane<T*> r;
  for (int i = 0; i < kWaveSize; ++i) r.v[i] = moved(p.v[i], elements.v[i]);
  return r;
}
template <class T, class I>
  requires(std::is_integral_v<I>)
inline Lane<T*> operator+(const Lane<T*>& p, I elements) {
  Lane<T*> r;
  for (int i = 0; i < kWaveSize; ++i) r.v[i] = moved(p.v[i], elements);
  return r;
}
template <class T, class U>
inline Lane<T*> reinterpret_pointer(const Lane<U*>& p) {
  Lane<T*> r;
  for (int i = 0; i < kWaveSize; ++i) r.v[i] = reinterpret_cast<T*>(p.v[i]);
  return r;
}

template <class T>
inline Lane<T> select(const Bool& condition, const Lane<T>& a, const Lane<T>& b) {
  Lane<T> r;
  for (int i = 0; i < kWaveSize; ++i) r.v[i] = condition.v[i] ? a.v[i] : b.v[i];
  return r;
}

namespace detail {
template <class To, class From, class F>
inline Lane<To> map(const Lane<From>& a, F f) {
  Lane<To> r;
  for (int i = 0; i < kWaveSize; ++i) r.v[i] = f(a.v[i]);
  return r;
}
template <class T, class F>
inline Lane<T> map2(const Lane<T>& a, const Lane<T>& b, F f) {
  Lane<T> r;
  for (int i = 0; i < kWaveSize; ++i) r.v[i] = f(a.v[i], b.v[i]);
  return r;
}
template <class To, class From>
inline Lane<To> bit_cast(const Lane<From>& a) {
  static_assert(sizeof(To) == sizeof(From));
  Lane<To> r;
  std::memcpy(r.v, a.v, sizeof r.v);
  return r;
}
}  // namespace detail

inline Int lane_min(const Int& a, const Int& b) {
  return detail::map2(a, b, [](int32_t x, int32_t y) { return x < y ? x : y; });
}
inline Int lane_max(const Int& a, const Int& b) {
  return detail::map2(a, b, [](int32_t x, int32_t y) { return x > y ? x : y; });
}
// As the GPUs' instructions do: the other operand where one is NaN.
inline Float lane_min(const Float& a, const Float& b) {
  return detail::map2(a, b, [](float x, float y) { return (x < y) | (y != y) ? x : y; });
}
inline Float lane_max(const Float& a, const Float& b) {
  return detail::map2(a, b, [](float x, float y) { return (x > y) | (y != y) ? x : y; });
}
inline Int lane_abs(const Int& a) {
  return detail::map<int32_t>(a, [](int32_t x) { return x < 0 ? -x : x; });
}
inline Float lane_fma(const Float& a, const Float& b, const Float& c) {
  // In fp64 the product is exact and the sum is rounded twice, which no tolerance of these kernels can tell from once.
  Float r;
  for (int i = 0; i < kWaveSize; ++i) r.v[i] = static_cast<float>(static_cast<double>(a.v[i]) * b.v[i] + c.v[i]);
  return r;
}
inline Float lane_sqrt(const Float& a) {
  return detail::map<float>(a, [](float x) { return std::sqrt(x); });
}
// For lane values that are not negative.
template <int kDivisor>
inline Int quotient(const Int& a) {
  return detail::map<int32_t>(a, [](int32_t x) { return static_cast<int32_t>(static_cast<uint32_t>(x) / kDivisor); });
}
template <int kDivisor>
inline Int remainder(const Int& a) {
  return detail::map<int32_t>(a, [](int32_t x) { return static_cast<int32_t>(static_cast<uint32_t>(x) % kDivisor); });
}
inline Int opaque(const Int& a) { return a; }
inline Pointer opaque(const Pointer& a) { return a; }
inline Long to_long(const Int& a) {
  return detail::map<int64_t>(a, [](int32_t x) { return static_cast<int64_t>(x); });
}
inline Int to_int(const Long& a) {
  return detail::map<int32_t>(a, [](int64_t x) { return static_cast<int32_t>(x); });
}
inline Int to_int(const Float& a) {  // saturates as the GPUs do
  return detail::map<int32_t>(a, [](float x) {
    if (!(x == x)) return int32_t{0};
    return x >= 0x1p31f ? INT32_MAX : x <= -0x1p31f ? INT32_MIN : static_cast<int32_t>(x);
  });
}
inline Uint as_uint(const Int& a) { return detail::bit_cast<uint32_t>(a); }
inline Int as_int(const Uint& a) { return detail::bit_cast<int32_t>(a); }
inline Float to_float(const Int& a) {
  return detail::map<float>(a, [](int32_t x) { return static_cast<float>(x); });
}
inline Uint bits_of(const Float& a) { return detail::bit_cast<uint32_t>(a); }
inline Float float_of(const Uint& a) { return detail::bit_cast<float>(a); }
inline Float exp2_fast(const Float& a) {
  return detail::map<float>(a, [](float x) { return std::exp2(x); });
}
inline Float reciprocal_fast(const Float& a) { return 1.0f / a; }
inline Float log2_of(const Float& a) {
  return detail::map<float>(a, [](float x) { return std::log2(x); });
}

template <class T>
inline Lane<T> shuffle_from(const Lane<T>& a, const Int& lane) {
  Lane<T> r;
  for (int i = 0; i < kWaveSize; ++i) r.v[i] = a.v[lane.v[i] & (kWaveSize - 1)];
  return r;
}
template <class T>
inline Lane<T> shuffle_xor(const Lane<T>& a, int mask) {
  Lane<T> r;
  for (int i = 0; i < kWaveSize; ++i) r.v[i] = a.v[i ^ mask];
  return r;
}
// Lanes with nothing below them keep their value.
template <class T>
inline Lane<T> shuffle_up(const Lane<T>& a, int distance) {
  Lane<T> r;
  for (int i = 0; i < kWaveSize; ++i) r.v[i] = a.v[i >= distance ? i - distance : i];
  return r;
}
inline int lane_value(const Int& a, int lane) { return a.v[lane & (kWaveSize - 1)]; }
inline int last_lane(const Int& a) { return lane_value(a, kWaveSize - 1); }
inline bool any_lane(const Bool& a) {
  bool any = false;
  for (int i = 0; i < kWaveSize; ++i) any |= a.v[i];
  return any;
}
inline int count_lanes(const Bool& a) {
  int count = 0;
  for (int i = 0; i < kWaveSize; ++i) count += a.v[i];
  return count;
}
inline Int lanes_before(const Bool& a) {
  Int r;
  for (int i = 0, count = 0; i < kWaveSize; count += a.v[i++]) r.v[i] = count;
  return r;
}
inline int first_where(const Bool& a) {
  int i = 0;
  while (i < kWaveSize && !a.v[i]) ++i;
  return i;
}
inline int wave_sum(const Int& a) {
  int64_t sum = 0;
  for (const int32_t x : a.v) sum += x;
  return static_cast<int>(sum);
}
inline int wave_max(const Int& a) {
  int max = a.v[0];
  for (const int32_t x : a.v) max = x > max ? x : max;
  return max;
}

}  // namespace fovea::hip::host
