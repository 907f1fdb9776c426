/* Compiled, not run, by every compiler and in every language standard the header promises: all initialisers, every
 * function's address, a call as users write it. header_use.cc is the same as C++. */
#include "fovea/fovea.h"

#define FOVEA_DLPACK_DLTENSOR_DECLARED
typedef struct {
  int32_t device_type;
  int32_t device_id;
} DLDevice;
typedef struct {
  uint8_t code;
  uint8_t bits;
  uint16_t lanes;
} DLDataType;
typedef struct {
  void* data;
  DLDevice device;
  int32_t ndim;
  DLDataType dtype;
  int64_t* shape;
  int64_t* strides;
  uint64_t byte_offset;
} DLTensor;
#include "fovea/fovea_dlpack.h"

#if !defined(FOVEA_VERSION) || FOVEA_VERSION < 10000
#error "FOVEA_VERSION is missing"
#endif

foveaStatus_t use_initialisers(foveaContext_t context, foveaMetadata_t metadata, foveaAttention_t attention,
                               const DLTensor* query);

foveaStatus_t use_initialisers(foveaContext_t context, foveaMetadata_t metadata, foveaAttention_t attention,
                               const DLTensor* query) {
  foveaTensor_t tensor = FOVEA_TENSOR_INIT;
  foveaContextCreateInfo_t create = FOVEA_CONTEXT_CREATE_INFO_INIT;
  foveaContextInfo_t info = FOVEA_CONTEXT_INFO_INIT;
  foveaBounds_t bounds = FOVEA_BOUNDS_INIT;
  foveaMetadataLimits_t limits = FOVEA_METADATA_LIMITS_INIT;
  foveaPlanArgs_t plan = FOVEA_PLAN_ARGS_INIT;
  foveaKvWriteArgs_t write = FOVEA_KV_WRITE_ARGS_INIT;
  foveaForwardArgs_t forward = FOVEA_FORWARD_ARGS_INIT;
  foveaMergeArgs_t merge = FOVEA_MERGE_ARGS_INIT;
  size_t size = 0;
  foveaStatus_t status = foveaContextCreate(&create, &context);
  const char* reason = NULL;
  if (status == FOVEA_STATUS_SUCCESS) status = foveaTensorFromDLPack(query, FOVEA_DEVICE_CPU, &tensor, &reason);
  if (status == FOVEA_STATUS_SUCCESS) status = foveaContextGetInfo(context, &info);
  if (status == FOVEA_STATUS_SUCCESS) {
    status = foveaBackendGetBounds(FOVEA_BACKEND_CPU_ATTN, FOVEA_BOUNDS_HEAD_SIZE, &bounds);
  }
  if (status == FOVEA_STATUS_SUCCESS) status = foveaAttentionGetWorkspaceSize(attention, &limits, &size);
  if (status == FOVEA_STATUS_SUCCESS) status = foveaAttentionPlan(attention, metadata, &plan);
  if (status == FOVEA_STATUS_SUCCESS) status = foveaAttentionWriteKvCache(attention, &write);
  forward.query = tensor;
  if (status == FOVEA_STATUS_SUCCESS) status = foveaAttentionForward(attention, metadata, &forward);
  if (status == FOVEA_STATUS_SUCCESS) status = foveaMergeAttentionStates(context, &merge);
  return status;
}
