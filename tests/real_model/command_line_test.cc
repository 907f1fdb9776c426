// The generate program as a user runs it: on a tiny model, on wrong options and on bad files.
//
//   command_line_test PROGRAM
#include <sys/wait.h>

#include <cstdio>
#include <fstream>
#include <iterator>
#include <string>

#include "check.h"
#include "temporary_directory.h"
#include "tiny_gguf.h"

namespace real_model {
namespace {

struct Outcome {
  int status = -1;  // exit status, or -1 if the program was ended by a signal
  std::string out;
  std::string err;
};

std::string read_file(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

class Program {
 public:
  explicit Program(std::string path) : path_(std::move(path)) {}

  std::string file(const std::string& name) const { return directory_ / name; }

  Outcome run(const std::string& arguments, const std::string& redirection = "") const {
    const std::string command = generate::concat("'", path_, "' ", arguments, " > '", file("out"), "' 2> '",
                                                 file("err"), "' < /dev/null ", redirection);
    const int status = std::system(command.c_str());
    return {WIFEXITED(status) ? WEXITSTATUS(status) : -1, read_file(file("out")), read_file(file("err"))};
  }

  void expect_refused(const std::string& arguments, int status, const std::string& words) const {
    const Outcome outcome = run(arguments);
    expect(outcome.status == status, arguments, ": exit status ", outcome.status, ", expected ", status);
    expect(outcome.out.empty(), arguments, ": wrote to standard output: ", outcome.out);
    expect(outcome.err.rfind("generate: ", 0) == 0 && outcome.err.find('\n') == outcome.err.size() - 1, arguments,
           ": expected one sentence, got: ", outcome.err);
    expect(outcome.err.find(words) != std::string::npos, arguments, ": expected \"", words, "\", got: ", outcome.err);
  }

 private:
  std::string path_;
  TemporaryDirectory directory_;
};

void check_options(const Program& program) {
  const Outcome help = program.run("--help");
  expect(help.status == 0 && help.out.find("--cache-type") != std::string::npos && help.err.empty(), "--help");
  program.expect_refused("--colour", 2, "unknown option \"--colour\"");
  program.expect_refused("hello", 2, "unknown option \"hello\"");
  program.expect_refused("--tokens", 2, "--tokens needs a value");
  program.expect_refused("--tokens 0", 2, "--tokens is \"0\", expected a number from 1");
  program.expect_refused("--tokens 12x", 2, "--tokens is \"12x\"");
  program.expect_refused("--tokens=-3", 2, "--tokens is \"-3\"");
  program.expect_refused("--tokens 99999999999", 2, "--tokens is \"99999999999\"");
  program.expect_refused("--chunk ''", 2, "--chunk is \"\"");
  program.expect_refused("--block-size 24", 2, "--block-size is 24, expected a multiple of 16");
  program.expect_refused("--cache-type int4", 2, "expected one of f32, f16, bf16, f8_e4m3fn");
  program.expect_refused("--layout nhd", 2, "--layout is \"nhd\"");
  program.expect_refused("--threads 0", 2, "--threads is \"0\"");
  program.expect_refused("--temperature nan", 2, "--temperature is \"nan\"");
  program.expect_refused("--temperature -1", 2, "--temperature is \"-1\"");
  program.expect_refused("--top-p 1.5", 2, "--top-p is \"1.5\"");
  program.expect_refused("--seed -1", 2, "--seed is \"-1\"");
  program.expect_refused("--raw=1", 2, "--raw takes no value");
  program.expect_refused("--prompt-file /nonexistent", 2, "cannot open \"/nonexistent\"");
}

void check_bad_files(const Program& program) {
  const std::string path = program.file("bad.gguf");
  const std::string arguments = "--model '" + path + "'";
  program.expect_refused("--model /nonexistent.gguf", 1, "cannot open /nonexistent.gguf: No such file");
  program.expect_refused("--model /", 1, "/ is not a regular file");
  write_file(path, "");
  program.expect_refused(arguments, 1, "is empty");
  write_file(path, "PK\x03\x04 something else");
  program.expect_refused(arguments, 1, "does not begin with \"GGUF\"");
  const std::string bytes = make_tiny_model().bytes();
  for (size_t part = 1; part < 16; ++part) {
    write_file(path, std::string_view(bytes).substr(0, bytes.size() * part / 16));
    program.expect_refused(arguments, 1, "truncated");
  }
  GgufWriter writer = make_tiny_model();
  writer.tensor("blk.0.ffn_up.weight").type = 12;
  write_file(path, writer.bytes());
  program.expect_refused(arguments, 1, "tensor blk.0.ffn_up.weight has type Q4_K, which this program does not read");

  // A head size that no backend takes: the library's own reasons, a line for each backend, reach the user.
  writer = make_tiny_model();
  writer.set_uint32("llama.attention.head_count", 32);
  writer.set_uint32("llama.attention.head_count_kv", 16);
  write_file(path, writer.bytes());
  const Outcome outcome = program.run(arguments);
  expect(outcome.status == 1 && outcome.out.empty() && outcome.err.rfind("generate: foveaSelectBackend: ", 0) == 0 &&
             outcome.err.find("CPU_ATTN: head_size not supported") != std::string::npos,
         "heads of 2 elements: status ", outcome.status, ", ", outcome.err);
}

void check_tiny_model(const Program& program) {
  const std::string path = program.file("tiny.gguf");
  write_file(path, make_tiny_model().bytes());
  const std::string model = "--model '" + path + "' --tokens 40 --prompt 'The cat and the other thing in 1867.' ";
  const Outcome expected = program.run(model);
  expect(expected.status == 0, "the tiny model does not run: ", expected.err);
  expect(expected.out.size() > 1, "the tiny model generated nothing");
  expect(expected.err.find("prefill:") != std::string::npos && expected.err.find("decode:") != std::string::npos,
         "no speeds were reported: ", expected.err);
  for (const char* arguments : {"--chunk 1", "--chunk 7", "--block-size 64", "--layout vectorized", "--threads 1",
                                "--threads 3", "--tokens=40", "--temperature 1 --top-k 1", "--chat"}) {
    const Outcome outcome = program.run(model + arguments);
    expect(outcome.status == 0 && outcome.out == expected.out, arguments, ": another text: ", outcome.out, outcome.err);
  }
  for (const char* type : {"f16", "bf16", "f8_e4m3fn", "f8_e4m3fnuz", "f8_e5m2"}) {
    for (const char* layout : {"strided", "vectorized"}) {
      const Outcome outcome = program.run(generate::concat(model, "--cache-type ", type, " --layout ", layout));
      expect(outcome.status == 0 && outcome.out.size() > 1, type, " ", layout, ": ", outcome.err);
      expect(outcome.err.find(generate::concat("KV cache: ", type)) != std::string::npos, type, ": ", outcome.err);
    }
  }
  const Outcome raw = program.run(model + "--raw");
  expect(raw.status == 0 && raw.out.rfind("The cat and the other thing in 1867.", 0) == 0, "--raw: ", raw.out);
  expect(program.run(model + "--temperature 2 --seed 1").out == program.run(model + "--temperature 2 --seed 1").out,
         "the same seed gives another text");
  expect(program.run(model + "--temperature 2 --seed 1").out != program.run(model + "--temperature 2 --seed 2").out,
         "another seed gives the same text");
  program.expect_refused(model + "--raw --prompt ''", 2, "--prompt is empty");
  const std::string long_prompt = program.file("long.txt");
  write_file(long_prompt, std::string(600, 'x'));
  program.expect_refused(model + "--prompt-file '" + long_prompt + "'", 2, "texts of at most 512");
  const Outcome full = program.run(model, "> /dev/full");
  expect(full.status == 1 && full.err.find("cannot write to standard output") != std::string::npos,
         "a full disk: status ", full.status, ", ", full.err);
}

}  // namespace
}  // namespace real_model

int main(int argc, char** argv) {
  if (argc != 2) {
    std::printf("usage: %s PROGRAM\n", argv[0]);
    return 2;
  }
  try {
    const real_model::Program program(argv[1]);
    real_model::check_options(program);
    real_model::check_bad_files(program);
    real_model::check_tiny_model(program);
  } catch (const std::exception& error) {
    real_model::expect(false, error.what());
  }
  return real_model::result("command_line_test");
}
