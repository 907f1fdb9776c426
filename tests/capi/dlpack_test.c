/* The DLPack view in C99. FOVEA_TEST_OWN_DLTENSOR: with DLTensor declared here, else with the system's dlpack.h. */
#include <stdio.h>
#include <string.h>

#ifdef FOVEA_TEST_OWN_DLTENSOR
#include <stdint.h>
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
#endif
#include "fovea/fovea_dlpack.h"

static int failures = 0;
#define CHECK(condition)                                             \
  do {                                                               \
    if (!(condition)) {                                              \
      printf("%s:%d: not so: %s\n", __FILE__, __LINE__, #condition); \
      ++failures;                                                    \
    }                                                                \
  } while (0)

static float memory[64];
static int64_t shape[8] = {2, 3, 4, 1, 1, 1, 1, 1};
static int64_t strides[8] = {12, 4, 1, 0, 0, 0, 0, 0};

static DLTensor good(void) {
  DLTensor source;
  memset(&source, 0, sizeof(source));
  source.data = memory;
#ifdef FOVEA_TEST_OWN_DLTENSOR
  source.device.device_type = 1;
#else
  source.device.device_type = kDLCPU;
#endif
  source.ndim = 3;
  source.dtype.code = 2;
  source.dtype.bits = 32;
  source.dtype.lanes = 1;
  source.shape = shape;
  return source;
}

static void expect_refused(const DLTensor* source, foveaDevice_t device, foveaStatus_t expected, const char* words) {
  foveaTensor_t tensor, before;
  const char* reason = NULL;
  memset(&tensor, 0x5a, sizeof(tensor));
  before = tensor;
  CHECK(foveaTensorFromDLPack(source, device, &tensor, &reason) == expected);
  CHECK(reason != NULL && strstr(reason, words) != NULL);
  if (reason != NULL && strstr(reason, words) == NULL) printf("  \"%s\" lacks \"%s\"\n", reason, words);
  CHECK(memcmp(&tensor, &before, sizeof(tensor)) == 0);
  CHECK(foveaTensorFromDLPack(source, device, &tensor, NULL) == expected);
}

int main(void) {
  DLTensor source = good();
  foveaTensor_t tensor;
  const char* reason = NULL;
  int64_t odd[3];

  CHECK(foveaTensorFromDLPack(&source, FOVEA_DEVICE_CPU, &tensor, &reason) == FOVEA_STATUS_SUCCESS);
  CHECK(reason != NULL && reason[0] == '\0');
  CHECK(tensor.data == memory && tensor.dtype == FOVEA_DATA_TYPE_F32 && tensor.ndim == 3);
  CHECK(tensor.shape[0] == 2 && tensor.shape[1] == 3 && tensor.shape[2] == 4);
  CHECK(tensor.strides[0] == 12 && tensor.strides[1] == 4 && tensor.strides[2] == 1);

  source.strides = strides;
  source.byte_offset = 16;
  strides[0] = 24;
  CHECK(foveaTensorFromDLPack(&source, FOVEA_DEVICE_AUTO, &tensor, NULL) == FOVEA_STATUS_SUCCESS);
  CHECK(tensor.data == memory + 4 && tensor.strides[0] == 24);
  strides[0] = 12;

  /* Producers put anything into the stride of an axis of length 1. */
  odd[0] = 777;
  odd[1] = 4;
  odd[2] = 1;
  source = good();
  source.strides = odd;
  shape[0] = 1;
  CHECK(foveaTensorFromDLPack(&source, FOVEA_DEVICE_CPU, &tensor, NULL) == FOVEA_STATUS_SUCCESS);
  CHECK(tensor.strides[0] == 12);
  odd[0] = 4;
  odd[2] = -5;
  shape[0] = 2;
  shape[2] = 1;
  CHECK(foveaTensorFromDLPack(&source, FOVEA_DEVICE_CPU, &tensor, NULL) == FOVEA_STATUS_SUCCESS);
  CHECK(tensor.strides[2] == 1);
  shape[2] = 4;

  /* An empty tensor may lack memory: it is absent. */
  source = good();
  source.data = NULL;
  shape[1] = 0;
  CHECK(foveaTensorFromDLPack(&source, FOVEA_DEVICE_CPU, &tensor, NULL) == FOVEA_STATUS_SUCCESS);
  CHECK(tensor.data == NULL && tensor.shape[1] == 0);
  shape[1] = 3;

  CHECK(foveaDataTypeFromDLPack(2, 16, 1) == FOVEA_DATA_TYPE_F16);
  CHECK(foveaDataTypeFromDLPack(4, 16, 1) == FOVEA_DATA_TYPE_BF16);
  CHECK(foveaDataTypeFromDLPack(10, 8, 1) == FOVEA_DATA_TYPE_F8_E4M3FN);
  CHECK(foveaDataTypeFromDLPack(11, 8, 1) == FOVEA_DATA_TYPE_F8_E4M3FNUZ);
  CHECK(foveaDataTypeFromDLPack(12, 8, 1) == FOVEA_DATA_TYPE_F8_E5M2);
  CHECK(foveaDataTypeFromDLPack(2, 64, 1) == FOVEA_DATA_TYPE_NONE);
  CHECK(foveaDataTypeFromDLPack(0, 32, 1) == FOVEA_DATA_TYPE_NONE);
  CHECK(foveaDataTypeFromDLPack(2, 32, 4) == FOVEA_DATA_TYPE_NONE);
  CHECK(foveaDeviceFromDLPack(1) == FOVEA_DEVICE_CPU && foveaDeviceFromDLPack(10) == FOVEA_DEVICE_AMD);
  CHECK(foveaDeviceFromDLPack(2) == FOVEA_DEVICE_NVIDIA && foveaDeviceFromDLPack(8) == FOVEA_DEVICE_AUTO);

  source = good();
  expect_refused(NULL, FOVEA_DEVICE_CPU, FOVEA_STATUS_INVALID_ARGUMENT, "source: is NULL");
  CHECK(foveaTensorFromDLPack(&source, FOVEA_DEVICE_CPU, NULL, &reason) == FOVEA_STATUS_INVALID_ARGUMENT);
  expect_refused(&source, FOVEA_DEVICE_AMD, FOVEA_STATUS_NOT_SUPPORTED, "device");
  expect_refused(&source, FOVEA_DEVICE_GPU, FOVEA_STATUS_NOT_SUPPORTED, "device");
  source.ndim = -1;
  expect_refused(&source, FOVEA_DEVICE_CPU, FOVEA_STATUS_INVALID_ARGUMENT, "ndim is negative");
  source.ndim = 7;
  expect_refused(&source, FOVEA_DEVICE_CPU, FOVEA_STATUS_NOT_SUPPORTED, "FOVEA_MAX_DIMS");
  source = good();
  source.shape = NULL;
  expect_refused(&source, FOVEA_DEVICE_CPU, FOVEA_STATUS_INVALID_ARGUMENT, "shape is NULL");
  source = good();
  source.data = NULL;
  expect_refused(&source, FOVEA_DEVICE_CPU, FOVEA_STATUS_INVALID_ARGUMENT, "data is NULL");
  source = good();
  source.dtype.bits = 64;
  expect_refused(&source, FOVEA_DEVICE_CPU, FOVEA_STATUS_NOT_SUPPORTED, "dtype not supported");
  source = good();
  shape[1] = -3;
  expect_refused(&source, FOVEA_DEVICE_CPU, FOVEA_STATUS_INVALID_ARGUMENT, "negative length");
  shape[1] = INT64_MAX;
  expect_refused(&source, FOVEA_DEVICE_CPU, FOVEA_STATUS_INVALID_ARGUMENT, "2^63");
  shape[1] = 3;
  source.strides = strides;
  strides[2] = 2;
  expect_refused(&source, FOVEA_DEVICE_CPU, FOVEA_STATUS_INVALID_ARGUMENT, "innermost stride");
  strides[2] = 1;
  strides[0] = -12;
  expect_refused(&source, FOVEA_DEVICE_CPU, FOVEA_STATUS_INVALID_ARGUMENT, "negative stride");
  strides[0] = 12;
  return failures == 0 ? 0 : 1;
}
