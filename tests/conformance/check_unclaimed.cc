// What a backend does not claim it refuses, in the words that engines know: when a config is checked, selected for and bound,
// and where no config says it, at the call.
#include <algorithm>
#include <functional>
#include <set>

#include "tests/conformance/checks.h"

namespace fovea_test {

using namespace fovea_reference;

namespace {

struct Unclaimed {
  foveaCapability_t capability;
  foveaReason_t reason;
  const char* words;  // the sentence begins with them
  std::function<void(Case&)> ask;
};

const std::vector<Unclaimed>& refused_by_config() {
  static const std::vector<Unclaimed> all = {
      {FOVEA_CAPABILITY_NON_CAUSAL, FOVEA_REASON_NON_CAUSAL, "non-causal attention not supported",
       [](Case& c) { c.mask = Mask::kNonCausal; }},
      {FOVEA_CAPABILITY_PER_SEQUENCE_CAUSAL, FOVEA_REASON_PER_SEQUENCE_CAUSAL, "per-sequence causal not supported",
       [](Case& c) { c.mask = Mask::kMixed; }},
      {FOVEA_CAPABILITY_SLIDING_WINDOW, FOVEA_REASON_SLIDING_WINDOW, "sliding window not supported",
       [](Case& c) { c.window_left = 15; }},
      {FOVEA_CAPABILITY_SLIDING_WINDOW_RIGHT, FOVEA_REASON_SLIDING_WINDOW, "sliding window not supported: right side",
       [](Case& c) {
         c.mask = Mask::kNonCausal;  // causal rows ignore that side
         c.window_right = 3;
       }},
      {FOVEA_CAPABILITY_PREFIX_RANGES, FOVEA_REASON_PREFIX_RANGES,
       "partial multimodal token full attention not supported", [](Case& c) { c.ranges = Ranges::kFull; }},
      {FOVEA_CAPABILITY_LOGITS_SOFT_CAP, FOVEA_REASON_LOGITS_SOFT_CAP, "logits soft cap not supported",
       [](Case& c) { c.softcap = 30; }},
      {FOVEA_CAPABILITY_ALIBI, FOVEA_REASON_ALIBI, "alibi not supported", [](Case& c) { c.alibi = Alibi::kLinear; }},
      {FOVEA_CAPABILITY_ALIBI_SQRT, FOVEA_REASON_ALIBI, "alibi not supported: square-root form",
       [](Case& c) { c.alibi = Alibi::kSqrt; }},
      {FOVEA_CAPABILITY_SINKS, FOVEA_REASON_SINKS, "attention sinks not supported", [](Case& c) { c.sinks = true; }},
      {FOVEA_CAPABILITY_LSE, FOVEA_REASON_LSE, "lse output not supported", [](Case& c) { c.lse = true; }},
      {FOVEA_CAPABILITY_FP8_KV_CACHE, FOVEA_REASON_KV_CACHE_DATA_TYPE, "kv_cache_dtype not supported: f8_e4m3fn",
       [](Case& c) { c.cache = Type::kE4M3FN; }},
      {FOVEA_CAPABILITY_FP8_QUERY, FOVEA_REASON_DATA_TYPE, "dtype not supported: query f8_e4m3fn",
       [](Case& c) { c.query = Type::kE4M3FN; }},
      {FOVEA_CAPABILITY_FP8_OUTPUT, FOVEA_REASON_OUTPUT_DATA_TYPE, "output dtype not supported: f8_e4m3fn",
       [](Case& c) { c.output = Type::kE4M3FN; }},
      {FOVEA_CAPABILITY_PER_HEAD_KV_SCALES, FOVEA_REASON_PER_HEAD_KV_SCALES, "per-head quant scales not supported",
       [](Case& c) {
         c.cache = Type::kE4M3FN;
         c.scales = FOVEA_KV_SCALES_PER_HEAD;
       }},
      {FOVEA_CAPABILITY_VECTORIZED_KV_CACHE, FOVEA_REASON_KV_CACHE_LAYOUT, "kv_cache layout not supported: vectorized",
       [](Case& c) { c.layout = Layout::kVectorized; }},
      {FOVEA_CAPABILITY_DIFFERENT_V_SIZE, FOVEA_REASON_HEAD_SIZE,
       "head_size not supported: head_size_v 128 differs from head_size 64", [](Case& c) { c.head_size_v = 128; }},
      {FOVEA_CAPABILITY_BATCH_INVARIANCE, FOVEA_REASON_BATCH_INVARIANCE, "batch invariance not supported",
       [](Case& c) { c.batch_invariant = true; }},
      {FOVEA_CAPABILITY_DECODER, FOVEA_REASON_ATTENTION_TYPE, "attention type decoder not supported", {}},
      {FOVEA_CAPABILITY_ENCODER, FOVEA_REASON_ATTENTION_TYPE, "attention type encoder not supported",
       [](Case& c) { c.type = Kind::kEncoder; }},
      {FOVEA_CAPABILITY_ENCODER_DECODER, FOVEA_REASON_ATTENTION_TYPE, "attention type encoder-decoder not supported",
       [](Case& c) { c.type = Kind::kEncoderDecoder; }},
  };
  return all;
}

bool claims(const Run& run, foveaCapability_t capability) {
  int32_t supported = 0;
  FOVEA_OK(foveaBackendSupports(run.engine.backend(), capability, &supported));
  return supported != 0;
}

// The only capability of a call alone.
void require_partial_states_refused(Run& run, Case c) {
  Workload workload(c, run.engine.memory());
  const Attention attention = make_attention(run.engine, c);
  const Metadata metadata = make_metadata(run.engine, workload, c.threads);
  workload.prepare();
  DeviceBuffer workspace = make_workspace(run.engine, attention.get(), workload.limits(), 0xff);
  foveaForwardArgs_t args = workload.forward_args();
  args.workspace = workspace.device();
  args.workspace_size = workspace.size();
  args.flags = FOVEA_FORWARD_PARTIAL_STATE;
  require_refusal(foveaAttentionForward(attention.get(), metadata.get(), &args), FOVEA_STATUS_NOT_SUPPORTED,
                  "partial states not supported", "a partial state");
}

}  // namespace

void require_config_refused(Run& run, foveaConfig_t config, foveaReason_t reason, const std::string& words,
                            const std::string& what) {
  foveaReport_t raw = nullptr;
  const foveaStatus_t status = foveaConfigCheck(config, run.engine.backend(), &raw);
  const Report report(raw, {foveaReportDestroy});
  require_refusal(status, FOVEA_STATUS_NOT_SUPPORTED, words, what);
  int32_t count = 0;
  bool found = false;
  FOVEA_OK(foveaReportGetCount(report.get(), &count));
  for (int32_t i = 0; i < count; ++i) {
    foveaReason_t code = FOVEA_REASON_NONE;
    const char* sentence = nullptr;
    FOVEA_OK(foveaReportGetReason(report.get(), i, &code, &sentence));
    found |= code == reason && std::string(sentence).rfind(words, 0) == 0;
  }
  if (!found) throw Failure(text("%s: no reason %d begins with '%s'", what.c_str(), reason, words.c_str()));
  // Nobody else takes it either: selecting and binding say the same.
  foveaBackend_t selected = FOVEA_BACKEND_AUTO;
  require_refusal(foveaSelectBackend(run.engine.context(1), config, run.engine.backend(), &selected),
                  FOVEA_STATUS_NOT_SUPPORTED, words, what + ", foveaSelectBackend");
  foveaAttention_t attention = nullptr;
  require_refusal(foveaAttentionCreate(run.engine.context(1), config, run.engine.backend(), &attention),
                  FOVEA_STATUS_NOT_SUPPORTED, words, what + ", foveaAttentionCreate");
}

void check_unclaimed(Run& run, const Case& base) {
  std::set<foveaCapability_t> met = {FOVEA_CAPABILITY_GRAPH_CAPTURE};  // nobody can ask for it
  for (const Unclaimed& unclaimed : refused_by_config()) {
    met.insert(unclaimed.capability);
    if (claims(run, unclaimed.capability)) continue;
    Case c = base;
    if (unclaimed.ask) unclaimed.ask(c);
    require_config_refused(run, make_config(c).get(), unclaimed.reason, unclaimed.words,
                           foveaCapabilityName(unclaimed.capability));
  }
  met.insert(FOVEA_CAPABILITY_PARTIAL_STATE);
  if (!claims(run, FOVEA_CAPABILITY_PARTIAL_STATE)) require_partial_states_refused(run, base);
  if (met.size() != FOVEA_CAPABILITY_COUNT) throw Failure("a capability has no refusal in this list");

  struct Role {
    foveaDataTypeRole_t role;
    foveaReason_t reason;
    const char* words;
    Type Case::*type;
  };
  static constexpr Role kRoles[] = {
      {FOVEA_ROLE_QUERY, FOVEA_REASON_DATA_TYPE, "dtype not supported: query ", &Case::query},
      {FOVEA_ROLE_KV_CACHE, FOVEA_REASON_KV_CACHE_DATA_TYPE, "kv_cache_dtype not supported: ", &Case::cache},
      {FOVEA_ROLE_OUTPUT, FOVEA_REASON_OUTPUT_DATA_TYPE, "output dtype not supported: ", &Case::output},
  };
  for (const Role& role : kRoles) {
    for (const Type type : {Type::kF32, Type::kF16, Type::kBF16, Type::kE4M3FN, Type::kE4M3FNUZ, Type::kE5M2}) {
      int32_t supported = 0;
      FOVEA_OK(foveaBackendSupportsDataType(run.engine.backend(), role.role, fovea_type(type), &supported));
      if (supported) continue;
      Case c = base;
      c.*role.type = type;
      const std::string words = std::string(role.words) + foveaDataTypeName(fovea_type(type));
      require_config_refused(run, make_config(c).get(), role.reason, words, words);
    }
  }
}

}  // namespace fovea_test
