// Counts what a test of this directory expects, and prints what did not hold.
#pragma once

#include <cstdio>
#include <cstdlib>
#include <string>

#include "error.h"

namespace real_model {

inline int checks_done = 0;
inline int checks_failed = 0;

template <typename... Parts>
bool expect(bool holds, const Parts&... parts) {
  constexpr int kMostReported = 20;
  ++checks_done;
  if (!holds && ++checks_failed <= kMostReported) {
    std::printf("FAILED: %s\n", generate::concat(parts...).c_str());
    std::fflush(stdout);
  }
  return holds;
}

// What main returns. A test that checked nothing has failed.
inline int result(const char* test) {
  std::printf("%s: %d checks, %d failed\n", test, checks_done, checks_failed);
  return checks_done > 0 && checks_failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

}  // namespace real_model
