// Attention in fp64, written from the definitions of the semantics alone: one key, one row at a time, over the keys that a
// row sees and no others. It shares no code with the library.
#pragma once

#include <cstdint>
#include <vector>

#include "tests/reference/reference_numbers.h"

namespace fovea_reference {

enum class Kind { kDecoder, kEncoder, kEncoderDecoder };
enum class Layout { kStrided, kVectorized };
enum class Alibi { kNone, kLinear, kSqrt };
enum class Ranges { kNone, kFull, kWindowed };

// [num_tokens, heads, head_size]; strides in elements, the innermost axis is contiguous.
struct Rows {
  const void* data = nullptr;
  Type type = Type::kF32;
  int64_t token_stride = 0;
  int64_t head_stride = 0;
};

// Strides in elements of the axes as the layouts list them.
//   strided key and value   [num_blocks, block_size, num_kv_heads, head_size]
//   vectorised key          [num_blocks, num_kv_heads, head_size/x, block_size, x], x = 16 / bytes per element
//   vectorised value        [num_blocks, num_kv_heads, head_size, block_size]
struct Cache {
  const void* data = nullptr;
  Type type = Type::kF32;
  int64_t strides[5] = {0, 0, 0, 0, 0};
};

// Position of an element in the memory of a cache.
int64_t key_element(const Cache& cache, Layout layout, int64_t block, int64_t row, int64_t head, int64_t d);
int64_t value_element(const Cache& cache, Layout layout, int64_t block, int64_t row, int64_t head, int64_t d);

struct Problem {
  Kind kind = Kind::kDecoder;
  int num_query_heads = 1;
  int num_kv_heads = 1;
  int head_size = 1;
  int head_size_v = 1;
  double scale = 1;
  double softcap = 0;
  int window_left = -1;
  int window_right = -1;
  Alibi alibi = Alibi::kNone;
  Ranges ranges_kind = Ranges::kNone;
  bool partial = false;          // no sink, no output scale
  Type p_type = Type::kF32;      // the type the probabilities are rounded to in `lowprec`
  Type output_type = Type::kF32;

  std::vector<int32_t> query_start_loc;  // [num_seqs + 1]
  std::vector<int32_t> seq_lens;         // [num_seqs]
  bool causal = true;
  std::vector<int32_t> causal_per_sequence;  // empty or [num_seqs]
  std::vector<int32_t> range_start_loc;      // empty or [num_seqs + 1]
  std::vector<int32_t> ranges;               // [n, 2]
  const int32_t* block_table = nullptr;
  int64_t block_table_stride = 0;
  int block_size = 16;
  Layout layout = Layout::kStrided;

  Rows query;
  Rows key;  // absent: everything is in the cache
  Rows value;
  Cache key_cache;
  Cache value_cache;

  double q_scale = 1;
  std::vector<float> k_scales;  // empty, [1] or [num_kv_heads]
  std::vector<float> v_scales;
  double output_scale = 1;
  std::vector<float> alibi_slopes;  // [num_query_heads]
  std::vector<float> sinks;         // empty or [num_query_heads]

  int num_seqs() const { return static_cast<int>(seq_lens.size()); }
  int64_t num_tokens() const { return query_start_loc.empty() ? 0 : query_start_loc.back(); }
  int64_t query_len(int seq) const { return query_start_loc[seq + 1] - query_start_loc[seq]; }
  int64_t context_len(int seq) const { return seq_lens[seq] - query_len(seq); }
  bool is_causal(int seq) const;
  // Whether key t of a sequence is read from this step's dense key and value.
  bool is_dense(int seq, int64_t t) const { return key.data != nullptr && t >= context_len(seq); }
};

// Whether row i of a sequence's query sees key t. The whole of the mask is here.
bool visible(const Problem& problem, int seq, int64_t i, int64_t t);

// The vectors of query row i, and of key and value at position t, scales included (but the query's own).
void query_vector(const Problem& problem, int seq, int64_t i, int head, double* vector);
void key_vector(const Problem& problem, int seq, int kv_head, int64_t t, double* vector);
void value_vector(const Problem& problem, int seq, int kv_head, int64_t t, double* vector);

// The score of row i of a query head with key t whose vectors' product is `dot`: scale, soft cap, alibi; no mask.
double score_at(const Problem& problem, int seq, int64_t i, int head, int64_t t, double dot);
// The same in fp32.
float score_at_fp32(const Problem& problem, int seq, int64_t i, int head, int64_t t, float dot);

struct Result {
  std::vector<double> out;      // [num_tokens, num_query_heads, head_size_v]
  // The same, rounded where the library may round: keys and values to the query's type where the cache is wider, scores
  // accumulated in fp32, P to the query's type, and the output.
  std::vector<double> lowprec;
  std::vector<double> lse;      // [num_tokens, num_query_heads]
};

// Computes the rows for which wanted[token] is set (all if it is empty) on `num_threads` threads. fp8 outputs are given
// in units of the weighted sum: what is stored, times the output scale.
Result attention(const Problem& problem, int num_threads = 1, const std::vector<uint8_t>& wanted = {});

// The states of several disjoint sets of keys, combined; sinks join here, once. outputs[i] is [rows, heads, head_size_v].
struct State {
  std::vector<double> out;
  std::vector<double> lse;  // [rows, heads]; -inf or +inf: an empty state
};
State merge(const std::vector<State>& states, int64_t rows, int heads, int head_size_v, const std::vector<float>& sinks);

}  // namespace fovea_reference
