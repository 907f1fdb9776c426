// A batch that is worth sharing out: sequences longer than a KV chunk, one row and many.
#pragma once

#include "tests/capi/problem.h"

namespace fovea_test {

inline Shape long_shape() {
  Shape shape;
  shape.query_lens = {1, 40, 3, 0, 2};
  shape.seq_lens = {1500, 333, 1100, 16, 2};
  return shape;
}

// A thread's own output and workspace over a problem's objects.
class Caller {
 public:
  explicit Caller(Problem& problem)
      : problem_(problem),
        workspace_(problem.workspace.size()),
        output(problem.output.size(), -55.0f),
        lse(problem.lse.size(), -55.0f) {}

  foveaStatus_t forward(bool causal, foveaAttention_t attention = nullptr, foveaMetadata_t metadata = nullptr) {
    foveaForwardArgs_t args = problem_.forward_args();
    args.output = problem_.batch.output_tensor(output);
    args.lse = problem_.batch.lse_tensor(lse);
    args.workspace = workspace_.data();
    args.workspace_size = workspace_.size();
    args.causal = causal ? 1 : 2;
    return foveaAttentionForward(attention ? attention : problem_.attention, metadata ? metadata : problem_.metadata,
                                 &args);
  }

 private:
  Problem& problem_;
  AlignedBuffer workspace_;

 public:
  std::vector<float> output, lse;
};

// What one thread alone gets, checked against the definition: [0] non-causal, [1] causal.
struct Expected {
  std::vector<float> output[2], lse[2];
};

inline bool compute_expected(Problem& problem, Expected* expected) {
  for (int causal = 0; causal < 2; ++causal) {
    Caller caller(problem);
    if (caller.forward(causal == 1) != FOVEA_STATUS_SUCCESS) return false;
    if (!(largest_difference(caller.output, problem.batch.expected(causal == 1)) < kTolerance)) return false;
    expected->output[causal] = caller.output;
    expected->lse[causal] = caller.lse;
  }
  return true;
}

inline bool same_bits(const std::vector<float>& a, const std::vector<float>& b) {
  return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size() * sizeof(float)) == 0;
}

}  // namespace fovea_test
