#include "impl/metadata_check.h"

#include "impl/error.h"
#include "impl/memory.h"

namespace fovea {

foveaStatus_t check_sequences(int32_t num_seqs, int32_t num_tokens, int32_t max_query_len, int32_t max_seq_len,
                              int32_t limit_seq_len, const int32_t* query_start_loc, const int32_t* seq_lens) {
  FOVEA_REQUIRE_ARGUMENT(query_start_loc[0] == 0, "query_start_loc: row 0 is %d, expected 0", query_start_loc[0]);
  for (int32_t s = 0; s < num_seqs; ++s) {
    const int32_t begin = query_start_loc[s];
    const int32_t end = query_start_loc[s + 1];
    FOVEA_REQUIRE_ARGUMENT(end >= begin, "query_start_loc: row %d is %d, below row %d (%d)", s + 1, end, s, begin);
    FOVEA_REQUIRE_ARGUMENT(max_query_len == 0 || end - begin <= max_query_len,
                           "query_start_loc: sequence %d has query_len %d, above max_query_len (%d)", s, end - begin,
                           max_query_len);
    FOVEA_REQUIRE_ARGUMENT(seq_lens[s] >= 0, "seq_lens: row %d is %d, expected 0 or more", s, seq_lens[s]);
    FOVEA_REQUIRE_ARGUMENT(seq_lens[s] <= limit_seq_len, "seq_lens: row %d is %d, above the limit max_seq_len (%d)", s,
                           seq_lens[s], limit_seq_len);
    FOVEA_REQUIRE_ARGUMENT(max_seq_len == 0 || seq_lens[s] <= max_seq_len,
                           "seq_lens: row %d is %d, above max_seq_len (%d)", s, seq_lens[s], max_seq_len);
  }
  FOVEA_REQUIRE_ARGUMENT(query_start_loc[num_seqs] == num_tokens,
                         "query_start_loc: row %d is %d, expected num_tokens (%d)", num_seqs, query_start_loc[num_seqs],
                         num_tokens);
  return FOVEA_STATUS_SUCCESS;
}

foveaStatus_t check_flags(int32_t num_seqs, const int32_t* causal) {
  for (int32_t s = 0; s < num_seqs; ++s) {
    FOVEA_REQUIRE_ARGUMENT(causal[s] == 0 || causal[s] == 1, "causal: row %d is %d, expected 0 or 1", s, causal[s]);
  }
  return FOVEA_STATUS_SUCCESS;
}

foveaStatus_t check_ranges(int32_t num_seqs, int32_t num_ranges, const int32_t* range_start_loc,
                           const int32_t* ranges) {
  FOVEA_REQUIRE_ARGUMENT(range_start_loc[0] == 0, "range_start_loc: row 0 is %d, expected 0", range_start_loc[0]);
  for (int32_t s = 0; s < num_seqs; ++s) {
    const int32_t begin = range_start_loc[s];
    const int32_t end = range_start_loc[s + 1];
    FOVEA_REQUIRE_ARGUMENT(end >= begin, "range_start_loc: row %d is %d, below row %d (%d)", s + 1, end, s, begin);
    FOVEA_REQUIRE_ARGUMENT(end <= num_ranges, "range_start_loc: row %d is %d, above num_ranges (%d)", s + 1, end,
                           num_ranges);
    int32_t previous = -1;  // last position of the range before
    for (int32_t r = begin; r < end; ++r) {
      const int32_t first = ranges[2 * static_cast<int64_t>(r)];
      const int32_t last = ranges[2 * static_cast<int64_t>(r) + 1];
      if (first >= last) continue;
      FOVEA_REQUIRE_ARGUMENT(first >= 0, "ranges: row %d starts at %d, expected 0 or more", r, first);
      FOVEA_REQUIRE_ARGUMENT(first > previous,
                             "ranges: row %d starts at %d, but the range before it in sequence %d ends at %d (expected "
                             "sorted, disjoint ranges)",
                             r, first, s, previous);
      previous = last;
    }
  }
  FOVEA_REQUIRE_ARGUMENT(range_start_loc[num_seqs] == num_ranges,
                         "range_start_loc: row %d is %d, expected num_ranges (%d)", num_seqs, range_start_loc[num_seqs],
                         num_ranges);
  return FOVEA_STATUS_SUCCESS;
}

foveaStatus_t check_int32_array(const int32_t* array, const char* name) {
  FOVEA_REQUIRE_ARGUMENT(array != nullptr, "%s: NULL, expected an array", name);
  FOVEA_REQUIRE_ARGUMENT(is_aligned(array, alignof(int32_t)), "%s: %p is not aligned to %zu bytes", name,
                         static_cast<const void*>(array), alignof(int32_t));
  return FOVEA_STATUS_SUCCESS;
}

}  // namespace fovea
