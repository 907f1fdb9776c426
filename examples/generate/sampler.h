// Chooses the next token from logits: greedy, or at random within the k most probable and the nucleus of mass p.
#pragma once

#include <cstdint>
#include <random>
#include <span>
#include <utility>
#include <vector>

namespace generate {

struct SamplerOptions {
  float temperature = 0.0f;  // 0 = greedy
  int32_t top_k = 0;         // 0 = all
  float top_p = 1.0f;  // "The Curious Case of Neural Text Degeneration": smallest set that holds this much probability
  uint64_t seed = 0;
};

class Sampler {
 public:
  explicit Sampler(const SamplerOptions& options) : options_(options), random_(options.seed) {}

  int32_t choose(std::span<const float> logits);

 private:
  SamplerOptions options_;
  std::mt19937_64 random_;
  std::vector<std::pair<float, int32_t>> candidates_;
};

}  // namespace generate
