#include <cstdio>

#include "capi/src/guard.h"
#include "impl/backend/registry.h"
#include "impl/names.h"
#include "impl/select.h"
#include "impl/struct_size.h"

using namespace fovea;
using namespace fovea::capi;

const char* foveaCapabilityName(foveaCapability_t capability) { return capability_name(capability); }

foveaStatus_t foveaGetBackendCount(int32_t* count) {
  return guarded([&] {
    FOVEA_TRY(check_out(count, "count"));
    *count = static_cast<int32_t>(registry().size());
    return FOVEA_STATUS_SUCCESS;
  });
}

foveaStatus_t foveaGetBackend(int32_t index, foveaBackend_t* backend) {
  return guarded([&] {
    FOVEA_TRY(check_out(backend, "backend"));
    const auto count = static_cast<int32_t>(registry().size());
    FOVEA_REQUIRE_ARGUMENT(index >= 0 && index < count, "index: %d, expected 0 to %d", index, count - 1);
    *backend = registry()[index]->id;
    return FOVEA_STATUS_SUCCESS;
  });
}

const char* foveaBackendGetName(foveaBackend_t backend) {
  if (backend == FOVEA_BACKEND_AUTO) return "AUTO";
  const Backend* found = find_backend(registry(), backend);
  return found == nullptr ? "UNKNOWN" : found->name;
}

foveaStatus_t foveaBackendFromName(const char* name, foveaBackend_t* backend) {
  return guarded([&] {
    FOVEA_REQUIRE_ARGUMENT(name != nullptr, "name: NULL, expected the name of a backend");
    FOVEA_TRY(check_out(backend, "backend"));
    return backend_from_name(registry(), name, "name", backend);
  });
}

foveaStatus_t foveaBackendIsAvailable(foveaBackend_t backend, int32_t* available, char* reason, size_t reason_size) {
  return guarded([&] {
    FOVEA_TRY(check_out(available, "available"));
    FOVEA_REQUIRE_ARGUMENT(reason != nullptr || reason_size == 0, "reason: NULL, but reason_size is %zu", reason_size);
    const Backend* found = nullptr;
    FOVEA_TRY(require_backend(registry(), backend, "backend", &found));
    std::string sentence;
    *available = found->available(nullptr, &sentence) ? 1 : 0;
    if (reason_size > 0) std::snprintf(reason, reason_size, "%s", sentence.c_str());
    return FOVEA_STATUS_SUCCESS;
  });
}

foveaStatus_t foveaBackendSupportsNonCausal(foveaBackend_t backend, int32_t* supported) {
  return foveaBackendSupports(backend, FOVEA_CAPABILITY_NON_CAUSAL, supported);
}

foveaStatus_t foveaBackendSupports(foveaBackend_t backend, foveaCapability_t capability, int32_t* supported) {
  return guarded([&] {
    FOVEA_TRY(check_out(supported, "supported"));
    FOVEA_REQUIRE_ARGUMENT(capability >= 0 && capability < FOVEA_CAPABILITY_COUNT, "capability: %d is not a capability",
                           static_cast<int>(capability));
    const Backend* found = nullptr;
    Claims claims;
    FOVEA_TRY(require_backend(registry(), backend, "backend", &found));
    FOVEA_TRY(require_claims(*found, &claims));
    *supported = claims.has(capability) ? 1 : 0;
    return FOVEA_STATUS_SUCCESS;
  });
}

foveaStatus_t foveaBackendSupportsDataType(foveaBackend_t backend, foveaDataTypeRole_t role, foveaDataType_t dtype,
                                           int32_t* supported) {
  return guarded([&] {
    FOVEA_TRY(check_out(supported, "supported"));
    FOVEA_REQUIRE_ARGUMENT(role >= 0 && role < kRoles, "role: %d is not a foveaDataTypeRole_t", static_cast<int>(role));
    FOVEA_REQUIRE_ARGUMENT(is_data_type(dtype) && dtype != FOVEA_DATA_TYPE_NONE, "dtype: %d is not a data type",
                           static_cast<int>(dtype));
    const Backend* found = nullptr;
    Claims claims;
    FOVEA_TRY(require_backend(registry(), backend, "backend", &found));
    FOVEA_TRY(require_claims(*found, &claims));
    *supported = claims.takes(role, dtype) ? 1 : 0;
    return FOVEA_STATUS_SUCCESS;
  });
}

foveaStatus_t foveaBackendGetBounds(foveaBackend_t backend, foveaBoundsAttribute_t attribute, foveaBounds_t* bounds) {
  return guarded([&] {
    FOVEA_REQUIRE_ARGUMENT(attribute >= 0 && attribute < kBoundsAttributes,
                           "attribute: %d is not a foveaBoundsAttribute_t", static_cast<int>(attribute));
    const Backend* found = nullptr;
    Claims claims;
    FOVEA_TRY(require_backend(registry(), backend, "backend", &found));
    FOVEA_TRY(require_claims(*found, &claims));
    const Bounds& claimed = claims.bounds[attribute];
    foveaBounds_t result = {};
    result.min = claimed.min;
    result.max = claimed.max;
    result.multiple_of = claimed.multiple_of;
    result.count = claimed.count;
    for (int32_t i = 0; i < claimed.count; ++i) result.values[i] = claimed.values[i];
    return write_struct(result, "bounds", bounds);
  });
}

foveaStatus_t foveaConfigCheck(foveaConfig_t config, foveaBackend_t backend, foveaReport_t* report) {
  return guarded([&] {
    Config* object = nullptr;
    const Backend* found = nullptr;
    FOVEA_TRY(open(config, "config", &object));
    FOVEA_TRY(require_backend(registry(), backend, "backend", &found));
    Reasons reasons;
    check_support(*found, nullptr, object->layer(), &reasons);
    const bool supported = reasons.empty();
    const std::string sentences = reasons.joined("; ");
    if (report != nullptr) *report = to_handle<foveaReport_t>(new Report(std::move(reasons)));
    return supported ? FOVEA_STATUS_SUCCESS
                     : fail(FOVEA_STATUS_NOT_SUPPORTED, "%s: %s", found->name, sentences.c_str());
  });
}

foveaStatus_t foveaReportGetCount(foveaReport_t report, int32_t* count) {
  return guarded([&] {
    Report* object = nullptr;
    FOVEA_TRY(open(report, "report", &object));
    FOVEA_TRY(check_out(count, "count"));
    *count = static_cast<int32_t>(object->list().size());
    return FOVEA_STATUS_SUCCESS;
  });
}

foveaStatus_t foveaReportGetReason(foveaReport_t report, int32_t index, foveaReason_t* code, const char** sentence) {
  return guarded([&] {
    Report* object = nullptr;
    FOVEA_TRY(open(report, "report", &object));
    FOVEA_TRY(check_out(code, "code"));
    FOVEA_TRY(check_out(sentence, "sentence"));
    const auto count = static_cast<int32_t>(object->list().size());
    FOVEA_REQUIRE_ARGUMENT(index >= 0 && index < count, "index: %d, but the report has %d reasons", index, count);
    *code = object->list()[index].code;
    *sentence = object->list()[index].sentence.c_str();
    return FOVEA_STATUS_SUCCESS;
  });
}

void foveaReportDestroy(foveaReport_t report) { drop<Report>(report); }

foveaStatus_t foveaSelectBackend(foveaContext_t context, foveaConfig_t config, foveaBackend_t requested,
                                 foveaBackend_t* selected) {
  return guarded([&] {
    Context* device = nullptr;
    Config* layer = nullptr;
    FOVEA_TRY(open(context, "context", &device));
    FOVEA_TRY(open(config, "config", &layer));
    FOVEA_TRY(check_out(selected, "selected"));
    const Backend* found = nullptr;
    FOVEA_TRY(select_backend(registry(), *device, layer->layer(), requested, "requested", &found));
    *selected = found->id;
    return FOVEA_STATUS_SUCCESS;
  });
}
