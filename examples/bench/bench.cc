// fovea-bench: how fast forwards are on this machine, beside a streaming read of memory in the same process.
//
//   fovea-bench                                    the standard table
//   fovea-bench --suite decode --dtype bf16
//   fovea-bench --seqs 8 --query-len 16 --context 4080 --non-causal --dtype bf16
//   fovea-bench --device gpu
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "bench_case.h"
#include "gpu_yardsticks.h"
#include "stream_read.h"

namespace {

const char kUsage[] =
    "Usage: fovea-bench [options]\n"
    "\n"
    "Without a shape, runs a suite; with --query-len, one case.\n"
    "  --device NAME       cpu (default), gpu, amd or nvidia; gpu:1 is the second GPU\n"
    "  --suite NAME        prefill, decode, dflash, on a GPU also mixed, or all (default all); a GPU has larger cases, bf16 alone\n"
    "  --backend NAME      e.g. ROCM_UNIFIED_ATTN; a case that it cannot serve says why (AUTO)\n"
    "  --seqs N            sequences (1)\n"
    "  --query-len N       query tokens of each sequence\n"
    "  --context N         tokens before them (0)\n"
    "  --second N/Q/C      and N sequences of Q query tokens on C (none)\n"
    "  --heads Q/KV        query and KV heads (32/8)\n"
    "  --head-size N       (128)\n"
    "  --block-size N      (16)\n"
    "  --window N          left window (open)\n"
    "  --dtype NAME        f32, f16 or bf16; without it a suite runs f32 and bf16\n"
    "  --cache-type NAME   f32, f16, bf16, f8_e4m3fn, f8_e4m3fnuz, f8_e5m2 (as --dtype)\n"
    "  --non-causal        every query sees the whole sequence\n"
    "  --dense             this step's keys and values are given, not read from the cache\n"
    "  --batch-invariant   ask for bits that do not depend on the batch\n"
    "  --threads N         (all)\n"
    "  --repeat N          timed runs of each case (9; on a GPU 30 rows of several)\n"
    "  --graph             GPU: launch the forwards of a row as one graph\n"
    "  --warm              reuse one data set, so that caches may hold it; else sets rotate through memory\n"
    "  --stream-mib N      size of the streaming read (4 x the last-level cache)\n";

[[noreturn]] void fail(const std::string& message) {
  std::fprintf(stderr, "fovea-bench: %s\n", message.c_str());
  std::exit(2);
}

int parse_int(const char* option, const char* text, int min, int max) {
  char* end = nullptr;
  const long value = std::strtol(text, &end, 10);
  if (end == text || *end != '\0' || value < min || value > max) {
    fail(std::string(option) + ": '" + text + "' is not a whole number from " + std::to_string(min) + " to " +
         std::to_string(max));
  }
  return static_cast<int>(value);
}

foveaDataType_t parse_dtype(const char* option, const char* text) {
  for (int i = FOVEA_DATA_TYPE_F32; i <= FOVEA_DATA_TYPE_F8_E5M2; ++i) {
    const auto dtype = static_cast<foveaDataType_t>(i);
    if (std::strcmp(foveaDataTypeName(dtype), text) == 0) return dtype;
  }
  fail(std::string(option) + ": '" + text + "' is not a data type");
}

BenchCase make_case(const char* name, int seqs, int query_len, int context_len, bool causal, bool dense) {
  BenchCase b;
  b.name = name;
  b.num_seqs = seqs;
  b.query_len = query_len;
  b.context_len = context_len;
  b.causal = causal;
  b.dense = dense;
  return b;
}

// What a GPU is for: draft blocks, decode of large batches and of long contexts, paged prefill.
std::vector<BenchCase> gpu_suite(const std::string& name) {
  std::vector<BenchCase> cases;
  const bool all = name == "all";
  if (all || name == "dflash") {
    cases.push_back(make_case("dflash 32 x 16 on 4096, non-causal", 32, 16, 4080, false, false));
    cases.push_back(make_case("dflash 4 x 16 on 32768, non-causal", 4, 16, 32752, false, false));
    cases.push_back(make_case("verify 32 x 8 on 4096, causal", 32, 8, 4088, true, false));
  }
  if (all || name == "decode") {
    cases.push_back(make_case("decode 64x4096", 64, 1, 4095, true, false));
    cases.push_back(make_case("decode 256x1024", 256, 1, 1023, true, false));
    cases.push_back(make_case("decode 4x32768", 4, 1, 32767, true, false));
    cases.push_back(make_case("decode 1x131072", 1, 1, 131071, true, false));
    for (BenchCase b : {make_case("decode 64x4096, fp8 cache", 64, 1, 4095, true, false),
                        make_case("decode 256x1024, fp8 cache", 256, 1, 1023, true, false),
                        make_case("decode 4x32768, fp8 cache", 4, 1, 32767, true, false)}) {
      b.cache_dtype = FOVEA_DATA_TYPE_F8_E4M3FN;
      cases.push_back(b);
    }
    BenchCase small = make_case("decode 1x1024, graph, warm", 1, 1, 1023, true, false);
    small.graph = small.warm = true;
    cases.push_back(small);
  }
  if (all || name == "prefill") {
    for (const int length : {4096, 8192, 16384}) {
      const std::string of_length = "prefill 1x" + std::to_string(length);
      cases.push_back(make_case((of_length + " causal, paged").c_str(), 1, length, 0, true, false));
      cases.push_back(make_case((of_length + " non-causal, paged").c_str(), 1, length, 0, false, false));
    }
    cases.push_back(make_case("prefill 1x8192 causal, dense", 1, 8192, 0, true, true));
    cases.push_back(make_case("prefill 1x8192 non-causal, dense", 1, 8192, 0, false, true));
    cases.push_back(make_case("chunk 2048 on 8192, causal, paged", 1, 2048, 8192, true, false));
  }
  if (all || name == "mixed") {
    for (const auto& [title, context] : {std::pair("mixed 60 decodes of 2048, 4 x 512 on 0", 0),
                                         std::pair("mixed 60 decodes of 2048, 4 x 512 on 2048", 2048)}) {
      BenchCase b = make_case(title, 60, 1, 2047, true, false);
      b.second_num_seqs = 4;
      b.second_query_len = 512;
      b.second_context_len = context;
      cases.push_back(b);
    }
    BenchCase b = make_case("mixed 16 decodes of 8192, 1 x 2048 on 2048", 16, 1, 8191, true, false);
    b.second_num_seqs = 1;
    b.second_query_len = 2048;
    b.second_context_len = 2048;
    cases.push_back(b);
  }
  if (cases.empty()) fail("--suite: '" + name + "' is not one of prefill, decode, dflash, mixed, all");
  return cases;
}

std::vector<BenchCase> suite(const std::string& name) {
  std::vector<BenchCase> cases;
  const bool all = name == "all";
  if (all || name == "prefill") {
    cases.push_back(make_case("prefill 1x2048 causal", 1, 2048, 0, true, true));
    cases.push_back(make_case("prefill 1x2048 non-causal", 1, 2048, 0, false, true));
    cases.push_back(make_case("prefill 1x4096 causal", 1, 4096, 0, true, true));
    cases.push_back(make_case("prefill 1x4096 non-causal", 1, 4096, 0, false, true));
    cases.push_back(make_case("prefill 1x4096 non-causal, paged", 1, 4096, 0, false, false));
    cases.push_back(make_case("chunk 512 on 8192, paged", 1, 512, 8192, true, false));
  }
  if (all || name == "decode") {
    cases.push_back(make_case("decode 8x4096", 8, 1, 4095, true, false));
    cases.push_back(make_case("decode 1x32768", 1, 1, 32767, true, false));
    cases.push_back(make_case("decode 64x1024", 64, 1, 1023, true, false));
  }
  if (all || name == "dflash") {
    cases.push_back(make_case("dflash 8 x 16 on 4096, non-causal", 8, 16, 4080, false, false));
    cases.push_back(make_case("verify 8 x 5 on 4096, causal", 8, 5, 4091, true, false));
  }
  if (cases.empty()) fail("--suite: '" + name + "' is not one of prefill, decode, dflash, all");
  return cases;
}

struct Device {
  foveaDevice_t kind = FOVEA_DEVICE_CPU;
  int32_t ordinal = 0;
};

Device parse_device(const std::string& text) {
  const size_t colon = text.find(':');
  const std::string name = text.substr(0, colon);
  Device device;
  if (name == "gpu") {
    device.kind = FOVEA_DEVICE_GPU;
  } else if (name == "amd") {
    device.kind = FOVEA_DEVICE_AMD;
  } else if (name == "nvidia") {
    device.kind = FOVEA_DEVICE_NVIDIA;
  } else if (name != "cpu") {
    fail("--device: '" + text + "' is not one of cpu, gpu, amd, nvidia");
  }
  if (colon != std::string::npos) device.ordinal = parse_int("--device", text.c_str() + colon + 1, 0, 1 << 16);
  return device;
}

void run_on_gpu(foveaContext_t context, const foveaContextInfo_t& about, const std::vector<BenchCase>& cases, int repeats) {
  const GpuRuntime gpu(about.device, about.device_ordinal);
  const GpuYardsticks yard = measure_gpu(gpu, random_values(FOVEA_DATA_TYPE_BF16));
  std::printf("libfovea %s on %s, %s\n", foveaGetVersionString(), about.device_name, about.architecture);
  std::printf("streaming read: %.1f GB/s (%s)\n", yard.read_bandwidth / 1e9, yard.read_by.c_str());
  if (yard.matrix_flops > 0) {
    std::printf("matrix product: %.1f TFLOP/s (%s)\n\n", yard.matrix_flops / 1e12, yard.matrix_by.c_str());
  } else {
    std::printf("matrix product: not measured, its column is left out (no BLAS library found)\n\n");
  }
  std::printf("%-42s %-5s %-11s %10s %10s %9s %8s %9s", "case", "dtype", "cache", "median us", "min us", "TFLOP/s", "GB/s",
              "of read");
  if (yard.matrix_flops > 0) std::printf(" %10s", "of product");
  std::printf(" %8s\n", "plan us");
  for (const BenchCase& b : cases) {
    // Data sets of at least this much in turn: beyond every cache.
    constexpr double kColdBytes = 1.5e9;
    const foveaDataType_t cache = b.cache_dtype == FOVEA_DATA_TYPE_NONE ? b.dtype : b.cache_dtype;
    std::printf("%-42s %-5s %-11s ", b.name.c_str(), foveaDataTypeName(b.dtype),
                b.dense && b.context_len == 0 ? "-" : foveaDataTypeName(cache));
    try {
      const BenchResult r = run_case(context, b, repeats, kColdBytes, &gpu);
      std::printf("%10.1f %10.1f %9.1f %8.1f %8.1f%%", r.median_seconds * 1e6, r.min_seconds * 1e6,
                  r.flops / r.median_seconds / 1e12, r.bytes / r.median_seconds / 1e9,
                  100.0 * r.bytes / r.median_seconds / yard.read_bandwidth);
      if (yard.matrix_flops > 0) std::printf(" %9.1f%%", 100.0 * r.flops / r.median_seconds / yard.matrix_flops);
      std::printf(" %8.1f\n", r.plan_seconds * 1e6);
    } catch (const std::exception& error) {
      std::printf("%s\n", error.what());
    }
    std::fflush(stdout);
  }
}

}  // namespace

int main(int argc, char** argv) {
  BenchCase custom;
  custom.name = "custom";
  std::string suite_name = "all";
  bool is_custom = false;
  bool has_dtype = false;
  bool warm = false;
  int threads = 0;
  int repeats = 0;
  Device device;
  size_t stream_mib = 0;
  for (int i = 1; i < argc; ++i) {
    const std::string option = argv[i];
    const auto value = [&]() -> const char* {
      if (i + 1 == argc) fail(option + " needs a value");
      return argv[++i];
    };
    const auto number = [&](int min, int max) { return parse_int(option.c_str(), value(), min, max); };
    if (option == "--help" || option == "-h") {
      std::fputs(kUsage, stdout);
      return 0;
    } else if (option == "--device") {
      device = parse_device(value());
    } else if (option == "--graph") {
      custom.graph = true;
    } else if (option == "--suite") {
      suite_name = value();
    } else if (option == "--seqs") {
      custom.num_seqs = number(1, 100000);
    } else if (option == "--query-len") {
      custom.query_len = number(1, 1 << 20);
      is_custom = true;
    } else if (option == "--context") {
      custom.context_len = number(0, 1 << 24);
    } else if (option == "--second") {
      const char* text = value();
      if (std::sscanf(text, "%d/%d/%d", &custom.second_num_seqs, &custom.second_query_len, &custom.second_context_len) != 3 ||
          custom.second_num_seqs < 0 || custom.second_query_len < 0 || custom.second_context_len < 0) {
        fail(std::string("--second: '") + text + "' is not of the form N/Q/C");
      }
    } else if (option == "--backend") {
      const char* text = value();
      if (foveaBackendFromName(text, &custom.backend) != FOVEA_STATUS_SUCCESS) fail(foveaGetLastErrorMessage());
    } else if (option == "--heads") {
      const char* text = value();
      if (std::sscanf(text, "%d/%d", &custom.num_query_heads, &custom.num_kv_heads) != 2) {
        fail(std::string("--heads: '") + text + "' is not of the form Q/KV");
      }
    } else if (option == "--head-size") {
      custom.head_size = number(1, 1 << 16);
    } else if (option == "--block-size") {
      custom.block_size = number(1, 1 << 20);
    } else if (option == "--window") {
      custom.window_left = number(-1, 1 << 30);
    } else if (option == "--dtype") {
      custom.dtype = parse_dtype("--dtype", value());
      has_dtype = true;
    } else if (option == "--cache-type") {
      custom.cache_dtype = parse_dtype("--cache-type", value());
    } else if (option == "--non-causal") {
      custom.causal = false;
    } else if (option == "--dense") {
      custom.dense = true;
    } else if (option == "--batch-invariant") {
      custom.batch_invariant = true;
    } else if (option == "--threads") {
      threads = number(1, 1024);
    } else if (option == "--repeat") {
      repeats = number(1, 100000);
    } else if (option == "--warm") {
      warm = true;
    } else if (option == "--stream-mib") {
      stream_mib = static_cast<size_t>(number(1, 1 << 20));
    } else {
      fail("unknown option '" + option + "'; --help lists them");
    }
  }

  std::vector<BenchCase> cases;
  if (is_custom) {
    cases.push_back(custom);
  } else if (device.kind != FOVEA_DEVICE_CPU) {
    for (BenchCase b : gpu_suite(suite_name)) {
      if (custom.cache_dtype != FOVEA_DATA_TYPE_NONE) b.cache_dtype = custom.cache_dtype;
      if (has_dtype) b.dtype = custom.dtype;
      b.batch_invariant = custom.batch_invariant;
      b.block_size = custom.block_size;
      b.graph = b.graph || custom.graph;
      b.backend = custom.backend;
      cases.push_back(b);
    }
  } else {
    for (BenchCase b : suite(suite_name)) {
      b.cache_dtype = custom.cache_dtype;
      b.backend = custom.backend;
      b.batch_invariant = custom.batch_invariant;
      for (const foveaDataType_t dtype : {FOVEA_DATA_TYPE_F32, FOVEA_DATA_TYPE_BF16}) {
        b.dtype = has_dtype ? custom.dtype : dtype;
        cases.push_back(b);
        if (has_dtype) break;
      }
    }
  }

  foveaContextCreateInfo_t info = FOVEA_CONTEXT_CREATE_INFO_INIT;
  if (repeats == 0) repeats = device.kind == FOVEA_DEVICE_CPU ? 9 : 30;
  for (BenchCase& b : cases) b.warm = b.warm || warm;
  info.device = device.kind;
  info.device_ordinal = device.ordinal;
  info.num_threads = threads;
  foveaContext_t context = nullptr;
  if (foveaContextCreate(&info, &context) != FOVEA_STATUS_SUCCESS) fail(foveaGetLastErrorMessage());
  foveaContextInfo_t about = {};
  about.struct_size = sizeof(about);
  if (foveaContextGetInfo(context, &about) != FOVEA_STATUS_SUCCESS) fail(foveaGetLastErrorMessage());
  int status = 0;
  try {
    if (device.kind != FOVEA_DEVICE_CPU) {
      run_on_gpu(context, about, cases, repeats);
      foveaContextDestroy(context);
      return 0;
    }
    const size_t llc = last_level_cache_bytes();
    const size_t stream_bytes = stream_mib != 0 ? stream_mib << 20 : 4 * llc;
    std::printf("libfovea %s on %s, %s, %d threads; last-level cache %zu MiB\n", foveaGetVersionString(), about.device_name,
                about.architecture, about.num_threads, llc >> 20);
    const double stream = stream_read_bandwidth(stream_bytes, about.num_threads);
    std::printf("streaming read of %zu MiB: %.1f GB/s\n\n", stream_bytes >> 20, stream / 1e9);
    std::printf("%-36s %-5s %-12s %10s %10s %9s %8s %9s\n", "case", "dtype", "cache", "median ms", "min ms", "GFLOP/s", "GB/s",
                "of stream");
    for (const BenchCase& b : cases) {
      const BenchResult r = run_case(context, b, repeats, static_cast<double>(stream_bytes));
      const foveaDataType_t cache = b.cache_dtype == FOVEA_DATA_TYPE_NONE ? b.dtype : b.cache_dtype;
      std::printf("%-36s %-5s %-12s %10.3f %10.3f %9.1f %8.1f %8.1f%%\n", b.name.c_str(), foveaDataTypeName(b.dtype),
                  b.dense && b.context_len == 0 ? "-" : foveaDataTypeName(cache), r.median_seconds * 1e3, r.min_seconds * 1e3,
                  r.flops / r.median_seconds / 1e9, r.bytes / r.median_seconds / 1e9,
                  100.0 * r.bytes / r.median_seconds / stream);
      std::fflush(stdout);
    }
  } catch (const std::exception& error) {
    std::fprintf(stderr, "fovea-bench: %s\n", error.what());
    status = 1;
  }
  foveaContextDestroy(context);
  return status;
}
