// Statuses with their sentence, and the runtime's errors turned into such.
#pragma once

#include <cstdarg>
#include <cstdio>

#include "kernels/hip/module/enumerators.h"
#include "kernels/hip/module/module_abi.h"
#include "kernels/hip/module/runtime.h"

namespace fovea::hip {

// Writes the sentence and returns `status`, so that a check is one line.
[[gnu::format(printf, 3, 4)]] inline int32_t report(FoveaModuleMessage message, int32_t status, const char* format,
                                                    ...) {
  if (message.text != nullptr && message.size > 0) {
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(message.text, message.size, format, arguments);
    va_end(arguments);
  }
  return status;
}

// `what` names the runtime's call. The error is also taken from the runtime, which would hand it to the next asker.
inline int32_t report_error(FoveaModuleMessage message, hipError_t error, const char* what) {
  if (error == hipSuccess) return kSuccess;
  (void)hipGetLastError();
  const int32_t status = error == hipErrorOutOfMemory      ? kDeviceOutOfMemory
                         : error == hipErrorNoDevice       ? kNoDevice
                         : error == hipErrorNoBinaryForGpu ? kArchMismatch
                                                           : kDeviceError;
  return report(message, status, "%s: %s (%s)", what, hipGetErrorString(error), hipGetErrorName(error));
}

}  // namespace fovea::hip

// For functions that return a status and have a `message`.
#define FOVEA_HIP_TRY(call)                                                                    \
  do {                                                                                         \
    if (const hipError_t fovea_hip_error = (call); fovea_hip_error != hipSuccess) [[unlikely]] \
      return ::fovea::hip::report_error(message, fovea_hip_error, #call);                      \
  } while (0)
