// One case of the conformance tests: a line of "key=value" words that says everything needed to repeat it.
#pragma once

#include <cstdint>
#include <stdexcept>
#include <string>
#include <vector>

#include "fovea/fovea.h"
#include "tests/reference/reference_attention.h"

namespace fovea_test {

using fovea_reference::Type;

// A case or check that found something wrong.
struct Failure : std::runtime_error {
  using std::runtime_error::runtime_error;
};
// A case that this machine or backend cannot run, with the reason.
struct Skip : std::runtime_error {
  using std::runtime_error::runtime_error;
};

// The numbers of a sequence depend on `uid` and positions alone, so a sequence keeps them in whatever batch it stands.
struct Sequence {
  int32_t query_len = 0;
  int32_t context_len = 0;  // may be negative, but query_len + context_len >= 0
  int32_t uid = 0;
  int32_t seq_len() const { return query_len + context_len; }
};

enum class Mask { kCausal, kNonCausal, kMixed };
enum class CacheMemory { kNhd, kHnd, kPadded, kInterleaved };
enum class RowMemory { kPlain, kPadded, kPacked };
enum class Data { kNormal, kLarge, kRising, kFalling, kFlat, kNeedle };

struct Case {
  std::string check = "forward";
  std::string claim;  // what check=claim and check=refuse are about
  fovea_reference::Kind type = fovea_reference::Kind::kDecoder;
  int32_t num_query_heads = 4;
  int32_t num_kv_heads = 2;
  int32_t head_size = 64;
  int32_t head_size_v = 0;  // 0: the same
  int32_t block_size = 16;
  fovea_reference::Layout layout = fovea_reference::Layout::kStrided;
  CacheMemory cache_memory = CacheMemory::kNhd;
  RowMemory query_memory = RowMemory::kPlain;
  RowMemory output_memory = RowMemory::kPlain;
  Type query = Type::kF32;
  Type cache = Type::kF32;
  Type output = Type::kF32;
  foveaKvScales_t scales = FOVEA_KV_SCALES_NONE;
  float scale = 0;  // 0: the default
  float softcap = 0;
  int32_t window_left = -1;
  int32_t window_right = -1;
  fovea_reference::Alibi alibi = fovea_reference::Alibi::kNone;
  bool sinks = false;
  fovea_reference::Ranges ranges = fovea_reference::Ranges::kNone;
  bool lse = false;
  Mask mask = Mask::kCausal;
  bool flag_by_call = false;  // the causal flag is given with the call, against the metadata's
  bool dense = false;         // this step's key and value are given
  bool device_arrays = false; // the metadata borrows its arrays
  bool element_aligned = false;  // tensors are aligned to their elements only
  bool partial = false;
  bool plan = false;
  bool batch_invariant = false;
  bool loose_limits = false;  // metadata and workspace are made for larger batches
  bool capture = false;       // every call under test is recorded in a graph, which is then launched
  int32_t spare_blocks = 0;   // blocks of the cache that nobody uses, scattered between the others
  Data data = Data::kNormal;
  int32_t shared_prefix = 0;  // positions (whole blocks) that all sequences share
  int32_t repeat = 1;         // the list of sequences this many times
  int32_t fill = 0;           // so many small sequences after them, drawn by the seed
  int32_t padding = 0;        // padded entries after the last sequence, as captured graphs have them
  int32_t threads = 2;
  uint64_t seed = 1;
  std::vector<Sequence> sequences;

  int32_t v_size() const { return head_size_v ? head_size_v : head_size; }
  int32_t group() const { return num_query_heads / num_kv_heads; }
  Type dense_type() const { return fovea_reference::is_fp8(query) ? Type::kBF16 : query; }
  // The sequences with repetition and padding, each with a uid.
  std::vector<Sequence> expanded() const;
};

// Throws std::invalid_argument that names the word it cannot read.
Case parse_case(const std::string& line);
// Words for everything that differs from the defaults; parse_case gives the same case again.
std::string format_case(const Case& c);

foveaDataType_t fovea_type(Type type);
const char* type_name(Type type);
Type type_from_name(const std::string& name);

// std::string from printf-like arguments.
[[gnu::format(printf, 1, 2)]] std::string text(const char* format, ...);

}  // namespace fovea_test
