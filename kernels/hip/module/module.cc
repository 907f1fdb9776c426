// The module's one exported symbol. Each entry makes the context's device current, puts the caller's back, and turns
// exceptions into statuses.
#include <cxxabi.h>

#include <exception>
#include <new>

#include "kernels/hip/module/claims.h"
#include "kernels/hip/module/context.h"
#include "kernels/hip/module/kernel.h"
#include "kernels/hip/module/report.h"
#include "kernels/hip/module/tuning.h"

namespace fovea::hip {
namespace {

template <class Body>
int32_t guarded(FoveaModuleMessage message, Body body) {
  try {
    return body();
  } catch (const std::bad_alloc&) {
    return report(message, kOutOfMemory, "out of host memory");
  } catch (const abi::__forced_unwind&) {
    throw;
  } catch (const std::exception& error) {
    return report(message, kInternalError, "internal error: %s", error.what());
  } catch (...) {
    return report(message, kInternalError, "internal error");
  }
}

template <class Body>
int32_t on_device(const FoveaModuleContext* context, FoveaModuleMessage message, Body body) {
  return guarded(message, [&]() -> int32_t {
    const DeviceGuard guard(context->ordinal);
    FOVEA_HIP_TRY(guard.error());
    return body();
  });
}

hipStream_t stream_of(void* stream) { return static_cast<hipStream_t>(stream); }

void destroy_context(FoveaModuleContext* context) { delete context; }

void destroy_memory(FoveaModuleContext* context, FoveaModuleMemory* memory) {
  const DeviceGuard guard(context->ordinal);
  memory_destroy(memory);
}

void destroy_kernel(FoveaModuleContext* context, FoveaModuleKernel* kernel) {
  const DeviceGuard guard(context->ordinal);
  kernel_destroy(*context, kernel);
}

}  // namespace
}  // namespace fovea::hip

using namespace fovea::hip;

extern "C" {

__attribute__((visibility("default"))) extern const FoveaModuleTable fovea_module_table;

const FoveaModuleTable fovea_module_table = {
    .abi_version = FOVEA_MODULE_ABI_VERSION,
    .struct_size = sizeof(FoveaModuleTable),
    .build_id = FOVEA_BUILD_ID,
    .architectures = FOVEA_HIP_EMBEDDED_ARCHITECTURES,
    .claims = kModuleClaims,
    .num_claims = kNumClaims,

    .device_count = device_count,
    .device_info = device_info,
    .check_layer = [](const char* architecture, const FoveaModuleLayer* layer,
                      FoveaModuleReasons reasons) { check_layer(architecture, *layer, reasons); },
    .preferred = [](const char* architecture,
                    const FoveaModuleLayer* layer) { return preferred(architecture, *layer); },

    .context_create =
        [](int32_t ordinal, FoveaModuleContext** context, FoveaModuleMessage message) {
          return guarded(message, [&] { return context_create(ordinal, context, message); });
        },
    .context_destroy = destroy_context,
    .synchronize =
        [](FoveaModuleContext* context, FoveaModuleMessage message) {
          return on_device(context, message, [&] { return synchronize(message); });
        },
    .download =
        [](FoveaModuleContext* context, void* to, const void* from, size_t size, void* stream,
           FoveaModuleMessage message) {
          return on_device(context, message, [&] { return download(to, from, size, stream_of(stream), message); });
        },
    .check_pointers =
        [](FoveaModuleContext* context, const FoveaModulePointer* pointers, int32_t num_pointers,
           FoveaModuleMessage message) {
          return guarded(message, [&] { return check_pointers(*context, pointers, num_pointers, message); });
        },

    .memory_create =
        [](FoveaModuleContext* context, size_t size, FoveaModuleMemory** memory, void** address,
           FoveaModuleMessage message) {
          return on_device(context, message, [&] { return memory_create(size, memory, address, message); });
        },
    .memory_destroy = destroy_memory,
    .memory_stage =
        [](FoveaModuleContext* context, FoveaModuleMemory* memory, void* stream, void** image,
           FoveaModuleMessage message) {
          return on_device(context, message, [&] { return memory_stage(*memory, stream_of(stream), image, message); });
        },
    .memory_upload =
        [](FoveaModuleContext* context, FoveaModuleMemory* memory, const FoveaModuleRange* ranges, int32_t num_ranges,
           void* stream, FoveaModuleMessage message) {
          return on_device(context, message,
                           [&] { return memory_upload(*memory, ranges, num_ranges, stream_of(stream), message); });
        },

    .kernel_create =
        [](FoveaModuleContext* context, const FoveaModuleLayer* layer, FoveaModuleKernel** kernel,
           FoveaModuleMessage message) {
          return on_device(context, message, [&] { return kernel_create(*context, *layer, kernel, message); });
        },
    .kernel_destroy = destroy_kernel,
    .plan_key = [](const FoveaModuleKernel* kernel) { return plan_key(*kernel); },
    .workspace_size =
        [](const FoveaModuleKernel* kernel, const FoveaModuleLimits* limits, size_t* size, FoveaModuleMessage message) {
          return guarded(message, [&] { return workspace_size(*kernel, *limits, size, message); });
        },
    .plan_size =
        [](const FoveaModuleKernel* kernel, const FoveaModuleLimits* limits, size_t* size, FoveaModuleMessage message) {
          return guarded(message, [&] { return plan_size(*kernel, *limits, size, message); });
        },

    .plan =
        [](FoveaModuleContext* context, const FoveaModuleKernel* kernel, const FoveaModuleBatch* batch, void* memory,
           size_t size, void* stream, FoveaModuleMessage message) {
          return on_device(context, message, [&] {
            return plan(*context, *kernel, *batch, memory, size, stream_of(stream), message);
          });
        },
    .write =
        [](FoveaModuleContext* context, const FoveaModuleKernel* kernel, const FoveaModuleWrite* arguments,
           void* stream, FoveaModuleMessage message) {
          return on_device(context, message,
                           [&] { return write(*context, *kernel, *arguments, stream_of(stream), message); });
        },
    .forward =
        [](FoveaModuleContext* context, const FoveaModuleKernel* kernel, const FoveaModuleBatch* batch,
           const FoveaModuleForward* arguments, void* stream, FoveaModuleMessage message) {
          return on_device(context, message,
                           [&] { return forward(*context, *kernel, *batch, *arguments, stream_of(stream), message); });
        },
    .merge =
        [](FoveaModuleContext* context, const FoveaModuleMerge* arguments, void* stream, FoveaModuleMessage message) {
          return on_device(context, message, [&] { return merge(*context, *arguments, stream_of(stream), message); });
        },
};

}  // extern "C"
