#include "sampler.h"

#include <algorithm>
#include <cmath>

namespace generate {

int32_t Sampler::choose(std::span<const float> logits) {
  if (options_.temperature == 0.0f) {
    return static_cast<int32_t>(std::max_element(logits.begin(), logits.end()) - logits.begin());
  }
  candidates_.clear();
  for (size_t i = 0; i < logits.size(); ++i) candidates_.emplace_back(logits[i], static_cast<int32_t>(i));
  // Equal logits are ordered by token, so that a seed gives the same text everywhere.
  const auto likelier = [](const auto& a, const auto& b) {
    return a.first != b.first ? a.first > b.first : a.second < b.second;
  };
  const size_t k =
      options_.top_k > 0 ? std::min(candidates_.size(), static_cast<size_t>(options_.top_k)) : candidates_.size();
  std::partial_sort(candidates_.begin(), candidates_.begin() + static_cast<ptrdiff_t>(k), candidates_.end(), likelier);
  candidates_.resize(k);

  const float best = candidates_[0].first;
  double total = 0.0;
  for (auto& candidate : candidates_) {
    candidate.first = std::exp((candidate.first - best) / options_.temperature);
    total += candidate.first;
  }
  double kept = 0.0;
  size_t count = 0;
  while (count < k && (count == 0 || kept < options_.top_p * total)) kept += candidates_[count++].first;

  // 53 random bits are a double in [0, 1); the library's distributions differ between implementations.
  double target = static_cast<double>(random_() >> 11) * 0x1p-53 * kept;
  for (size_t i = 0; i + 1 < count; ++i) {
    target -= candidates_[i].first;
    if (target < 0.0) return candidates_[i].second;
  }
  return candidates_[count - 1].second;
}

}  // namespace generate
