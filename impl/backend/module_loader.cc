#include "impl/backend/module_loader.h"

#include <dlfcn.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <mutex>
#include <utility>

#include "impl/error.h"
#include "impl/fork_locks.h"
#include "impl/log.h"
#include "impl/names.h"

namespace fovea {
namespace {

// What one attempt to load a file came to; empty if the table is good.
std::string check_table(const FoveaModuleTable* table) {
  if (table->abi_version != FOVEA_MODULE_ABI_VERSION) {
    return "has module ABI " + std::to_string(table->abi_version) + ", expected " +
           std::to_string(FOVEA_MODULE_ABI_VERSION);
  }
  if (table->struct_size != sizeof(FoveaModuleTable)) {
    return "has a table of " + std::to_string(table->struct_size) + " bytes, expected " +
           std::to_string(sizeof(FoveaModuleTable));
  }
  if (table->build_id == nullptr || strcmp(table->build_id, build_id()) != 0) {
    return std::string("is of build \"") + (table->build_id == nullptr ? "" : table->build_id) + "\", expected \"" +
           build_id() + "\"";
  }
  if (table->num_claims > 0 && table->claims == nullptr) return "has a table without claims";
  // The functions are the end of the table: pointers, without padding.
  static_assert(sizeof(FoveaModuleTable) % sizeof(void*) == 0);
  const auto* bytes = reinterpret_cast<const char*>(table);
  for (size_t offset = offsetof(FoveaModuleTable, device_count); offset < sizeof(*table); offset += sizeof(void*)) {
    void* function = nullptr;
    memcpy(&function, bytes + offset, sizeof(function));
    if (function == nullptr) return "has a table without functions";
  }
  return "";
}

std::string take(const std::string& path, const FoveaModuleTable** table) {
  void* library = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr) {
    const char* error = dlerror();
    return std::string("cannot be loaded (") + (error == nullptr ? "no reason given" : error) + ")";
  }
  const auto* found = static_cast<const FoveaModuleTable*>(dlsym(library, FOVEA_MODULE_SYMBOL));
  std::string reason = found == nullptr ? "does not export " FOVEA_MODULE_SYMBOL : check_table(found);
  if (reason.empty()) {
    *table = found;
  } else {
    dlclose(library);
  }
  return reason;
}

// Loaded at most once. Plain data, so that unloading the core has nothing to destroy.
struct Cached {
  bool tried;
  const FoveaModuleTable* table;
  char path[1024];
  char reason[2048];
};
constinit Cached cached_modules[2] = {};  // guarded by module_mutex()
constexpr const char* kFileNames[2] = {"libfovea_hip_amd.so", "libfovea_hip_nvidia.so"};

Module cached_module(int kind) {
  std::lock_guard lock(module_mutex());
  Cached& cached = cached_modules[kind];
  if (!cached.tried) {
    const Module module = load_module(kFileNames[kind], module_directories());
    cached.table = module.table;
    snprintf(cached.path, sizeof(cached.path), "%s", module.path.c_str());
    snprintf(cached.reason, sizeof(cached.reason), "%s", module.reason.c_str());
    cached.tried = true;
  }
  return {cached.table, cached.path, cached.reason};
}

}  // namespace

const char* build_id() noexcept { return FOVEA_BUILD_ID; }

std::vector<std::string> module_directories() {
  std::vector<std::string> directories;
  Dl_info info;
  if (dladdr(reinterpret_cast<const void*>(&build_id), &info) != 0 && info.dli_fname != nullptr) {
    const char* slash = strrchr(info.dli_fname, '/');
    if (slash != nullptr)
      directories.emplace_back(info.dli_fname, slash == info.dli_fname ? 1 : slash - info.dli_fname);
  }
  const char* path = secure_getenv("FOVEA_BACKEND_PATH");
  while (path != nullptr && *path != '\0') {
    const char* end = strchrnul(path, ':');
    if (end != path) directories.emplace_back(path, end - path);
    path = *end == ':' ? end + 1 : end;
  }
  return directories;
}

Module load_module(const char* file_name, const std::vector<std::string>& directories) {
  Module module;
  std::string absent;
  for (const std::string& directory : directories) {
    const std::string path = directory + "/" + file_name;
    if (access(path.c_str(), F_OK) != 0) {
      log(FOVEA_LOG_DEBUG, "module %s: not there", path.c_str());
      absent += (absent.empty() ? "" : ", ") + directory;
      continue;
    }
    const std::string reason = take(path, &module.table);
    if (module.table != nullptr) {
      log(FOVEA_LOG_INFO, "module %s: loaded, code for %s", path.c_str(),
          module.table->architectures == nullptr ? "?" : module.table->architectures);
      module.path = path;
      module.reason.clear();
      return module;
    }
    log(FOVEA_LOG_INFO, "module %s: %s", path.c_str(), reason.c_str());
    module.reason += (module.reason.empty() ? "" : "; ") + path + " " + reason;
  }
  if (!absent.empty()) {
    module.reason += (module.reason.empty() ? "" : "; ") + std::string(file_name) + " not found in " + absent;
  }
  if (module.reason.empty()) module.reason = std::string(file_name) + " not found (nowhere to look)";
  return module;
}

namespace {

ModuleDevice probe_device(const std::string& name, const FoveaModuleTable* table, int32_t ordinal) {
  ModuleDevice device;
  char text[512] = "";
  if (table->device_info(ordinal, &device.info, {text, sizeof(text)}) != FOVEA_STATUS_SUCCESS) {
    text[sizeof(text) - 1] = '\0';
    device.reason = name + " cannot describe device " + std::to_string(ordinal) + " (" + text + ")";
    return device;
  }
  device.info.name[sizeof(device.info.name) - 1] = '\0';
  device.info.architecture[sizeof(device.info.architecture) - 1] = '\0';
  if (device.info.supported == 0) {
    device.status = FOVEA_STATUS_ARCH_MISMATCH;
    device.reason = std::string("compute capability not supported: ") + device.info.name + " (" +
                    device.info.architecture + ") is none of those in " + name + " (" +
                    (table->architectures == nullptr ? "" : table->architectures) + ")";
    return device;
  }
  device.status = FOVEA_STATUS_SUCCESS;
  device.table = table;
  device.ordinal = ordinal;
  return device;
}

}  // namespace

ModuleDevice probe_module(const char* file_name, const Module& module, int32_t ordinal) {
  ModuleDevice device;
  device.reason = module.reason;
  if (module.table == nullptr) return device;
  char text[512] = "";
  int32_t count = 0;
  const std::string name = file_name;
  if (module.table->device_count(&count, {text, sizeof(text)}) != FOVEA_STATUS_SUCCESS) {
    text[sizeof(text) - 1] = '\0';
    device.reason = name + " cannot count devices (" + text + ")";
  } else if (count <= 0) {
    device.reason = name + " finds no device";
  } else if (ordinal >= count) {
    device.reason =
        name + " finds " + std::to_string(count) + " devices, but none with ordinal " + std::to_string(ordinal);
  } else if (ordinal != kAnyOrdinal) {
    device = probe_device(name, module.table, ordinal);
  } else {
    for (int32_t i = 0; i < count; ++i) {
      ModuleDevice probed = probe_device(name, module.table, i);
      if (i == 0 || probed.status == FOVEA_STATUS_SUCCESS) device = std::move(probed);
      if (device.status == FOVEA_STATUS_SUCCESS) break;
    }
  }
  return device;
}

ModuleDevice find_gpu(foveaDevice_t device, int32_t ordinal) {
  return find_gpu(device, ordinal, [](void*, const ModuleDevice&) { return FOVEA_STATUS_SUCCESS; }, nullptr);
}

ModuleDevice find_gpu(foveaDevice_t device, int32_t ordinal, TakeDevice take, void* user) {
  ModuleDevice failure;
  for (int kind = 0; kind < 2; ++kind) {
    if (device == (kind == 0 ? FOVEA_DEVICE_NVIDIA : FOVEA_DEVICE_AMD)) continue;
    ModuleDevice found = probe_module(kFileNames[kind], cached_module(kind), ordinal);
    found.kind = kind == 0 ? FOVEA_DEVICE_AMD : FOVEA_DEVICE_NVIDIA;
    if (found.status == FOVEA_STATUS_SUCCESS) {
      found.status = take(user, found);
      if (found.status == FOVEA_STATUS_SUCCESS) return found;
      found.reason = std::string(kFileNames[kind]) + " cannot use " + found.info.name + " (" + found.info.architecture +
                     "): " + last_error_message();
    }
    // The attempt that came furthest decides what kind of failure it is.
    if (failure.status == FOVEA_STATUS_NO_DEVICE) failure.status = found.status;
    failure.reason += (failure.reason.empty() ? "" : "; ") + found.reason;
  }
  return failure;
}

}  // namespace fovea
