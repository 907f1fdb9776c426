// The table of kernels of one instruction set. An isa_*.cc defines FOVEA_ISA_NAMESPACE and FOVEA_ISA_NAME, includes this, and
// returns `kTable`.
//
// Which path computes a unit: few packed rows (decode) go to the stream path, whose lanes are elements of a head; all others
// go to the tile path, whose lanes are rows. Batch invariance takes the tile path always, since there a row's arithmetic does
// not depend on how many rows stand beside it.
#pragma once

#include "kernels/cpu/cpu_kernels.h"
#include "kernels/cpu/finish.h"
#include "kernels/cpu/kv_write.h"
#include "kernels/cpu/merge_states.h"
#if __has_include("kernels/cpu/stream.h")
#include "kernels/cpu/stream.h"
#endif
#include "kernels/cpu/tile.h"
#if defined(FOVEA_ISA_AMX)
#include "kernels/cpu/tile_amx.h"
#endif

#if HWY_ARCH_X86
#include <xmmintrin.h>
#endif

namespace fovea::cpu::FOVEA_ISA_NAMESPACE {

#if !__has_include("kernels/cpu/stream.h")
inline constexpr int32_t kStreamMaxRows = 0;
static size_t stream_scratch_size(const Layer&) { return 0; }
static void stream_run_item(const Forward&, const WorkItem&, char*) {}
#endif

// True if a unit's products can be those of bf16 pairs: everything is bf16, or fp8, which bf16 represents exactly.
HWY_INLINE bool is_bf16_exact(DataType type) {
  return type == DataType::kBF16 || type == DataType::kE4M3FN || type == DataType::kE4M3FNUZ || type == DataType::kE5M2;
}
HWY_INLINE bool computes_in_bf16(const Layer& layer) {
#if defined(FOVEA_ISA_BF16_PAIRS) || defined(FOVEA_ISA_AMX)
  return is_bf16_exact(layer.query_type) && is_bf16_exact(layer.cache_type) && layer.dense_type == DataType::kBF16;
#else
  (void)layer;
  return false;
#endif
}

static PlanTraits table_traits(const Layer& layer) {
#if defined(FOVEA_ISA_AMX)
  if (computes_in_bf16(layer)) return {kAmxRows};
#endif
  (void)layer;
  return {vector_tile_rows()};
}

static size_t table_scratch_size(const Layer& layer) {
  size_t size = vector_tile_scratch<FloatWords>(layer);
#if defined(FOVEA_ISA_AMX)
  if (computes_in_bf16(layer)) size = amx_tile_scratch(layer);
#elif defined(FOVEA_ISA_BF16_PAIRS)
  if (computes_in_bf16(layer)) size = vector_tile_scratch<Bf16Words>(layer);
#endif
  const size_t stream = stream_scratch_size(layer);
  return size > stream ? size : stream;
}

// Products of tiny weights would be subnormal, which costs a hundred cycles each; they are taken as zero while a kernel runs.
#if HWY_ARCH_X86
static thread_local unsigned saved_mxcsr;
#endif

static void table_begin(const Forward& f) {
#if HWY_ARCH_X86
  saved_mxcsr = _mm_getcsr();
  _mm_setcsr(0x9fc0);  // round to nearest, all exceptions masked, flush to zero, denormals are zero
#endif
#if defined(FOVEA_ISA_AMX)
  if (computes_in_bf16(f.layer)) amx_begin();
#endif
  (void)f;
}

static void table_end(const Forward& f) {
#if defined(FOVEA_ISA_AMX)
  if (computes_in_bf16(f.layer)) amx_end();
#endif
#if HWY_ARCH_X86
  _mm_setcsr(saved_mxcsr);
#endif
  (void)f;
}

static void table_run_item(const Forward& f, const WorkItem& item, char* scratch) {
  if (f.layer.batch_invariant == 0 && item.row_end - item.row_begin <= kStreamMaxRows) {
    stream_run_item(f, item, scratch);
    return;
  }
#if defined(FOVEA_ISA_AMX)
  if (computes_in_bf16(f.layer)) {
    amx_tile_run(f, item, scratch);
    return;
  }
#elif defined(FOVEA_ISA_BF16_PAIRS)
  if (computes_in_bf16(f.layer)) {
    vector_tile_run<Bf16Words>(f, item, scratch);
    return;
  }
#endif
  vector_tile_run<FloatWords>(f, item, scratch);
}

static void table_finish_group(const Forward& f, const WorkItem& item, char* scratch) {
  (void)scratch;
  finish_split_group(f, item);
}

static void table_write_kv(const KvWrite& write, int32_t begin, int32_t end) { write_kv_tokens(write, begin, end); }

static void table_merge_states(const Merge& merge, int32_t begin, int32_t end) { merge_state_tokens(merge, begin, end); }

static constexpr KernelTable kTable = {FOVEA_ISA_NAME,
                                       table_traits,
                                       table_scratch_size,
                                       table_begin,
                                       table_end,
                                       table_run_item,
                                       table_finish_group,
                                       table_write_kv,
                                       table_merge_states};

}  // namespace fovea::cpu::FOVEA_ISA_NAMESPACE
