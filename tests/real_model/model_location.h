// Where the tests find the model, and what they do without it.
#pragma once

#include <sys/stat.h>

#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>

#include "options.h"

namespace real_model {

// FOVEA_TEST_MODEL, else where fetch_model.sh puts it. Ends the process if there is no model: as a skipped test (77) on
// a user's machine, as a failed one where CI=true.
inline std::string find_model_or_exit() {
  const char* chosen = std::getenv("FOVEA_TEST_MODEL");
  const char* no_arguments[] = {"generate"};
  const std::string path = chosen != nullptr ? chosen : generate::parse_options(1, no_arguments).model;
  struct stat status {};
  if (::stat(path.c_str(), &status) == 0) return path;
  const char* ci = std::getenv("CI");
  const bool must_run = ci != nullptr && std::string_view(ci) == "true";
  std::printf("%s: there is no model at %s; examples/generate/fetch_model.sh fetches it\n",
              must_run ? "FAILED" : "skipped", path.c_str());
  std::exit(must_run ? EXIT_FAILURE : 77);
}

}  // namespace real_model
