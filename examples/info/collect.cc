#include "collect.h"

#include <cstdlib>
#include <fstream>
#include <set>
#include <sstream>
#include <stdexcept>

namespace {

void require(foveaStatus_t status, const char* call) {
  if (status != FOVEA_STATUS_SUCCESS) {
    throw std::runtime_error(std::string(call) + ": " + foveaStatusName(status) + ": " + foveaGetLastErrorMessage());
  }
}
#define REQUIRE(call) require(call, #call)

struct Named {
  int32_t value;
  const char* name;
  const char* meaning;
};

constexpr Named kCapabilityMeanings[] = {
    {FOVEA_CAPABILITY_NON_CAUSAL, "", "non-causal attention: every query sees the whole context and all queries of its sequence"},
    {FOVEA_CAPABILITY_PER_SEQUENCE_CAUSAL, "", "causal and non-causal sequences in one batch"},
    {FOVEA_CAPABILITY_SLIDING_WINDOW, "", "sliding window to the left"},
    {FOVEA_CAPABILITY_SLIDING_WINDOW_RIGHT, "", "sliding window to the right, for non-causal rows"},
    {FOVEA_CAPABILITY_PREFIX_RANGES, "", "ranges of positions that see each other (multimodal prefixes)"},
    {FOVEA_CAPABILITY_LOGITS_SOFT_CAP, "", "soft cap on the scores"},
    {FOVEA_CAPABILITY_ALIBI, "", "ALiBi, linear"},
    {FOVEA_CAPABILITY_ALIBI_SQRT, "", "ALiBi, square root"},
    {FOVEA_CAPABILITY_SINKS, "", "attention sinks"},
    {FOVEA_CAPABILITY_LSE, "", "log-sum-exp of each row"},
    {FOVEA_CAPABILITY_PARTIAL_STATE, "", "partial states, to be merged"},
    {FOVEA_CAPABILITY_FP8_KV_CACHE, "", "fp8 KV cache"},
    {FOVEA_CAPABILITY_FP8_QUERY, "", "fp8 query"},
    {FOVEA_CAPABILITY_FP8_OUTPUT, "", "fp8 output"},
    {FOVEA_CAPABILITY_PER_HEAD_KV_SCALES, "", "scales of the KV cache per head"},
    {FOVEA_CAPABILITY_VECTORIZED_KV_CACHE, "", "vectorised KV cache layout, besides the strided one"},
    {FOVEA_CAPABILITY_DIFFERENT_V_SIZE, "", "values of another head size than keys"},
    {FOVEA_CAPABILITY_BATCH_INVARIANCE, "", "bits of a row independent of the rest of the batch"},
    {FOVEA_CAPABILITY_GRAPH_CAPTURE, "", "capture in a HIP or CUDA graph"},
    {FOVEA_CAPABILITY_DECODER, "", "decoder self-attention over a paged KV cache"},
    {FOVEA_CAPABILITY_ENCODER, "", "encoder self-attention without a cache"},
    {FOVEA_CAPABILITY_ENCODER_DECODER, "", "cross-attention over a paged KV cache"},
};
static_assert(sizeof(kCapabilityMeanings) / sizeof(kCapabilityMeanings[0]) == FOVEA_CAPABILITY_COUNT,
              "a capability of the header has no meaning here");

constexpr Named kRoles[] = {
    {FOVEA_ROLE_QUERY, "query", ""}, {FOVEA_ROLE_KV_CACHE, "kv_cache", ""}, {FOVEA_ROLE_OUTPUT, "output", ""}};

constexpr Named kBounds[] = {
    {FOVEA_BOUNDS_HEAD_SIZE, "head_size", "head size of query and key"},
    {FOVEA_BOUNDS_HEAD_SIZE_V, "head_size_v", "head size of value and output"},
    {FOVEA_BOUNDS_BLOCK_SIZE, "block_size", "tokens per block of the KV cache"},
    {FOVEA_BOUNDS_QUERY_HEADS_PER_KV_HEAD, "query_heads_per_kv_head", "query heads per KV head"},
};

std::vector<std::string> cpu_flags() {
  static const std::set<std::string> kInteresting = {
      "sse4_2", "avx", "avx2", "fma", "f16c", "avx512f", "avx512bw", "avx512dq", "avx512vl", "avx512_bf16",
      "avx512_fp16", "avx_vnni", "amx_tile", "amx_bf16", "amx_fp16", "asimd", "asimdhp", "bf16", "sve", "sve2"};
  std::vector<std::string> flags;
  std::ifstream file("/proc/cpuinfo");
  std::string line;
  while (std::getline(file, line)) {
    if (line.rfind("flags", 0) != 0 && line.rfind("Features", 0) != 0) continue;
    std::istringstream words(line.substr(line.find(':') + 1));
    std::string word;
    while (words >> word) {
      if (kInteresting.count(word) != 0) flags.push_back(word);
    }
    break;
  }
  return flags;
}

void collect_devices(std::vector<Device>& devices) {
  const Named kinds[] = {{FOVEA_DEVICE_CPU, "cpu", ""}, {FOVEA_DEVICE_AMD, "amd", ""},
                         {FOVEA_DEVICE_NVIDIA, "nvidia", ""}};
  for (const Named& kind : kinds) {
    for (int32_t ordinal = 0;; ++ordinal) {
      Device device;
      device.kind = kind.name;
      device.ordinal = ordinal;
      foveaContextCreateInfo_t create = FOVEA_CONTEXT_CREATE_INFO_INIT;
      create.device = static_cast<foveaDevice_t>(kind.value);
      create.device_ordinal = ordinal;
      foveaContext_t context = nullptr;
      if (foveaContextCreate(&create, &context) != FOVEA_STATUS_SUCCESS) {
        device.problem = foveaGetLastErrorMessage();
        if (ordinal == 0) devices.push_back(device);
        break;
      }
      foveaContextInfo_t info = FOVEA_CONTEXT_INFO_INIT;
      const foveaStatus_t status = foveaContextGetInfo(context, &info);
      foveaContextDestroy(context);
      require(status, "foveaContextGetInfo");
      device.usable = true;
      device.name = info.device_name;
      device.architecture = info.architecture;
      device.num_threads = info.num_threads;
      if (kind.value == FOVEA_DEVICE_CPU) device.cpu_flags = cpu_flags();
      devices.push_back(device);
      if (kind.value == FOVEA_DEVICE_CPU) break;
    }
  }
}

Backend collect_backend(foveaBackend_t id) {
  Backend backend;
  backend.name = foveaBackendGetName(id);
  int32_t available = 0;
  char reason[1024];
  REQUIRE(foveaBackendIsAvailable(id, &available, reason, sizeof(reason)));
  backend.available = available != 0;
  backend.reason = reason;
  if (!backend.available) return backend;
  for (const Named& entry : kCapabilityMeanings) {
    const auto capability = static_cast<foveaCapability_t>(entry.value);
    int32_t supported = 0;
    REQUIRE(foveaBackendSupports(id, capability, &supported));
    backend.capabilities.push_back({foveaCapabilityName(capability), entry.meaning, supported != 0});
  }
  for (const Named& role : kRoles) {
    DataTypes types;
    types.role = role.name;
    for (int32_t type = FOVEA_DATA_TYPE_F32; type <= FOVEA_DATA_TYPE_F8_E5M2; ++type) {
      const auto dtype = static_cast<foveaDataType_t>(type);
      int32_t supported = 0;
      REQUIRE(foveaBackendSupportsDataType(id, static_cast<foveaDataTypeRole_t>(role.value), dtype, &supported));
      types.types.emplace_back(foveaDataTypeName(dtype), supported != 0);
    }
    backend.data_types.push_back(types);
  }
  for (const Named& entry : kBounds) {
    foveaBounds_t bounds = FOVEA_BOUNDS_INIT;
    REQUIRE(foveaBackendGetBounds(id, static_cast<foveaBoundsAttribute_t>(entry.value), &bounds));
    backend.bounds.push_back({entry.name, entry.meaning, bounds.min, bounds.max, bounds.multiple_of,
                              std::vector<int32_t>(bounds.values, bounds.values + bounds.count)});
  }
  return backend;
}

}  // namespace

Report collect() {
  Report report;
  report.version = foveaGetVersionString();
  REQUIRE(foveaGetVersion(&report.version_number));
  collect_devices(report.devices);
  int32_t count = 0;
  REQUIRE(foveaGetBackendCount(&count));
  for (int32_t i = 0; i < count; ++i) {
    foveaBackend_t id = FOVEA_BACKEND_AUTO;
    REQUIRE(foveaGetBackend(i, &id));
    report.backends.push_back(collect_backend(id));
  }
  for (const char* name : {"FOVEA_BACKEND", "FOVEA_BACKEND_PATH", "FOVEA_CPU_ISA", "FOVEA_LOG_LEVEL", "FOVEA_LOG_FILE"}) {
    if (const char* value = std::getenv(name)) report.environment.emplace_back(name, value);
  }
  return report;
}
