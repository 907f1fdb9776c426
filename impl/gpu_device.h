// A GPU as its module drives it: the module's table and its context of one device.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <memory>

#include "fovea/fovea.h"
#include "impl/error.h"
#include "kernels/hip/module/module_abi.h"

namespace fovea {

struct ModuleDevice;

// Fixed at creation; shared by threads. No GPU runtime survives fork(): in a child every use is refused, and what the
// parent created is left alone.
class GpuDevice {
 public:
  // A device that find_gpu found.
  static foveaStatus_t create(const ModuleDevice& found, std::unique_ptr<GpuDevice>* device);
  ~GpuDevice();
  GpuDevice(const GpuDevice&) = delete;
  GpuDevice& operator=(const GpuDevice&) = delete;

  const FoveaModuleTable& table() const { return *table_; }
  FoveaModuleContext* context() const { return context_; }
  foveaDevice_t kind() const { return kind_; }
  int32_t ordinal() const { return ordinal_; }
  const FoveaModuleDeviceInfo& info() const { return info_; }

  bool of_this_process() const noexcept;
  // INVALID_STATE in a child of fork().
  foveaStatus_t check_process() const noexcept;

  // Calls a function of the table with the context first, or without it; its sentence becomes the thread's.
  template <class... Parameters, class... Arguments>
  foveaStatus_t call(int32_t (*function)(FoveaModuleContext*, Parameters...), Arguments... arguments) const {
    return ask(function, context_, arguments...);
  }
  template <class Function, class... Arguments>
  foveaStatus_t ask(Function function, Arguments... arguments) const {
    FOVEA_TRY(check_process());
    char text[kMaxSentence];
    text[0] = '\0';
    const int32_t status = function(arguments..., FoveaModuleMessage{text, sizeof(text)});
    return status == FOVEA_STATUS_SUCCESS ? FOVEA_STATUS_SUCCESS : refuse(status, text);
  }

 private:
  static constexpr size_t kMaxSentence = 512;

  GpuDevice(const FoveaModuleTable* table, FoveaModuleContext* context, const ModuleDevice& found);
  static foveaStatus_t refuse(int32_t status, char* text) noexcept;

  const FoveaModuleTable* table_;
  FoveaModuleContext* context_;
  foveaDevice_t kind_;
  int32_t ordinal_;
  pid_t process_;
  FoveaModuleDeviceInfo info_;
};

}  // namespace fovea
