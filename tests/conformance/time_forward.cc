// Mode perf: the time of one forward, with its rate of useful multiply-adds and the cache bytes it has to read.
#include <stdio.h>

#include <algorithm>
#include <chrono>

#include "tests/conformance/checks.h"

namespace fovea_test {

using namespace fovea_reference;

void time_forward(Run& run, const Case& c) {
  Workload workload(c, run.engine.memory());
  const Attention attention = make_attention(run.engine, c);
  const Metadata metadata = make_metadata(run.engine, workload, c.threads);
  DeviceBuffer workspace = make_workspace(run.engine, attention.get(), workload.limits(), 0);
  foveaForwardArgs_t args = workload.forward_args();
  args.workspace = workspace.device();
  args.workspace_size = workspace.size();
  using Clock = std::chrono::steady_clock;
  const auto deadline = Clock::now() + std::chrono::milliseconds(500);
  double best = 1e30;
  int runs = 0;
  // On a GPU the calls return at once: several in a row hide what it takes to launch and to wait.
  const int batch = run.engine.on_gpu() ? 20 : 1;
  while (runs < 3 * batch || (Clock::now() < deadline && runs < 1000)) {
    const auto begin = Clock::now();
    for (int i = 0; i < batch; ++i) FOVEA_OK(foveaAttentionForward(attention.get(), metadata.get(), &args));
    run.engine.memory().synchronize();
    best = std::min(best, std::chrono::duration<double>(Clock::now() - begin).count() / batch);
    runs += batch;
  }
  run.forwards += runs;
  double keys = 0;
  for (const Sequence& s : workload.sequences()) keys += s.seq_len();
  const double bytes = keys * c.num_kv_heads * (c.head_size + c.v_size()) * static_cast<double>(bytes_of(c.cache));
  printf("%10.1f us %8.1f GFLOP/s %8.1f GB/s  %s\n", best * 1e6, 2 * work_of(c) / best / 1e9, bytes / best / 1e9,
         format_case(c).c_str());
  fflush(stdout);
}

}  // namespace fovea_test
