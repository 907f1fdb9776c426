// Plain parameter structs of the HIP kernels: the host side fills them, the kernels read them. Addresses are the device's.
// Strides are in bytes. Axis names are those of the field; the rows of one KV head are packed: with
// group = num_query_heads / num_kv_heads, packed row r of a sequence is query token r / group of head kv_head * group + r % group.
#pragma once

#include <stdint.h>

namespace fovea::hip {

enum class DataType : int32_t { kNone = 0, kF32 = 1, kF16 = 2, kBF16 = 3, kE4M3FN = 4, kE4M3FNUZ = 5, kE5M2 = 6 };
enum class AttentionType : int32_t { kDecoder = 0, kEncoder = 1, kEncoderDecoder = 2 };
enum class Alibi : int32_t { kNone = 0, kLinear = 1, kSqrt = 2 };
enum class PrefixRanges : int32_t { kNone = 0, kFull = 1, kWindowed = 2 };

struct Rows {
  char* data;           // [num_tokens, heads, head_size]
  int64_t row_stride;
  int64_t head_stride;
};

// Strided: element (block, row, head, d) lies at block * block_stride + row * row_stride + head * head_stride + d.
// Vectorised key: (block, head, d, row) at block * block_stride + head * head_stride + d / x * group_stride + row * 16 + d % x;
// vectorised value: block * block_stride + head * head_stride + d * group_stride + row.
struct Cache {
  char* data;
  int64_t num_blocks;
  int64_t block_stride;
  int64_t row_stride;
  int64_t head_stride;
  int64_t group_stride;
};

struct Batch {
  const int32_t* query_start_loc;      // [num_seqs + 1]
  const int32_t* seq_lens;             // [num_seqs]
  const int32_t* block_table;          // [num_seqs, block_table_stride]
  const int32_t* causal_per_sequence;  // [num_seqs] or nullptr
  const int32_t* range_start_loc;      // [num_seqs + 1] or nullptr
  const int32_t* ranges;               // [n, 2]
  int64_t block_table_stride;          // entries
  int32_t block_table_columns;
  int32_t num_seqs;
  int32_t num_tokens;
  int32_t max_query_len;
  int32_t max_seq_len;
  int32_t causal;                      // where there are no flags per sequence
};

// What one layer's masks and scores are.
struct Layer {
  int32_t num_query_heads;
  int32_t num_kv_heads;
  int32_t group;
  int32_t head_size;
  int32_t head_size_v;
  int32_t block_size;
  int32_t window_left;   // -1: open
  int32_t window_right;  // -1: open
  AttentionType attention_type;
  Alibi alibi;
  PrefixRanges prefix_ranges;
  int32_t vectorized;    // the cache's layout
  DataType query_type;
  DataType cache_type;
  DataType output_type;
  int32_t scales_per_head;  // k_scale and v_scale are [num_kv_heads], not [1]
  float scale;
  float softcap;         // 0: off
};

// The work of one workgroup: packed rows [row_begin, row_begin + rows of the kernel) of a sequence against the keys
// [kv_begin, kv_end) of a KV head. Grids: of kLarge (entries, num_kv_heads), of the others (entries * num_kv_heads), the heads of
// an entry side by side.
struct WorkEntry {
  int32_t seq;          // -1 - seq: the sequence is invalid, its rows become NaN
  int32_t row_begin;
  int32_t kv_begin;     // a multiple of 16
  int32_t kv_end;
  int32_t split;        // place among the entries that share these rows
  int32_t num_splits;   // 1: writes the rows itself
  int32_t first_slot;   // of the group of entries in the partial states
  int32_t reserved;
};
static_assert(sizeof(WorkEntry) == 32);

// Kernels of one forward, by the packed rows of a workgroup. A sequence goes to the smallest that takes all its rows.
enum WorkKind : int32_t { kSmall = 0, kMedium = 1, kLarge = 2, kNumKinds = 3 };
inline constexpr int32_t kSmallRows = 16;
inline constexpr int32_t kMediumRows = 64;
inline constexpr int32_t kLargeRows = 128;
inline constexpr int32_t kPlanTile = 64;  // keys; splits are cut at multiples

// Rows that several entries share, to be merged. All rows of a sequence.
struct SplitGroup {
  int32_t seq;
  int32_t rows;
  int32_t num_splits;
  int32_t first_slot;
};
static_assert(sizeof(SplitGroup) == 16);

// Plan memory: this header, then what it points to.
struct PlanHeader {
  int32_t num_entries[kNumKinds];
  int32_t num_groups[2];  // of kSmall and kMedium, whose rows may be split
  int32_t reserved[3];
};
static_assert(sizeof(PlanHeader) == 32);

// Where a plan's parts lie; the same on host and device.
struct PlanView {
  PlanHeader* header;
  WorkEntry* entries[kNumKinds];  // longest first
  int32_t capacity[kNumKinds];
  SplitGroup* groups[2];
  int32_t* block_max;             // [num_seqs, 2]: the largest block id that a sequence reads, of its context and of all its keys
  // Of the persistent kernel, zero before and after a forward; nullptr where there is none.
  int32_t* tickets;               // [kNumQueues]: items that were taken
  int32_t* arrivals[2];           // [slots, num_kv_heads], in the first slot of a group: its entries that are done
};

// Where the persistent kernel's workgroups take their items from: entries of few rows wait for memory, those of many rows for
// the multipliers.
enum Queue : int32_t { kFewRows = 0, kManyRows = 1, kNumQueues = 2 };

struct ForwardParams {
  Layer layer;
  Batch batch;
  PlanView plan;
  Rows query;
  Rows key;    // data = nullptr: everything is read from the cache
  Rows value;
  Cache key_cache;
  Cache value_cache;
  Rows output;
  DataType output_type;     // the layer's, or f32 for partial states
  int32_t kind;
  int32_t narrow_rows;      // rows of an fp8 cache are aligned to 8 bytes only
  int32_t far_rows;         // keys or values, of the cache or of this step, span more than 2^32 times 16 bytes
  float* lse;               // nullptr or [num_tokens, num_query_heads], strides below in elements
  int64_t lse_row_stride;
  int64_t lse_head_stride;
  const float* q_scale;
  const float* k_scale;
  const float* v_scale;
  const float* output_scale;
  const float* alibi_slopes;  // [num_query_heads]
  const float* sinks;         // [num_query_heads], nullptr for partial states
  uint32_t* async_error;      // nullptr, or the first sequence that could not be computed, all ones: none
  float* partials[2];         // of kSmall and kMedium: [slots, num_kv_heads, rows of the kind, head_size_v]
  float* partial_stats[2];    // [slots, num_kv_heads, rows of the kind, 2]: maximum in the exp2 domain, sum
};

struct PlanParams {
  Layer layer;
  Batch batch;
  PlanView plan;
  uint32_t* async_error;  // nullptr, or the first sequence that cannot be computed
  int32_t batch_invariant;
  int32_t target[kNumKinds];   // entries that fill the device, per KV head; 0: rows of this kind are never split
  int32_t rounds[kNumKinds];   // how many times as many entries are worth trying
  int32_t check_threads;       // that look at the blocks of one sequence: a power of two, at most a workgroup
  int32_t smallest_kind;       // rows that a smaller kind would take go to this one
  int32_t large_rows;          // of an entry of kLarge: kLargeRows, or kMediumRows for the unified kernel where its tile has no more
  int32_t num_counters;        // from plan.tickets on, to be cleared
};

struct WriteParams {
  Rows key;    // [num_tokens, num_kv_heads, head_size] of input_type
  Rows value;
  Cache key_cache;
  Cache value_cache;
  const int64_t* slot_mapping;  // [num_tokens]
  const float* k_scale;         // nullptr: 1
  const float* v_scale;
  int32_t num_tokens;
  int32_t num_kv_heads;
  int32_t head_size;
  int32_t head_size_v;
  int32_t block_size;
  int32_t vectorized;
  int32_t scales_per_head;
  DataType input_type;
  DataType cache_type;
  int32_t reserved;
};

inline constexpr int32_t kMaxMergeStates = 64;

struct StateRows {
  const char* data;
  int64_t row_stride;   // bytes
  int64_t head_stride;
};

// Merge of attention states that the caller has.
struct MergeParams {
  StateRows outputs[kMaxMergeStates];  // fp32 [num_tokens, num_query_heads, head_size_v]
  const float* lses[kMaxMergeStates];  // fp32 [num_tokens, num_query_heads], strides below in elements
  int32_t lse_row_strides[kMaxMergeStates];
  int32_t lse_head_strides[kMaxMergeStates];
  Rows output;
  float* lse;  // nullptr: not wanted
  int64_t lse_row_stride;
  int64_t lse_head_stride;
  const float* sinks;
  const float* output_scale;
  int32_t num_states;
  int32_t num_tokens;
  int32_t num_query_heads;
  int32_t head_size_v;
  DataType output_type;
  int32_t reserved;
};
static_assert(sizeof(MergeParams) <= 4000);

}  // namespace fovea::hip
