#include "capi/src/guard.h"
#include "impl/attention.h"
#include "impl/struct_size.h"

using namespace fovea;
using namespace fovea::capi;

foveaStatus_t foveaMergeAttentionStates(foveaContext_t context, const foveaMergeArgs_t* args) {
  return guarded([&] {
    Context* device = nullptr;
    FOVEA_TRY(open(context, "context", &device));
    foveaMergeArgs_t checked;
    FOVEA_TRY(read_struct(args, "args", &checked));
    return merge_attention_states(*device, checked);
  });
}
