// UTF-8 in both directions, and the classes of code points that the tokenizer's rules know.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace generate {

enum class CharClass : uint8_t { kLetter, kNumber, kSpace, kOther };

CharClass char_class(uint32_t code_point);

struct CodePoint {
  uint32_t value;
  size_t length;  // bytes it takes in the text
};

// Decodes the code point at text[position]. A byte that begins no valid sequence is returned alone, as a value above
// every code point: it belongs to no class, and its bytes are kept.
CodePoint decode_utf8(std::string_view text, size_t position);

void append_utf8(uint32_t code_point, std::string& text);

// Passes on whole characters only: a token may end in the middle of one.
class Utf8Stream {
 public:
  // Takes more bytes and returns the text that is complete. Bytes that can never become a character are replaced by
  // U+FFFD, so that a terminal never sees invalid UTF-8.
  std::string push(std::string_view bytes);
  // Returns what is left at the end.
  std::string finish();

 private:
  std::string pending_;
};

}  // namespace generate
