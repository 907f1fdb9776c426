// Checks of the arrays of a batch; each failure names the argument, the row and the value.
#pragma once

#include "fovea/fovea.h"

namespace fovea {

// Bounds of 0 are no bounds.
foveaStatus_t check_sequences(int32_t num_seqs, int32_t num_tokens, int32_t max_query_len, int32_t max_seq_len,
                              int32_t limit_seq_len, const int32_t* query_start_loc, const int32_t* seq_lens);

foveaStatus_t check_flags(int32_t num_seqs, const int32_t* causal);

foveaStatus_t check_ranges(int32_t num_seqs, int32_t num_ranges, const int32_t* range_start_loc, const int32_t* ranges);

foveaStatus_t check_int32_array(const int32_t* array, const char* name);

}  // namespace fovea
