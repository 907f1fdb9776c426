// Finds, loads and checks the GPU modules. That there is none is normal, and every attempt has a reason.
#pragma once

#include <string>
#include <vector>

#include "fovea/fovea.h"
#include "impl/backend/module_abi.h"

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

// Asks the modules for a device of a kind (AUTO and GPU: AMD first, then NVIDIA). Modules are loaded once per process.
// This version drives no module: `status` is never SUCCESS, and `reason` says how far each attempt came.
struct ModuleDevice {
  foveaStatus_t status;
  std::string reason;
};
ModuleDevice find_gpu(foveaDevice_t device, int32_t ordinal);

// The same for a module that is at hand.
ModuleDevice probe_module(const char* file_name, const Module& module, int32_t ordinal);

}  // namespace fovea
