// The shipped AMD module beside the real HIP runtime on a machine without a GPU: it loads and says so, an explicit GPU
// context is refused with that reason, and AUTO computes on the CPU. Skipped where there is a GPU.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fovea/fovea.h"

namespace {

int fail(const char* what) {
  printf("%s: %s\n", what, foveaGetLastErrorMessage());
  return 1;
}

}  // namespace

int main(int, char** argv) {
  setenv("FOVEA_BACKEND_PATH", argv[1], 1);
  foveaContextCreateInfo_t info = FOVEA_CONTEXT_CREATE_INFO_INIT;
  foveaContext_t context = nullptr;
  info.device = FOVEA_DEVICE_AMD;
  const foveaStatus_t status = foveaContextCreate(&info, &context);
  if (status == FOVEA_STATUS_SUCCESS) {
    foveaContextDestroy(context);
    printf("there is a GPU here\n");
    return 77;
  }
  if (status != FOVEA_STATUS_NO_DEVICE) return fail("expected FOVEA_STATUS_NO_DEVICE");
  printf("%s\n", foveaGetLastErrorMessage());
  if (strstr(foveaGetLastErrorMessage(), "libfovea_hip_amd.so") == nullptr) return fail("the module is not named");
  // A module that could not be loaded, or that is not there, would be another story.
  if (strstr(foveaGetLastErrorMessage(), "cannot be loaded") != nullptr) return fail("the module does not load");
  if (strstr(foveaGetLastErrorMessage(), "amd.so not found") != nullptr) return fail("the module was not found");

  info.device = FOVEA_DEVICE_AUTO;
  if (foveaContextCreate(&info, &context) != FOVEA_STATUS_SUCCESS) return fail("AUTO");
  foveaContextInfo_t about = FOVEA_CONTEXT_INFO_INIT;
  if (foveaContextGetInfo(context, &about) != FOVEA_STATUS_SUCCESS) return fail("foveaContextGetInfo");
  foveaContextDestroy(context);
  if (about.device != FOVEA_DEVICE_CPU && about.device != FOVEA_DEVICE_NVIDIA) return fail("AUTO took an AMD GPU");
  return 0;
}
