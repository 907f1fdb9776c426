// The CPU kernels as the core sees them: one table per instruction set, chosen once by cpuid, and three calls that share
// the work out to threads.
#pragma once

#include "kernels/cpu/params.h"

namespace fovea::cpu {

// One instruction set. The functions of a table run on one thread; all state is in the parameters and the scratch.
struct KernelTable {
  const char* name;  // "avx2", "avx512", "avx512_bf16", "amx_bf16", "neon", "sse4", "portable"
  PlanTraits (*traits)(const Layer& layer);
  // Bytes of scratch of one thread.
  size_t (*scratch_size)(const Layer& layer);
  // Once on each thread before and after its first and last item (tile configuration, floating-point environment).
  void (*begin)(const Forward& forward);
  void (*end)(const Forward& forward);
  // Computes an item: folds its chunks and writes the output, or stores the state of each chunk.
  void (*run_item)(const Forward& forward, const WorkItem& item, char* scratch);
  // Folds the stored states of a split group in order and writes the output. `item` is any of its units.
  void (*finish_group)(const Forward& forward, const WorkItem& item, char* scratch);
  // Tokens [begin, end) of a cache write.
  void (*write_kv)(const KvWrite& write, int32_t begin, int32_t end);
  // Tokens [begin, end) of a merge.
  void (*merge_states)(const Merge& merge, int32_t begin, int32_t end);
};

// Best table for this processor, or the one named by FOVEA_CPU_ISA (ignored if the processor lacks it). The first call
// decides; on Linux it asks the kernel for the AMX tile state where the processor has it.
const KernelTable& kernels();

// All tables this processor can run, best first; returns their number (for tests and fovea-info).
int32_t all_kernels(const KernelTable** tables, int32_t capacity);

// Bytes at `Forward::scratch` for num_threads threads.
size_t scratch_stride(const KernelTable& table, const Layer& layer);

// Threads take items from one atomic queue.
void forward(const KernelTable& table, const Forward& params, const Parallel& parallel);
void write_kv(const KernelTable& table, const KvWrite& params, const Parallel& parallel);
void merge_states(const KernelTable& table, const Merge& params, const Parallel& parallel);

}  // namespace fovea::cpu
