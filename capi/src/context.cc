#include "impl/context.h"

#include "capi/src/guard.h"

using namespace fovea;
using namespace fovea::capi;

foveaStatus_t foveaContextCreate(const foveaContextCreateInfo_t* info, foveaContext_t* context) {
  return guarded([&] {
    FOVEA_TRY(check_out(context, "context"));
    Context* created = nullptr;
    FOVEA_TRY(Context::create(info, &created));
    *context = to_handle<foveaContext_t>(created);
    return FOVEA_STATUS_SUCCESS;
  });
}

void foveaContextDestroy(foveaContext_t context) { drop<Context>(context); }

foveaStatus_t foveaContextGetInfo(foveaContext_t context, foveaContextInfo_t* info) {
  return guarded([&] {
    Context* object = nullptr;
    FOVEA_TRY(open(context, "context", &object));
    return object->get_info(info);
  });
}
