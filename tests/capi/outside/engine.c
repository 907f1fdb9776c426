/* A user's program, built outside of this tree against an installed library. */
#include <fovea/fovea.h>
#include <stdio.h>

int main(void) {
  foveaContextCreateInfo_t create = FOVEA_CONTEXT_CREATE_INFO_INIT;
  foveaContextInfo_t info = FOVEA_CONTEXT_INFO_INIT;
  foveaContext_t context = NULL;
  int32_t version = 0, non_causal = 0;
  create.device = FOVEA_DEVICE_CPU;
  if (foveaGetVersion(&version) != FOVEA_STATUS_SUCCESS || version != FOVEA_VERSION) return 1;
  if (foveaContextCreate(&create, &context) != FOVEA_STATUS_SUCCESS ||
      foveaContextGetInfo(context, &info) != FOVEA_STATUS_SUCCESS ||
      foveaBackendSupportsNonCausal(FOVEA_BACKEND_CPU_ATTN, &non_causal) != FOVEA_STATUS_SUCCESS) {
    fprintf(stderr, "%s\n", foveaGetLastErrorMessage());
    return 1;
  }
  printf("fovea %s on %s, %d threads\n", foveaGetVersionString(), info.architecture, (int)info.num_threads);
  foveaContextDestroy(context);
  return non_causal == 1 ? 0 : 1;
}
