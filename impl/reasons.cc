#include "impl/reasons.h"

#include <algorithm>
#include <cstdarg>
#include <cstdio>

namespace fovea {

void Reasons::add(foveaReason_t code, const char* format, ...) {
  char sentence[2048];
  va_list arguments;
  va_start(arguments, format);
  std::vsnprintf(sentence, sizeof(sentence), format, arguments);
  va_end(arguments);
  list_.push_back({code, sentence});
}

void Reasons::sort() {
  std::stable_sort(list_.begin(), list_.end(), [](const Reason& a, const Reason& b) { return a.code < b.code; });
}

std::string Reasons::joined(const char* separator) const {
  std::string text;
  for (const Reason& reason : list_) {
    if (!text.empty()) text += separator;
    text += reason.sentence;
  }
  return text;
}

}  // namespace fovea
