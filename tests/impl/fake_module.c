/* A GPU module without a GPU: what is wrong with it is chosen at compile time. Its devices can be found and described,
 * but not used. */
#include <stdio.h>
#include <string.h>

#include "kernels/hip/module/module_abi.h"

#ifndef FOVEA_FAKE_ABI
#define FOVEA_FAKE_ABI FOVEA_MODULE_ABI_VERSION
#endif
#ifndef FOVEA_FAKE_SIZE
#define FOVEA_FAKE_SIZE sizeof(FoveaModuleTable)
#endif
#ifndef FOVEA_FAKE_DEVICES
#define FOVEA_FAKE_DEVICES 0
#endif
#ifndef FOVEA_FAKE_SUPPORTED
#define FOVEA_FAKE_SUPPORTED 1
#endif

#ifndef FOVEA_FAKE_NO_FUNCTIONS
static int32_t device_count(int32_t* count, FoveaModuleMessage message) {
#ifdef FOVEA_FAKE_COUNT_FAILS
  (void)count;
  snprintf(message.text, message.size, "the driver is older than the runtime");
  return 10;
#else
  (void)message;
  *count = FOVEA_FAKE_DEVICES;
  return 0;
#endif
}

static int32_t device_info(int32_t ordinal, FoveaModuleDeviceInfo* info, FoveaModuleMessage message) {
  (void)ordinal;
  (void)message;
  memset(info, 0, sizeof(*info));
  strcpy(info->name, "Fake Instinct");
  strcpy(info->architecture, "gfx000");
  info->supported = FOVEA_FAKE_SUPPORTED;
  return 0;
}

static int32_t refuse(FoveaModuleMessage message) {
  snprintf(message.text, message.size, "this device only exists on paper");
  return 10;
}
static int32_t context_create(int32_t a, FoveaModuleContext** b, FoveaModuleMessage message) {
  (void)a, (void)b;
  return refuse(message);
}
static void context_destroy(FoveaModuleContext* a) { (void)a; }
static int32_t synchronize(FoveaModuleContext* a, FoveaModuleMessage message) {
  (void)a;
  return refuse(message);
}
static int32_t download(FoveaModuleContext* a, void* b, const void* c, size_t d, void* e, FoveaModuleMessage message) {
  (void)a, (void)b, (void)c, (void)d, (void)e;
  return refuse(message);
}
static int32_t check_pointers(FoveaModuleContext* a, const FoveaModulePointer* b, int32_t c,
                              FoveaModuleMessage message) {
  (void)a, (void)b, (void)c;
  return refuse(message);
}
static void check_layer(const char* a, const FoveaModuleLayer* b, FoveaModuleReasons reasons) {
  (void)a, (void)b;
  reasons.add(reasons.user, 18, "number of heads not supported: on paper there are none");
}
static int32_t preferred(const char* a, const FoveaModuleLayer* b) {
  (void)a, (void)b;
  return 0;
}
static int32_t memory_create(FoveaModuleContext* a, size_t b, FoveaModuleMemory** c, void** d,
                             FoveaModuleMessage message) {
  (void)a, (void)b, (void)c, (void)d;
  return refuse(message);
}
static void memory_destroy(FoveaModuleContext* a, FoveaModuleMemory* b) { (void)a, (void)b; }
static int32_t memory_stage(FoveaModuleContext* a, FoveaModuleMemory* b, void* c, void** d,
                            FoveaModuleMessage message) {
  (void)a, (void)b, (void)c, (void)d;
  return refuse(message);
}
static int32_t memory_upload(FoveaModuleContext* a, FoveaModuleMemory* b, const FoveaModuleRange* c, int32_t d, void* e,
                             FoveaModuleMessage message) {
  (void)a, (void)b, (void)c, (void)d, (void)e;
  return refuse(message);
}
static int32_t kernel_create(FoveaModuleContext* a, const FoveaModuleLayer* b, FoveaModuleKernel** c,
                             FoveaModuleMessage message) {
  (void)a, (void)b, (void)c;
  return refuse(message);
}
static void kernel_destroy(FoveaModuleContext* a, FoveaModuleKernel* b) { (void)a, (void)b; }
static uint64_t plan_key(const FoveaModuleKernel* a) {
  (void)a;
  return 0;
}
static int32_t size_of(const FoveaModuleKernel* a, const FoveaModuleLimits* b, size_t* c, FoveaModuleMessage message) {
  (void)a, (void)b, (void)c;
  return refuse(message);
}
static int32_t plan(FoveaModuleContext* a, const FoveaModuleKernel* b, const FoveaModuleBatch* c, void* d, size_t e,
                    void* f, FoveaModuleMessage message) {
  (void)a, (void)b, (void)c, (void)d, (void)e, (void)f;
  return refuse(message);
}
static int32_t write_cache(FoveaModuleContext* a, const FoveaModuleKernel* b, const FoveaModuleWrite* c, void* d,
                           FoveaModuleMessage message) {
  (void)a, (void)b, (void)c, (void)d;
  return refuse(message);
}
static int32_t forward(FoveaModuleContext* a, const FoveaModuleKernel* b, const FoveaModuleBatch* c,
                       const FoveaModuleForward* d, void* e, FoveaModuleMessage message) {
  (void)a, (void)b, (void)c, (void)d, (void)e;
  return refuse(message);
}
#ifndef FOVEA_FAKE_ONE_MISSING
static int32_t merge(FoveaModuleContext* a, const FoveaModuleMerge* b, void* c, FoveaModuleMessage message) {
  (void)a, (void)b, (void)c;
  return refuse(message);
}
#endif

/* Enough of a claim that check_layer is asked. */
static const FoveaModuleClaims claims = {
    .backend = 1,
    .capabilities = ~UINT64_C(0),
    .data_types = {0x7e, 0x7e, 0x7e, 0},
    .bounds = {{8, 256, 8, 0, {0}}, {8, 256, 8, 0, {0}}, {16, 1024, 16, 0, {0}}, {1, 64, 1, 0, {0}}},
};
#endif

#ifdef FOVEA_FAKE_NO_SYMBOL
#define TABLE_NAME fovea_module_of_another_age
#else
#define TABLE_NAME fovea_module_table
#endif

const FoveaModuleTable TABLE_NAME = {
    .abi_version = FOVEA_FAKE_ABI,
    .struct_size = FOVEA_FAKE_SIZE,
#ifdef FOVEA_FAKE_OTHER_BUILD
    .build_id = "of some other day",
#else
    .build_id = FOVEA_FAKE_BUILD_ID,
#endif
    .architectures = "gfx90a gfx942",
#ifndef FOVEA_FAKE_NO_FUNCTIONS
    .device_count = device_count,
    .device_info = device_info,
    .check_layer = check_layer,
    .preferred = preferred,
    .context_create = context_create,
    .context_destroy = context_destroy,
    .synchronize = synchronize,
    .download = download,
    .check_pointers = check_pointers,
    .memory_create = memory_create,
    .memory_destroy = memory_destroy,
    .memory_stage = memory_stage,
    .memory_upload = memory_upload,
    .kernel_create = kernel_create,
    .kernel_destroy = kernel_destroy,
    .plan_key = plan_key,
    .workspace_size = size_of,
    .plan_size = size_of,
    .plan = plan,
    .write = write_cache,
    .forward = forward,
#ifndef FOVEA_FAKE_ONE_MISSING
    .merge = merge,
#endif
    .claims = &claims,
    .num_claims = 1,
#endif
};
