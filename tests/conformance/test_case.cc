#include "tests/conformance/test_case.h"

#include <cstdarg>
#include <cstdio>
#include <functional>
#include <sstream>
#include <utility>

#include "tests/conformance/random_data.h"

namespace fovea_test {
namespace {

using fovea_reference::Alibi;
using fovea_reference::Kind;
using fovea_reference::Layout;
using fovea_reference::Ranges;

// One word of the line: its key, how it is printed and how it is read.
struct Word {
  const char* key;
  std::function<std::string(const Case&)> print;
  std::function<void(Case&, const std::string&)> read;
};

[[noreturn]] void bad_value(const std::string& value) { throw std::invalid_argument("cannot read '" + value + "'"); }

int64_t read_integer(const std::string& value) {
  size_t used = 0;
  int64_t number = 0;
  try {
    number = std::stoll(value, &used);
  } catch (const std::exception&) {
    bad_value(value);
  }
  if (used != value.size()) bad_value(value);
  return number;
}

float read_float(const std::string& value) {
  size_t used = 0;
  float number = 0;
  try {
    number = std::stof(value, &used);
  } catch (const std::exception&) {
    bad_value(value);
  }
  if (used != value.size()) bad_value(value);
  return number;
}

template <typename T>
Word number(const char* key, T Case::* member) {
  return {key, [member](const Case& c) { return std::to_string(c.*member); },
          [member](Case& c, const std::string& v) { c.*member = static_cast<T>(read_integer(v)); }};
}

Word flag(const char* key, bool Case::* member) {
  return {key, [member](const Case& c) { return std::string(c.*member ? "1" : "0"); },
          [member](Case& c, const std::string& v) {
            if (v != "0" && v != "1") bad_value(v);
            c.*member = v == "1";
          }};
}

Word real(const char* key, float Case::* member) {
  return {key, [member](const Case& c) { return text("%.9g", static_cast<double>(c.*member)); },
          [member](Case& c, const std::string& v) { c.*member = read_float(v); }};
}

template <typename T>
Word choice(const char* key, T Case::* member, std::vector<std::pair<const char*, T>> names) {
  return {key,
          [member, names](const Case& c) {
            for (const auto& [name, value] : names) {
              if (value == c.*member) return std::string(name);
            }
            return std::string("?");
          },
          [member, names](Case& c, const std::string& v) {
            for (const auto& [name, value] : names) {
              if (v == name) return void(c.*member = value);
            }
            bad_value(v);
          }};
}

Word type_word(const char* key, Type Case::* member) {
  return {key, [member](const Case& c) { return std::string(type_name(c.*member)); },
          [member](Case& c, const std::string& v) { c.*member = type_from_name(v); }};
}

std::pair<std::string, std::string> cut(const std::string& value, char separator) {
  const size_t at = value.find(separator, 1);
  if (at == std::string::npos) bad_value(value);
  return {value.substr(0, at), value.substr(at + 1)};
}

// query_len+context_len[@uid], separated by commas; a negative context is written query_len+-3.
std::string print_sequences(const Case& c) {
  std::string result;
  for (size_t i = 0; i < c.sequences.size(); ++i) {
    const Sequence& s = c.sequences[i];
    if (i) result += ',';
    result += text("%d+%d", s.query_len, s.context_len);
    if (s.uid != static_cast<int32_t>(i)) result += text("@%d", s.uid);
  }
  return result.empty() ? "none" : result;
}

void read_sequences(Case& c, const std::string& value) {
  c.sequences.clear();
  if (value == "none") return;
  std::stringstream list(value);
  std::string item;
  while (std::getline(list, item, ',')) {
    Sequence s;
    s.uid = static_cast<int32_t>(c.sequences.size());
    if (item.find('@') != std::string::npos) {
      const auto [lengths, uid] = cut(item, '@');
      item = lengths;
      s.uid = static_cast<int32_t>(read_integer(uid));
    }
    const auto [query, context] = cut(item, '+');
    s.query_len = static_cast<int32_t>(read_integer(query));
    s.context_len = static_cast<int32_t>(read_integer(context));
    if (s.query_len < 0 || s.seq_len() < 0) bad_value(item);
    c.sequences.push_back(s);
  }
}

const std::vector<Word>& words() {
  static const std::vector<Word> all = {
      {"check", [](const Case& c) { return c.check; }, [](Case& c, const std::string& v) { c.check = v; }},
      {"claim", [](const Case& c) { return c.claim; }, [](Case& c, const std::string& v) { c.claim = v; }},
      choice<Kind>("type", &Case::type,
                   {{"decoder", Kind::kDecoder}, {"encoder", Kind::kEncoder}, {"cross", Kind::kEncoderDecoder}}),
      {"heads", [](const Case& c) { return text("%dx%d", c.num_query_heads, c.num_kv_heads); },
       [](Case& c, const std::string& v) {
         const auto [query, kv] = cut(v, 'x');
         c.num_query_heads = static_cast<int32_t>(read_integer(query));
         c.num_kv_heads = static_cast<int32_t>(read_integer(kv));
       }},
      number("dim", &Case::head_size),
      number("dimv", &Case::head_size_v),
      number("block", &Case::block_size),
      choice<Layout>("layout", &Case::layout, {{"strided", Layout::kStrided}, {"vectorized", Layout::kVectorized}}),
      choice<CacheMemory>("cachemem", &Case::cache_memory,
                          {{"nhd", CacheMemory::kNhd},
                           {"hnd", CacheMemory::kHnd},
                           {"padded", CacheMemory::kPadded},
                           {"interleaved", CacheMemory::kInterleaved}}),
      choice<RowMemory>("qmem", &Case::query_memory,
                        {{"plain", RowMemory::kPlain}, {"padded", RowMemory::kPadded}, {"packed", RowMemory::kPacked}}),
      choice<RowMemory>("outmem", &Case::output_memory, {{"plain", RowMemory::kPlain}, {"padded", RowMemory::kPadded}}),
      type_word("query", &Case::query),
      type_word("cache", &Case::cache),
      type_word("out", &Case::output),
      choice<foveaKvScales_t>("scales", &Case::scales,
                              {{"none", FOVEA_KV_SCALES_NONE},
                               {"tensor", FOVEA_KV_SCALES_PER_TENSOR},
                               {"head", FOVEA_KV_SCALES_PER_HEAD}}),
      real("scale", &Case::scale),
      real("softcap", &Case::softcap),
      {"window", [](const Case& c) { return text("%d,%d", c.window_left, c.window_right); },
       [](Case& c, const std::string& v) {
         const auto [left, right] = cut(v, ',');
         c.window_left = static_cast<int32_t>(read_integer(left));
         c.window_right = static_cast<int32_t>(read_integer(right));
       }},
      choice<Alibi>("alibi", &Case::alibi, {{"none", Alibi::kNone}, {"linear", Alibi::kLinear}, {"sqrt", Alibi::kSqrt}}),
      flag("sinks", &Case::sinks),
      choice<Ranges>("ranges", &Case::ranges,
                     {{"none", Ranges::kNone}, {"full", Ranges::kFull}, {"windowed", Ranges::kWindowed}}),
      flag("lse", &Case::lse),
      choice<Mask>("mask", &Case::mask,
                   {{"causal", Mask::kCausal}, {"noncausal", Mask::kNonCausal}, {"mixed", Mask::kMixed}}),
      flag("bycall", &Case::flag_by_call),
      flag("dense", &Case::dense),
      flag("borrow", &Case::device_arrays),
      flag("elemalign", &Case::element_aligned),
      flag("partial", &Case::partial),
      flag("plan", &Case::plan),
      flag("invariant", &Case::batch_invariant),
      flag("loose", &Case::loose_limits),
      flag("capture", &Case::capture),
      number("spare", &Case::spare_blocks),
      choice<Data>("data", &Case::data,
                   {{"normal", Data::kNormal},
                    {"large", Data::kLarge},
                    {"rising", Data::kRising},
                    {"falling", Data::kFalling},
                    {"flat", Data::kFlat},
                    {"needle", Data::kNeedle}}),
      number("shared", &Case::shared_prefix),
      {"seqs", print_sequences, read_sequences},
      number("repeat", &Case::repeat),
      number("fill", &Case::fill),
      number("padding", &Case::padding),
      number("threads", &Case::threads),
      number("seed", &Case::seed),
  };
  return all;
}

}  // namespace

std::vector<Sequence> Case::expanded() const {
  std::vector<Sequence> result;
  for (int32_t r = 0; r < repeat; ++r) {
    for (Sequence s : sequences) {
      s.uid += r * static_cast<int32_t>(sequences.size());
      result.push_back(s);
    }
  }
  static constexpr int32_t kQueries[] = {1, 0, 2, 1, 5, 0};
  static constexpr int32_t kContexts[] = {17, 0, 20, 15, 1, 16};
  Random random(mix(seed, 17));
  for (int32_t i = 0; i < fill; ++i) {
    const int32_t query_len = kQueries[random.below(6)];
    const int32_t context_len = type == Kind::kEncoder ? 0 : kContexts[random.below(6)];
    result.push_back({query_len, context_len, static_cast<int32_t>(result.size())});
  }
  for (int32_t i = 0; i < padding; ++i) result.push_back({0, 0, -1});
  return result;
}

Case parse_case(const std::string& line) {
  Case c;
  std::stringstream stream(line);
  std::string item;
  while (stream >> item) {
    const size_t equals = item.find('=');
    if (equals == std::string::npos) throw std::invalid_argument("'" + item + "' is not key=value");
    const std::string key = item.substr(0, equals);
    const Word* found = nullptr;
    for (const Word& word : words()) {
      if (key == word.key) found = &word;
    }
    if (!found) throw std::invalid_argument("unknown key '" + key + "'");
    try {
      found->read(c, item.substr(equals + 1));
    } catch (const std::invalid_argument& error) {
      throw std::invalid_argument(key + ": " + error.what());
    }
  }
  if (c.num_kv_heads < 1 || c.num_query_heads % c.num_kv_heads) throw std::invalid_argument("heads: not a multiple");
  return c;
}

std::string format_case(const Case& c) {
  static const Case defaults;
  std::string line;
  for (const Word& word : words()) {
    const std::string value = word.print(c);
    if (value == word.print(defaults)) continue;
    if (!line.empty()) line += ' ';
    line += std::string(word.key) + "=" + value;
  }
  return line;
}

foveaDataType_t fovea_type(Type type) {
  switch (type) {
    case Type::kF32: return FOVEA_DATA_TYPE_F32;
    case Type::kF16: return FOVEA_DATA_TYPE_F16;
    case Type::kBF16: return FOVEA_DATA_TYPE_BF16;
    case Type::kE4M3FN: return FOVEA_DATA_TYPE_F8_E4M3FN;
    case Type::kE4M3FNUZ: return FOVEA_DATA_TYPE_F8_E4M3FNUZ;
    case Type::kE5M2: return FOVEA_DATA_TYPE_F8_E5M2;
  }
  return FOVEA_DATA_TYPE_NONE;
}

namespace {
constexpr std::pair<const char*, Type> kTypeNames[] = {{"f32", Type::kF32},       {"f16", Type::kF16},
                                                       {"bf16", Type::kBF16},     {"e4m3fn", Type::kE4M3FN},
                                                       {"e4m3fnuz", Type::kE4M3FNUZ}, {"e5m2", Type::kE5M2}};
}  // namespace

const char* type_name(Type type) {
  for (const auto& [name, value] : kTypeNames) {
    if (value == type) return name;
  }
  return "?";
}

Type type_from_name(const std::string& name) {
  for (const auto& [known, value] : kTypeNames) {
    if (name == known) return value;
  }
  bad_value(name);
}

std::string text(const char* format, ...) {
  va_list arguments;
  va_start(arguments, format);
  va_list copy;
  va_copy(copy, arguments);
  const int size = std::vsnprintf(nullptr, 0, format, copy);
  va_end(copy);
  std::string result(static_cast<size_t>(size), '\0');
  std::vsnprintf(result.data(), result.size() + 1, format, arguments);
  va_end(arguments);
  return result;
}

}  // namespace fovea_test
