// fovea-test: the conformance driver. It uses the public header only.
//
//   fovea-test                                    the hand-written cases and a sample of the grid
//   fovea-test --list --filter needle             what would run
//   fovea-test --case "heads=4x2 seqs=1+100"      one case, as a failure prints it
//   fovea-test --all --shard 1/4                  the whole of the grid, a quarter of it
//   fovea-test --isa avx2 --sample 200 --threads 16
//   fovea-test --device gpu --threads 16          the same and more on a GPU; the reference stays on the CPU
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstring>
#include <functional>
#include <map>
#include <memory>
#include <regex>
#include <set>
#include <string>
#include <vector>

#include "tests/conformance/case_grid.h"
#include "tests/conformance/case_list.h"
#include "tests/conformance/checks.h"
#include "tests/conformance/random_data.h"
#include "tests/conformance/smaller_type.h"

namespace fovea_test {
namespace {

constexpr int kExitSkipped = 77;

enum class Mode { kCorrectness, kBitwise, kPerf };

struct Options {
  std::string filter, one_case, isa, backend, device_name, gpu_runtime, f32_as;
  foveaDevice_t device = FOVEA_DEVICE_CPU;
  int32_t ordinal = 0;
  int case_timeout = -1;
  Mode mode = Mode::kCorrectness;
  uint64_t seed = 20241;
  int32_t sample = 250;
  bool all = false, list = false, verbose = false, grid_only = false, list_only = false, optional = false;
  bool self_test = false;
  int32_t shard = 0, shards = 1, threads = 0, max_failures = 20;
  double max_cost = 8e8, largest = 0;

  bool on_gpu() const { return device != FOVEA_DEVICE_CPU; }
};

const char kUsage[] =
    "usage: fovea-test [options]\n"
    "  --list                 print the cases instead of running them\n"
    "  --filter TEXT          only cases whose line contains TEXT, or matches it as a regular expression\n"
    "  --case \"KEY=VALUE ...\" only this case\n"
    "  --device NAME          cpu (default), gpu, amd or nvidia; gpu:1 is the second GPU\n"
    "  --gpu-runtime FILE     the GPU's runtime library, where it has none of the usual names\n"
    "  --backend NAME         default CPU_ATTN, or ROCM_ATTN on a GPU, which also has ROCM_UNIFIED_ATTN\n"
    "  --f32-as NAME          f16, bf16 or both in turn: what queries of type f32 become in all cases but those that are\n"
    "                         about types (default: both on a GPU, beside f32 where the backend takes it)\n"
    "  --isa NAME             cap the CPU kernels: portable, sse4, avx2, avx512, avx512_bf16, amx_bf16\n"
    "  --optional             a processor without that instruction set is a success, with every case skipped\n"
    "  --mode MODE            correctness (default), bitwise (run twice, compare bits), perf (time)\n"
    "  --seed N               of the grid's sample\n"
    "  --sample N             cases drawn from the grid, default 250; 0: the hand-written ones alone\n"
    "  --all                  the whole grid (hours)\n"
    "  --only-grid, --only-list\n"
    "  --shard I/N            every N-th case, beginning with the I-th (from 1)\n"
    "  --threads N            for every forward on a CPU and for the reference\n"
    "  --case-timeout N       end the program with the case's line after N seconds in one case; 0 never (default 180 on a GPU)\n"
    "  --max-cost X           largest case drawn from the grid, in nanoseconds of one core (default 8e8)\n"
    "  --largest X            leave out cases of the list whose cost is above X\n"
    "  --self-test            check that every line reads back as the case that printed it\n"
    "  --max-failures N       stop after N (default 20)\n"
    "  --verbose              a line for each case\n";

const char* default_backend(const Options& o) { return o.on_gpu() ? "ROCM_ATTN" : "CPU_ATTN"; }

[[noreturn]] void usage(const char* message) {
  fprintf(stderr, "fovea-test: %s\n%s", message, kUsage);
  exit(2);
}

void read_device(const std::string& value, Options* o) {
  const size_t colon = value.find(':');
  const std::string name = value.substr(0, colon);
  if (name == "cpu") o->device = FOVEA_DEVICE_CPU;
  else if (name == "gpu") o->device = FOVEA_DEVICE_GPU;
  else if (name == "amd") o->device = FOVEA_DEVICE_AMD;
  else if (name == "nvidia") o->device = FOVEA_DEVICE_NVIDIA;
  else usage("unknown device");
  o->device_name = value;
  if (colon != std::string::npos) o->ordinal = std::stoi(value.substr(colon + 1));
}

Options read_options(int argc, char** argv) {
  Options o;
  for (int i = 1; i < argc; ++i) {
    const std::string name = argv[i];
    const auto value = [&]() -> std::string {
      if (++i >= argc) usage((name + " needs a value").c_str());
      return argv[i];
    };
    try {
      if (name == "--list") o.list = true;
      else if (name == "--filter") o.filter = value();
      else if (name == "--case") o.one_case = value();
      else if (name == "--backend") o.backend = value();
      else if (name == "--device") read_device(value(), &o);
      else if (name == "--gpu-runtime") o.gpu_runtime = value();
      else if (name == "--case-timeout") o.case_timeout = std::stoi(value());
      else if (name == "--f32-as") {
        o.f32_as = value();
        if (o.f32_as != "f16" && o.f32_as != "bf16" && o.f32_as != "both") usage("--f32-as f16, bf16 or both");
      } else if (name == "--isa") o.isa = value();
      else if (name == "--seed") o.seed = std::stoull(value());
      else if (name == "--sample") o.sample = std::stoi(value());
      else if (name == "--all") o.all = true;
      else if (name == "--only-grid") o.grid_only = true;
      else if (name == "--only-list") o.list_only = true;
      else if (name == "--threads") o.threads = std::stoi(value());
      else if (name == "--max-cost") o.max_cost = std::stod(value());
      else if (name == "--largest") o.largest = std::stod(value());
      else if (name == "--self-test") o.self_test = true;
      else if (name == "--max-failures") o.max_failures = std::stoi(value());
      else if (name == "--optional") o.optional = true;
      else if (name == "--verbose") o.verbose = true;
      else if (name == "--mode") {
        const std::string mode = value();
        if (mode == "correctness") o.mode = Mode::kCorrectness;
        else if (mode == "bitwise") o.mode = Mode::kBitwise;
        else if (mode == "perf") o.mode = Mode::kPerf;
        else usage("unknown mode");
      } else if (name == "--shard") {
        if (sscanf(value().c_str(), "%d/%d", &o.shard, &o.shards) != 2 || o.shard < 1 || o.shard > o.shards) usage("--shard I/N");
        --o.shard;
      } else if (name == "--help") {
        printf("%s", kUsage);
        exit(0);
      } else {
        usage(("unknown option " + name).c_str());
      }
    } catch (const std::logic_error&) {
      usage(("cannot read the value of " + name).c_str());
    }
  }
  if (o.backend.empty()) o.backend = default_backend(o);
  if (o.case_timeout < 0) o.case_timeout = o.on_gpu() ? 180 : 0;
  return o;
}

std::vector<Case> choose_cases(const Options& o) {
  std::vector<Case> cases;
  if (!o.one_case.empty()) return {parse_case(o.one_case)};
  if (!o.grid_only) cases = must_run_cases(o.on_gpu());
  if (o.largest > 0) {
    std::erase_if(cases, [&](const Case& c) { return case_cost(c) > o.largest; });
  }
  if (!o.list_only && (o.all || o.sample > 0)) {
    const GridSample grid = o.all ? whole_grid(o.seed, std::max(o.max_cost, 3e10)) : sample_grid(o.seed, o.sample, o.max_cost);
    printf("grid: seed %llu, %zu cases, %lld of %lld pairs of values\n", static_cast<unsigned long long>(o.seed),
           grid.cases.size(), static_cast<long long>(grid.pairs_covered), static_cast<long long>(grid.pairs_total));
    cases.insert(cases.end(), grid.cases.begin(), grid.cases.end());
  }
  if (!o.filter.empty()) {
    const std::regex pattern(o.filter);
    std::erase_if(cases, [&](const Case& c) {
      const std::string line = format_case(c);
      return line.find(o.filter) == std::string::npos && !std::regex_search(line, pattern);
    });
  }
  // Shards of equal cost: neighbours in the order of cost go to different shards.
  if (o.shards > 1) {
    std::stable_sort(cases.begin(), cases.end(), [](const Case& a, const Case& b) { return case_cost(a) > case_cost(b); });
    std::vector<Case> mine;
    for (size_t i = 0; i < cases.size(); ++i) {
      const int32_t round = static_cast<int32_t>(i) / o.shards, place = static_cast<int32_t>(i) % o.shards;
      if ((round % 2 ? o.shards - 1 - place : place) == o.shard) mine.push_back(cases[i]);
    }
    cases = mine;
  }
  return cases;
}

// Cases of f32 become cases of a smaller type. keep_f32: or are run as both, which have kernels of their own.
void replace_f32(const std::string& f32_as, bool keep_f32, std::vector<Case>* cases) {
  std::set<std::string> seen;
  std::vector<Case> kept;
  const auto add = [&](const Case& c) {
    // Some differed by the type alone.
    if (seen.insert(format_case(c)).second) kept.push_back(c);
  };
  for (const Case& c : *cases) {
    // On a GPU f32 queries go with an f32 cache.
    if (keep_f32 && (c.query != Type::kF32 || c.cache == Type::kF32)) add(c);
    add(with_smaller_type(c, f32_as));
  }
  *cases = kept;
}

// Lines are how failures are repeated, so they must say everything.
int self_test(const Options& o) {
  size_t passed = 0, failed = 0;
  for (const Case& c : choose_cases(o)) {
    const std::string line = format_case(c);
    const Case again = parse_case(line);
    const std::vector<Sequence> a = c.expanded(), b = again.expanded();
    bool same = format_case(again) == line && a.size() == b.size();
    for (size_t i = 0; same && i < a.size(); ++i) {
      same = a[i].query_len == b[i].query_len && a[i].context_len == b[i].context_len && a[i].uid == b[i].uid;
    }
    ++(same ? passed : failed);
    if (!same) printf("FAILED  %s\n", line.c_str());
  }
  for (const char* wrong : {"heads=5x2", "heads", "heeds=4x2", "seqs=1", "seqs=1+x", "dim=", "query=f64", "lse=2", "seqs=3+-4"}) {
    try {
      parse_case(wrong);
      printf("FAILED  '%s' was read\n", wrong);
      ++failed;
    } catch (const std::invalid_argument&) {
      ++passed;
    }
  }
  printf("%zu passed, %zu failed\n", passed, failed);
  return failed ? 1 : 0;
}

void run_case(Run& run, const Case& c, Mode mode) {
  if (mode == Mode::kBitwise) return check_bitwise(run, c);
  if (mode == Mode::kPerf) return time_forward(run, c);
  for (const NamedCheck& check : all_checks()) {
    if (c.check == check.name) return check.check(run, c);
  }
  throw Failure("no such check: " + c.check);
}

// A kernel that never ends blocks the host in the runtime, where nothing can be thrown: the alarm tells which case it was.
char running_case[2048];

void end_by_alarm(int) {
  constexpr char kWords[] = "TIMED OUT in --case ";
  (void)!write(STDOUT_FILENO, kWords, sizeof(kWords) - 1);
  (void)!write(STDOUT_FILENO, running_case, strlen(running_case));
  (void)!write(STDOUT_FILENO, "\n", 1);
  _exit(1);
}

// After a fault on a GPU every later call fails: whether that is so.
bool device_is_lost(const Run& run) {
  if (!run.engine.on_gpu()) return false;
  try {
    run.engine.memory().synchronize();
    return false;
  } catch (const Failure&) {
    return true;
  }
}

// What a case's line does not say of the run it failed in.
std::string repeating_options(const Options& o) {
  std::string options;
  if (o.on_gpu()) options += "--device " + o.device_name + " ";
  if (o.backend != default_backend(o)) options += "--backend " + o.backend + " ";
  if (!o.isa.empty()) options += "--isa " + o.isa + " ";
  if (o.mode != Mode::kCorrectness) options += o.mode == Mode::kBitwise ? "--mode bitwise " : "--mode perf ";
  return options;
}

int run_all(const Options& o) {
  foveaBackend_t backend = FOVEA_BACKEND_AUTO;
  if (foveaBackendFromName(o.backend.c_str(), &backend) != FOVEA_STATUS_SUCCESS) usage(foveaGetLastErrorMessage());
  std::vector<Case> cases = choose_cases(o);
  if (o.mode != Mode::kCorrectness) {
    std::erase_if(cases, [](const Case& c) { return c.check != "forward"; });
  }
  if (o.list) {
    for (const Case& c : cases) printf("%s\n", format_case(c).c_str());
    return 0;
  }
  int32_t available = 0;
  char reason[512];
  FOVEA_OK(foveaBackendIsAvailable(backend, &available, reason, sizeof(reason)));
  const std::unique_ptr<Run> made =
      available ? std::make_unique<Run>(Target{backend, o.device, o.ordinal, o.gpu_runtime}) : nullptr;
  const std::string architecture = available ? made->engine.architecture() : "";
  if (o.f32_as.empty() && available && o.on_gpu() && o.one_case.empty()) {
    int32_t f32 = 0;
    FOVEA_OK(foveaBackendSupportsDataType(backend, FOVEA_ROLE_QUERY, FOVEA_DATA_TYPE_F32, &f32));
    replace_f32("both", f32 != 0, &cases);
  } else if (!o.f32_as.empty()) {
    replace_f32(o.f32_as, false, &cases);
  }
  const bool other_isa = !o.isa.empty() && architecture != o.isa;
  if (!available || other_isa) {
    printf("%s: %s\n0 passed, 0 failed, %zu skipped\n", o.backend.c_str(),
           available ? text("this processor runs %s, not %s", architecture.c_str(), o.isa.c_str()).c_str() : reason,
           cases.size());
    return o.optional ? 0 : kExitSkipped;
  }
  Run& run = *made;
  printf("%s on %s, libfovea %s, %zu cases\n", o.backend.c_str(), architecture.c_str(), foveaGetVersionString(), cases.size());
  fflush(stdout);
  run.reference_threads = o.threads > 0 ? o.threads : 1;
  if (o.case_timeout > 0) signal(SIGALRM, end_by_alarm);

  using Clock = std::chrono::steady_clock;
  const auto start = Clock::now();
  auto told = start;
  size_t passed = 0, failed = 0, skipped = 0;
  std::map<std::string, size_t> skip_reasons;
  for (size_t i = 0; i < cases.size() && failed < static_cast<size_t>(o.max_failures); ++i) {
    Case c = cases[i];
    if (o.threads > 0) c.threads = o.threads;
    const std::string line = format_case(c);
    const auto begin = Clock::now();
    static constexpr const char* kSkipped = "skipped";
    const char* result = "passed";
    std::string why;
    snprintf(running_case, sizeof(running_case), "\"%s\"", line.c_str());
    alarm(static_cast<unsigned>(o.case_timeout));
    run.engine.set_capture(c.capture);
    try {
      run_case(run, c, o.mode);
      ++passed;
    } catch (const Skip& skip) {
      ++skipped;
      result = kSkipped;
      why = skip.what();
      ++skip_reasons[why];
    } catch (const std::exception& failure) {
      ++failed;
      result = "FAILED";
      why = failure.what();
    }
    alarm(0);
    const auto now = Clock::now();
    if (o.verbose || (!why.empty() && result != kSkipped)) {
      const std::string options = repeating_options(o);
      printf("%s %6.0f ms  fovea-test %s--case \"%s\"\n", result,
             std::chrono::duration<double, std::milli>(now - begin).count(), options.c_str(), line.c_str());
      if (!why.empty()) printf("    %s\n", why.c_str());
      fflush(stdout);
    }
    if (!why.empty() && device_is_lost(run)) {
      printf("the device is lost: %zu cases after this one were not run\n", cases.size() - i - 1);
      break;
    }
    if (now - told > std::chrono::seconds(20)) {
      printf("... %zu of %zu after %.0f s\n", i + 1, cases.size(), std::chrono::duration<double>(now - start).count());
      fflush(stdout);
      told = now;
    }
  }
  static const char* const kTypeOf[] = {"f32", "f16", "bf16 and fp8"};
  for (int i = 0; i < 3; ++i) {
    if (run.worst[i].tolerance_used == 0) continue;
    printf("%s queries: largest error %.3g (%.0f %% of what was allowed at worst), lse %.3g\n", kTypeOf[i], run.worst[i].output,
           100 * run.worst[i].tolerance_used, run.worst[i].lse);
  }
  for (const auto& [reason, count] : skip_reasons) printf("skipped %zu: %s\n", count, reason.c_str());
  printf("%lld forwards in %.0f s\n", static_cast<long long>(run.forwards),
         std::chrono::duration<double>(Clock::now() - start).count());
  if (failed >= static_cast<size_t>(o.max_failures)) printf("stopped after %zu failures\n", failed);
  printf("%zu passed, %zu failed, %zu skipped\n", passed, failed, skipped);
  return failed ? 1 : 0;
}

}  // namespace
}  // namespace fovea_test

int main(int argc, char** argv) {
  using namespace fovea_test;
  const Options options = read_options(argc, argv);
  // The library reads this once, at its first use of a kernel.
  if (!options.isa.empty()) setenv("FOVEA_CPU_ISA", options.isa.c_str(), 1);
  try {
    return options.self_test ? self_test(options) : run_all(options);
  } catch (const std::exception& error) {
    fprintf(stderr, "fovea-test: %s\n", error.what());
    return 2;
  }
}
