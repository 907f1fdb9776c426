// Sharing work out to threads. Compiled for the baseline instruction set.
#include <algorithm>

#include "kernels/cpu/cpu_kernels.h"

namespace fovea::cpu {

alignas(64) extern const unsigned char kZeroRow[1088] = {};

namespace {

// One line per counter that threads share.
struct alignas(64) Queue {
  std::atomic<int32_t> next{0};
};

struct ForwardRun {
  const KernelTable* table;
  const Forward* params;
  Queue queue;
};

void forward_task(void* data, int32_t index) {
  auto* run = static_cast<ForwardRun*>(data);
  const Forward& f = *run->params;
  char* scratch = f.scratch + static_cast<size_t>(index) * f.scratch_stride;
  bool begun = false;
  for (;;) {
    const int32_t i = run->queue.next.fetch_add(1, std::memory_order_relaxed);
    if (i >= f.work.num_items) break;
    if (!begun) run->table->begin(f);
    begun = true;
    const WorkItem& item = f.work.items[i];
    run->table->run_item(f, item, scratch);
    if (item.group < 0) continue;
    // The last unit of a group to arrive sees the states of all others and finishes the rows.
    const int32_t arrived = f.arrivals[item.group].fetch_add(1, std::memory_order_acq_rel) + 1;
    if (arrived == f.work.groups[item.group].num_items) run->table->finish_group(f, item, scratch);
  }
  if (begun) run->table->end(f);
}

// Contiguous slices of [0, count), one per task.
template <class Params>
struct SliceRun {
  void (*function)(const Params&, int32_t, int32_t);
  const Params* params;
  int32_t count;
  int32_t tasks;
};

template <class Params>
void slice_task(void* data, int32_t index) {
  const auto* run = static_cast<const SliceRun<Params>*>(data);
  const auto begin = static_cast<int32_t>(int64_t{run->count} * index / run->tasks);
  const auto end = static_cast<int32_t>(int64_t{run->count} * (index + 1) / run->tasks);
  if (begin < end) run->function(*run->params, begin, end);
}

template <class Params>
void run_slices(void (*function)(const Params&, int32_t, int32_t), const Params& params, int32_t count, int64_t bytes_per_token,
                const Parallel& parallel) {
  // Waking a thread costs microseconds, in which one copies some 64 KiB.
  const int64_t useful = bytes_per_token * count / (64 << 10);
  const auto tasks = static_cast<int32_t>(std::clamp<int64_t>(useful, 1, std::min(parallel.num_threads, count)));
  SliceRun<Params> run = {function, &params, count, tasks};
  if (tasks == 1) {
    function(params, 0, count);
  } else {
    parallel.run(parallel.user, tasks, slice_task<Params>, &run);
  }
}

}  // namespace

size_t scratch_stride(const KernelTable& table, const Layer& layer) {
  // Whole pages, so that two threads' scratch never meets in a line, a page or a prefetch stream.
  return (table.scratch_size(layer) + 4095) / 4096 * 4096;
}

void forward(const KernelTable& table, const Forward& params, const Parallel& parallel) {
  if (params.work.num_items == 0) return;
  ForwardRun run = {&table, &params, {}};
  const int32_t tasks = std::min(parallel.num_threads, params.work.num_items);
  if (tasks == 1) {
    forward_task(&run, 0);
  } else {
    parallel.run(parallel.user, tasks, forward_task, &run);
  }
}

void write_kv(const KernelTable& table, const KvWrite& params, const Parallel& parallel) {
  if (params.num_tokens == 0) return;
  const int64_t elements = int64_t{params.layer.num_kv_heads} * (params.layer.head_size + params.layer.head_size_v);
  run_slices(table.write_kv, params, params.num_tokens, elements * 4, parallel);
}

void merge_states(const KernelTable& table, const Merge& params, const Parallel& parallel) {
  if (params.num_tokens == 0) return;
  const int64_t elements = int64_t{params.num_query_heads} * params.head_size_v * params.num_states;
  run_slices(table.merge_states, params, params.num_tokens, elements * 4, parallel);
}

}  // namespace fovea::cpu
