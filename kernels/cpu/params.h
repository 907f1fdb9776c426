// Plain parameter structs of the CPU kernels. Nothing here owns memory or knows the objects of the core.
//
// Axis names: num_tokens, num_query_heads, num_kv_heads, head_size, block_size, seq_len, query_len. The rows of one KV
// head are packed: with group = num_query_heads / num_kv_heads, packed row r of a sequence is query token r / group of
// query head kv_head * group + r % group.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

namespace fovea::cpu {

enum class DataType : int32_t { kNone = 0, kF32 = 1, kF16 = 2, kBF16 = 3, kE4M3FN = 4, kE4M3FNUZ = 5, kE5M2 = 6 };

// Always inlined: translation units compiled for different instruction sets must not share a copy.
[[gnu::always_inline]] constexpr size_t size_of(DataType type) {
  return type == DataType::kF32 ? 4 : (type == DataType::kF16 || type == DataType::kBF16) ? 2 : type == DataType::kNone ? 0 : 1;
}

enum class AttentionType : int32_t { kDecoder = 0, kEncoder = 1, kEncoderDecoder = 2 };
enum class CacheLayout : int32_t { kStrided = 0, kVectorized = 1 };
enum class Alibi : int32_t { kNone = 0, kLinear = 1, kSqrt = 2 };
enum class PrefixRanges : int32_t { kNone = 0, kFull = 1, kWindowed = 2 };
enum class KvScales : int32_t { kNone = 0, kPerTensor = 1, kPerHead = 2 };

// Largest head_size and head_size_v.
inline constexpr int32_t kMaxHeadSize = 256;

// What one layer is, fixed when an attention is created.
struct Layer {
  int32_t num_query_heads;
  int32_t num_kv_heads;
  int32_t head_size;    // of query and key
  int32_t head_size_v;  // of value and output
  int32_t block_size;
  DataType query_type;
  DataType dense_type;  // of this step's key and value
  DataType cache_type;
  DataType output_type;
  AttentionType attention_type;
  CacheLayout cache_layout;
  Alibi alibi;
  PrefixRanges prefix_ranges;
  KvScales kv_scales;
  float scale;
  float softcap;         // 0 = off
  int32_t window_left;   // -1 = open
  int32_t window_right;  // -1 = open
  int32_t has_sinks;
  int32_t batch_invariant;
};

// KV chunks are cut from t = 0 in every sequence, whatever the batch, the threads and the query rows: a row's result is
// the fold, in order, of the states of its chunks, whether one thread walks them or many do. This makes the bits
// independent of the number of threads.
inline constexpr int32_t kKvChunk = 512;

// One unit of work: packed rows [row_begin, row_end) of one KV head of one sequence against the KV chunks
// [chunk_begin, chunk_end). Units without a split group fold their chunks and write the output. A unit of a split group
// stores the state of each of its chunks; the last unit of the group to finish folds them and writes the output.
struct WorkItem {
  int32_t seq;
  int32_t kv_head;
  int32_t row_begin;
  int32_t row_end;
  int32_t chunk_begin;
  int32_t chunk_end;
  int32_t group;      // index into the split groups, or -1
  int32_t reserved;
};
static_assert(sizeof(WorkItem) == 32);

// Rows whose chunks were shared out to several units.
struct SplitGroup {
  int64_t state_offset;  // floats from the start of the state area; chunk c's state is at state_offset +
                         // (c - chunk_begin) * state_floats(rows, head_size_v)
  int32_t chunk_begin;   // of all units of the group together
  int32_t chunk_end;
  int32_t num_items;
  int32_t reserved;
};
static_assert(sizeof(SplitGroup) == 24);

// The state of `rows` packed rows after some keys: m [rows], the running maximum of the scores times log2(e) (-inf: nothing
// seen); l [rows], the sum of exp2(score - m); acc [rows, head_size_v], the sum of exp2(score - m) * value, not divided.
[[gnu::always_inline]] constexpr int64_t state_floats(int64_t rows, int64_t head_size_v) { return rows * (head_size_v + 2); }

// The work list of one batch; made by the core, constant while forwards use it.
struct WorkList {
  const WorkItem* items;     // [num_items], longest first
  const SplitGroup* groups;  // [num_groups]
  int32_t num_items;
  int32_t num_groups;
};

// How a kernel wants its work cut.
struct PlanTraits {
  int32_t max_rows_per_item;  // packed rows of one unit
};

struct Batch {
  int32_t num_seqs;
  int32_t num_tokens;
  const int32_t* query_start_loc;      // [num_seqs + 1]
  const int32_t* seq_lens;             // [num_seqs]
  const int32_t* block_table;          // [num_seqs, block_table_stride]
  int64_t block_table_stride;          // elements
  const int32_t* causal_per_sequence;  // [num_seqs] or nullptr
  const int32_t* range_start_loc;      // [num_seqs + 1] or nullptr
  const int32_t* ranges;               // [n, 2]
  int32_t causal;                      // 0 or 1, where there are no flags per sequence
};

// Rows of vectors: element (i, h, d) is at data + (i * row_stride + h * head_stride + d) elements.
struct Rows {
  void* data;
  int64_t row_stride;
  int64_t head_stride;
};

// Strided: element (block, row, head, d) at block * block_stride + row * row_stride + head * head_stride + d.
// Vectorised key: (block, head, d, row) at block * block_stride + head * head_stride + (d / x) * group_stride +
// row * row_stride + d % x. Vectorised value: block * block_stride + head * head_stride + d * group_stride + row.
struct Cache {
  const void* data;
  int64_t num_blocks;
  int64_t block_stride;
  int64_t row_stride;
  int64_t head_stride;
  int64_t group_stride;
};

struct Forward {
  Layer layer;
  Batch batch;
  WorkList work;
  Rows query;        // [num_tokens, num_query_heads, head_size], layer.query_type
  Rows key;          // [num_tokens, num_kv_heads, head_size], layer.dense_type; data = nullptr: all from the cache
  Rows value;
  Cache key_cache;
  Cache value_cache;
  Rows output;       // output_type
  DataType output_type;  // layer.output_type, or f32 for partial states
  float* lse;        // nullptr or [num_tokens, num_query_heads]: element (i, h) at i * lse_row_stride + h * lse_head_stride
  int64_t lse_row_stride;
  int64_t lse_head_stride;
  float q_scale;           // 1 unless the query is fp8
  const float* k_scale;    // nullptr = 1, [1] or [num_kv_heads] as layer.kv_scales says
  const float* v_scale;
  float output_scale;      // 1 unless the output is fp8
  const float* alibi_slopes;  // [num_query_heads]
  const float* sinks;         // [num_query_heads] or nullptr; nullptr for partial states
  float* states;              // state area for split groups
  std::atomic<int32_t>* arrivals;  // [num_groups], zero at the start
  char* scratch;              // num_threads areas of scratch_stride bytes, 64-byte aligned
  size_t scratch_stride;
};

struct KvWrite {
  Layer layer;
  Rows key;    // [num_tokens, num_kv_heads, head_size], layer.dense_type
  Rows value;
  Cache key_cache;  // written although Cache speaks of const data
  Cache value_cache;
  const int64_t* slot_mapping;  // [num_tokens]
  int32_t num_tokens;
  const float* k_scale;
  const float* v_scale;
};

inline constexpr int32_t kMaxMergeStates = 64;

struct Merge {
  int32_t num_states;
  int32_t num_tokens;
  int32_t num_query_heads;
  int32_t head_size_v;
  Rows outputs[kMaxMergeStates];  // fp32
  Rows lses[kMaxMergeStates];     // fp32; head_stride between heads
  Rows output;
  DataType output_type;
  Rows lse;  // data may be nullptr
  const float* sinks;
  float output_scale;
};

// Runs task(data, i) for i in [0, num_tasks), num_tasks <= num_threads, and returns when all are done.
struct Parallel {
  void (*run)(void* user, int32_t num_tasks, void (*task)(void* data, int32_t index), void* data);
  void* user;
  int32_t num_threads;
};

}  // namespace fovea::cpu
