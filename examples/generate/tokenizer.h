// Byte-level BPE with the vocabulary, merges and special tokens of a GGUF file ("gpt2" model, "smollm" pre-tokenizer).
//
// Text is first cut at special tokens, then every digit is a word of its own, then the rest is cut into words by the
// rules of GPT-2; each word's bytes are merged pair by pair, the pair that was learned first going first.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "gguf_file.h"

namespace generate {

using Token = int32_t;

enum class SpecialTokens { kPlainText, kRecognise };

// Keeps views into the file, which must outlive it.
class Tokenizer {
 public:
  explicit Tokenizer(const GgufFile& file);

  int32_t vocab_size() const { return static_cast<int32_t>(tokens_.size()); }

  // With kPlainText "<|im_end|>" in a text is ten characters; with kRecognise it is that token.
  std::vector<Token> encode(std::string_view text, SpecialTokens special) const;

  // The bytes a token stands for; "" for control tokens.
  const std::string& decode(Token token) const { return bytes_[static_cast<size_t>(token)]; }

  // The special token of this text.
  std::optional<Token> special_token(std::string_view text) const;

  // Whether generation ends here: the file's end-of-sequence token, or the end of a text.
  bool is_end(Token token) const;

 private:
  struct Merge {
    int32_t rank;
    Token result;
  };

  void load_tokens(const GgufFile& file);
  void load_merges(const GgufFile& file);
  void encode_plain(std::string_view text, std::vector<Token>& out) const;
  void encode_word(std::string_view word, std::vector<Token>& out) const;
  const Merge* find_merge(Token left, Token right) const;

  std::vector<std::string_view> tokens_;  // as in the file, bytes spelled as printable characters
  std::vector<std::string> bytes_;
  std::unordered_map<std::string_view, Token> ids_;
  std::unordered_map<uint64_t, Merge> merges_;               // by left id << 32 | right id
  std::vector<std::pair<std::string_view, Token>> special_;  // longest text first
  Token byte_tokens_[256];
  Token end_of_sequence_ = -1;
  std::optional<Token> end_of_text_;
};

// "You are ..." and a question, in the ChatML form that this model was trained on, up to where its answer begins.
std::vector<Token> encode_chat(const Tokenizer& tokenizer, std::string_view system, std::string_view prompt);

}  // namespace generate
