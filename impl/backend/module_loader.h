// Finds, loads and checks the GPU modules. That there is none is normal, and every attempt has a reason.
#pragma once

#include <string>
#include <vector>

#include "fovea/fovea.h"
#include "kernels/hip/module/module_abi.h"

namespace fovea {

// A module that passed every check, or why there is none.
struct Module {
  const FoveaModuleTable* table = nullptr;
  std::string path;
  std::string reason;  // one sentence naming each file that was tried
};

// Looks for `file_name` in the directories, in order, and takes the first that can be loaded and fits this build. An
// accepted module stays loaded for good: GPU runtimes do not survive being unloaded.
Module load_module(const char* file_name, const std::vector<std::string>& directories);

// The directory of the core library, then those of FOVEA_BACKEND_PATH, separated by colons.
std::vector<std::string> module_directories();

// What modules must carry.
const char* build_id() noexcept;

// A device that a module can drive, or how far the attempts came.
struct ModuleDevice {
  foveaStatus_t status = FOVEA_STATUS_NO_DEVICE;
  std::string reason;  // "" on SUCCESS
  const FoveaModuleTable* table = nullptr;
  foveaDevice_t kind = FOVEA_DEVICE_AUTO;  // AMD or NVIDIA
  int32_t ordinal = 0;
  FoveaModuleDeviceInfo info = {};
};

// The first that will do.
inline constexpr int32_t kAnyOrdinal = -1;

// Asks the modules for a device of a kind (AUTO and GPU: AMD first, then NVIDIA). Modules are loaded once per process.
// `take` has the last word: what it refuses, with its reason, is passed over for the next module.
ModuleDevice find_gpu(foveaDevice_t device, int32_t ordinal);
using TakeDevice = foveaStatus_t (*)(void* user, const ModuleDevice& device);
ModuleDevice find_gpu(foveaDevice_t device, int32_t ordinal, TakeDevice take, void* user);

// The same for a module that is at hand.
ModuleDevice probe_module(const char* file_name, const Module& module, int32_t ordinal);

}  // namespace fovea
