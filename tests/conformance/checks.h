// What a case can be checked for. A check throws Failure or Skip, or returns.
#pragma once

#include <string>
#include <vector>

#include "tests/conformance/compare.h"
#include "tests/conformance/fovea_calls.h"

namespace fovea_test {

// What the checks of one run share.
struct Run {
  explicit Run(const Target& target) : engine(target) {}
  Engine engine;
  int32_t reference_threads = 1;
  double reference_budget = 3e8;  // multiply-adds; beyond it only some rows are compared
  int64_t forwards = 0;
  Errors worst[3];                // by the query's type: f32, f16, bf16 and fp8
};

using Check = void (*)(Run&, const Case&);

void check_forward(Run& run, const Case& c);     // against the reference
void check_bitwise(Run& run, const Case& c);     // the same inputs give the same bits
void check_needle(Run& run, const Case& c);      // one heavy key at every edge
void check_neighbours(Run& run, const Case& c);  // bits do not depend on neighbours, block ids, threads
void check_query_rows(Run& run, const Case& c);  // bits do not depend on how many rows are asked for at once
void check_padding(Run& run, const Case& c);     // padded entries change nothing
void check_plan(Run& run, const Case& c);        // one plan serves several layers
void check_write(Run& run, const Case& c);       // cache writes, bit for bit
void check_write_then_read(Run& run, const Case& c);  // chunks written by the library and read back
void check_merge(Run& run, const Case& c);       // partial states over pieces of the keys make the whole
void check_cascade(Run& run, const Case& c);     // a shared prefix computed once for all sequences
void check_merge_states(Run& run, const Case& c);  // the merge by itself
void check_claim(Run& run, const Case& c);       // a capability is not ignored
void check_claims_complete(Run& run, const Case& c);  // every claim has its proof
void check_unclaimed(Run& run, const Case& c);   // what is not claimed is refused in the words that engines know
void check_bounds(Run& run, const Case& c);      // every size that is claimed works, others are refused
void check_refusal(Run& run, const Case& c);     // a refusal says why
void check_graph(Run& run, const Case& c);       // one recorded graph, launched for batches of other lengths
void check_device_errors(Run& run, const Case& c);  // wrong numbers that only the device sees

// Not a check: prints how long a forward takes, and its rates.
void time_forward(Run& run, const Case& c);

struct NamedCheck {
  const char* name;
  Check check;
};
const std::vector<NamedCheck>& all_checks();

// Throws Failure naming the first element that differs.
void require_same_bits(const std::vector<uint32_t>& a, const std::vector<uint32_t>& b, const std::string& what);

// Throws Failure unless checking, selecting for and binding a config on the backend under test are refused with a sentence
// that begins with `words`.
void require_config_refused(Run& run, foveaConfig_t config, foveaReason_t reason, const std::string& words,
                            const std::string& what);

// Reference and comparison of a finished forward.
Errors compare_with_reference(Run& run, Workload& workload, const std::vector<uint8_t>& left_out = {});

}  // namespace fovea_test
