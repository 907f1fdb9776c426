// One batch: what was set (staged), and what forwards use (committed).
#pragma once

#include "fovea/fovea.h"
#include "impl/context.h"
#include "impl/device_arrays.h"
#include "impl/object.h"
#include "impl/plan_records.h"

namespace fovea {

// Fills in and checks limits.
foveaStatus_t read_limits(const foveaMetadataLimits_t* given, foveaMetadataLimits_t* limits);

// How one batch is masked: by a flag for each sequence, or one for all.
enum class CausalMode : int32_t { kNonCausal = 0, kCausal = 1, kPerSequence = 2 };

// A committed batch in the context's memory. Pointers stay valid until the next commit; in host memory, so does what
// they point to.
struct CommittedBatch {
  int32_t num_seqs = 0;
  int32_t num_tokens = 0;
  // CPU: of the lengths themselves. GPU: the caller's bounds, where there are any, because a captured graph is replayed
  // with other lengths.
  int32_t max_query_len = 0;
  int32_t max_seq_len = 0;
  const int32_t* query_start_loc = nullptr;      // [num_seqs + 1]
  const int32_t* seq_lens = nullptr;             // [num_seqs]
  const int32_t* causal_per_sequence = nullptr;  // [num_seqs] or nullptr
  const int32_t* range_start_loc = nullptr;      // [num_seqs + 1] or nullptr where no range is left
  const int32_t* ranges = nullptr;               // [num_ranges, 2]; without empty ones where the host knew them
  int32_t num_ranges = 0;
  const int32_t* block_table = nullptr;          // [table_rows, table_columns] or nullptr
  int32_t table_rows = 0;
  int32_t table_columns = 0;
  int64_t table_stride = 0;
  // What the host knows of the first two; nullptr where only the device does.
  const int32_t* host_query_start_loc = nullptr;
  const int32_t* host_seq_lens = nullptr;
};

// Behind foveaMetadata_t. All memory is taken at creation; setters and commits never allocate.
//
// Each array has two buffers: the committed one and the one setters write to. A commit checks what is staged as a whole
// and swaps; one that fails leaves the current batch in use. On a GPU the buffers are what the host knows, and a commit
// uploads what is new; arrays borrowed from the device are never looked at.
class Metadata : public Object {
 public:
  static constexpr ObjectKind kKind = ObjectKind::kMetadata;

  static foveaStatus_t create(Context* context, const foveaMetadataLimits_t* limits, Metadata** metadata);

  foveaStatus_t set_causal(int32_t causal);
  int32_t causal() const { return causal_; }
  foveaStatus_t set_causal_per_sequence(foveaMemory_t memory, const int32_t* causal);
  foveaStatus_t set_sequences(foveaMemory_t memory, int32_t num_seqs, int32_t num_tokens, int32_t max_query_len,
                              int32_t max_seq_len, const int32_t* query_start_loc, const int32_t* seq_lens);
  foveaStatus_t set_block_table(foveaMemory_t memory, int32_t num_seqs, int32_t num_columns, int64_t row_stride,
                                const int32_t* block_table);
  foveaStatus_t set_prefix_ranges(foveaMemory_t memory, int32_t num_ranges, const int32_t* range_start_loc,
                                  const int32_t* ranges);
  foveaStatus_t commit(void* stream);
  // The first sequence that a plan could not serve since the last commit or the last call of this.
  foveaStatus_t take_async_error(void* stream, int32_t* sequence);

  // INVALID_STATE where nothing is committed, or something was set since.
  foveaStatus_t get_batch(const CommittedBatch** batch) const;

  const Context* context() const { return context_.get(); }
  // Unique in the process, so that a plan cannot be taken for one of another object at the same address.
  uint64_t id() const { return id_; }
  // Changes with every commit.
  uint64_t generation() const { return generation_; }

  const foveaMetadataLimits_t& limits() const { return limits_; }
  // Of a GPU.
  const DeviceArrays* device_arrays() const { return device_arrays_.get(); }
  PlanRecords& plans() const { return plans_; }

 private:
  // One of the arrays: two buffers, or a borrowed pointer that is copied at commit.
  struct Array {
    int32_t* buffers[2] = {nullptr, nullptr};
    int current = 0;
    const int32_t* borrowed = nullptr;

    int32_t* committed() const { return buffers[current]; }
    int32_t* spare() const { return buffers[1 - current]; }
  };

  struct Staged {
    bool has_sequences = false;
    bool new_sequences = false;  // since the last commit
    bool new_table = false;
    bool new_flags = false;
    bool new_ranges = false;
    int32_t num_seqs = 0;
    int32_t num_tokens = 0;
    int32_t max_query_len = 0;  // 0 = no bound
    int32_t max_seq_len = 0;
    bool has_flags = false;
    bool has_ranges = false;
    int32_t num_ranges = 0;
    bool has_table = false;
    int32_t table_rows = 0;
    int32_t table_columns = 0;
    int64_t table_stride = 0;
    const int32_t* borrowed_table = nullptr;
  };

  Metadata(Context* context, const foveaMetadataLimits_t& limits);
  ~Metadata() override;

  foveaStatus_t stage_borrowed();
  foveaStatus_t upload_staged(void* stream);
  void publish();
  void publish_on_host();
  void publish_on_device();

  Ref<Context> context_;
  foveaMetadataLimits_t limits_;
  void* memory_ = nullptr;
  size_t memory_size_ = 0;

  Array query_start_loc_;
  Array seq_lens_;
  Array flags_;
  Array range_start_loc_;
  Array ranges_;
  Array table_;

  std::unique_ptr<DeviceArrays> device_arrays_;  // on a GPU
  mutable PlanRecords plans_;                    // likewise

  Staged staged_;
  bool pending_ = false;  // something was set since the last attempt to commit
  bool committed_ = false;
  CommittedBatch batch_;
  int32_t causal_ = 1;
  uint64_t id_;
  uint64_t generation_ = 0;
};

}  // namespace fovea
