#include "impl/gpu_device.h"

#include <unistd.h>

#include "impl/backend/module_loader.h"

namespace fovea {

foveaStatus_t GpuDevice::create(const ModuleDevice& found, std::unique_ptr<GpuDevice>* device) {
  char text[kMaxSentence] = "";
  FoveaModuleContext* context = nullptr;
  const int32_t status = found.table->context_create(found.ordinal, &context, {text, sizeof(text)});
  if (status != FOVEA_STATUS_SUCCESS) return refuse(status, text);
  try {
    device->reset(new GpuDevice(found.table, context, found));
  } catch (...) {
    found.table->context_destroy(context);
    throw;
  }
  return FOVEA_STATUS_SUCCESS;
}

GpuDevice::GpuDevice(const FoveaModuleTable* table, FoveaModuleContext* context, const ModuleDevice& found)
    : table_(table),
      context_(context),
      kind_(found.kind),
      ordinal_(found.ordinal),
      process_(getpid()),
      info_(found.info) {}

GpuDevice::~GpuDevice() {
  if (of_this_process()) table_->context_destroy(context_);
}

bool GpuDevice::of_this_process() const noexcept { return getpid() == process_; }

foveaStatus_t GpuDevice::check_process() const noexcept {
  FOVEA_REQUIRE(of_this_process(), FOVEA_STATUS_INVALID_STATE,
                "context: a GPU context cannot be used in a child of fork(), because no GPU runtime can; create it "
                "after fork()");
  return FOVEA_STATUS_SUCCESS;
}

foveaStatus_t GpuDevice::refuse(int32_t status, char* text) noexcept {
  text[kMaxSentence - 1] = '\0';
  return fail(static_cast<foveaStatus_t>(status), "%s", text[0] == '\0' ? "the GPU module gives no reason" : text);
}

}  // namespace fovea
