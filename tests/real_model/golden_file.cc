#include "golden_file.h"

#include <algorithm>
#include <fstream>
#include <sstream>

#include "error.h"

namespace real_model {
namespace {

std::ifstream open_file(const std::string& path) {
  std::ifstream file(path);
  if (!file) generate::fail("cannot open ", path);
  return file;
}

// Undoes %XX.
std::string unescape(const std::string& text) {
  std::string result;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      result.push_back(text[i]);
      continue;
    }
    result.push_back(static_cast<char>(std::stoi(text.substr(i + 1, 2), nullptr, 16)));
    i += 2;
  }
  return result;
}

template <typename Number>
std::vector<Number> read_numbers(std::istream& line) {
  size_t count = 0;
  line >> count;
  std::vector<Number> numbers(count);
  for (Number& number : numbers) line >> number;
  if (!line) generate::fail("a golden file has a line with too few numbers");
  return numbers;
}

std::string rest_of(std::istream& line) {
  line.get();  // the space
  std::string text;
  std::getline(line, text);
  return unescape(text);
}

Golden read_golden(const std::string& path) {
  std::ifstream file = open_file(path);
  Golden golden;
  for (std::string text; std::getline(file, text);) {
    std::istringstream line(text);
    std::string key;
    line >> key;
    if (key == "kind") {
      golden.chat = rest_of(line) == "chat";
    } else if (key == "system") {
      golden.system = rest_of(line);
    } else if (key == "prompt") {
      golden.prompt = rest_of(line);
    } else if (key == "prompt_ids") {
      golden.prompt_ids = read_numbers<int32_t>(line);
    } else if (key == "generated_ids") {
      golden.generated_ids = read_numbers<int32_t>(line);
    } else if (key == "logits") {
      golden.logits = read_numbers<float>(line);
    } else if (key == "margins") {
      golden.margins = read_numbers<float>(line);
    } else if (key != "#") {
      generate::fail(path, " has an unknown line: ", key);
    }
  }
  const size_t count = golden.generated_ids.size();
  if (golden.prompt_ids.empty() || count == 0 || golden.logits.size() != count || golden.margins.size() != count) {
    generate::fail(path, " is incomplete");
  }
  return golden;
}

}  // namespace

std::vector<Golden> read_goldens(const std::string& directory) {
  std::vector<Golden> goldens;
  for (const char* name : {"capital", "story", "code", "unicode", "planets", "long"}) {
    goldens.push_back(read_golden(generate::concat(directory, "/", name, ".txt")));
    goldens.back().name = name;
  }
  std::stable_sort(goldens.begin(), goldens.end(),
                   [](const Golden& a, const Golden& b) { return a.prompt_ids.size() < b.prompt_ids.size(); });
  return goldens;
}

std::vector<TokenizerCase> read_tokenizer_cases(const std::string& directory) {
  std::ifstream file = open_file(directory + "/tokenizer.txt");
  std::vector<TokenizerCase> cases;
  for (std::string text; std::getline(file, text);) {
    if (text.rfind("# ", 0) == 0) continue;
    std::istringstream line(text);
    std::string kind;
    line >> kind;
    TokenizerCase item;
    item.special = kind == "special";
    item.lossy = kind == "lossy";
    item.ids = read_numbers<int32_t>(line);
    item.text = rest_of(line);
    cases.push_back(item);
  }
  return cases;
}

}  // namespace real_model
