// Proofs of capabilities. A proof first shows, with the reference alone, that a backend which ignored the feature would be
// off by far more than the tolerance on this case; then it runs the case.
#include <algorithm>
#include <cmath>
#include <cstring>
#include <functional>
#include <map>
#include <set>

#include "tests/conformance/case_list.h"
#include "tests/conformance/checks.h"
#include "tests/conformance/random_data.h"
#include "tests/conformance/smaller_type.h"

namespace fovea_test {

using namespace fovea_reference;

namespace {

// A problem as a backend would understand it that ignores something; `memory` keeps altered copies of tensors.
struct Misread {
  Problem problem;
  std::vector<std::vector<uint8_t>> memory;
  // How the correct result would come out where it is the output that is misread.
  std::function<double(double)> output;
};

// A copy of a tensor's buffer with every element rounded to bf16, which is what using too low a precision does to it.
const void* rounded_copy(const View& view, Misread* misread) {
  const size_t size = bytes_of(view.type);
  misread->memory.emplace_back(view.buffer->host(), view.buffer->host() + view.buffer->size());
  std::vector<uint8_t>& copy = misread->memory.back();
  for (size_t i = 0; i < copy.size() / size; ++i) {
    const auto at = static_cast<int64_t>(i);
    store(view.type, copy.data(), at, round_to(Type::kBF16, load(view.type, copy.data(), at)));
  }
  return copy.data() + view.offset * static_cast<int64_t>(size);
}

// The type that an element could be mistaken for.
Type lookalike(Type type) {
  switch (type) {
    case Type::kF16: return Type::kBF16;
    case Type::kBF16: return Type::kF16;
    case Type::kE4M3FN: return Type::kE4M3FNUZ;
    case Type::kE4M3FNUZ: return Type::kE4M3FN;
    case Type::kE5M2: return Type::kE4M3FN;
    default: return type;
  }
}

using Ignore = std::function<void(const Workload&, Misread*)>;

const std::map<std::string, Ignore>& ignored_features() {
  const auto type_of_query = [](const Workload& w, Misread* m) {
    m->problem.query.type = lookalike(w.query.type);
    if (w.query.type == Type::kF32) m->problem.query.data = rounded_copy(w.query, m);
  };
  const auto type_of_cache = [](const Workload& w, Misread* m) {
    m->problem.key_cache.type = m->problem.value_cache.type = lookalike(w.key_cache.type);
    if (w.key_cache.type == Type::kF32) {
      m->problem.key_cache.data = rounded_copy(w.key_cache, m);
      m->problem.value_cache.data = rounded_copy(w.value_cache, m);
    }
  };
  const auto type_of_output = [](const Workload& w, Misread* m) {
    const Type type = w.output.type;
    const double scale = w.problem().output_scale;
    m->output = [type, scale](double o) {
      if (type == Type::kF32) return round_to(Type::kBF16, o);
      return decode_bits(lookalike(type), encode_bits(type, o / scale)) * scale;
    };
  };
  static const std::map<std::string, Ignore> all = {
      {"non_causal", [](const Workload&, Misread* m) { m->problem.causal = true; }},
      {"per_sequence_causal", [](const Workload&, Misread* m) { m->problem.causal_per_sequence.clear(); }},
      {"sliding_window", [](const Workload&, Misread* m) { m->problem.window_left = -1; }},
      {"sliding_window/off_by_one", [](const Workload&, Misread* m) { m->problem.window_left -= 1; }},
      {"sliding_window_right", [](const Workload&, Misread* m) { m->problem.window_right = -1; }},
      {"prefix_ranges", [](const Workload&, Misread* m) { m->problem.ranges_kind = Ranges::kNone; }},
      {"prefix_ranges/windowed", [](const Workload&, Misread* m) { m->problem.ranges_kind = Ranges::kFull; }},
      {"logits_soft_cap", [](const Workload&, Misread* m) { m->problem.softcap = 0; }},
      {"alibi", [](const Workload&, Misread* m) { m->problem.alibi = Alibi::kNone; }},
      {"alibi/one_sided",
       [](const Workload&, Misread* m) { m->problem.window_right = 0; }},  // keys after the row left out
      {"alibi_sqrt", [](const Workload&, Misread* m) { m->problem.alibi = Alibi::kLinear; }},
      {"sinks", [](const Workload&, Misread* m) { m->problem.sinks.clear(); }},
      {"sinks/counted_twice",
       [](const Workload&, Misread* m) {
         for (float& sink : m->problem.sinks) sink += std::log(2.0f);
       }},
      {"lse", [](const Workload&, Misread* m) { m->problem.sinks.clear(); }},
      {"partial_state",
       [](const Workload& w, Misread* m) {
         const auto* sinks = reinterpret_cast<const float*>(w.sinks.host());
         m->problem.partial = false;
         m->problem.sinks.assign(sinks, sinks + w.test_case().num_query_heads);
       }},
      {"fp8_kv_cache",
       [](const Workload&, Misread* m) {
         m->problem.k_scales.clear();
         m->problem.v_scales.clear();
       }},
      {"fp8_query", [](const Workload&, Misread* m) { m->problem.q_scale = 1; }},
      {"fp8_output",
       [](const Workload& w, Misread* m) {
         const double scale = w.problem().output_scale;
         m->output = [scale](double o) { return o * scale; };
       }},
      {"per_head_kv_scales",
       [](const Workload&, Misread* m) {
         m->problem.k_scales.resize(1);
         m->problem.v_scales.resize(1);
       }},
      {"vectorized_kv_cache",
       [](const Workload& w, Misread* m) {
         const Case& c = w.test_case();
         m->problem.layout = Layout::kStrided;
         for (Cache* cache : {&m->problem.key_cache, &m->problem.value_cache}) {
           const int64_t size = cache == &m->problem.key_cache ? c.head_size : c.v_size();
           cache->strides[3] = 1;
           cache->strides[2] = size;
           cache->strides[1] = size * c.num_kv_heads;
           cache->strides[0] = size * c.num_kv_heads * c.block_size;
         }
       }},
      {"different_v_size",
       [](const Workload& w, Misread* m) {
         const Case& c = w.test_case();
         int64_t* strides = m->problem.value_cache.strides;
         strides[2] = c.head_size;
         strides[1] = static_cast<int64_t>(c.head_size) * c.num_kv_heads;
         strides[0] = strides[1] * c.block_size;
       }},
      {"decoder", [](const Workload&, Misread* m) { m->problem.kind = Kind::kEncoderDecoder; }},
      {"encoder", [](const Workload&, Misread* m) { m->problem.kind = Kind::kDecoder; }},
      {"encoder_decoder", [](const Workload&, Misread* m) { m->problem.kind = Kind::kDecoder; }},
      {"query:f32", type_of_query},       {"query:f16", type_of_query},      {"query:bf16", type_of_query},
      {"query:f8_e4m3fn", type_of_query}, {"query:f8_e4m3fnuz", type_of_query}, {"query:f8_e5m2", type_of_query},
      {"cache:f32", type_of_cache},       {"cache:f16", type_of_cache},      {"cache:bf16", type_of_cache},
      {"cache:f8_e4m3fn", type_of_cache}, {"cache:f8_e4m3fnuz", type_of_cache}, {"cache:f8_e5m2", type_of_cache},
      {"output:f32", type_of_output},     {"output:f16", type_of_output},    {"output:bf16", type_of_output},
      {"output:f8_e4m3fn", type_of_output}, {"output:f8_e4m3fnuz", type_of_output}, {"output:f8_e5m2", type_of_output},
  };
  return all;
}

// What other checks prove, by their names.
const std::map<std::string, std::vector<std::string>>& proven_by_checks() {
  static const std::map<std::string, std::vector<std::string>> all = {
      {"batch_invariance", {"neighbours", "query_rows"}},
      {"graph_capture", {"graph"}},
  };
  return all;
}

// How many tolerances apart the right and the misread result must be.
constexpr double kClear = 4;

}  // namespace

void check_claim(Run& run, const Case& c) {
  const auto found = ignored_features().find(c.claim);
  if (found == ignored_features().end()) throw Failure("no such claim: " + c.claim);
  Workload workload(c, run.engine.memory());
  const Problem& p = workload.problem();
  const Result right = attention(p, run.reference_threads);
  Misread misread;
  misread.problem = p;
  // A backend that ignores a mask would follow entries that hold anything; the reference must survive them.
  std::vector<int32_t> table = workload.block_table();
  for (int32_t& block : table) {
    if (block < 0 || block >= workload.num_blocks()) block = 0;
  }
  misread.problem.block_table = table.data();
  found->second(workload, &misread);
  Result wrong = attention(misread.problem, run.reference_threads);
  if (misread.output) {
    for (size_t i = 0; i < wrong.out.size(); ++i) wrong.out[i] = misread.output(right.out[i]);
  }
  const double allowed = tolerance(p, right, 0, workload.num_tokens(), {});
  double apart = 0;
  for (size_t i = 0; i < right.out.size(); ++i) {
    // A misreading may meet NaN: that counts as far away.
    const double distance = std::fabs(right.out[i] - wrong.out[i]) / allowed;
    apart = std::max(apart, std::isnan(distance) ? kClear + 1 : distance);
  }
  if (c.claim == "lse") {
    apart = 0;
    for (size_t i = 0; i < right.lse.size(); ++i) apart = std::max(apart, std::fabs(right.lse[i] - wrong.lse[i]) / 1e-3);
  }
  if (!(apart > kClear)) {
    throw Failure(text("this case proves nothing: ignoring %s changes it by %.3g tolerances only", c.claim.c_str(), apart));
  }
  run_forward(run.engine, workload);
  ++run.forwards;
  compare(workload, right, {});
}

void check_claims_complete(Run& run, const Case&) {
  const foveaBackend_t backend = run.engine.backend();
  int32_t takes_f32 = 0;
  FOVEA_OK(foveaBackendSupportsDataType(backend, FOVEA_ROLE_QUERY, FOVEA_DATA_TYPE_F32, &takes_f32));
  // A case that needs what this backend does not claim is skipped, so it proves nothing.
  const auto is_run = [&](const Case& c) {
    return claims_everything(backend, takes_f32 ? c : with_smaller_type(c, "both"));
  };
  std::set<std::string> proven;
  for (const Case& c : claim_cases()) {
    if (c.check == "claim" && is_run(c)) proven.insert(c.claim);
  }
  std::set<std::string> checked;
  for (const Case& c : must_run_cases(run.engine.on_gpu())) {
    if (is_run(c)) checked.insert(c.check);
  }
  const auto require_proof = [&](const std::string& claim) {
    const auto by_checks = proven_by_checks().find(claim);
    if (by_checks != proven_by_checks().end()) {
      for (const std::string& check : by_checks->second) {
        if (!checked.count(check)) throw Failure(claim + " is claimed, and its check " + check + " is not in the list");
      }
    } else if (!proven.count(claim)) {
      throw Failure(claim + " is claimed without a proof");
    }
  };
  for (int32_t i = 0; i < FOVEA_CAPABILITY_COUNT; ++i) {
    const auto capability = static_cast<foveaCapability_t>(i);
    int32_t supported = -1;
    FOVEA_OK(foveaBackendSupports(backend, capability, &supported));
    if (supported != 0 && supported != 1) throw Failure("a capability is neither 0 nor 1");
    if (supported) require_proof(foveaCapabilityName(capability));
    // A CPU has no graphs to capture: a claim could not be proven.
    if (capability == FOVEA_CAPABILITY_GRAPH_CAPTURE && !run.engine.on_gpu() && supported) {
      throw Failure("graph capture is claimed on a CPU");
    }
  }
  int32_t non_causal = -1, supports_non_causal = -1;
  FOVEA_OK(foveaBackendSupportsNonCausal(backend, &non_causal));
  FOVEA_OK(foveaBackendSupports(backend, FOVEA_CAPABILITY_NON_CAUSAL, &supports_non_causal));
  if (non_causal != supports_non_causal) throw Failure("the two queries for non-causal support disagree");
  const std::pair<foveaDataTypeRole_t, const char*> roles[] = {
      {FOVEA_ROLE_QUERY, "query"}, {FOVEA_ROLE_KV_CACHE, "cache"}, {FOVEA_ROLE_OUTPUT, "output"}};
  for (const auto& [role, name] : roles) {
    for (int32_t type = FOVEA_DATA_TYPE_F32; type <= FOVEA_DATA_TYPE_F8_E5M2; ++type) {
      int32_t supported = -1;
      FOVEA_OK(foveaBackendSupportsDataType(backend, role, static_cast<foveaDataType_t>(type), &supported));
      if (supported) require_proof(std::string(name) + ":" + foveaDataTypeName(static_cast<foveaDataType_t>(type)));
    }
  }
}

}  // namespace fovea_test
