// The memory and the batch of one case: tensors filled by the case's rules, the metadata's arrays, and the same thing as a
// problem of the reference.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "fovea/fovea.h"
#include "tests/conformance/device_buffer.h"
#include "tests/conformance/test_case.h"
#include "tests/reference/reference_attention.h"

namespace fovea_test {

// A tensor inside a buffer. Strides in elements.
struct View {
  DeviceBuffer* buffer = nullptr;
  int64_t offset = 0;  // elements
  Type type = Type::kF32;
  int32_t ndim = 0;
  int64_t shape[FOVEA_MAX_DIMS] = {};
  int64_t strides[FOVEA_MAX_DIMS] = {};
  bool contiguous_by_zeros = false;  // hand over zero strides

  bool present() const { return buffer != nullptr; }
  void* host() const;
  foveaTensor_t tensor() const;  // absent if the view is
};

// The metadata's arrays in the device's memory, for cases that lend them.
struct BatchArrays {
  DeviceBuffer query_start_loc, seq_lens, block_table, causal_per_sequence, range_start_loc, ranges;
};

// What the numbers of a vector are for.
enum class Part : uint64_t { kQuery = 1, kKey = 2, kValue = 3 };

class Workload {
 public:
  // `block_seed` permutes the blocks of the cache and the garbage in unused table entries; it changes no number.
  Workload(const Case& c, const DeviceMemory& memory, uint64_t block_seed = 1);
  Workload(const Workload&) = delete;
  Workload& operator=(const Workload&) = delete;

  const Case& test_case() const { return case_; }
  const DeviceMemory& memory() const { return *memory_; }
  fovea_reference::Problem& problem() { return problem_; }
  const fovea_reference::Problem& problem() const { return problem_; }

  int32_t num_seqs() const { return static_cast<int32_t>(sequences_.size()); }
  int32_t num_tokens() const { return query_start_loc_.back(); }
  bool has_cache() const { return key_cache.present(); }
  int64_t num_blocks() const { return num_blocks_; }
  const std::vector<Sequence>& sequences() const { return sequences_; }
  const std::vector<int32_t>& query_start_loc() const { return query_start_loc_; }
  const std::vector<int32_t>& seq_lens() const { return seq_lens_; }
  const std::vector<int32_t>& block_table() const { return block_table_; }  // [num_seqs, row_stride]
  int32_t table_columns() const { return table_columns_; }
  int64_t table_stride() const { return table_stride_; }
  const std::vector<int32_t>& causal_per_sequence() const { return problem_.causal_per_sequence; }

  // Limits that just hold this batch, or larger ones where the case says so.
  foveaMetadataLimits_t limits() const;
  // Everything but workspace and plan.
  foveaForwardArgs_t forward_args();

  // Poisons output and lse and takes the inputs' prints.
  void prepare();
  // Throws Failure if an input changed, a guard zone was hit or a byte of the output that is no element of a row was
  // written.
  void check_memory();

  // Writes key and value of a position where the forward reads them (all KV heads get the same).
  void plant(int seq, int64_t t, const std::vector<float>& key, const std::vector<float>& value);
  // Whether position t of a sequence has memory at all: below seq_len, in the tail of its last block, or a dense row.
  bool has_memory(int seq, int64_t t) const;
  // Bytes of the cells of a position, to be restored after planting.
  std::vector<uint32_t> save(int seq, int64_t t);
  void restore(int seq, int64_t t, const std::vector<uint32_t>& cells);

  double output_at(int64_t token, int head, int64_t d) const;
  uint32_t output_bits(int64_t token, int head, int64_t d) const;
  float lse_at(int64_t token, int head) const;
  // The bits of output and lse of some rows, in order.
  std::vector<uint32_t> row_bits(int64_t first_token, int64_t num_tokens) const;

  View query, key, value, key_cache, value_cache, output, lse;
  BatchArrays arrays;
  DeviceBuffer q_scale, k_scale, v_scale, output_scale, alibi_slopes, sinks;

 private:
  void make_batch();
  void make_ranges();
  void make_block_table(uint64_t block_seed);
  void make_rows();
  void make_cache();
  void make_scalars();
  void make_arrays();
  void fill_rows();
  void fill_cache();
  void bind_reference();
  // Bits of one vector as stored in `type` for a reader that multiplies by `scale`.
  void vector_bits(Part part, const Sequence& sequence, int64_t position, int head, Type type, float scale, int64_t size,
                   uint32_t* bits) const;
  bool cached(int seq, int64_t t) const;
  DeviceBuffer* new_buffer(int64_t elements, Type type);
  std::vector<DeviceBuffer*> all_buffers();
  template <typename Visit>
  void visit_cells(int seq, int64_t t, Visit visit);

  Case case_;
  const DeviceMemory* memory_;
  std::vector<Sequence> sequences_;
  std::vector<int32_t> query_start_loc_, seq_lens_, block_table_;
  int32_t table_columns_ = 0;
  int64_t table_stride_ = 0;
  int64_t num_blocks_ = 0;
  std::vector<float> k_scales_, v_scales_;
  std::vector<std::unique_ptr<DeviceBuffer>> buffers_;
  fovea_reference::Problem problem_;
};

// u(d) = +-1: the direction that the queries of needle data share and needles point along.
float direction(int64_t d);

}  // namespace fovea_test
