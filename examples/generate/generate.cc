// generate: a language model that writes text, as a user of libfovea would write it.
//
// Reading order: this file, llama_model.h, paged_attention.h. The rest reads the file (gguf_file.h, llama_weights.h,
// tokenizer.h) and multiplies matrices (matmul.h, vector_kernels.h).
#include <sched.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <exception>
#include <new>
#include <string>
#include <vector>

#include "error.h"
#include "gguf_file.h"
#include "llama_model.h"
#include "llama_weights.h"
#include "options.h"
#include "sampler.h"
#include "task_pool.h"
#include "tokenizer.h"
#include "utf8.h"

namespace generate {
namespace {

class Stopwatch {
 public:
  double seconds() const { return std::chrono::duration<double>(Clock::now() - begin_).count(); }

 private:
  using Clock = std::chrono::steady_clock;
  Clock::time_point begin_ = Clock::now();
};

// Processors that this process may use, which in a container is often fewer than the machine has.
int available_processors() {
  cpu_set_t set;
  return sched_getaffinity(0, sizeof(set), &set) == 0 ? std::max(1, CPU_COUNT(&set)) : 1;
}

void write_text(const std::string& text) {
  if (std::fwrite(text.data(), 1, text.size(), stdout) != text.size() || std::fflush(stdout) != 0) {
    fail("cannot write to standard output");
  }
}

void report(const char* what, size_t num_tokens, double seconds) {
  std::fprintf(stderr, "%-9s %5zu tokens in %6.2f s, %7.1f tokens/s\n", what, num_tokens, seconds,
               seconds > 0.0 ? static_cast<double>(num_tokens) / seconds : 0.0);
}

// Runs the prompt through the model in chunks; returns the logits that follow its last token.
std::span<const float> prefill(LlamaModel& model, std::span<const Token> prompt, size_t chunk) {
  constexpr double kProgressAfter = 2.0;
  const Stopwatch stopwatch;
  bool reported = false;
  std::span<const float> logits;
  for (size_t begin = 0; begin < prompt.size(); begin += chunk) {
    const size_t count = std::min(chunk, prompt.size() - begin);
    const bool last = begin + count == prompt.size();
    logits = model.forward(prompt.subspan(begin, count), last ? 1 : 0);
    if (!last && stopwatch.seconds() > kProgressAfter) {
      std::fprintf(stderr, "\rprompt: %zu of %zu tokens", begin + count, prompt.size());
      reported = true;
    }
  }
  if (reported) std::fprintf(stderr, "\n");
  return logits;
}

void run(const Options& options) {
  const GgufFile file(options.model);
  const Tokenizer tokenizer(file);
  const LlamaWeights weights(file);
  if (tokenizer.vocab_size() != weights.shape.vocab_size) {
    fail("cannot use ", options.model, ": the tokenizer knows ", tokenizer.vocab_size(), " tokens, the model ",
         weights.shape.vocab_size);
  }

  const std::vector<Token> prompt = options.chat ? encode_chat(tokenizer, options.system, options.prompt)
                                                 : tokenizer.encode(options.prompt, SpecialTokens::kRecognise);
  if (prompt.empty()) throw UsageError("--prompt is empty, expected the beginning of a text");
  const auto max_positions = static_cast<size_t>(weights.shape.max_positions);
  if (prompt.size() >= max_positions) {
    throw UsageError(concat("the prompt has ", prompt.size(), " tokens, but the model was trained on texts of at most ",
                            max_positions));
  }
  const size_t max_tokens = std::min(static_cast<size_t>(options.max_tokens), max_positions - prompt.size());

  CacheOptions cache;
  cache.data_type = options.cache_type;
  cache.layout = options.layout;
  cache.block_size = options.block_size;
  cache.max_seq_len = static_cast<int32_t>(prompt.size() + max_tokens);
  cache.max_query_len = std::min(options.chunk, static_cast<int32_t>(prompt.size()));
  TaskPool pool(options.threads > 0 ? options.threads : available_processors());
  LlamaModel model(weights, cache, pool);
  std::fprintf(stderr, "%s\nKV cache: %s, %d blocks of %d tokens, %.1f MiB\n\n",
               model.attention().description().c_str(), foveaDataTypeName(cache.data_type), cache.num_blocks(),
               cache.block_size, static_cast<double>(model.attention().cache_bytes()) / (1 << 20));

  if (!options.chat) write_text(options.prompt);
  const Stopwatch prefill_time;
  std::span<const float> logits = prefill(model, prompt, static_cast<size_t>(cache.max_query_len));
  const double prefill_seconds = prefill_time.seconds();

  Sampler sampler(options.sampler);
  Utf8Stream stream;
  size_t num_steps = 0;
  const Stopwatch decode_time;
  for (size_t i = 0; i < max_tokens; ++i) {
    const Token token = sampler.choose(logits);
    if (!std::isfinite(logits[static_cast<size_t>(token)])) {
      fail("the model computed ", logits[static_cast<size_t>(token)], " for its next token: the weights in ",
           options.model, " are damaged");
    }
    if (tokenizer.is_end(token)) break;
    write_text(stream.push(tokenizer.decode(token)));
    if (i + 1 == max_tokens) break;
    logits = model.forward({&token, 1}, 1);
    ++num_steps;
  }
  write_text(stream.finish() + "\n");
  const double decode_seconds = decode_time.seconds();

  std::fprintf(stderr, "\n");
  report("prefill:", prompt.size(), prefill_seconds);
  report("decode:", num_steps, decode_seconds);
}

int main(int argc, char** argv) {
  try {
    const Options options = parse_options(argc, argv);
    if (options.help) {
      write_text(help_text());
      return 0;
    }
    run(options);
    return 0;
  } catch (const UsageError& error) {
    std::fprintf(stderr, "generate: %s\n", error.what());
    return 2;
  } catch (const std::bad_alloc&) {
    std::fprintf(stderr, "generate: out of memory\n");
  } catch (const std::exception& error) {
    std::fprintf(stderr, "generate: %s\n", error.what());
  }
  return 1;
}

}  // namespace
}  // namespace generate

int main(int argc, char** argv) { return generate::main(argc, argv); }
