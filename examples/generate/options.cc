#include "options.h"

#include <charconv>
#include <cmath>
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <iterator>
#include <string_view>
#include <thread>

#include "error.h"

namespace generate {
namespace {

constexpr const char* kModelFile = "SmolLM2-135M-Instruct.Q4_1.gguf";
constexpr int32_t kMaxThreads = 1024;

constexpr foveaDataType_t kCacheTypes[] = {FOVEA_DATA_TYPE_F32,         FOVEA_DATA_TYPE_F16,
                                           FOVEA_DATA_TYPE_BF16,        FOVEA_DATA_TYPE_F8_E4M3FN,
                                           FOVEA_DATA_TYPE_F8_E4M3FNUZ, FOVEA_DATA_TYPE_F8_E5M2};

std::string default_model_path() {
  const char* cache = std::getenv("XDG_CACHE_HOME");
  if (cache != nullptr && cache[0] != 0) return concat(cache, "/fovea/", kModelFile);
  const char* home = std::getenv("HOME");
  return concat(home != nullptr && home[0] != 0 ? home : "/root", "/.cache/fovea/", kModelFile);
}

template <typename... Parts>
[[noreturn]] void usage_error(const Parts&... parts) {
  throw UsageError(concat(parts..., " (--help lists all options)"));
}

template <typename Number>
Number parse_number(std::string_view option, std::string_view text, Number min, Number max) {
  Number value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  // The comparison is also false for a floating-point NaN.
  if (error != std::errc() || end != text.data() + text.size() || !(value >= min && value <= max)) {
    usage_error(option, " is \"", text, "\", expected a number from ", min, " to ", max);
  }
  return value;
}

foveaDataType_t parse_cache_type(std::string_view text) {
  std::string known;
  for (const foveaDataType_t type : kCacheTypes) {
    if (text == foveaDataTypeName(type)) return type;
    known += concat(known.empty() ? "" : ", ", foveaDataTypeName(type));
  }
  usage_error("--cache-type is \"", text, "\", expected one of ", known);
}

foveaKvCacheLayout_t parse_layout(std::string_view text) {
  if (text == "strided") return FOVEA_KV_CACHE_LAYOUT_STRIDED;
  if (text == "vectorized") return FOVEA_KV_CACHE_LAYOUT_VECTORIZED;
  usage_error("--layout is \"", text, "\", expected strided or vectorized");
}

std::string read_prompt(const std::string& path) {
  std::string text;
  if (path == "-") {
    text.assign(std::istreambuf_iterator<char>(std::cin), {});
  } else {
    std::ifstream file(path, std::ios::binary);
    if (!file) usage_error("--prompt-file: cannot open \"", path, "\"");
    text.assign(std::istreambuf_iterator<char>(file), {});
    if (file.bad()) usage_error("--prompt-file: cannot read \"", path, "\"");
  }
  while (!text.empty() && text.back() == '\n') text.pop_back();
  return text;
}

}  // namespace

Options parse_options(int argc, const char* const* argv) {
  Options options;
  options.model = default_model_path();
  for (int i = 1; i < argc; ++i) {
    std::string_view name = argv[i];
    // "--name=value" is the same as "--name value".
    std::string_view attached;
    const size_t equals = name.find('=');
    const bool has_attached = name.substr(0, 2) == "--" && equals != std::string_view::npos;
    if (has_attached) {
      attached = name.substr(equals + 1);
      name = name.substr(0, equals);
    }
    const auto value = [&]() -> std::string_view {
      if (has_attached) return attached;
      if (i + 1 >= argc) usage_error(name, " needs a value");
      return argv[++i];
    };
    const auto flag = [&] {
      if (has_attached) usage_error(name, " takes no value");
      return true;
    };

    if (name == "--help" || name == "-h") {
      options.help = flag();
    } else if (name == "--chat") {
      options.chat = flag();
    } else if (name == "--raw") {
      options.chat = !flag();
    } else if (name == "--model") {
      options.model = value();
    } else if (name == "--prompt") {
      options.prompt = value();
    } else if (name == "--prompt-file") {
      options.prompt = read_prompt(std::string(value()));
    } else if (name == "--system") {
      options.system = value();
    } else if (name == "--tokens") {
      options.max_tokens = parse_number(name, value(), 1, 1 << 20);
    } else if (name == "--chunk") {
      options.chunk = parse_number(name, value(), 1, 1 << 16);
    } else if (name == "--block-size") {
      options.block_size = parse_number(name, value(), 1, 1 << 20);
    } else if (name == "--cache-type") {
      options.cache_type = parse_cache_type(value());
    } else if (name == "--layout") {
      options.layout = parse_layout(value());
    } else if (name == "--threads") {
      options.threads = parse_number(name, value(), 1, kMaxThreads);
    } else if (name == "--temperature") {
      options.sampler.temperature = parse_number(name, value(), 0.0f, 100.0f);
    } else if (name == "--top-k") {
      options.sampler.top_k = parse_number(name, value(), 0, 1 << 24);
    } else if (name == "--top-p") {
      options.sampler.top_p = parse_number(name, value(), 0.0f, 1.0f);
    } else if (name == "--seed") {
      options.sampler.seed = parse_number<uint64_t>(name, value(), 0, UINT64_MAX);
    } else {
      usage_error("unknown option \"", argv[i], "\"");
    }
  }
  if (options.block_size % 16 != 0) {
    usage_error("--block-size is ", options.block_size, ", expected a multiple of 16");
  }
  return options;
}

std::string help_text() {
  const Options defaults;
  std::string cache_types;
  for (const foveaDataType_t type : kCacheTypes) cache_types += concat(" ", foveaDataTypeName(type));
  return concat(
      "Generates text with a small Llama-shaped language model; the attention of every layer is computed by libfovea "
      "on\n"
      "a paged KV cache.\n\n"
      "Usage: generate [options]\n\n"
      "  --model FILE         GGUF file (",
      default_model_path(),
      ")\n"
      "  --prompt TEXT        what to answer or to continue (\"",
      defaults.prompt,
      "\")\n"
      "  --prompt-file FILE   the same from a file; - is standard input\n"
      "  --chat               the prompt is a question to an assistant (default)\n"
      "  --raw                the prompt is the beginning of a text\n"
      "  --system TEXT        what the assistant is told first; \"\" for nothing\n"
      "  --tokens N           most tokens to generate (",
      defaults.max_tokens,
      ")\n"
      "  --chunk N            tokens of the prompt per step (",
      defaults.chunk,
      ")\n"
      "  --block-size N       tokens per block of the KV cache, a multiple of 16 (",
      defaults.block_size,
      ")\n"
      "  --cache-type TYPE    type of the KV cache:",
      cache_types, " (", foveaDataTypeName(defaults.cache_type),
      ")\n"
      "  --layout LAYOUT      layout of the KV cache: strided vectorized (strided)\n"
      "  --threads N          threads that compute (all processors)\n"
      "  --temperature T      0 takes the likeliest token; above, chance decides (0)\n"
      "  --top-k K            chance among the K likeliest tokens; 0 = all (0)\n"
      "  --top-p P            chance among the likeliest tokens that hold this much probability (1)\n"
      "  --seed N             another seed, another text (0)\n"
      "  --help               this text\n\n"
      "The text goes to standard output, everything else to standard error.\n");
}

}  // namespace generate
