/* A GPU module without a GPU: what is wrong with it is chosen at compile time. */
#include <stdio.h>
#include <string.h>

#include "impl/backend/module_abi.h"

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
#endif
};
