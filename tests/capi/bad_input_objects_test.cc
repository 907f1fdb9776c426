// Wrong calls around contexts, configs, backends and reports.
#include "tests/capi/bad_input.h"

namespace fovea_test {
namespace {

constexpr foveaStatus_t kInvalid = FOVEA_STATUS_INVALID_ARGUMENT;
constexpr int32_t kUnknown = 4711;

template <class Enum>
Enum unknown() {
  return static_cast<Enum>(kUnknown);
}

// A context that is refused must not be leaked by the test if it is not.
foveaStatus_t create_context(World& w, const foveaContextCreateInfo_t& info) {
  return foveaContextCreate(&info, &w.out.context);
}

foveaContextCreateInfo_t cpu_info() {
  foveaContextCreateInfo_t info = FOVEA_CONTEXT_CREATE_INFO_INIT;
  info.device = FOVEA_DEVICE_CPU;
  return info;
}

void* allocate(void*, size_t size, size_t alignment) {
  return std::aligned_alloc(alignment, (size + alignment - 1) / alignment * alignment);
}
void release(void*, void* memory, size_t) { std::free(memory); }

TEST(BadInput, Status) {
  expect_all_refused({
      {"log level unknown", kInvalid, {"level", "4711"},
       [](World&) { return foveaSetLogCallback([](void*, foveaLogLevel_t, const char*) {}, nullptr,
                                               unknown<foveaLogLevel_t>()); }},
      {"one past the last log level", kInvalid, {"level", "5"},
       [](World&) { return foveaSetLogCallback(nullptr, nullptr, static_cast<foveaLogLevel_t>(5)); }},
  });
}

TEST(BadInput, VersionNull) {
  // The sentence of this one is what the tables use as "another failure".
  ASSERT_EQ(foveaConfigSetLse(nullptr, 1), kInvalid);
  ASSERT_EQ(foveaGetVersion(nullptr), kInvalid);
  EXPECT_NE(std::string(foveaGetLastErrorMessage()).find("version"), std::string::npos) << foveaGetLastErrorMessage();
}

TEST(BadInput, Names) {
  EXPECT_STREQ(foveaStatusName(unknown<foveaStatus_t>()), "FOVEA_STATUS_UNKNOWN");
  EXPECT_NE(foveaStatusString(unknown<foveaStatus_t>()), nullptr);
  EXPECT_STREQ(foveaDataTypeName(unknown<foveaDataType_t>()), "unknown");
  EXPECT_EQ(foveaDataTypeSize(unknown<foveaDataType_t>()), 0u);
  EXPECT_EQ(foveaDataTypeSize(FOVEA_DATA_TYPE_NONE), 0u);
  EXPECT_STREQ(foveaCapabilityName(unknown<foveaCapability_t>()), "unknown");
  EXPECT_STREQ(foveaBackendGetName(unknown<foveaBackend_t>()), "UNKNOWN");
  EXPECT_STREQ(foveaBackendGetName(FOVEA_BACKEND_AUTO), "AUTO");
}

// A binding that keeps handles as integers may mix them up.
TEST(BadInput, HandleOfAnotherKind) {
  expect_all_refused({
      {"a config for a context", kInvalid, {"context"},
       [](World& w) {
         return foveaContextGetInfo(reinterpret_cast<foveaContext_t>(w.problem.config), &w.out.info);
       }},
      {"a context for a config", kInvalid, {"config"},
       [](World& w) { return foveaConfigSetLse(reinterpret_cast<foveaConfig_t>(w.problem.context), 1); }},
      {"an attention for metadata", kInvalid, {"metadata"},
       [](World& w) {
         return foveaMetadataGetCausal(reinterpret_cast<foveaMetadata_t>(w.problem.attention), &w.out.number);
       }},
      {"metadata for an attention", kInvalid, {"attention"},
       [](World& w) {
         return foveaAttentionGetBackend(reinterpret_cast<foveaAttention_t>(w.problem.metadata), &w.out.backend);
       }},
      {"a config for a report", kInvalid, {"report"},
       [](World& w) {
         return foveaReportGetCount(reinterpret_cast<foveaReport_t>(w.problem.config), &w.out.number);
       }},
  });
}

TEST(BadInput, DestroyNull) {
  foveaContextDestroy(nullptr);
  foveaConfigDestroy(nullptr);
  foveaReportDestroy(nullptr);
  foveaMetadataDestroy(nullptr);
  foveaAttentionDestroy(nullptr);
}

TEST(BadInput, Context) {
  expect_all_refused({
      {"create: context NULL", kInvalid, {"context"},
       [](World&) {
         const foveaContextCreateInfo_t info = cpu_info();
         return foveaContextCreate(&info, nullptr);
       }},
      {"create: struct_size 0", kInvalid, {"struct_size", "0"},
       [](World& w) {
         foveaContextCreateInfo_t info = cpu_info();
         info.struct_size = 0;
         return create_context(w, info);
       }},
      {"create: struct_size smaller than itself", kInvalid, {"struct_size", "4"},
       [](World& w) {
         foveaContextCreateInfo_t info = cpu_info();
         info.struct_size = 4;
         return create_context(w, info);
       }},
      {"create: unknown device", kInvalid, {"device", "4711"},
       [](World& w) {
         foveaContextCreateInfo_t info = cpu_info();
         info.device = unknown<foveaDevice_t>();
         return create_context(w, info);
       }},
      {"create: ordinal on a CPU", kInvalid, {"device_ordinal", "1"},
       [](World& w) {
         foveaContextCreateInfo_t info = cpu_info();
         info.device_ordinal = 1;
         return create_context(w, info);
       }},
      {"create: negative ordinal", kInvalid, {"device_ordinal", "-1"},
       [](World& w) {
         foveaContextCreateInfo_t info = cpu_info();
         info.device_ordinal = -1;
         return create_context(w, info);
       }},
      {"create: negative threads", kInvalid, {"num_threads", "-2"},
       [](World& w) {
         foveaContextCreateInfo_t info = cpu_info();
         info.num_threads = -2;
         return create_context(w, info);
       }},
      {"create: too many threads", kInvalid, {"num_threads", "1025", "1024"},
       [](World& w) {
         foveaContextCreateInfo_t info = cpu_info();
         info.num_threads = 1025;
         return create_context(w, info);
       }},
      {"create: reserved flags", kInvalid, {"reserved_flags"},
       [](World& w) {
         foveaContextCreateInfo_t info = cpu_info();
         info.reserved_flags = 1;
         return create_context(w, info);
       }},
      {"create: allocate without free", kInvalid, {"free"},
       [](World& w) {
         foveaContextCreateInfo_t info = cpu_info();
         info.allocate = allocate;
         return create_context(w, info);
       }},
      {"create: free without allocate", kInvalid, {"allocate"},
       [](World& w) {
         foveaContextCreateInfo_t info = cpu_info();
         info.free = release;
         return create_context(w, info);
       }},
      {"info: context NULL", kInvalid, {"context"}, [](World& w) { return foveaContextGetInfo(nullptr, &w.out.info); }},
      {"info: info NULL", kInvalid, {"info"}, [](World& w) { return foveaContextGetInfo(w.problem.context, nullptr); }},
  });
}

TEST(BadInput, NoGpu) {
  // Where a GPU is there, a context on it is right.
  int32_t available = 1;
  ASSERT_EQ(foveaBackendIsAvailable(FOVEA_BACKEND_ROCM_ATTN, &available, nullptr, 0), FOVEA_STATUS_SUCCESS);
  if (available) GTEST_SKIP() << "this machine has a GPU that works";
  std::vector<BadCall> table;
  for (foveaDevice_t device : {FOVEA_DEVICE_GPU, FOVEA_DEVICE_AMD, FOVEA_DEVICE_NVIDIA}) {
    table.push_back({"create: a GPU that is not there", FOVEA_STATUS_NO_DEVICE, {"libfovea_hip_"}, [device](World& w) {
                       foveaContextCreateInfo_t info = cpu_info();
                       info.device = device;
                       return create_context(w, info);
                     }});
  }
  table.push_back({"supports: no module", FOVEA_STATUS_BACKEND_UNAVAILABLE, {"ROCM_ATTN"}, [](World& w) {
                     return foveaBackendSupports(FOVEA_BACKEND_ROCM_ATTN, FOVEA_CAPABILITY_SINKS, &w.out.number);
                   }});
  table.push_back({"supports non-causal: no module", FOVEA_STATUS_BACKEND_UNAVAILABLE, {"ROCM_ATTN"}, [](World& w) {
                     return foveaBackendSupportsNonCausal(FOVEA_BACKEND_ROCM_ATTN, &w.out.number);
                   }});
  table.push_back({"supports data type: no module", FOVEA_STATUS_BACKEND_UNAVAILABLE, {"ROCM_ATTN"}, [](World& w) {
                     return foveaBackendSupportsDataType(FOVEA_BACKEND_ROCM_ATTN, FOVEA_ROLE_QUERY,
                                                         FOVEA_DATA_TYPE_BF16, &w.out.number);
                   }});
  table.push_back({"bounds: no module", FOVEA_STATUS_BACKEND_UNAVAILABLE, {"ROCM_ATTN"}, [](World& w) {
                     return foveaBackendGetBounds(FOVEA_BACKEND_ROCM_ATTN, FOVEA_BOUNDS_HEAD_SIZE, &w.out.bounds);
                   }});
  table.push_back({"select: explicit GPU backend on a CPU context: no silent fall-back",
                   FOVEA_STATUS_BACKEND_UNAVAILABLE, {"ROCM_ATTN"}, [](World& w) {
                     return foveaSelectBackend(w.problem.context, w.problem.config, FOVEA_BACKEND_ROCM_ATTN,
                                               &w.out.backend);
                   }});
  table.push_back({"attention: explicit GPU backend on a CPU context", FOVEA_STATUS_BACKEND_UNAVAILABLE, {"ROCM_ATTN"},
                   [](World& w) {
                     return foveaAttentionCreate(w.problem.context, w.problem.config, FOVEA_BACKEND_ROCM_ATTN,
                                                 &w.out.attention);
                   }});
  expect_all_refused(table);
}

TEST(BadInput, ConfigSetters) {
  const float nan = std::nanf("");
  std::vector<BadCall> table = {
      {"create: NULL", kInvalid, {"config"}, [](World&) { return foveaConfigCreate(nullptr); }},
      {"heads: query 0", kInvalid, {"num_query_heads", "0"},
       [](World& w) { return foveaConfigSetHeads(w.problem.config, 0, 1); }},
      {"heads: query too many", kInvalid, {"num_query_heads", "65537"},
       [](World& w) { return foveaConfigSetHeads(w.problem.config, 65537, 1); }},
      {"heads: kv 0", kInvalid, {"num_kv_heads", "0"},
       [](World& w) { return foveaConfigSetHeads(w.problem.config, 4, 0); }},
      {"heads: not a multiple", kInvalid, {"num_query_heads", "5", "2"},
       [](World& w) { return foveaConfigSetHeads(w.problem.config, 5, 2); }},
      {"head size 0", kInvalid, {"head_size", "0"},
       [](World& w) { return foveaConfigSetHeadSizes(w.problem.config, 0, 0); }},
      {"head size of v negative", kInvalid, {"head_size_v", "-8"},
       [](World& w) { return foveaConfigSetHeadSizes(w.problem.config, 64, -8); }},
      {"query type unknown", kInvalid, {"query", "4711"},
       [](World& w) {
         return foveaConfigSetDataTypes(w.problem.config, unknown<foveaDataType_t>(), FOVEA_DATA_TYPE_NONE,
                                        FOVEA_DATA_TYPE_NONE);
       }},
      {"query type none", kInvalid, {"query"},
       [](World& w) {
         return foveaConfigSetDataTypes(w.problem.config, FOVEA_DATA_TYPE_NONE, FOVEA_DATA_TYPE_NONE,
                                        FOVEA_DATA_TYPE_NONE);
       }},
      {"cache type unknown", kInvalid, {"kv_cache", "4711"},
       [](World& w) {
         return foveaConfigSetDataTypes(w.problem.config, FOVEA_DATA_TYPE_F32, unknown<foveaDataType_t>(),
                                        FOVEA_DATA_TYPE_NONE);
       }},
      {"output type unknown", kInvalid, {"output", "4711"},
       [](World& w) {
         return foveaConfigSetDataTypes(w.problem.config, FOVEA_DATA_TYPE_F32, FOVEA_DATA_TYPE_NONE,
                                        unknown<foveaDataType_t>());
       }},
      {"scale negative", kInvalid, {"scale", "-1"}, [](World& w) { return foveaConfigSetScale(w.problem.config, -1); }},
      {"scale NaN", kInvalid, {"scale", "nan"}, [nan](World& w) { return foveaConfigSetScale(w.problem.config, nan); }},
      {"scale infinite", kInvalid, {"scale", "inf"},
       [](World& w) { return foveaConfigSetScale(w.problem.config, INFINITY); }},
      {"window left", kInvalid, {"left", "-2"},
       [](World& w) { return foveaConfigSetSlidingWindow(w.problem.config, -2, 0); }},
      {"window right", kInvalid, {"right", "-3"},
       [](World& w) { return foveaConfigSetSlidingWindow(w.problem.config, 0, -3); }},
      {"cap negative", kInvalid, {"cap", "-0.5"},
       [](World& w) { return foveaConfigSetLogitsSoftCap(w.problem.config, -0.5f); }},
      {"cap NaN", kInvalid, {"cap", "nan"},
       [nan](World& w) { return foveaConfigSetLogitsSoftCap(w.problem.config, nan); }},
      {"cap infinite", kInvalid, {"cap", "inf"},
       [](World& w) { return foveaConfigSetLogitsSoftCap(w.problem.config, INFINITY); }},
      {"alibi unknown", kInvalid, {"alibi", "4711"},
       [](World& w) { return foveaConfigSetAlibi(w.problem.config, unknown<foveaAlibi_t>()); }},
      {"prefix ranges unknown", kInvalid, {"kind", "4711"},
       [](World& w) { return foveaConfigSetPrefixRanges(w.problem.config, unknown<foveaPrefixRanges_t>()); }},
      {"attention type unknown", kInvalid, {"type", "4711"},
       [](World& w) { return foveaConfigSetAttentionType(w.problem.config, unknown<foveaAttentionType_t>()); }},
      {"layout unknown", kInvalid, {"layout", "4711"},
       [](World& w) { return foveaConfigSetKvCacheLayout(w.problem.config, unknown<foveaKvCacheLayout_t>(), 16); }},
      {"block size 0", kInvalid, {"block_size", "0"},
       [](World& w) {
         return foveaConfigSetKvCacheLayout(w.problem.config, FOVEA_KV_CACHE_LAYOUT_STRIDED, 0);
       }},
      {"scales unknown", kInvalid, {"granularity", "4711"},
       [](World& w) { return foveaConfigSetKvScales(w.problem.config, unknown<foveaKvScales_t>()); }},
  };
  struct Switch {
    const char* name;
    foveaStatus_t (*set)(foveaConfig_t, int32_t);
  };
  for (const Switch& s : {Switch{"sinks", foveaConfigSetSinks}, Switch{"lse", foveaConfigSetLse},
                          Switch{"per-sequence causal", foveaConfigSetPerSequenceCausal},
                          Switch{"non-causal", foveaConfigSetNonCausal},
                          Switch{"batch invariance", foveaConfigSetBatchInvariant}}) {
    const auto set = s.set;
    table.push_back({s.name, kInvalid, {"enable", "2"}, [set](World& w) { return set(w.problem.config, 2); }});
    table.push_back({s.name, kInvalid, {"enable", "-1"}, [set](World& w) { return set(w.problem.config, -1); }});
    table.push_back({s.name, kInvalid, {"config"}, [set](World&) { return set(nullptr, 1); }});
  }
  expect_all_refused(table);
}

TEST(BadInput, ConfigNull) {
  const std::vector<std::function<foveaStatus_t()>> setters = {
      [] { return foveaConfigSetHeads(nullptr, 1, 1); },
      [] { return foveaConfigSetHeadSizes(nullptr, 64, 0); },
      [] { return foveaConfigSetDataTypes(nullptr, FOVEA_DATA_TYPE_F32, FOVEA_DATA_TYPE_NONE, FOVEA_DATA_TYPE_NONE); },
      [] { return foveaConfigSetScale(nullptr, 1); },
      [] { return foveaConfigSetSlidingWindow(nullptr, 0, 0); },
      [] { return foveaConfigSetLogitsSoftCap(nullptr, 1); },
      [] { return foveaConfigSetAlibi(nullptr, FOVEA_ALIBI_LINEAR); },
      [] { return foveaConfigSetPrefixRanges(nullptr, FOVEA_PREFIX_RANGES_FULL); },
      [] { return foveaConfigSetAttentionType(nullptr, FOVEA_ATTENTION_DECODER); },
      [] { return foveaConfigSetKvCacheLayout(nullptr, FOVEA_KV_CACHE_LAYOUT_STRIDED, 16); },
      [] { return foveaConfigSetKvScales(nullptr, FOVEA_KV_SCALES_NONE); },
  };
  for (const auto& set : setters) {
    expect_refused({"setter with config NULL", kInvalid, {"config", "NULL"}, [&set](World&) { return set(); }});
  }
}

TEST(BadInput, RefusedSetterChangesNothing) {
  World world;
  ASSERT_EQ(world.problem.status, FOVEA_STATUS_SUCCESS) << world.problem.message;
  foveaConfig_t config = world.problem.config;
  EXPECT_EQ(foveaConfigSetHeads(config, 5, 2), kInvalid);
  EXPECT_EQ(foveaConfigSetHeadSizes(config, -1, 0), kInvalid);
  EXPECT_EQ(foveaConfigSetSlidingWindow(config, 3, -2), kInvalid);
  EXPECT_EQ(foveaConfigSetDataTypes(config, FOVEA_DATA_TYPE_BF16, FOVEA_DATA_TYPE_BF16, unknown<foveaDataType_t>()),
            kInvalid);
  foveaAttention_t attention = nullptr;
  ASSERT_EQ(foveaAttentionCreate(world.problem.context, config, FOVEA_BACKEND_CPU_ATTN, &attention),
            FOVEA_STATUS_SUCCESS)
      << foveaGetLastErrorMessage();
  std::swap(attention, world.problem.attention);
  ASSERT_EQ(world.problem.forward(true), FOVEA_STATUS_SUCCESS) << foveaGetLastErrorMessage();
  EXPECT_LT(largest_difference(world.problem.output, world.problem.batch.expected(true)), kTolerance);
  foveaAttentionDestroy(attention);
}

TEST(BadInput, Backends) {
  expect_all_refused({
      {"count NULL", kInvalid, {"count"}, [](World&) { return foveaGetBackendCount(nullptr); }},
      {"get: negative", kInvalid, {"index", "-1"}, [](World& w) { return foveaGetBackend(-1, &w.out.backend); }},
      {"get: past the end", kInvalid, {"index", "1000"},
       [](World& w) { return foveaGetBackend(1000, &w.out.backend); }},
      {"get: NULL", kInvalid, {"backend"}, [](World&) { return foveaGetBackend(0, nullptr); }},
      {"from name: unknown, the known ones are listed", kInvalid, {"CUDNN", "CPU_ATTN", "AUTO"},
       [](World& w) { return foveaBackendFromName("CUDNN", &w.out.backend); }},
      {"from name: empty", kInvalid, {"name", "CPU_ATTN"},
       [](World& w) { return foveaBackendFromName("", &w.out.backend); }},
      {"from name: name NULL", kInvalid, {"name"}, [](World& w) { return foveaBackendFromName(nullptr, &w.out.backend); }},
      {"from name: backend NULL", kInvalid, {"backend"}, [](World&) { return foveaBackendFromName("AUTO", nullptr); }},
      {"available: unknown backend", kInvalid, {"backend", "4711"},
       [](World& w) {
         return foveaBackendIsAvailable(unknown<foveaBackend_t>(), &w.out.number, w.out.text, sizeof(w.out.text));
       }},
      {"available: AUTO", kInvalid, {"backend", "AUTO"},
       [](World& w) {
         return foveaBackendIsAvailable(FOVEA_BACKEND_AUTO, &w.out.number, w.out.text, sizeof(w.out.text));
       }},
      {"available: available NULL", kInvalid, {"available"},
       [](World& w) { return foveaBackendIsAvailable(FOVEA_BACKEND_CPU_ATTN, nullptr, w.out.text, 64); }},
      {"available: reason NULL with a size", kInvalid, {"reason"},
       [](World& w) { return foveaBackendIsAvailable(FOVEA_BACKEND_CPU_ATTN, &w.out.number, nullptr, 64); }},
      {"non-causal: unknown backend", kInvalid, {"backend", "4711"},
       [](World& w) { return foveaBackendSupportsNonCausal(unknown<foveaBackend_t>(), &w.out.number); }},
      {"non-causal: AUTO", kInvalid, {"backend", "AUTO"},
       [](World& w) { return foveaBackendSupportsNonCausal(FOVEA_BACKEND_AUTO, &w.out.number); }},
      {"non-causal: NULL", kInvalid, {"supported"},
       [](World&) { return foveaBackendSupportsNonCausal(FOVEA_BACKEND_CPU_ATTN, nullptr); }},
      {"supports: unknown capability", kInvalid, {"capability", "4711"},
       [](World& w) {
         return foveaBackendSupports(FOVEA_BACKEND_CPU_ATTN, unknown<foveaCapability_t>(), &w.out.number);
       }},
      {"supports: one past the last capability", kInvalid, {"capability", "22"},
       [](World& w) {
         return foveaBackendSupports(FOVEA_BACKEND_CPU_ATTN, static_cast<foveaCapability_t>(FOVEA_CAPABILITY_COUNT),
                                     &w.out.number);
       }},
      {"supports: unknown backend", kInvalid, {"backend", "4711"},
       [](World& w) {
         return foveaBackendSupports(unknown<foveaBackend_t>(), FOVEA_CAPABILITY_SINKS, &w.out.number);
       }},
      {"supports: NULL", kInvalid, {"supported"},
       [](World&) { return foveaBackendSupports(FOVEA_BACKEND_CPU_ATTN, FOVEA_CAPABILITY_SINKS, nullptr); }},
      {"data type: unknown role", kInvalid, {"role", "4711"},
       [](World& w) {
         return foveaBackendSupportsDataType(FOVEA_BACKEND_CPU_ATTN, unknown<foveaDataTypeRole_t>(),
                                             FOVEA_DATA_TYPE_F32, &w.out.number);
       }},
      {"data type: unknown type", kInvalid, {"dtype", "4711"},
       [](World& w) {
         return foveaBackendSupportsDataType(FOVEA_BACKEND_CPU_ATTN, FOVEA_ROLE_QUERY, unknown<foveaDataType_t>(),
                                             &w.out.number);
       }},
      {"data type: unknown backend", kInvalid, {"backend", "4711"},
       [](World& w) {
         return foveaBackendSupportsDataType(unknown<foveaBackend_t>(), FOVEA_ROLE_QUERY, FOVEA_DATA_TYPE_F32,
                                             &w.out.number);
       }},
      {"data type: NULL", kInvalid, {"supported"},
       [](World&) {
         return foveaBackendSupportsDataType(FOVEA_BACKEND_CPU_ATTN, FOVEA_ROLE_QUERY, FOVEA_DATA_TYPE_F32, nullptr);
       }},
      {"bounds: unknown attribute", kInvalid, {"attribute", "4711"},
       [](World& w) {
         return foveaBackendGetBounds(FOVEA_BACKEND_CPU_ATTN, unknown<foveaBoundsAttribute_t>(), &w.out.bounds);
       }},
      {"bounds: unknown backend", kInvalid, {"backend", "4711"},
       [](World& w) {
         return foveaBackendGetBounds(unknown<foveaBackend_t>(), FOVEA_BOUNDS_HEAD_SIZE, &w.out.bounds);
       }},
      {"bounds: NULL", kInvalid, {"bounds"},
       [](World&) { return foveaBackendGetBounds(FOVEA_BACKEND_CPU_ATTN, FOVEA_BOUNDS_HEAD_SIZE, nullptr); }},
  });
}

TEST(BadInput, CheckAndSelect) {
  expect_all_refused({
      {"check: config NULL", kInvalid, {"config"},
       [](World& w) { return foveaConfigCheck(nullptr, FOVEA_BACKEND_CPU_ATTN, &w.out.report); }},
      {"check: AUTO", kInvalid, {"backend", "AUTO"},
       [](World& w) { return foveaConfigCheck(w.problem.config, FOVEA_BACKEND_AUTO, &w.out.report); }},
      {"check: unknown backend", kInvalid, {"backend", "4711"},
       [](World& w) { return foveaConfigCheck(w.problem.config, unknown<foveaBackend_t>(), &w.out.report); }},
      {"report: count of NULL", kInvalid, {"report"},
       [](World& w) { return foveaReportGetCount(nullptr, &w.out.number); }},
      {"report: reason of NULL", kInvalid, {"report"},
       [](World& w) { return foveaReportGetReason(nullptr, 0, &w.out.reason, &w.out.sentence); }},
      {"report: count NULL", kInvalid, {"count"},
       [](World& w) {
         foveaReport_t report = nullptr;
         EXPECT_EQ(foveaConfigCheck(w.problem.config, FOVEA_BACKEND_CPU_ATTN, &report), FOVEA_STATUS_SUCCESS);
         const foveaStatus_t status = foveaReportGetCount(report, nullptr);
         foveaReportDestroy(report);
         return status;
       }},
      {"report: index past the end", kInvalid, {"index", "0"},
       [](World& w) {
         foveaReport_t report = nullptr;
         EXPECT_EQ(foveaConfigCheck(w.problem.config, FOVEA_BACKEND_CPU_ATTN, &report), FOVEA_STATUS_SUCCESS);
         const foveaStatus_t status = foveaReportGetReason(report, 0, &w.out.reason, &w.out.sentence);
         foveaReportDestroy(report);
         return status;
       }},
      {"select: context NULL", kInvalid, {"context"},
       [](World& w) { return foveaSelectBackend(nullptr, w.problem.config, FOVEA_BACKEND_AUTO, &w.out.backend); }},
      {"select: config NULL", kInvalid, {"config"},
       [](World& w) { return foveaSelectBackend(w.problem.context, nullptr, FOVEA_BACKEND_AUTO, &w.out.backend); }},
      {"select: selected NULL", kInvalid, {"selected"},
       [](World& w) { return foveaSelectBackend(w.problem.context, w.problem.config, FOVEA_BACKEND_AUTO, nullptr); }},
      {"select: unknown backend", kInvalid, {"requested", "4711"},
       [](World& w) {
         return foveaSelectBackend(w.problem.context, w.problem.config, unknown<foveaBackend_t>(), &w.out.backend);
       }},
      {"select: nothing was set; every backend with its reasons", FOVEA_STATUS_NOT_SUPPORTED,
       {"CPU_ATTN", "ROCM_ATTN", "head_size"},
       [](World& w) {
         foveaConfig_t config = nullptr;
         EXPECT_EQ(foveaConfigCreate(&config), FOVEA_STATUS_SUCCESS);
         const foveaStatus_t status =
             foveaSelectBackend(w.problem.context, config, FOVEA_BACKEND_AUTO, &w.out.backend);
         foveaConfigDestroy(config);
         return status;
       }},
  });
}

TEST(BadInput, CheckCollectsEveryReason) {
  foveaConfig_t config = nullptr;
  ASSERT_EQ(foveaConfigCreate(&config), FOVEA_STATUS_SUCCESS);
  ASSERT_EQ(foveaConfigSetHeads(config, 8, 2), FOVEA_STATUS_SUCCESS);
  ASSERT_EQ(foveaConfigSetHeadSizes(config, 7, 0), FOVEA_STATUS_SUCCESS);
  ASSERT_EQ(foveaConfigSetDataTypes(config, FOVEA_DATA_TYPE_F16, FOVEA_DATA_TYPE_NONE, FOVEA_DATA_TYPE_NONE),
            FOVEA_STATUS_SUCCESS);
  ASSERT_EQ(foveaConfigSetKvCacheLayout(config, FOVEA_KV_CACHE_LAYOUT_STRIDED, 17), FOVEA_STATUS_SUCCESS);
  foveaReport_t report = nullptr;
  ASSERT_EQ(foveaConfigCheck(config, FOVEA_BACKEND_CPU_ATTN, &report), FOVEA_STATUS_NOT_SUPPORTED);
  const std::string message = foveaGetLastErrorMessage();
  ASSERT_NE(report, nullptr);
  int32_t count = 0;
  ASSERT_EQ(foveaReportGetCount(report, &count), FOVEA_STATUS_SUCCESS);
  bool head_size = false, block_size = false;
  for (int32_t i = 0; i < count; ++i) {
    foveaReason_t code = FOVEA_REASON_NONE;
    const char* sentence = nullptr;
    ASSERT_EQ(foveaReportGetReason(report, i, &code, &sentence), FOVEA_STATUS_SUCCESS);
    ASSERT_NE(sentence, nullptr);
    EXPECT_NE(message.find(sentence), std::string::npos) << message << "\nlacks: " << sentence;
    if (code == FOVEA_REASON_HEAD_SIZE) {
      head_size = true;
      EXPECT_EQ(std::string(sentence).rfind("head_size not supported", 0), 0u) << sentence;
      EXPECT_NE(std::string(sentence).find("7"), std::string::npos) << sentence;
    }
    if (code == FOVEA_REASON_BLOCK_SIZE) {
      block_size = true;
      EXPECT_EQ(std::string(sentence).rfind("block_size not supported", 0), 0u) << sentence;
      EXPECT_NE(std::string(sentence).find("17"), std::string::npos) << sentence;
    }
  }
  EXPECT_TRUE(head_size && block_size) << message;
  foveaReason_t code = FOVEA_REASON_NONE;
  const char* sentence = nullptr;
  EXPECT_EQ(foveaReportGetReason(report, count, &code, &sentence), kInvalid);
  EXPECT_EQ(foveaReportGetReason(report, -1, &code, &sentence), kInvalid);
  EXPECT_EQ(foveaReportGetReason(report, 0, nullptr, &sentence), kInvalid);
  EXPECT_EQ(foveaReportGetReason(report, 0, &code, nullptr), kInvalid);
  EXPECT_EQ(sentence, nullptr);
  EXPECT_EQ(code, FOVEA_REASON_NONE);
  foveaReportDestroy(report);
  EXPECT_EQ(foveaConfigCheck(config, FOVEA_BACKEND_CPU_ATTN, nullptr), FOVEA_STATUS_NOT_SUPPORTED);
  foveaConfigDestroy(config);
}

}  // namespace
}  // namespace fovea_test
