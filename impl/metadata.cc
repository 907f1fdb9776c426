#include "impl/metadata.h"

#include <algorithm>
#include <atomic>
#include <cstring>
#include <iterator>
#include <new>

#include "impl/error.h"
#include "impl/memory.h"
#include "impl/metadata_check.h"
#include "impl/struct_size.h"

namespace fovea {
namespace {

std::atomic<uint64_t> last_id{0};

foveaStatus_t check_memory(foveaMemory_t memory) {
  FOVEA_REQUIRE_ARGUMENT(memory == FOVEA_MEMORY_HOST || memory == FOVEA_MEMORY_DEVICE,
                         "memory: %d is not a foveaMemory_t", static_cast<int>(memory));
  return FOVEA_STATUS_SUCCESS;
}

void copy(int32_t* to, const int32_t* from, int64_t count) {
  if (count > 0) std::memcpy(to, from, static_cast<size_t>(count) * sizeof(int32_t));
}

// Copies ranges without the empty ones, which kernels need not know. `to_starts` receives [num_seqs + 1].
void copy_ranges(int32_t num_seqs, const int32_t* starts, const int32_t* ranges, int32_t* to_starts,
                 int32_t* to_ranges) {
  int32_t count = 0;
  to_starts[0] = 0;
  for (int32_t s = 0; s < num_seqs; ++s) {
    for (int32_t r = starts[s]; r < starts[s + 1]; ++r) {
      const int32_t* range = ranges + 2 * static_cast<int64_t>(r);
      if (range[0] >= range[1]) continue;
      to_ranges[2 * static_cast<int64_t>(count)] = range[0];
      to_ranges[2 * static_cast<int64_t>(count) + 1] = range[1];
      ++count;
    }
    to_starts[s + 1] = count;
  }
}

}  // namespace

foveaStatus_t read_limits(const foveaMetadataLimits_t* given, foveaMetadataLimits_t* limits) {
  FOVEA_TRY(read_struct(given, "limits", limits));
  FOVEA_REQUIRE_ARGUMENT(limits->max_num_seqs >= 1, "limits: max_num_seqs is %d, expected at least 1",
                         limits->max_num_seqs);
  FOVEA_REQUIRE_ARGUMENT(limits->max_num_tokens >= 1, "limits: max_num_tokens is %d, expected at least 1",
                         limits->max_num_tokens);
  FOVEA_REQUIRE_ARGUMENT(limits->max_seq_len >= 1, "limits: max_seq_len is %d, expected at least 1",
                         limits->max_seq_len);
  FOVEA_REQUIRE_ARGUMENT(limits->max_blocks_per_seq >= 0, "limits: max_blocks_per_seq is %d, expected 0 or more",
                         limits->max_blocks_per_seq);
  FOVEA_REQUIRE_ARGUMENT(limits->max_prefix_ranges >= 0, "limits: max_prefix_ranges is %d, expected 0 or more",
                         limits->max_prefix_ranges);
  return FOVEA_STATUS_SUCCESS;
}

foveaStatus_t Metadata::create(Context* context, const foveaMetadataLimits_t* given, Metadata** metadata) {
  foveaMetadataLimits_t limits;
  FOVEA_TRY(read_limits(given, &limits));

  const auto seqs = static_cast<size_t>(limits.max_num_seqs);
  const auto range_values = 2 * static_cast<size_t>(limits.max_prefix_ranges);
  size_t table = 0;
  const bool wraps = __builtin_mul_overflow(seqs, static_cast<size_t>(limits.max_blocks_per_seq), &table);
  SizeSum sum;
  size_t offsets[2][6] = {};
  for (auto& offset : offsets) {
    offset[0] = sum.add(seqs + 1, sizeof(int32_t));
    offset[1] = sum.add(seqs, sizeof(int32_t));
    offset[2] = sum.add(seqs, sizeof(int32_t));
    offset[3] = sum.add(range_values > 0 ? seqs + 1 : 0, sizeof(int32_t));
    offset[4] = sum.add(range_values, sizeof(int32_t));
    offset[5] = sum.add(table, sizeof(int32_t));
  }
  FOVEA_REQUIRE(!wraps && !sum.overflow(), FOVEA_STATUS_OUT_OF_MEMORY,
                "limits: max_num_seqs %d with max_blocks_per_seq %d and max_prefix_ranges %d exceed memory",
                limits.max_num_seqs, limits.max_blocks_per_seq, limits.max_prefix_ranges);

  if (context->gpu() != nullptr) FOVEA_TRY(context->gpu()->check_process());
  auto* created = new Metadata(context, limits);
  auto* base = static_cast<char*>(context->allocate(sum.total()));
  if (base == nullptr) {
    created->release();
    return fail(FOVEA_STATUS_OUT_OF_MEMORY, "no memory for metadata of %zu bytes", sum.total());
  }
  created->memory_ = base;
  created->memory_size_ = sum.total();
  if (context->gpu() != nullptr) {
    const std::array<size_t, kBatchArrays> capacities = {
        seqs + 1, seqs, seqs, range_values > 0 ? seqs + 1 : 0, range_values, table};
    if (const foveaStatus_t status = DeviceArrays::create(*context->gpu(), capacities, &created->device_arrays_);
        status != FOVEA_STATUS_SUCCESS) {
      created->release();
      return status;
    }
  }
  Array* const arrays[6] = {&created->query_start_loc_, &created->seq_lens_, &created->flags_,
                            &created->range_start_loc_, &created->ranges_,   &created->table_};
  for (int buffer = 0; buffer < 2; ++buffer) {
    for (int i = 0; i < 6; ++i) arrays[i]->buffers[buffer] = reinterpret_cast<int32_t*>(base + offsets[buffer][i]);
  }
  *metadata = created;
  return FOVEA_STATUS_SUCCESS;
}

Metadata::Metadata(Context* context, const foveaMetadataLimits_t& limits)
    : Object(kKind), context_(context), limits_(limits), id_(last_id.fetch_add(1, std::memory_order_relaxed) + 1) {}

Metadata::~Metadata() {
  if (memory_ != nullptr) context_->free(memory_, memory_size_);
}

foveaStatus_t Metadata::set_causal(int32_t causal) {
  FOVEA_REQUIRE_ARGUMENT(causal == 0 || causal == 1, "causal: %d, expected 0 or 1", causal);
  causal_ = causal;
  return FOVEA_STATUS_SUCCESS;
}

foveaStatus_t Metadata::set_sequences(foveaMemory_t memory, int32_t num_seqs, int32_t num_tokens, int32_t max_query_len,
                                      int32_t max_seq_len, const int32_t* query_start_loc, const int32_t* seq_lens) {
  FOVEA_TRY(check_memory(memory));
  FOVEA_REQUIRE_ARGUMENT(num_seqs >= 0 && num_seqs <= limits_.max_num_seqs,
                         "num_seqs: %d, expected 0 to the limit max_num_seqs (%d)", num_seqs, limits_.max_num_seqs);
  FOVEA_REQUIRE_ARGUMENT(num_tokens >= 0 && num_tokens <= limits_.max_num_tokens,
                         "num_tokens: %d, expected 0 to the limit max_num_tokens (%d)", num_tokens,
                         limits_.max_num_tokens);
  FOVEA_REQUIRE_ARGUMENT(max_query_len >= 0, "max_query_len: %d, expected 0 or more", max_query_len);
  FOVEA_REQUIRE_ARGUMENT(max_seq_len >= 0, "max_seq_len: %d, expected 0 or more", max_seq_len);
  if (num_seqs == 0) {
    FOVEA_REQUIRE_ARGUMENT(num_tokens == 0, "num_tokens: %d, expected 0 where num_seqs is 0", num_tokens);
    query_start_loc_.spare()[0] = 0;
    query_start_loc_.borrowed = nullptr;
    seq_lens_.borrowed = nullptr;
  } else {
    FOVEA_TRY(check_int32_array(query_start_loc, "query_start_loc"));
    FOVEA_TRY(check_int32_array(seq_lens, "seq_lens"));
    if (memory == FOVEA_MEMORY_HOST) {
      FOVEA_TRY(check_sequences(num_seqs, num_tokens, max_query_len, max_seq_len, limits_.max_seq_len, query_start_loc,
                                seq_lens));
      copy(query_start_loc_.spare(), query_start_loc, num_seqs + int64_t{1});
      copy(seq_lens_.spare(), seq_lens, num_seqs);
      query_start_loc_.borrowed = nullptr;
      seq_lens_.borrowed = nullptr;
    } else {
      FOVEA_REQUIRE_ARGUMENT(max_query_len > 0, "max_query_len: 0 (taken from the arrays) needs FOVEA_MEMORY_HOST");
      FOVEA_REQUIRE_ARGUMENT(max_seq_len > 0, "max_seq_len: 0 (taken from the arrays) needs FOVEA_MEMORY_HOST");
      query_start_loc_.borrowed = query_start_loc;
      seq_lens_.borrowed = seq_lens;
    }
  }
  staged_.has_sequences = true;
  staged_.new_sequences = true;
  staged_.num_seqs = num_seqs;
  staged_.num_tokens = num_tokens;
  staged_.max_query_len = max_query_len;
  staged_.max_seq_len = max_seq_len;
  staged_.has_flags = false;
  staged_.has_ranges = false;
  flags_.borrowed = nullptr;
  range_start_loc_.borrowed = nullptr;
  ranges_.borrowed = nullptr;
  pending_ = true;
  return FOVEA_STATUS_SUCCESS;
}

foveaStatus_t Metadata::set_causal_per_sequence(foveaMemory_t memory, const int32_t* causal) {
  FOVEA_TRY(check_memory(memory));
  FOVEA_REQUIRE(staged_.has_sequences, FOVEA_STATUS_INVALID_STATE,
                "causal: no sequences are set yet (foveaMetadataSetSequences comes first)");
  if (causal == nullptr) {
    staged_.has_flags = false;
    flags_.borrowed = nullptr;
    pending_ = true;
    return FOVEA_STATUS_SUCCESS;
  }
  FOVEA_TRY(check_int32_array(causal, "causal"));
  if (memory == FOVEA_MEMORY_HOST) {
    FOVEA_TRY(check_flags(staged_.num_seqs, causal));
    copy(flags_.spare(), causal, staged_.num_seqs);
    flags_.borrowed = nullptr;
  } else {
    flags_.borrowed = causal;
  }
  staged_.has_flags = true;
  staged_.new_flags = true;
  pending_ = true;
  return FOVEA_STATUS_SUCCESS;
}

foveaStatus_t Metadata::set_block_table(foveaMemory_t memory, int32_t num_seqs, int32_t num_columns, int64_t row_stride,
                                        const int32_t* block_table) {
  FOVEA_TRY(check_memory(memory));
  if (block_table == nullptr) {
    staged_.has_table = false;
    staged_.borrowed_table = nullptr;
    pending_ = true;
    return FOVEA_STATUS_SUCCESS;
  }
  FOVEA_REQUIRE_ARGUMENT(num_seqs >= 0 && num_seqs <= limits_.max_num_seqs,
                         "num_seqs: %d, expected 0 to the limit max_num_seqs (%d)", num_seqs, limits_.max_num_seqs);
  FOVEA_REQUIRE_ARGUMENT(num_columns >= 0 && num_columns <= limits_.max_blocks_per_seq,
                         "num_columns: %d, expected 0 to the limit max_blocks_per_seq (%d)", num_columns,
                         limits_.max_blocks_per_seq);
  FOVEA_REQUIRE_ARGUMENT(row_stride == 0 || row_stride >= num_columns,
                         "row_stride: %lld, expected at least num_columns (%d), or 0 for the same",
                         static_cast<long long>(row_stride), num_columns);
  if (row_stride == 0) row_stride = num_columns;
  int64_t extent = 0;
  FOVEA_REQUIRE_ARGUMENT(!__builtin_mul_overflow(row_stride, static_cast<int64_t>(num_seqs), &extent) &&
                             extent <= PTRDIFF_MAX / static_cast<int64_t>(sizeof(int32_t)),
                         "row_stride: %lld, which reaches beyond memory for %d rows",
                         static_cast<long long>(row_stride), num_seqs);
  FOVEA_TRY(check_int32_array(block_table, "block_table"));
  if (memory == FOVEA_MEMORY_HOST) {
    int32_t* to = table_.spare();
    if (row_stride == num_columns) {
      copy(to, block_table, int64_t{num_seqs} * num_columns);
    } else {
      for (int64_t s = 0; s < num_seqs; ++s) copy(to + s * num_columns, block_table + s * row_stride, num_columns);
    }
    staged_.borrowed_table = nullptr;
    staged_.table_stride = num_columns;
    staged_.new_table = true;
  } else {
    staged_.borrowed_table = block_table;
    staged_.table_stride = row_stride;
    staged_.new_table = false;
  }
  staged_.has_table = true;
  staged_.table_rows = num_seqs;
  staged_.table_columns = num_columns;
  pending_ = true;
  return FOVEA_STATUS_SUCCESS;
}

foveaStatus_t Metadata::set_prefix_ranges(foveaMemory_t memory, int32_t num_ranges, const int32_t* range_start_loc,
                                          const int32_t* ranges) {
  FOVEA_TRY(check_memory(memory));
  FOVEA_REQUIRE(staged_.has_sequences, FOVEA_STATUS_INVALID_STATE,
                "range_start_loc: no sequences are set yet (foveaMetadataSetSequences comes first)");
  FOVEA_REQUIRE_ARGUMENT(num_ranges >= 0 && num_ranges <= limits_.max_prefix_ranges,
                         "num_ranges: %d, expected 0 to the limit max_prefix_ranges (%d)", num_ranges,
                         limits_.max_prefix_ranges);
  if (range_start_loc == nullptr || num_ranges == 0) {
    staged_.has_ranges = false;
    range_start_loc_.borrowed = nullptr;
    ranges_.borrowed = nullptr;
    pending_ = true;
    return FOVEA_STATUS_SUCCESS;
  }
  FOVEA_TRY(check_int32_array(range_start_loc, "range_start_loc"));
  FOVEA_TRY(check_int32_array(ranges, "ranges"));
  if (memory == FOVEA_MEMORY_HOST) {
    FOVEA_TRY(check_ranges(staged_.num_seqs, num_ranges, range_start_loc, ranges));
    copy_ranges(staged_.num_seqs, range_start_loc, ranges, range_start_loc_.spare(), ranges_.spare());
    range_start_loc_.borrowed = nullptr;
    ranges_.borrowed = nullptr;
  } else {
    range_start_loc_.borrowed = range_start_loc;
    ranges_.borrowed = ranges;
  }
  staged_.has_ranges = true;
  staged_.new_ranges = true;
  staged_.num_ranges = num_ranges;
  pending_ = true;
  return FOVEA_STATUS_SUCCESS;
}

// Reads what is borrowed into the spare buffers, so that forwards use exactly what was checked. The block table stays
// where it is: it is large, and of its entries only those that are dereferenced are ever looked at.
foveaStatus_t Metadata::stage_borrowed() {
  const Staged& s = staged_;
  if (query_start_loc_.borrowed != nullptr) {
    copy(query_start_loc_.spare(), query_start_loc_.borrowed, s.num_seqs + int64_t{1});
    copy(seq_lens_.spare(), seq_lens_.borrowed, s.num_seqs);
    FOVEA_TRY(check_sequences(s.num_seqs, s.num_tokens, s.max_query_len, s.max_seq_len, limits_.max_seq_len,
                              query_start_loc_.spare(), seq_lens_.spare()));
  }
  if (s.has_flags && flags_.borrowed != nullptr) {
    copy(flags_.spare(), flags_.borrowed, s.num_seqs);
    FOVEA_TRY(check_flags(s.num_seqs, flags_.spare()));
  }
  if (s.has_ranges && ranges_.borrowed != nullptr) {
    FOVEA_TRY(check_ranges(s.num_seqs, s.num_ranges, range_start_loc_.borrowed, ranges_.borrowed));
    copy_ranges(s.num_seqs, range_start_loc_.borrowed, ranges_.borrowed, range_start_loc_.spare(), ranges_.spare());
  }
  return FOVEA_STATUS_SUCCESS;
}

// Arrays of the host that are new since the last commit. Addresses that the device cannot reach are refused here,
// before anything reads them.
foveaStatus_t Metadata::upload_staged(void* stream) {
  const Staged& s = staged_;
  const auto seqs = static_cast<size_t>(s.num_seqs);
  const FoveaModulePointer borrowed[] = {
      {query_start_loc_.borrowed, "query_start_loc"}, {seq_lens_.borrowed, "seq_lens"},
      {flags_.borrowed, "causal"},                    {range_start_loc_.borrowed, "range_start_loc"},
      {ranges_.borrowed, "ranges"},                   {s.borrowed_table, "block_table"}};
  const GpuDevice& gpu = *context_->gpu();
  FOVEA_TRY(gpu.call(gpu.table().check_pointers, &borrowed[0], static_cast<int32_t>(std::size(borrowed))));

  std::array<DeviceArrays::Source, kBatchArrays> sources;
  const auto add = [&](BatchArray which, const Array& array, size_t count) {
    sources[static_cast<size_t>(which)] = {array.spare(), count};
  };
  if (s.new_sequences && query_start_loc_.borrowed == nullptr) {
    add(BatchArray::kQueryStartLoc, query_start_loc_, seqs + 1);
    add(BatchArray::kSeqLens, seq_lens_, seqs);
  }
  if (s.has_flags && s.new_flags && flags_.borrowed == nullptr) add(BatchArray::kFlags, flags_, seqs);
  if (s.has_ranges && s.new_ranges && ranges_.borrowed == nullptr) {
    add(BatchArray::kRangeStartLoc, range_start_loc_, seqs + 1);
    add(BatchArray::kRanges, ranges_, 2 * static_cast<size_t>(range_start_loc_.spare()[s.num_seqs]));
  }
  if (s.has_table && s.new_table) {
    add(BatchArray::kBlockTable, table_, static_cast<size_t>(s.table_rows) * static_cast<size_t>(s.table_columns));
  }
  return device_arrays_->upload(sources, stream);
}

foveaStatus_t Metadata::commit(void* stream) {
  const bool on_device = device_arrays_ != nullptr;
  FOVEA_REQUIRE_ARGUMENT(on_device || stream == nullptr, "stream: %p, expected NULL on a CPU", stream);
  FOVEA_REQUIRE(staged_.has_sequences, FOVEA_STATUS_INVALID_STATE,
                "metadata: no sequences are set yet (foveaMetadataSetSequences comes first)");
  if (on_device) FOVEA_TRY(context_->gpu()->check_process());
  // If this fails, the batch that was current is in use again.
  pending_ = false;
  if (!on_device) FOVEA_TRY(stage_borrowed());
  FOVEA_REQUIRE_ARGUMENT(!staged_.has_table || staged_.table_rows >= staged_.num_seqs,
                         "block_table: has %d rows, but the batch has %d sequences", staged_.table_rows,
                         staged_.num_seqs);
  if (on_device) FOVEA_TRY(upload_staged(stream));
  publish();
  return FOVEA_STATUS_SUCCESS;
}

void Metadata::publish() {
  Staged& s = staged_;
  const auto swap_if = [](Array& array, bool is_new) {
    if (is_new || array.borrowed != nullptr) array.current = 1 - array.current;
  };
  swap_if(query_start_loc_, s.new_sequences);
  swap_if(seq_lens_, s.new_sequences);
  swap_if(flags_, s.has_flags && s.new_flags);
  swap_if(range_start_loc_, s.has_ranges && s.new_ranges);
  swap_if(ranges_, s.has_ranges && s.new_ranges);
  swap_if(table_, s.has_table && s.new_table);
  s.new_sequences = s.new_flags = s.new_ranges = s.new_table = false;

  batch_.num_seqs = s.num_seqs;
  batch_.num_tokens = s.num_tokens;
  batch_.table_rows = s.has_table ? s.table_rows : 0;
  batch_.table_columns = s.has_table ? s.table_columns : 0;
  batch_.table_stride = s.has_table ? s.table_stride : 0;
  publish_on_host();
  if (device_arrays_ != nullptr) publish_on_device();
  committed_ = true;
  ++generation_;
}

void Metadata::publish_on_host() {
  const Staged& s = staged_;
  const bool knows_lengths = device_arrays_ == nullptr || query_start_loc_.borrowed == nullptr;
  batch_.query_start_loc = query_start_loc_.committed();
  batch_.seq_lens = seq_lens_.committed();
  batch_.host_query_start_loc = knows_lengths ? batch_.query_start_loc : nullptr;
  batch_.host_seq_lens = knows_lengths ? batch_.seq_lens : nullptr;
  batch_.max_query_len = 0;
  batch_.max_seq_len = 0;
  for (int32_t i = 0; knows_lengths && i < s.num_seqs; ++i) {
    batch_.max_query_len =
        std::max(batch_.max_query_len, batch_.query_start_loc[i + 1] - batch_.query_start_loc[i]);
    batch_.max_seq_len = std::max(batch_.max_seq_len, batch_.seq_lens[i]);
  }
  batch_.causal_per_sequence = s.has_flags ? flags_.committed() : nullptr;
  const bool knows_ranges = s.has_ranges && (device_arrays_ == nullptr || ranges_.borrowed == nullptr);
  batch_.num_ranges = knows_ranges ? range_start_loc_.committed()[s.num_seqs] : 0;
  const bool any_range = batch_.num_ranges > 0;
  batch_.range_start_loc = any_range ? range_start_loc_.committed() : nullptr;
  batch_.ranges = any_range ? ranges_.committed() : nullptr;
  batch_.block_table = !s.has_table ? nullptr : s.borrowed_table != nullptr ? s.borrowed_table : table_.committed();
}

// The same batch with the device's addresses.
void Metadata::publish_on_device() {
  const Staged& s = staged_;
  const auto place = [this](BatchArray which, const Array& array) {
    return array.borrowed != nullptr ? array.borrowed : device_arrays_->address(which);
  };
  batch_.query_start_loc = place(BatchArray::kQueryStartLoc, query_start_loc_);
  batch_.seq_lens = place(BatchArray::kSeqLens, seq_lens_);
  if (s.max_query_len > 0) batch_.max_query_len = std::min(s.max_query_len, s.num_tokens);
  if (s.max_seq_len > 0) batch_.max_seq_len = std::min(s.max_seq_len, limits_.max_seq_len);
  if (s.has_flags) batch_.causal_per_sequence = place(BatchArray::kFlags, flags_);
  if (s.has_ranges && ranges_.borrowed != nullptr) batch_.num_ranges = s.num_ranges;
  if (batch_.num_ranges > 0) {
    batch_.range_start_loc = place(BatchArray::kRangeStartLoc, range_start_loc_);
    batch_.ranges = place(BatchArray::kRanges, ranges_);
  }
  if (s.has_table && s.borrowed_table == nullptr) batch_.block_table = device_arrays_->address(BatchArray::kBlockTable);
}

foveaStatus_t Metadata::take_async_error(void* stream, int32_t* sequence) {
  if (device_arrays_ != nullptr) return device_arrays_->take_async_error(stream, sequence);
  FOVEA_REQUIRE_ARGUMENT(stream == nullptr, "stream: %p, expected NULL on a CPU", stream);
  // Offending data is refused before anything runs.
  *sequence = -1;
  return FOVEA_STATUS_SUCCESS;
}

foveaStatus_t Metadata::get_batch(const CommittedBatch** batch) const {
  FOVEA_REQUIRE(!pending_, FOVEA_STATUS_INVALID_STATE, "metadata: changed but not committed (foveaMetadataCommit)");
  FOVEA_REQUIRE(committed_, FOVEA_STATUS_INVALID_STATE, "metadata: nothing is committed yet (foveaMetadataCommit)");
  *batch = &batch_;
  return FOVEA_STATUS_SUCCESS;
}

}  // namespace fovea
