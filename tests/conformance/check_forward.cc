// Checks of whole forwards: against the reference, run twice, with padded entries, with one plan for several layers.
#include <algorithm>
#include <cmath>

#include "tests/conformance/checks.h"
#include "tests/conformance/random_data.h"

namespace fovea_test {

using namespace fovea_reference;

void require_same_bits(const std::vector<uint32_t>& a, const std::vector<uint32_t>& b, const std::string& what) {
  if (a.size() != b.size()) throw Failure(what + ": different numbers of elements");
  for (size_t i = 0; i < a.size(); ++i) {
    if (a[i] != b[i]) throw Failure(text("%s: element %zu is %08x in one and %08x in the other", what.c_str(), i, a[i], b[i]));
  }
}

Errors compare_with_reference(Run& run, Workload& workload, const std::vector<uint8_t>& left_out) {
  const std::vector<uint8_t> wanted = choose_rows(workload, run.reference_budget);
  const Result reference = attention(workload.problem(), run.reference_threads, wanted);
  const Errors errors = compare(workload, reference, wanted, left_out);
  Errors& worst = run.worst[workload.query.type == Type::kF32 ? 0 : workload.query.type == Type::kF16 ? 1 : 2];
  worst.output = std::max(worst.output, errors.output);
  worst.tolerance_used = std::max(worst.tolerance_used, errors.tolerance_used);
  worst.lse = std::max(worst.lse, errors.lse);
  return errors;
}

void check_forward(Run& run, const Case& c) {
  Workload workload(c, run.engine.memory());
  run_forward(run.engine, workload);
  ++run.forwards;
  compare_with_reference(run, workload);
}

void check_bitwise(Run& run, const Case& c) {
  Workload workload(c, run.engine.memory());
  run_forward(run.engine, workload, {0, 0xff});
  const std::vector<uint32_t> first = workload.row_bits(0, workload.num_tokens());
  for (const uint8_t poison : {0x00, 0x3f}) {
    run_forward(run.engine, workload, {0, poison});
    require_same_bits(first, workload.row_bits(0, workload.num_tokens()), "run twice");
  }
  run.forwards += 3;
}

void check_padding(Run& run, const Case& c) {
  Case plain = c;
  plain.padding = 0;
  Workload without(plain, run.engine.memory());
  run_forward(run.engine, without);
  Case padded = c;
  padded.padding = std::max(1, c.padding);
  Workload with(padded, run.engine.memory());
  run_forward(run.engine, with);
  run.forwards += 2;
  require_same_bits(without.row_bits(0, without.num_tokens()), with.row_bits(0, with.num_tokens()), "padded entries");
  compare_with_reference(run, with);
}

namespace {

// Another layer's queries over the same batch: every sign turned.
void negate_queries(Workload& workload) {
  const View& query = workload.query;
  const uint32_t sign = 1u << (8 * bytes_of(query.type) - 1);
  for (int64_t token = 0; token < workload.num_tokens(); ++token) {
    for (int64_t h = 0; h < query.shape[1]; ++h) {
      for (int64_t d = 0; d < query.shape[2]; ++d) {
        const int64_t at = token * query.strides[0] + h * query.strides[1] + d;
        const uint32_t bits = load_bits(query.type, query.host(), at);
        // e4m3fnuz has no negative zero: that pattern is NaN.
        if (query.type == Type::kE4M3FNUZ && bits == 0) continue;
        store_bits(query.type, query.host(), at, bits ^ sign);
      }
    }
  }
}

}  // namespace

void check_plan(Run& run, const Case& c) {
  Workload workload(c, run.engine.memory());
  const Attention layer_a = make_attention(run.engine, c);
  const Attention layer_b = make_attention(run.engine, c);
  const Metadata metadata = make_metadata(run.engine, workload, c.threads);
  foveaForwardArgs_t args = workload.forward_args();
  DeviceBuffer plan = make_plan(run.engine, layer_a.get(), workload.limits(), metadata.get(), args.causal);

  const auto forward = [&](const Attention& layer, bool planned) {
    args.plan = planned ? plan.device() : nullptr;
    args.plan_size = planned ? plan.size() : 0;
    workload.prepare();
    run_forward(run.engine, layer.get(), metadata.get(), workload.limits(), args);
    workload.check_memory();
    ++run.forwards;
    return workload.row_bits(0, workload.num_tokens());
  };
  require_same_bits(forward(layer_a, false), forward(layer_a, true), "with and without a plan");
  compare_with_reference(run, workload);
  negate_queries(workload);
  const std::vector<uint32_t> planned = forward(layer_b, true);
  compare_with_reference(run, workload);
  require_same_bits(forward(layer_b, false), planned, "the second layer with and without the first one's plan");
  if (!plan.unchanged()) throw Failure("a forward changed the plan");

  // Once the batch is another, the old plan must be refused, with the output left alone.
  FOVEA_OK(foveaMetadataSetSequences(metadata.get(), FOVEA_MEMORY_HOST, workload.num_seqs(), workload.num_tokens(), 0, 0,
                                     workload.query_start_loc().data(), workload.seq_lens().data()));
  FOVEA_OK(foveaMetadataCommit(metadata.get(), run.engine.stream()));
  if (!workload.causal_per_sequence().empty() || c.ranges != Ranges::kNone) return;
  workload.prepare();
  DeviceBuffer workspace = make_workspace(run.engine, layer_a.get(), workload.limits(), 0xff);
  args.plan = plan.device();
  args.plan_size = plan.size();
  args.workspace = workspace.device();
  args.workspace_size = workspace.size();
  const foveaStatus_t status = foveaAttentionForward(layer_a.get(), metadata.get(), &args);
  if (status == FOVEA_STATUS_SUCCESS) throw Failure("a plan made before the last commit was accepted");
  workload.check_memory();
  for (size_t i = 0; i < workload.output.buffer->size(); ++i) {
    if (workload.output.buffer->host()[i] != nan_byte(workload.output.type)) {
      throw Failure("a refused forward wrote to the output");
    }
  }
}

const std::vector<NamedCheck>& all_checks() {
  static const std::vector<NamedCheck> checks = {
      {"forward", check_forward},
      {"bitwise", check_bitwise},
      {"needle", check_needle},
      {"neighbours", check_neighbours},
      {"query_rows", check_query_rows},
      {"padding", check_padding},
      {"plan", check_plan},
      {"write", check_write},
      {"write_then_read", check_write_then_read},
      {"merge", check_merge},
      {"cascade", check_cascade},
      {"merge_states", check_merge_states},
      {"claim", check_claim},
      {"claims_complete", check_claims_complete},
      {"unclaimed", check_unclaimed},
      {"bounds", check_bounds},
      {"refusal", check_refusal},
      {"graph", check_graph},
      {"device_errors", check_device_errors},
  };
  return checks;
}

}  // namespace fovea_test
