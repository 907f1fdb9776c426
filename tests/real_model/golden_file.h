// The files under golden/, made by make_golden.py.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace real_model {

// One prompt and what an independent fp32 implementation generates for it.
struct Golden {
  std::string name;
  bool chat = false;
  std::string system;
  std::string prompt;
  std::vector<int32_t> prompt_ids;
  std::vector<int32_t> generated_ids;
  std::vector<float> logits;   // of each generated id, the largest of its step
  std::vector<float> margins;  // by how much it is the largest
};

struct TokenizerCase {
  bool special = false;  // special tokens are recognised in the text
  bool lossy = false;    // the text has bytes without a token, which are left out
  std::vector<int32_t> ids;
  std::string text;
};

// All prompts, shortest first. Throws if a file is missing or not what make_golden.py writes.
std::vector<Golden> read_goldens(const std::string& directory);
std::vector<TokenizerCase> read_tokenizer_cases(const std::string& directory);

}  // namespace real_model
