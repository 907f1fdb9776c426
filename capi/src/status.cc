#include "capi/src/guard.h"
#include "fovea/fovea.h"
#include "impl/log.h"
#include "impl/names.h"

using namespace fovea;

const char* foveaStatusName(foveaStatus_t status) { return status_name(status); }

const char* foveaStatusString(foveaStatus_t status) { return status_string(status); }

const char* foveaGetLastErrorMessage(void) { return last_error_message(); }

foveaStatus_t foveaGetVersion(int32_t* version) {
  FOVEA_TRY(capi::check_out(version, "version"));
  *version = FOVEA_VERSION;
  return FOVEA_STATUS_SUCCESS;
}

const char* foveaGetVersionString(void) { return FOVEA_VERSION_STRING; }

foveaStatus_t foveaSetLogCallback(foveaLogCallback_t callback, void* user, foveaLogLevel_t level) {
  return capi::guarded([&] { return set_log_callback(callback, user, level); });
}

const char* foveaDataTypeName(foveaDataType_t dtype) { return data_type_name(dtype); }

size_t foveaDataTypeSize(foveaDataType_t dtype) { return data_type_size(dtype); }
