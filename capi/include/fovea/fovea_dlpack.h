/**
 * @file fovea_dlpack.h
 * @brief Views a DLTensor (DLPack, any version) as a foveaTensor_t. Header only; optional.
 *
 * This header brings no copy of DLPack: include your own dlpack.h first. If you did not, `<dlpack/dlpack.h>` is taken
 * where the compiler finds it. A program that declares DLTensor by itself, with DLPack's fields, defines
 * FOVEA_DLPACK_DLTENSOR_DECLARED before it includes this header.
 */
#ifndef FOVEA_FOVEA_DLPACK_H_
#define FOVEA_FOVEA_DLPACK_H_

#include "fovea/fovea.h"

#if !defined(DLPACK_DLPACK_H_) && !defined(DLPACK_VERSION) && !defined(DLPACK_MAJOR_VERSION) && \
    !defined(FOVEA_DLPACK_DLTENSOR_DECLARED)
#if defined(__has_include)
#if __has_include(<dlpack/dlpack.h>)
#include <dlpack/dlpack.h>
#define FOVEA_DLPACK_FOUND 1
#endif
#endif
#if !defined(FOVEA_DLPACK_FOUND)
#error "fovea_dlpack.h needs DLTensor: include dlpack.h before it, or declare DLTensor and define \
FOVEA_DLPACK_DLTENSOR_DECLARED"
#endif
#endif

/** @cond */
#ifdef __cplusplus
#define FOVEA_DLPACK_CAST(type, value) static_cast<type>(value)
extern "C" {
#else
#define FOVEA_DLPACK_CAST(type, value) ((type)(value))
#endif
/** @endcond */

/** @addtogroup tensors
 *  @{ */

/**
 * The element type that a DLPack type code and width stand for; FOVEA_DATA_TYPE_NONE if there is none.
 *
 * The codes are spelled as numbers because those of fp8 are younger (DLPack 1.1) than many copies of dlpack.h.
 * @param code  DLDataType::code.
 * @param bits  DLDataType::bits.
 * @param lanes DLDataType::lanes; only 1 is known.
 */
static inline foveaDataType_t foveaDataTypeFromDLPack(int32_t code, int32_t bits, int32_t lanes) {
  if (lanes != 1) return FOVEA_DATA_TYPE_NONE;
  if (code == 2 /* kDLFloat */) {
    return bits == 32 ? FOVEA_DATA_TYPE_F32 : bits == 16 ? FOVEA_DATA_TYPE_F16 : FOVEA_DATA_TYPE_NONE;
  }
  if (code == 4 /* kDLBfloat */) return bits == 16 ? FOVEA_DATA_TYPE_BF16 : FOVEA_DATA_TYPE_NONE;
  if (bits != 8) return FOVEA_DATA_TYPE_NONE;
  switch (code) {
    case 10 /* kDLFloat8_e4m3fn */:
      return FOVEA_DATA_TYPE_F8_E4M3FN;
    case 11 /* kDLFloat8_e4m3fnuz */:
      return FOVEA_DATA_TYPE_F8_E4M3FNUZ;
    case 12 /* kDLFloat8_e5m2 */:
      return FOVEA_DATA_TYPE_F8_E5M2;
    default:
      return FOVEA_DATA_TYPE_NONE;
  }
}

/**
 * The kind of device that a DLPack device type stands for; FOVEA_DEVICE_AUTO if this library has none for it. Pinned
 * host memory is memory of the CPU.
 * @param device_type DLDevice::device_type.
 */
static inline foveaDevice_t foveaDeviceFromDLPack(int32_t device_type) {
  switch (device_type) {
    case 1 /* kDLCPU */:
    case 3 /* kDLCUDAHost */:
    case 11 /* kDLROCMHost */:
      return FOVEA_DEVICE_CPU;
    case 2 /* kDLCUDA */:
    case 13 /* kDLCUDAManaged */:
      return FOVEA_DEVICE_NVIDIA;
    case 10 /* kDLROCM */:
      return FOVEA_DEVICE_AMD;
    default:
      return FOVEA_DEVICE_AUTO;
  }
}

/**
 * Views the memory of a DLTensor. Nothing is copied: `tensor` is valid as long as the memory of `source` is.
 *
 * Axes of length 1 get the stride they would have in a contiguous tensor, because producers put anything there.
 * @param source      the tensor to view.
 * @param device      where the memory has to be: the device of foveaContextGetInfo; FOVEA_DEVICE_AUTO takes any.
 * @param[out] tensor written on success only.
 * @param[out] reason receives a constant sentence on failure and "" on success; may be NULL.
 * @return SUCCESS, INVALID_ARGUMENT, NOT_SUPPORTED (data type, device or number of axes).
 */
static inline foveaStatus_t foveaTensorFromDLPack(const DLTensor* source, foveaDevice_t device, foveaTensor_t* tensor,
                                                  const char** reason) {
  foveaTensor_t view = FOVEA_TENSOR_INIT;
  const char* unused = "";
  foveaDevice_t where;
  int64_t contiguous = 1;
  int32_t axis;
  if (reason == NULL) reason = &unused;
  *reason = "";
  if (source == NULL || tensor == NULL) {
    *reason = source == NULL ? "source: is NULL, expected a DLTensor" : "tensor: is NULL, expected a foveaTensor_t";
    return FOVEA_STATUS_INVALID_ARGUMENT;
  }
  if (source->ndim < 0 || (source->ndim > 0 && source->shape == NULL)) {
    *reason = source->ndim < 0 ? "source: ndim is negative" : "source: shape is NULL, expected ndim lengths";
    return FOVEA_STATUS_INVALID_ARGUMENT;
  }
  if (source->ndim > FOVEA_MAX_DIMS) {
    *reason = "source: ndim is larger than FOVEA_MAX_DIMS";
    return FOVEA_STATUS_NOT_SUPPORTED;
  }
  view.dtype = foveaDataTypeFromDLPack(source->dtype.code, source->dtype.bits, source->dtype.lanes);
  if (view.dtype == FOVEA_DATA_TYPE_NONE) {
    *reason = "source: dtype not supported, expected f32, f16, bf16 or one of the fp8 types e4m3fn, e4m3fnuz, e5m2";
    return FOVEA_STATUS_NOT_SUPPORTED;
  }
  where = foveaDeviceFromDLPack(FOVEA_DLPACK_CAST(int32_t, source->device.device_type));
  if (where == FOVEA_DEVICE_AUTO || (device == FOVEA_DEVICE_GPU && where == FOVEA_DEVICE_CPU) ||
      (device != FOVEA_DEVICE_AUTO && device != FOVEA_DEVICE_GPU && device != where)) {
    *reason = "source: the memory is on another kind of device than asked for";
    return FOVEA_STATUS_NOT_SUPPORTED;
  }
  view.ndim = source->ndim;
  for (axis = view.ndim - 1; axis >= 0; --axis) {
    const int64_t length = source->shape[axis];
    if (length < 0) {
      *reason = "source: shape holds a negative length";
      return FOVEA_STATUS_INVALID_ARGUMENT;
    }
    if (length > 0 && contiguous > INT64_MAX / length) {
      *reason = "source: shape holds more than 2^63 - 1 elements";
      return FOVEA_STATUS_INVALID_ARGUMENT;
    }
    view.shape[axis] = length;
    view.strides[axis] = source->strides == NULL || length == 1 ? contiguous : source->strides[axis];
    if (view.strides[axis] < 0) {
      *reason = "source: strides holds a negative stride";
      return FOVEA_STATUS_INVALID_ARGUMENT;
    }
    contiguous *= length > 0 ? length : 1;
  }
  if (view.ndim > 0 && view.strides[view.ndim - 1] != 1) {
    *reason = "source: the innermost stride is not 1";
    return FOVEA_STATUS_INVALID_ARGUMENT;
  }
  if (source->data == NULL) {
    for (axis = 0; axis < view.ndim && view.shape[axis] > 0; ++axis) {
    }
    if (axis == view.ndim) {
      *reason = "source: data is NULL although the tensor has elements";
      return FOVEA_STATUS_INVALID_ARGUMENT;
    }
  } else {
    view.data = FOVEA_DLPACK_CAST(unsigned char*, source->data) + source->byte_offset;
  }
  *tensor = view;
  return FOVEA_STATUS_SUCCESS;
}

/** @} */

#ifdef __cplusplus
} /* extern "C" */
#endif
#undef FOVEA_DLPACK_CAST

#endif /* FOVEA_FOVEA_DLPACK_H_ */
