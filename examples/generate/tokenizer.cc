#include "tokenizer.h"

#include <algorithm>
#include <array>
#include <queue>

#include "error.h"
#include "utf8.h"

namespace generate {
namespace {

// Token types of the file format.
constexpr int64_t kNormalToken = 1;
constexpr int64_t kControlToken = 3;
constexpr int64_t kUserDefinedToken = 4;

// GPT-2 spells each byte as a printable character: printable ones of Latin-1 stand for themselves, the others follow
// from U+0100 on.
std::array<uint32_t, 256> make_byte_alphabet() {
  std::array<uint32_t, 256> alphabet{};
  uint32_t next = 0x100;
  for (uint32_t byte = 0; byte < 256; ++byte) {
    const bool printable = (byte >= 0x21 && byte <= 0x7e) || (byte >= 0xa1 && byte <= 0xac) || byte >= 0xae;
    alphabet[byte] = printable ? byte : next++;
  }
  return alphabet;
}

// A stretch of text, its code points classified.
struct Piece {
  struct Char {
    size_t begin;  // byte offset in the text
    uint32_t value;
    CharClass type;
  };
  std::vector<Char> chars;  // one more than there are characters; the last holds the end

  size_t size() const { return chars.size() - 1; }
  bool is(size_t index, CharClass type) const { return index < size() && chars[index].type == type; }
  bool is_char(size_t index, char value) const {
    return index < size() && chars[index].value == static_cast<unsigned char>(value);
  }
};

size_t contraction_length(const Piece& piece, size_t begin) {
  if (!piece.is_char(begin, '\'')) return 0;
  for (const char* suffix : {"s", "t", "re", "ve", "m", "ll", "d"}) {
    size_t length = 0;
    while (suffix[length] != 0 && piece.is_char(begin + 1 + length, suffix[length])) ++length;
    if (suffix[length] == 0) return length + 1;
  }
  return 0;
}

// Where the word that begins at `begin` ends, by the rules of GPT-2:
//   's|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+
size_t word_end(const Piece& piece, size_t begin) {
  if (const size_t length = contraction_length(piece, begin)) return begin + length;

  const size_t first = piece.is_char(begin, ' ') ? begin + 1 : begin;
  for (const CharClass type : {CharClass::kLetter, CharClass::kNumber, CharClass::kOther}) {
    size_t end = first;
    while (piece.is(end, type)) ++end;
    if (end > first) return end;
  }

  size_t end = begin;
  while (piece.is(end, CharClass::kSpace)) ++end;
  // The last space before a word belongs to the word.
  return end < piece.size() && end - begin > 1 ? end - 1 : end;
}

}  // namespace

Tokenizer::Tokenizer(const GgufFile& file) try {
  if (const auto model = file.text("tokenizer.ggml.model"); model != "gpt2") {
    fail("tokenizer.ggml.model is not \"gpt2\", the byte-level BPE that this program knows");
  }
  if (const auto rules = file.text("tokenizer.ggml.pre"); rules != "smollm") {
    fail("tokenizer.ggml.pre is not \"smollm\", the pre-tokenizer that this program knows");
  }
  if (file.boolean_or("tokenizer.ggml.add_bos_token", false) ||
      file.boolean_or("tokenizer.ggml.add_space_prefix", false)) {
    fail("the tokenizer asks for a token or space in front of each text, which this program does not do");
  }
  load_tokens(file);
  load_merges(file);
} catch (const Error& error) {
  fail("cannot use ", file.path(), ": ", error.what());
}

void Tokenizer::load_tokens(const GgufFile& file) {
  const GgufFile::Strings& tokens = file.strings("tokenizer.ggml.tokens");
  const GgufFile::Integers& types = file.integers("tokenizer.ggml.token_type");
  if (tokens.empty() || tokens.size() > (1u << 24)) fail("tokenizer.ggml.tokens has ", tokens.size(), " tokens");
  if (types.size() != tokens.size()) {
    fail("tokenizer.ggml.token_type has ", types.size(), " entries, but there are ", tokens.size(), " tokens");
  }

  const std::array<uint32_t, 256> alphabet = make_byte_alphabet();
  std::unordered_map<uint32_t, char> byte_of_char;
  for (uint32_t byte = 0; byte < 256; ++byte) byte_of_char[alphabet[byte]] = static_cast<char>(byte);

  tokens_ = tokens;
  bytes_.resize(tokens_.size());
  ids_.reserve(tokens_.size());
  for (size_t i = 0; i < tokens_.size(); ++i) {
    const auto id = static_cast<Token>(i);
    if (!ids_.emplace(tokens_[i], id).second) fail("tokens ", ids_[tokens_[i]], " and ", i, " have the same text");
    switch (types[i]) {
      case kNormalToken:
        for (size_t position = 0; position < tokens_[i].size();) {
          const CodePoint code_point = decode_utf8(tokens_[i], position);
          const auto byte = byte_of_char.find(code_point.value);
          if (byte == byte_of_char.end()) fail("the text of token ", i, " is not in the byte-level alphabet");
          bytes_[i].push_back(byte->second);
          position += code_point.length;
        }
        break;
      case kControlToken:
      case kUserDefinedToken:
        if (tokens_[i].empty()) fail("special token ", i, " has no text");
        special_.emplace_back(tokens_[i], id);
        if (types[i] == kUserDefinedToken) bytes_[i] = tokens_[i];
        break;
      default:
        fail("token ", i, " has type ", types[i], ", which a byte-level BPE does not have");
    }
  }
  std::stable_sort(special_.begin(), special_.end(),
                   [](const auto& a, const auto& b) { return a.first.size() > b.first.size(); });

  for (uint32_t byte = 0; byte < 256; ++byte) {
    std::string spelled;
    append_utf8(alphabet[byte], spelled);
    const auto id = ids_.find(spelled);
    byte_tokens_[byte] = id == ids_.end() ? -1 : id->second;
  }
  end_of_sequence_ =
      static_cast<Token>(file.integer("tokenizer.ggml.eos_token_id", 0, static_cast<int64_t>(tokens_.size()) - 1));
  end_of_text_ = special_token("<|endoftext|>");
}

void Tokenizer::load_merges(const GgufFile& file) {
  const GgufFile::Strings& merges = file.strings("tokenizer.ggml.merges");
  merges_.reserve(merges.size());
  std::string merged;
  for (size_t i = 0; i < merges.size(); ++i) {
    const size_t space = merges[i].find(' ');
    if (space == std::string_view::npos) fail("merge ", i, " of the tokenizer is not two tokens");
    const std::string_view left = merges[i].substr(0, space);
    const std::string_view right = merges[i].substr(space + 1);
    merged.assign(left).append(right);
    const auto left_id = ids_.find(left);
    const auto right_id = ids_.find(right);
    const auto result = ids_.find(merged);
    if (left_id == ids_.end() || right_id == ids_.end() || result == ids_.end()) {
      fail("merge ", i, " of the tokenizer speaks of a token that is not in the vocabulary");
    }
    const uint64_t pair = static_cast<uint64_t>(left_id->second) << 32 | static_cast<uint64_t>(right_id->second);
    merges_.emplace(pair, Merge{static_cast<int32_t>(i), result->second});
  }
}

const Tokenizer::Merge* Tokenizer::find_merge(Token left, Token right) const {
  const auto found = merges_.find(static_cast<uint64_t>(left) << 32 | static_cast<uint64_t>(right));
  return found == merges_.end() ? nullptr : &found->second;
}

// Symbols form a linked list, candidate pairs a heap: a word of n bytes takes O(n log n), also one of a million.
void Tokenizer::encode_word(std::string_view word, std::vector<Token>& out) const {
  struct Symbol {
    Token token;
    int32_t previous;
    int32_t next;
  };
  struct Candidate {
    int32_t rank;
    int32_t left;  // index of the left symbol; of equal ranks the leftmost goes first
    Token left_token;
    Token right_token;
    Token result;
    bool operator>(const Candidate& other) const { return rank != other.rank ? rank > other.rank : left > other.left; }
  };

  std::vector<Symbol> symbols;
  for (const char c : word) {
    const auto byte = static_cast<unsigned char>(c);
    // As the tokenizer this vocabulary was made for does it. Only bytes that text hardly ever holds have no token.
    if (byte_tokens_[byte] < 0) continue;
    const auto index = static_cast<int32_t>(symbols.size());
    symbols.push_back({byte_tokens_[byte], index - 1, index + 1});
  }
  if (symbols.empty()) return;
  const auto num_symbols = static_cast<int32_t>(symbols.size());
  symbols.back().next = -1;

  std::priority_queue<Candidate, std::vector<Candidate>, std::greater<>> candidates;
  const auto consider = [&](int32_t left) {
    if (left < 0 || symbols[left].next < 0) return;
    const Token left_token = symbols[left].token;
    const Token right_token = symbols[symbols[left].next].token;
    if (const Merge* merge = find_merge(left_token, right_token)) {
      candidates.push({merge->rank, left, left_token, right_token, merge->result});
    }
  };
  for (int32_t i = 0; i + 1 < num_symbols; ++i) consider(i);

  while (!candidates.empty()) {
    const Candidate candidate = candidates.top();
    candidates.pop();
    Symbol& left = symbols[candidate.left];
    // Symbols that were merged since have another token (-1 if they were the right half).
    if (left.token != candidate.left_token || left.next < 0 || symbols[left.next].token != candidate.right_token)
      continue;
    Symbol& right = symbols[left.next];
    left.token = candidate.result;
    right.token = -1;
    left.next = right.next;
    if (left.next >= 0) symbols[left.next].previous = candidate.left;
    consider(left.previous);
    consider(candidate.left);
  }
  for (int32_t i = 0; i >= 0; i = symbols[i].next) out.push_back(symbols[i].token);
}

void Tokenizer::encode_plain(std::string_view text, std::vector<Token>& out) const {
  size_t position = 0;
  Piece piece;
  const auto flush = [&] {
    piece.chars.push_back({position, 0, CharClass::kOther});
    for (size_t begin = 0; begin < piece.size();) {
      const size_t end = word_end(piece, begin);
      const size_t first_byte = piece.chars[begin].begin;
      encode_word(text.substr(first_byte, piece.chars[end].begin - first_byte), out);
      begin = end;
    }
    piece.chars.clear();
  };
  while (position < text.size()) {
    const CodePoint code_point = decode_utf8(text, position);
    const CharClass type = char_class(code_point.value);
    if (type == CharClass::kNumber) {
      flush();
      encode_word(text.substr(position, code_point.length), out);
    } else {
      piece.chars.push_back({position, code_point.value, type});
    }
    position += code_point.length;
  }
  flush();
}

std::vector<Token> Tokenizer::encode(std::string_view text, SpecialTokens special) const {
  std::vector<Token> out;
  size_t plain_begin = 0;
  for (size_t position = 0; special == SpecialTokens::kRecognise && position < text.size();) {
    const auto found = std::find_if(special_.begin(), special_.end(), [&](const auto& candidate) {
      return text.substr(position, candidate.first.size()) == candidate.first;
    });
    if (found == special_.end()) {
      ++position;
      continue;
    }
    encode_plain(text.substr(plain_begin, position - plain_begin), out);
    out.push_back(found->second);
    position += found->first.size();
    plain_begin = position;
  }
  encode_plain(text.substr(plain_begin), out);
  return out;
}

std::optional<Token> Tokenizer::special_token(std::string_view text) const {
  for (const auto& [special_text, token] : special_) {
    if (special_text == text) return token;
  }
  return std::nullopt;
}

bool Tokenizer::is_end(Token token) const { return token == end_of_sequence_ || token == end_of_text_; }

std::vector<Token> encode_chat(const Tokenizer& tokenizer, std::string_view system, std::string_view prompt) {
  const std::optional<Token> begin = tokenizer.special_token("<|im_start|>");
  const std::optional<Token> end = tokenizer.special_token("<|im_end|>");
  if (!begin || !end) fail("the model's vocabulary has no <|im_start|> and <|im_end|>; use --raw");

  std::vector<Token> out;
  const auto append = [&](std::string_view text) {
    const std::vector<Token> tokens = tokenizer.encode(text, SpecialTokens::kPlainText);
    out.insert(out.end(), tokens.begin(), tokens.end());
  };
  // Texts are encoded apart from the marks around them, so that a prompt cannot forge the end of a message.
  const auto message = [&](std::string_view role, std::string_view text) {
    out.push_back(*begin);
    append(concat(role, "\n", text));
    out.push_back(*end);
    append("\n");
  };
  if (!system.empty()) message("system", system);
  message("user", prompt);
  out.push_back(*begin);
  append("assistant\n");
  return out;
}

}  // namespace generate
