// Damaged, truncated and foreign model files: each ends in one sentence, none in a crash. The code under test is
// compiled into this program with AddressSanitizer and UndefinedBehaviorSanitizer.
#include <cstdio>
#include <functional>
#include <random>
#include <string>

#include "check.h"
#include "gguf_file.h"
#include "llama_weights.h"
#include "temporary_directory.h"
#include "tiny_gguf.h"
#include "tokenizer.h"

namespace real_model {
namespace {

// Loads a model as the program does; returns the sentence if it is refused, "" if it loads.
std::string load(const std::string& path) {
  try {
    const generate::GgufFile file(path);
    const generate::Tokenizer tokenizer(file);
    const generate::LlamaWeights weights(file);
    tokenizer.encode("The cat and 12 other things.\n <|im_end|> \xc3\xa9\xff", generate::SpecialTokens::kRecognise);
    // Reads every byte that a run would: a tensor that reaches past the file is a finding of the sanitizer.
    unsigned sum = 0;
    for (const generate::GgufTensor& tensor : file.tensors()) {
      for (size_t i = 0; i < tensor.size; ++i) sum += static_cast<unsigned>(tensor.data[i]);
    }
    return sum == 0 ? "all weights are zero" : "";
  } catch (const generate::Error& error) {
    return error.what();
  }
}

class Files {
 public:
  std::string refusal(std::string_view bytes) const {
    write_file(path_, bytes);
    return load(path_);
  }

  void expect_refused(const std::string& what, std::string_view bytes, const std::string& words) const {
    const std::string sentence = refusal(bytes);
    expect(sentence.find(words) != std::string::npos, what, ": expected a sentence with \"", words, "\", got \"",
           sentence, "\"");
    expect(sentence.find('\n') == std::string::npos, what, ": more than one line: ", sentence);
    expect(sentence.size() < 500, what, ": a sentence of ", sentence.size(), " bytes");
  }

 private:
  TemporaryDirectory directory_;
  std::string path_ = directory_ / "model.gguf";
};

void check_truncation(const Files& files) {
  size_t weights_begin = 0;
  const std::string bytes = make_tiny_model().bytes(&weights_begin);
  expect(files.refusal(bytes).empty(), "the whole tiny model is refused: ", files.refusal(bytes));
  for (size_t size = 0; size < bytes.size(); size += size < weights_begin ? 1 : 97) {
    const std::string sentence = files.refusal(std::string_view(bytes).substr(0, size));
    expect(!sentence.empty(), "a file cut to ", size, " of ", bytes.size(), " bytes was taken");
    expect(sentence.find("truncated") != std::string::npos || sentence.find("is empty") != std::string::npos,
           "a file cut to ", size, " bytes: ", sentence);
  }
}

// Every bit of the description is flipped in turn, and random bytes are written over it: refused or not, nothing
// breaks.
void check_damage(const Files& files) {
  size_t weights_begin = 0;
  const std::string bytes = make_tiny_model().bytes(&weights_begin);
  int refused = 0;
  const auto damage = [&](std::string& copy) { refused += !files.refusal(copy).empty(); };
  std::mt19937 random(7);
  for (size_t i = 0; i < weights_begin; ++i) {
    std::string copy = bytes;
    copy[i] = static_cast<char>(copy[i] ^ (1 << random() % 8));
    damage(copy);
  }
  for (int round = 0; round < 4000; ++round) {
    std::string copy = bytes;
    const size_t length = 1 + random() % 12;
    const size_t begin = random() % (weights_begin - length);
    for (size_t i = 0; i < length; ++i) {
      copy[begin + i] = static_cast<char>(round % 3 == 0 ? 0xff : round % 3 == 1 ? 0 : random());
    }
    damage(copy);
  }
  std::printf("%d damaged files were refused\n", refused);
  expect(refused > 1000, "only ", refused, " damaged files were refused");
}

void check_headers(const Files& files) {
  GgufWriter writer = make_tiny_model();
  writer.magic = "GGML";
  files.expect_refused("magic", writer.bytes(), "does not begin with \"GGUF\"");
  files.expect_refused("text", "#!/bin/sh\necho this is no model\n", "does not begin with \"GGUF\"");
  files.expect_refused("empty", "", "is empty");
  for (const uint32_t version : {0u, 1u, 4u, 0x03000000u}) {
    writer = make_tiny_model();
    writer.version = version;
    files.expect_refused("version", writer.bytes(), generate::concat("GGUF version ", version));
  }
  const std::string bytes = make_tiny_model().bytes();
  for (const uint64_t count : {uint64_t{1} << 20, uint64_t{1} << 40, uint64_t{1} << 63, UINT64_MAX}) {
    std::string copy = bytes;
    copy.replace(8, 8, to_bytes(count));
    files.expect_refused("count of tensors", copy, "truncated or damaged");
    copy = bytes;
    copy.replace(16, 8, to_bytes(count));
    files.expect_refused("count of keys", copy, "truncated or damaged");
  }
  expect(load("/nonexistent/model.gguf").find("cannot open /nonexistent/model.gguf: No such file") == 0,
         "missing file");
  expect(load("/tmp").find("is not a regular file") != std::string::npos, "a directory");
}

// A change to the tiny model and words of the sentence that must follow.
struct Case {
  const char* what;
  std::function<void(GgufWriter&)> change;
  const char* words;
};

void check_cases(const Files& files, const std::vector<Case>& cases) {
  for (const Case& item : cases) {
    GgufWriter writer = make_tiny_model();
    item.change(writer);
    files.expect_refused(item.what, writer.bytes(), item.words);
  }
}

std::string array_header(uint32_t type, uint64_t count) {
  return to_bytes(kGgufArray) + to_bytes(type) + to_bytes(count);
}

void check_values(const Files& files) {
  check_cases(
      files,
      {
          {"unknown value type", [](GgufWriter& w) { w.set_raw("x", to_bytes(uint32_t{13})); }, "type number 13"},
          {"nested array", [](GgufWriter& w) { w.set_raw("x", array_header(kGgufArray, 1)); },
           "array of type number 9"},
          {"array of unknown", [](GgufWriter& w) { w.set_raw("x", array_header(99, 1)); }, "array of type number 99"},
          {"huge array", [](GgufWriter& w) { w.set_raw("x", array_header(kGgufInt32, UINT64_MAX)); }, "announces"},
          {"huge strings", [](GgufWriter& w) { w.set_raw("x", array_header(kGgufString, UINT64_MAX / 8)); },
           "announces"},
          {"huge string", [](GgufWriter& w) { w.set_raw("x", to_bytes(kGgufString) + to_bytes(UINT64_MAX)); }, "needs"},
          {"key twice", [](GgufWriter& w) { w.values.push_back(w.values[0]); }, "occurs twice"},
          {"alignment 0", [](GgufWriter& w) { w.set_uint32("general.alignment", 0); }, "general.alignment is 0"},
          {"alignment 12", [](GgufWriter& w) { w.set_uint32("general.alignment", 12); }, "general.alignment is 12"},
          {"no architecture", [](GgufWriter& w) { w.remove("general.architecture"); },
           "general.architecture is missing"},
          {"architecture", [](GgufWriter& w) { w.set_string("general.architecture", "qwen2"); }, "not \"llama\""},
          {"architecture as number", [](GgufWriter& w) { w.set_uint32("general.architecture", 1); }, "not a string"},
          {"layers as string", [](GgufWriter& w) { w.set_string("llama.block_count", "2"); }, "not an integer"},
          {"no layers", [](GgufWriter& w) { w.set_uint32("llama.block_count", 0); }, "llama.block_count is 0"},
          {"many layers", [](GgufWriter& w) { w.set_uint32("llama.block_count", 1u << 31); }, "llama.block_count"},
          {"more layers", [](GgufWriter& w) { w.set_uint32("llama.block_count", 3); },
           "blk.2.attn_norm.weight is missing"},
          {"fewer layers", [](GgufWriter& w) { w.set_uint32("llama.block_count", 1); }, "has no place"},
          {"2^64 - 1 layers", [](GgufWriter& w) { w.set_uint64("llama.block_count", UINT64_MAX); },
           "llama.block_count"},
          {"no heads", [](GgufWriter& w) { w.set_uint32("llama.attention.head_count", 0); }, "head_count is 0"},
          {"heads", [](GgufWriter& w) { w.set_uint32("llama.attention.head_count_kv", 3); }, "not a multiple"},
          {"more heads", [](GgufWriter& w) { w.set_uint32("llama.attention.head_count", 8); },
           "attn_k.weight has shape"},
          {"hidden size", [](GgufWriter& w) { w.set_uint32("llama.embedding_length", 128); }, "expected 265 x 128"},
          {"vocabulary", [](GgufWriter& w) { w.set_uint32("llama.vocab_size", 266); }, "expected 266 x 64"},
          {"epsilon", [](GgufWriter& w) { w.set_float("llama.attention.layer_norm_rms_epsilon", 0.0f); },
           "epsilon is 0"},
          {"NaN base", [](GgufWriter& w) { w.set_float("llama.rope.freq_base", std::stof("nan")); }, "freq_base is"},
          {"scaled rope", [](GgufWriter& w) { w.set_string("llama.rope.scaling.type", "yarn"); }, "scaled positions"},
          {"experts", [](GgufWriter& w) { w.set_uint32("llama.expert_count", 8); }, "mixture of experts"},
          {"odd rope", [](GgufWriter& w) { w.set_uint32("llama.rope.dimension_count", 8); }, "8 rotated elements"},
      });
}

void check_tokenizers(const Files& files) {
  const char* const tokens = "tokenizer.ggml.tokens";
  const char* const types = "tokenizer.ggml.token_type";
  const char* const merges = "tokenizer.ggml.merges";
  const char* const end = "tokenizer.ggml.eos_token_id";
  check_cases(files,
              {
                  {"other model", [](GgufWriter& w) { w.set_string("tokenizer.ggml.model", "llama"); }, "not \"gpt2\""},
                  {"other rules", [](GgufWriter& w) { w.set_string("tokenizer.ggml.pre", "qwen2"); }, "not \"smollm\""},
                  {"bos", [](GgufWriter& w) { w.set_bool("tokenizer.ggml.add_bos_token", true); }, "in front of each"},
                  {"no tokens", [&](GgufWriter& w) { w.remove(tokens); }, "tokenizer.ggml.tokens is missing"},
                  {"empty", [&](GgufWriter& w) { w.set_strings(tokens, {}); }, "has 0 tokens"},
                  {"few types",
                   [&](GgufWriter& w) {
                     w.set_int32s(types, {1, 1});
                   },
                   "has 2 entries"},
                  {"type 77", [&](GgufWriter& w) { w.set_int32s(types, std::vector<int32_t>(265, 77)); }, "type 77"},
                  {"strings", [&](GgufWriter& w) { w.set_strings(types, {"a"}); }, "not an array of integers"},
                  {"alphabet", [&](GgufWriter& w) { w.set_strings(tokens, std::vector<std::string>(265, "a b")); },
                   "have the same text"},
                  {"one word", [&](GgufWriter& w) { w.set_strings(merges, {"the"}); }, "is not two tokens"},
                  {"unknown", [&](GgufWriter& w) { w.set_strings(merges, {"q q"}); }, "not in the vocabulary"},
                  {"end", [&](GgufWriter& w) { w.set_uint32(end, 265); }, "eos_token_id is 265, expected 0 to 264"},
              });
}

void check_tensors(const Files& files) {
  const char* const name = "blk.1.attn_q.weight";
  const auto set_type = [&](uint32_t type) { return [=](GgufWriter& w) { w.tensor(name).type = type; }; };
  const auto set_shape = [&](std::vector<uint64_t> shape) {
    return [=](GgufWriter& w) { w.tensor(name).shape = shape; };
  };
  check_cases(
      files,
      {
          {"Q6_K", set_type(14), "tensor blk.1.attn_q.weight has type Q6_K, which this program does not read"},
          {"Q5_0", set_type(6), "has type Q5_0"},
          {"BF16", set_type(30), "has type BF16"},
          {"type 4000", set_type(4000), "has type number 4000"},
          {"no dimensions", set_shape({}), "has 0 dimensions"},
          {"5 dimensions", set_shape({64, 1, 1, 1, 64}), "has 5 dimensions"},
          {"empty axis", set_shape({64, 0}), "axis 1 of tensor blk.1.attn_q.weight has 0 elements"},
          {"huge axis", set_shape({64, uint64_t{1} << 62}), "axis 1"},
          {"huge product", set_shape({1u << 30, 1u << 30}), "axis 1"},
          {"half a block", set_shape({48, 64}), "rows of 48 weights"},
          {"other shape", set_shape({32, 128}), "has shape 128 x 32, expected 64 x 64"},
          {"too large", set_shape({64, 1u << 20}), "truncated or damaged"},
          {"name", [&](GgufWriter& w) { w.tensor(name).name = "blk.1.attn_q.bias"; }, "attn_q.weight is missing"},
          {"long name", [&](GgufWriter& w) { w.tensor(name).name = std::string(5000, 'x'); }, "5000 bytes"},
          {"bias",
           [&](GgufWriter& w) {
             w.tensors.push_back({"blk.0.attn_q.bias", 0, {1}, "abcd"});
           },
           "blk.0.attn_q.bias has no place"},
          {"twice", [](GgufWriter& w) { w.tensors.push_back(w.tensors[0]); }, "token_embd.weight occurs twice"},
          {"none", [](GgufWriter& w) { w.tensors.clear(); }, "token_embd.weight is missing"},
          {"F16 norm",
           [](GgufWriter& w) {
             w.tensor("output_norm.weight").type = 1;
             w.tensor("output_norm.weight").data.resize(128);
           },
           "output_norm.weight has type F16, expected F32"},
      });

  // An offset that is not aligned, and one beyond the end.
  const std::string bytes = make_tiny_model().bytes();
  const size_t description = bytes.find("token_embd.weight") + 17 + 4 + 16 + 4;
  for (const uint64_t offset : {uint64_t{1}, uint64_t{1} << 40, UINT64_MAX - 31}) {
    std::string copy = bytes;
    copy.replace(description, 8, to_bytes(offset));
    files.expect_refused("offset", copy, offset == 1 ? "not a multiple of 32" : "truncated or damaged");
  }
}

}  // namespace
}  // namespace real_model

int main() {
  try {
    const real_model::Files files;
    real_model::check_headers(files);
    real_model::check_values(files);
    real_model::check_tokenizers(files);
    real_model::check_tensors(files);
    real_model::check_truncation(files);
    real_model::check_damage(files);
  } catch (const std::exception& error) {
    real_model::expect(false, error.what());
  }
  return real_model::result("bad_files_test");
}
