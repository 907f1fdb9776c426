// Everything that can go wrong ends as one sentence: it is thrown here and printed by main.
#pragma once

#include <sstream>
#include <stdexcept>
#include <string>

namespace generate {

struct Error : std::runtime_error {
  using std::runtime_error::runtime_error;
};

// The command line is wrong, as opposed to the model or the machine.
struct UsageError : Error {
  using Error::Error;
};

template <typename... Parts>
std::string concat(const Parts&... parts) {
  std::ostringstream text;
  (text << ... << parts);
  return text.str();
}

template <typename... Parts>
[[noreturn]] void fail(const Parts&... parts) {
  throw Error(concat(parts...));
}

}  // namespace generate
