// The HIP runtime as the module uses it: documented calls that HIP 5, 6 and 7 have alike. With FOVEA_HIP_NVIDIA the
// same names are a thin map onto the CUDA runtime, because HIP's own NVIDIA headers do not compile with current CUDA.
//
// Only the API header is included: hip_runtime.h also brings HIP's device code, which needs HIP's own compiler.
#pragma once

#include <cstddef>

#ifdef FOVEA_HIP_NVIDIA

#include <cuda_runtime_api.h>

using hipError_t = cudaError_t;
inline constexpr hipError_t hipSuccess = cudaSuccess;
inline constexpr hipError_t hipErrorOutOfMemory = cudaErrorMemoryAllocation;
inline constexpr hipError_t hipErrorNoDevice = cudaErrorNoDevice;
inline constexpr hipError_t hipErrorNoBinaryForGpu = cudaErrorNoKernelImageForDevice;
inline constexpr hipError_t hipErrorStreamCaptureImplicit = cudaErrorStreamCaptureImplicit;
inline const char* hipGetErrorName(hipError_t error) { return cudaGetErrorName(error); }
inline const char* hipGetErrorString(hipError_t error) { return cudaGetErrorString(error); }
inline hipError_t hipGetLastError() { return cudaGetLastError(); }

using hipDeviceProp_t = cudaDeviceProp;
using hipDeviceAttribute_t = cudaDeviceAttr;
inline constexpr hipDeviceAttribute_t hipDeviceAttributeMultiprocessorCount = cudaDevAttrMultiProcessorCount;
inline hipError_t hipGetDeviceCount(int* count) { return cudaGetDeviceCount(count); }
inline hipError_t hipGetDevice(int* ordinal) { return cudaGetDevice(ordinal); }
inline hipError_t hipSetDevice(int ordinal) { return cudaSetDevice(ordinal); }
inline hipError_t hipGetDeviceProperties(hipDeviceProp_t* properties, int ordinal) {
  return cudaGetDeviceProperties(properties, ordinal);
}
inline hipError_t hipDeviceGetAttribute(int* value, hipDeviceAttribute_t attribute, int ordinal) {
  return cudaDeviceGetAttribute(value, attribute, ordinal);
}
inline hipError_t hipDeviceCanAccessPeer(int* can, int ordinal, int peer) {
  return cudaDeviceCanAccessPeer(can, ordinal, peer);
}
inline hipError_t hipDeviceSynchronize() { return cudaDeviceSynchronize(); }

using hipMemcpyKind = cudaMemcpyKind;
inline constexpr hipMemcpyKind hipMemcpyHostToDevice = cudaMemcpyHostToDevice;
inline constexpr hipMemcpyKind hipMemcpyDeviceToHost = cudaMemcpyDeviceToHost;
inline constexpr unsigned hipHostMallocDefault = cudaHostAllocDefault;
inline hipError_t hipMalloc(void** memory, size_t size) { return cudaMalloc(memory, size); }
inline hipError_t hipFree(void* memory) { return cudaFree(memory); }
inline hipError_t hipHostMalloc(void** memory, size_t size, unsigned flags) {
  return cudaHostAlloc(memory, size, flags);
}
inline hipError_t hipHostFree(void* memory) { return cudaFreeHost(memory); }

using hipStream_t = cudaStream_t;
using hipStreamCaptureStatus = cudaStreamCaptureStatus;
inline constexpr hipStreamCaptureStatus hipStreamCaptureStatusNone = cudaStreamCaptureStatusNone;
inline hipError_t hipStreamIsCapturing(hipStream_t stream, hipStreamCaptureStatus* status) {
  return cudaStreamIsCapturing(stream, status);
}
inline hipError_t hipStreamSynchronize(hipStream_t stream) { return cudaStreamSynchronize(stream); }
inline hipError_t hipMemcpyAsync(void* to, const void* from, size_t size, hipMemcpyKind kind, hipStream_t stream) {
  return cudaMemcpyAsync(to, from, size, kind, stream);
}
inline hipError_t hipMemsetAsync(void* memory, int byte, size_t size, hipStream_t stream) {
  return cudaMemsetAsync(memory, byte, size, stream);
}

using hipEvent_t = cudaEvent_t;
inline constexpr unsigned hipEventDisableTiming = cudaEventDisableTiming;
inline hipError_t hipEventCreateWithFlags(hipEvent_t* event, unsigned flags) {
  return cudaEventCreateWithFlags(event, flags);
}
inline hipError_t hipEventDestroy(hipEvent_t event) { return cudaEventDestroy(event); }
inline hipError_t hipEventRecord(hipEvent_t event, hipStream_t stream) { return cudaEventRecord(event, stream); }
inline hipError_t hipEventSynchronize(hipEvent_t event) { return cudaEventSynchronize(event); }

using hipPointerAttribute_t = cudaPointerAttributes;
inline hipError_t hipPointerGetAttributes(hipPointerAttribute_t* attributes, const void* address) {
  return cudaPointerGetAttributes(attributes, address);
}

using hipFuncAttribute = cudaFuncAttribute;
using hipFuncAttributes = cudaFuncAttributes;
inline constexpr hipFuncAttribute hipFuncAttributeMaxDynamicSharedMemorySize =
    cudaFuncAttributeMaxDynamicSharedMemorySize;
inline hipError_t hipFuncSetAttribute(const void* function, hipFuncAttribute attribute, int value) {
  return cudaFuncSetAttribute(function, attribute, value);
}
inline hipError_t hipFuncGetAttributes(hipFuncAttributes* attributes, const void* function) {
  return cudaFuncGetAttributes(attributes, function);
}
inline hipError_t hipOccupancyMaxActiveBlocksPerMultiprocessor(int* blocks, const void* function, int threads,
                                                               size_t shared_bytes) {
  return cudaOccupancyMaxActiveBlocksPerMultiprocessor(blocks, function, threads, shared_bytes);
}
inline hipError_t hipLaunchKernel(const void* function, dim3 grid, dim3 block, void** arguments, size_t shared_bytes,
                                  hipStream_t stream) {
  return cudaLaunchKernel(function, grid, block, arguments, shared_bytes, stream);
}

#else

#ifndef __HIP_PLATFORM_AMD__
#define __HIP_PLATFORM_AMD__ 1
#endif
#include <hip/hip_runtime_api.h>

#endif
