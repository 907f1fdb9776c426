// A GPU module on paper that claims what the shipped ones do, built from their table: for what can be asked and refused
// where there is neither a GPU nor a GPU's runtime. Its device has the host's memory; attentions can be bound, planned for
// and refused, but nothing is ever computed.
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "kernels/hip/module/claims.h"

using namespace fovea::hip;

struct FoveaModuleContext {};
struct FoveaModuleMemory {
  void* image;
};
struct FoveaModuleKernel {};

namespace {

int32_t say(FoveaModuleMessage message, int32_t status, const char* sentence) {
  snprintf(message.text, message.size, "%s", sentence);
  return status;
}
int32_t compute_nothing(FoveaModuleMessage message) {
  return say(message, kDeviceError, "this device only exists on paper");
}

int32_t device_info(int32_t, FoveaModuleDeviceInfo* info, FoveaModuleMessage) {
  *info = {};
  strcpy(info->name, "GPU on paper");
  strcpy(info->architecture, "gfx942");
  info->supported = 1;
  info->num_compute_units = 1;
  return kSuccess;
}

int32_t create_memory(FoveaModuleContext*, size_t size, FoveaModuleMemory** memory, void** address,
                      FoveaModuleMessage message) {
  void* image = aligned_alloc(64, (size + 63) / 64 * 64);
  if (image == nullptr) return say(message, kOutOfMemory, "out of memory");
  *memory = new FoveaModuleMemory{image};
  *address = image;
  return kSuccess;
}

}  // namespace

extern "C" {

__attribute__((visibility("default"))) extern const FoveaModuleTable fovea_module_table;

const FoveaModuleTable fovea_module_table = {
    .abi_version = FOVEA_MODULE_ABI_VERSION,
    .struct_size = sizeof(FoveaModuleTable),
    .build_id = FOVEA_BUILD_ID,
    .architectures = "gfx942",
    .claims = kModuleClaims,
    .num_claims = kNumClaims,
    .device_count = [](int32_t* count, FoveaModuleMessage) -> int32_t { return *count = 1, kSuccess; },
    .device_info = device_info,
    .check_layer = [](const char*, const FoveaModuleLayer*, FoveaModuleReasons) {},
    .preferred = [](const char*, const FoveaModuleLayer*) -> int32_t { return 0; },
    .context_create = [](int32_t, FoveaModuleContext** context, FoveaModuleMessage) -> int32_t {
      return *context = new FoveaModuleContext, kSuccess;
    },
    .context_destroy = [](FoveaModuleContext* context) { delete context; },
    .synchronize = [](FoveaModuleContext*, FoveaModuleMessage) -> int32_t { return kSuccess; },
    .download = [](FoveaModuleContext*, void* to, const void* from, size_t size, void*, FoveaModuleMessage) -> int32_t {
      return memcpy(to, from, size), kSuccess;
    },
    .check_pointers = [](FoveaModuleContext*, const FoveaModulePointer*, int32_t, FoveaModuleMessage) -> int32_t {
      return kSuccess;
    },
    .memory_create = create_memory,
    .memory_destroy =
        [](FoveaModuleContext*, FoveaModuleMemory* memory) {
          free(memory->image);
          delete memory;
        },
    .memory_stage = [](FoveaModuleContext*, FoveaModuleMemory* memory, void*, void** image,
                       FoveaModuleMessage) -> int32_t { return *image = memory->image, kSuccess; },
    .memory_upload = [](FoveaModuleContext*, FoveaModuleMemory*, const FoveaModuleRange*, int32_t, void*,
                        FoveaModuleMessage) -> int32_t { return kSuccess; },
    .kernel_create = [](FoveaModuleContext*, const FoveaModuleLayer*, FoveaModuleKernel** kernel,
                        FoveaModuleMessage) -> int32_t { return *kernel = new FoveaModuleKernel, kSuccess; },
    .kernel_destroy = [](FoveaModuleContext*, FoveaModuleKernel* kernel) { delete kernel; },
    .plan_key = [](const FoveaModuleKernel*) -> uint64_t { return 0; },
    .workspace_size = [](const FoveaModuleKernel*, const FoveaModuleLimits*, size_t* size,
                         FoveaModuleMessage) -> int32_t { return *size = 64, kSuccess; },
    .plan_size = [](const FoveaModuleKernel*, const FoveaModuleLimits*, size_t* size,
                    FoveaModuleMessage) -> int32_t { return *size = 64, kSuccess; },
    .plan = [](FoveaModuleContext*, const FoveaModuleKernel*, const FoveaModuleBatch*, void*, size_t, void*,
               FoveaModuleMessage message) { return compute_nothing(message); },
    .write = [](FoveaModuleContext*, const FoveaModuleKernel*, const FoveaModuleWrite*, void*,
                FoveaModuleMessage message) { return compute_nothing(message); },
    .forward = [](FoveaModuleContext*, const FoveaModuleKernel*, const FoveaModuleBatch*, const FoveaModuleForward*,
                  void*, FoveaModuleMessage message) { return compute_nothing(message); },
    .merge = [](FoveaModuleContext*, const FoveaModuleMerge*, void*,
                FoveaModuleMessage message) { return compute_nothing(message); },
};

}  // extern "C"
