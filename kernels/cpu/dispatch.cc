// Which kernels this processor can run. Compiled for the baseline instruction set.
#include <stdlib.h>
#include <string.h>

#include "kernels/cpu/cpu_kernels.h"

#if defined(__x86_64__)
#include <cpuid.h>
#include <sys/syscall.h>
#include <unistd.h>
#endif

namespace fovea::cpu {

// Those that are built in (FOVEA_CPU_ISAS).
const KernelTable& kernels_portable();
const KernelTable& kernels_sse4();
const KernelTable& kernels_avx2();
const KernelTable& kernels_avx512();
const KernelTable& kernels_avx512_bf16();
const KernelTable& kernels_amx_bf16();
const KernelTable& kernels_neon();

namespace {

#if defined(__x86_64__)

struct Features {
  bool sse4 = false;
  bool avx2 = false;
  bool avx512 = false;
  bool avx512_bf16 = false;
  bool amx_bf16 = false;
  bool fast_bf16_pairs = false;
};

uint64_t enabled_states() {
  uint32_t low = 0;
  uint32_t high = 0;
  __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
  return (uint64_t{high} << 32) | low;
}

// Linux grants the 8 KiB of tile registers to a process on request only (arch_prctl, ARCH_REQ_XCOMP_PERM).
bool request_tile_state() {
  constexpr long kRequestPermission = 0x1023;
  constexpr unsigned long kTileData = 18;
  return syscall(SYS_arch_prctl, kRequestPermission, kTileData) == 0;
}

Features detect() {
  Features f;
  uint32_t a = 0, b = 0, c = 0, d = 0;
  if (__get_cpuid(1, &a, &b, &c, &d) == 0) return f;
  const auto bit = [](uint32_t value, int index) { return (value >> index & 1) != 0; };
  f.sse4 = bit(c, 9) && bit(c, 19) && bit(c, 20);
  const bool has_xsave = bit(c, 27);
  const bool fma = bit(c, 12) && bit(c, 28) && bit(c, 29);  // FMA, AVX, F16C
  if (!has_xsave) return f;
  const uint64_t states = enabled_states();
  if ((states & 0x6) != 0x6) return f;
  uint32_t a7 = 0, b7 = 0, c7 = 0, d7 = 0;
  if (__get_cpuid_count(7, 0, &a7, &b7, &c7, &d7) == 0) return f;
  f.avx2 = f.sse4 && fma && bit(b7, 5) && bit(b7, 3) && bit(b7, 8);  // AVX2, BMI1, BMI2
  if ((states & 0xe6) != 0xe6) return f;
  f.avx512 = f.avx2 && bit(b7, 16) && bit(b7, 17) && bit(b7, 28) && bit(b7, 30) && bit(b7, 31);  // F DQ CD BW VL
  uint32_t a71 = 0, b71 = 0, c71 = 0, d71 = 0;
  if (__get_cpuid_count(7, 1, &a71, &b71, &c71, &d71) == 0) return f;
  f.avx512_bf16 = f.avx512 && bit(a71, 5);
  const bool has_tiles = bit(d7, 24) && bit(d7, 22) && (states >> 17 & 3) == 3;
  f.amx_bf16 = f.avx512_bf16 && has_tiles && request_tile_state();
  // Intel's cores run the pair product at half the rate of fp32 multiply-adds, so it gains nothing there; AMD's at the full rate.
  uint32_t max_leaf = 0, v0 = 0, v1 = 0, v2 = 0;
  __get_cpuid(0, &max_leaf, &v0, &v1, &v2);
  f.fast_bf16_pairs = v0 == 0x68747541;  // "Auth"enticAMD
  return f;
}

#endif

struct Tables {
  const KernelTable* best_first[8];
  int32_t count = 0;
  const KernelTable* chosen = nullptr;
};

Tables make_tables() {
  Tables t;
  const auto add = [&t](const KernelTable& table) { t.best_first[t.count++] = &table; };
#if defined(__x86_64__)
  [[maybe_unused]] const Features f = detect();
#endif
#if defined(FOVEA_HAS_ISA_amx_bf16)
  if (f.amx_bf16) add(kernels_amx_bf16());
#endif
#if defined(FOVEA_HAS_ISA_avx512_bf16)
  if (f.avx512_bf16 && f.fast_bf16_pairs) add(kernels_avx512_bf16());
#endif
#if defined(FOVEA_HAS_ISA_avx512)
  if (f.avx512) add(kernels_avx512());
#endif
#if defined(FOVEA_HAS_ISA_avx512_bf16)
  if (f.avx512_bf16 && !f.fast_bf16_pairs) add(kernels_avx512_bf16());
#endif
#if defined(FOVEA_HAS_ISA_avx2)
  if (f.avx2) add(kernels_avx2());
#endif
#if defined(FOVEA_HAS_ISA_sse4)
  if (f.sse4) add(kernels_sse4());
#endif
#if defined(FOVEA_HAS_ISA_neon)
  add(kernels_neon());
#endif
  add(kernels_portable());
  t.chosen = t.best_first[0];
  const char* wanted = secure_getenv("FOVEA_CPU_ISA");
  if (wanted != nullptr) {
    for (int32_t i = 0; i < t.count; ++i) {
      if (strcmp(wanted, t.best_first[i]->name) == 0) t.chosen = t.best_first[i];
    }
  }
  return t;
}

const Tables& tables() {
  static const Tables instance = make_tables();
  return instance;
}

}  // namespace

const KernelTable& kernels() { return *tables().chosen; }

int32_t all_kernels(const KernelTable** out, int32_t capacity) {
  const Tables& t = tables();
  const int32_t count = t.count < capacity ? t.count : capacity;
  for (int32_t i = 0; i < count; ++i) out[i] = t.best_first[i];
  return count;
}

}  // namespace fovea::cpu
