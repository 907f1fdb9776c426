// fovea-info: what this library is, what it runs on here, what each backend can do, and why one is not available.
#include <algorithm>
#include <cstdio>
#include <cstring>
#include <exception>
#include <string>
#include <vector>

#include "collect.h"

namespace {

constexpr const char* kUsage =
    "usage: fovea-info [--json | --markdown] [BACKEND...]\n"
    "  shows the library, the devices, and what each backend supports\n"
    "  --json      as one JSON object\n"
    "  --markdown  the support table of the backends that are available\n"
    "  BACKEND     only these, e.g. CPU_ATTN\n";

}  // namespace

int main(int argc, char** argv) {
  std::string (*render)(const Report&) = render_text;
  std::vector<std::string> wanted;
  for (int i = 1; i < argc; ++i) {
    if (std::strcmp(argv[i], "--json") == 0) {
      render = render_json;
    } else if (std::strcmp(argv[i], "--markdown") == 0) {
      render = render_markdown;
    } else if (std::strcmp(argv[i], "--help") == 0) {
      std::fputs(kUsage, stdout);
      return 0;
    } else if (argv[i][0] == '-') {
      std::fprintf(stderr, "fovea-info: unknown option %s\n%s", argv[i], kUsage);
      return 2;
    } else {
      foveaBackend_t backend = FOVEA_BACKEND_AUTO;
      if (foveaBackendFromName(argv[i], &backend) != FOVEA_STATUS_SUCCESS) {
        std::fprintf(stderr, "fovea-info: %s\n", foveaGetLastErrorMessage());
        return 2;
      }
      wanted.emplace_back(foveaBackendGetName(backend));
    }
  }
  try {
    Report report = collect();
    if (!wanted.empty()) {
      const auto unwanted = [&wanted](const Backend& backend) {
        return std::find(wanted.begin(), wanted.end(), backend.name) == wanted.end();
      };
      report.backends.erase(std::remove_if(report.backends.begin(), report.backends.end(), unwanted),
                            report.backends.end());
    }
    std::fputs(render(report).c_str(), stdout);
    return std::fflush(stdout) == 0 ? 0 : 1;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "fovea-info: %s\n", error.what());
    return 1;
  }
}
