#include "utf8.h"

#include <algorithm>
#include <iterator>

namespace generate {
namespace {

struct CodePointRange {
  uint32_t first;
  uint32_t last;
};

#include "unicode_ranges.inc"

constexpr uint32_t kInvalid = 0x110000;
constexpr std::string_view kReplacement = "\xef\xbf\xbd";

template <size_t N>
bool contains(const CodePointRange (&ranges)[N], uint32_t code_point) {
  const auto* range = std::upper_bound(std::begin(ranges), std::end(ranges), code_point,
                                       [](uint32_t value, const CodePointRange& r) { return value < r.first; });
  return range != std::begin(ranges) && code_point <= std::prev(range)->last;
}

bool is_space(uint32_t c) {
  return (c >= 0x09 && c <= 0x0d) || c == 0x20 || c == 0x85 || c == 0xa0 || c == 0x1680 ||
         (c >= 0x2000 && c <= 0x200a) || c == 0x2028 || c == 0x2029 || c == 0x202f || c == 0x205f || c == 0x3000;
}

// Bytes of the sequence that `lead` begins, 0 if it begins none.
size_t sequence_length(uint8_t lead) {
  if (lead < 0x80) return 1;
  if (lead >= 0xc2 && lead <= 0xdf) return 2;
  if (lead >= 0xe0 && lead <= 0xef) return 3;
  if (lead >= 0xf0 && lead <= 0xf4) return 4;
  return 0;
}

// Whether `byte` may stand at `index` (from 1) of a sequence that begins with `lead`: no overlong forms, surrogates or
// values beyond U+10FFFF (Unicode standard, table 3-7).
bool is_continuation(uint8_t lead, size_t index, uint8_t byte) {
  if (index == 1) {
    if (lead == 0xe0) return byte >= 0xa0 && byte <= 0xbf;
    if (lead == 0xed) return byte >= 0x80 && byte <= 0x9f;
    if (lead == 0xf0) return byte >= 0x90 && byte <= 0xbf;
    if (lead == 0xf4) return byte >= 0x80 && byte <= 0x8f;
  }
  return byte >= 0x80 && byte <= 0xbf;
}

}  // namespace

CharClass char_class(uint32_t code_point) {
  if (is_space(code_point)) return CharClass::kSpace;
  if (contains(kLetters, code_point)) return CharClass::kLetter;
  if (contains(kNumbers, code_point)) return CharClass::kNumber;
  return CharClass::kOther;
}

CodePoint decode_utf8(std::string_view text, size_t position) {
  const auto lead = static_cast<uint8_t>(text[position]);
  const size_t length = sequence_length(lead);
  if (length == 1) return {lead, 1};
  if (length == 0 || text.size() - position < length) return {kInvalid, 1};
  uint32_t value = lead & (0xffu >> (length + 1));
  for (size_t i = 1; i < length; ++i) {
    const auto byte = static_cast<uint8_t>(text[position + i]);
    if (!is_continuation(lead, i, byte)) return {kInvalid, 1};
    value = value << 6 | (byte & 0x3fu);
  }
  return {value, length};
}

void append_utf8(uint32_t code_point, std::string& text) {
  const auto put = [&text](uint32_t byte) { text.push_back(static_cast<char>(byte)); };
  if (code_point < 0x80) {
    put(code_point);
  } else if (code_point < 0x800) {
    put(0xc0 | code_point >> 6);
    put(0x80 | (code_point & 0x3f));
  } else if (code_point < 0x10000) {
    put(0xe0 | code_point >> 12);
    put(0x80 | (code_point >> 6 & 0x3f));
    put(0x80 | (code_point & 0x3f));
  } else {
    put(0xf0 | code_point >> 18);
    put(0x80 | (code_point >> 12 & 0x3f));
    put(0x80 | (code_point >> 6 & 0x3f));
    put(0x80 | (code_point & 0x3f));
  }
}

std::string Utf8Stream::push(std::string_view bytes) {
  pending_ += bytes;
  std::string text;
  size_t position = 0;
  while (position < pending_.size()) {
    const auto lead = static_cast<uint8_t>(pending_[position]);
    const size_t length = sequence_length(lead);
    size_t valid = 1;
    while (valid < length && position + valid < pending_.size() &&
           is_continuation(lead, valid, static_cast<uint8_t>(pending_[position + valid]))) {
      ++valid;
    }
    if (valid == length) {
      text.append(pending_, position, length);
    } else if (valid < length && position + valid == pending_.size()) {
      break;  // a character that may still be completed
    } else {
      text += kReplacement;
    }
    position += valid;
  }
  pending_.erase(0, position);
  return text;
}

std::string Utf8Stream::finish() {
  const std::string text(pending_.empty() ? std::string_view() : kReplacement);
  pending_.clear();
  return text;
}

}  // namespace generate
