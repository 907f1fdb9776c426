// One batch for the attention kernels with everything they need, and its comparison with the fp64 reference.
//
// Memory that no row of a sequence may see is NaN: unwritten cache, tails of blocks, keys outside of every row's mask. Block
// table entries that must not be used are stale. Output is poisoned, with gaps that must survive.
#pragma once

#include <array>
#include <compare>
#include <memory>
#include <string>
#include <vector>

#include "kernels/hip/kernel_params.h"
#include "tests/reference/reference_attention.h"
#include "tests/simt/machine.h"

namespace fovea::hip::host {

struct SequenceShape {
  int query_len = 1;
  int seq_len = 1;
  int causal = -1;  // the sequence's own flag, where any sequence has one
  std::vector<std::array<int32_t, 2>> ranges = {};
};

// A key planted for a sequence, seen or not: with every row it weighs more than all others together, and its value is the
// same number in all elements.
struct Needle {
  int seq;
  int key;
};
inline constexpr float kNeedleValue = 100.0f;

struct AttentionCase {
  std::vector<SequenceShape> sequences;
  int num_query_heads = 4;
  int num_kv_heads = 2;
  int head_size = 128;
  int head_size_v = 0;  // 0: as head_size
  int block_size = 16;
  DataType type = DataType::kBF16;
  DataType output_type = DataType::kNone;  // kNone: as type
  DataType cache_type = DataType::kNone;   // kNone: as type
  DataType query_type = DataType::kNone;   // kNone: as type
  float q_scale = 1;       // with an fp8 query
  float output_scale = 1;  // with an fp8 output
  AttentionType attention_type = AttentionType::kDecoder;
  bool causal = true;
  int window_left = -1;
  int window_right = -1;
  Alibi alibi = Alibi::kNone;
  PrefixRanges prefix_ranges = PrefixRanges::kNone;
  float softcap = 0;
  bool sinks = false;
  bool dense = false;  // this step's keys and values are given
  bool vectorized = false;
  bool padded = true;  // memory between rows, heads and blocks
  bool features = false;  // run the kernels compiled with all features even where none is used
  bool batch_invariant = false;
  int unified = 0;  // workgroups of the kernel for all kinds; 0: a kernel for each
  int target = 0;  // entries that fill the device; 0: no splits
  float query_factor = 1;
  bool kv_scales = false;  // per head; with an fp8 cache
  std::vector<Needle> needles = {};
};

// A kernel's instance, and how it is launched.
struct TileInstance {
  int num_threads;
  int lds_bytes;
  void (*run)(const ForwardParams& params, const Workgroup& wg);
};
struct TileKey {
  DataType type;
  int head_size;
  int kind;
  bool fp8;
  bool features;
  auto operator<=>(const TileKey&) const = default;
};
void add_tile(const TileKey& key, const TileInstance& instance);
// The smallest head size that holds the key's, and features even where the key has none if there is no plain instance.
const TileInstance* find_tile(const TileKey& key);

// Of the kernel for all kinds, with the first kind that it has and the rows of its last. The key's kind does not count.
struct UnifiedInstance {
  TileInstance tile;
  int smallest_kind;
  int large_rows;
};
void add_unified(const TileKey& key, const UnifiedInstance& instance);
const UnifiedInstance* find_unified(const TileKey& key);

// Plan memory of a batch.
struct PlanMemory {
  PlanMemory(const Layer& layer, const Batch& batch, int target, int rounds, bool batch_invariant);
  void add_counters(int smallest_kind, int large_rows);
  Report run(uint64_t seed, bool deliver_at_wait);

  PlanParams params = {};
  size_t num_slots[2] = {0, 0};  // of partial states
  std::unique_ptr<Array<PlanHeader>> header;
  std::unique_ptr<Array<WorkEntry>> entries[kNumKinds];
  std::unique_ptr<Array<SplitGroup>> groups[2];
  std::unique_ptr<Array<int32_t>> block_max;
  std::unique_ptr<Array<int32_t>> counters;  // of the kernel for all kinds
  std::unique_ptr<Array<uint32_t>> async_error;
};

class AttentionProblem {
 public:
  explicit AttentionProblem(const AttentionCase& c, uint64_t seed = 1);
  ~AttentionProblem();

  // Plans and computes, and fails the test where an access was wrong.
  void run(uint64_t seed, bool deliver_at_wait);
  // Compares all rows with the reference.
  void check() const;

  double output(int64_t token, int head, int element) const;
  float lse(int64_t token, int head) const;
  const fovea_reference::Problem& reference() const { return reference_; }
  const PlanMemory& plan() const { return *plan_; }
  const Counters& counters(int kind) const { return counters_[kind]; }
  ForwardParams& params() { return params_; }

 private:
  void make_batch();
  void make_mask();
  void make_cache();
  void make_rows();
  void make_params();
  void run_kinds(uint64_t seed, bool deliver_at_wait);
  void run_unified(uint64_t seed, bool deliver_at_wait);

  AttentionCase case_;
  uint64_t seed_;
  fovea_reference::Problem reference_;
  ForwardParams params_ = {};
  std::unique_ptr<PlanMemory> plan_;
  Counters counters_[kNumKinds];
  std::vector<std::unique_ptr<Region>> regions_;
  std::vector<int32_t> block_table_;
  std::vector<std::vector<uint8_t>> seen_;  // [seq][key]: whether some row sees it
  int64_t num_tokens_ = 0;
  int64_t num_blocks_ = 0;
  char* add(const char* name, size_t bytes, Access access, unsigned char fill);
  template <class T>
  const T* add(const char* name, const std::vector<T>& values);
};

// Runs a case with copies that arrive at once and with copies that arrive at the wait, and compares.
void check_case(const AttentionCase& c);

}  // namespace fovea::hip::host
