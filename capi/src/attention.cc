#include "impl/attention.h"

#include "capi/src/guard.h"
#include "impl/struct_size.h"

using namespace fovea;
using namespace fovea::capi;

foveaStatus_t foveaAttentionCreate(foveaContext_t context, foveaConfig_t config, foveaBackend_t backend,
                                   foveaAttention_t* attention) {
  return guarded([&] {
    Context* device = nullptr;
    Config* layer = nullptr;
    FOVEA_TRY(open(context, "context", &device));
    FOVEA_TRY(open(config, "config", &layer));
    FOVEA_TRY(check_out(attention, "attention"));
    Attention* created = nullptr;
    FOVEA_TRY(create_attention(device, layer->layer(), backend, &created));
    *attention = to_handle<foveaAttention_t>(created);
    return FOVEA_STATUS_SUCCESS;
  });
}

void foveaAttentionDestroy(foveaAttention_t attention) { drop<Attention>(attention); }

foveaStatus_t foveaAttentionGetBackend(foveaAttention_t attention, foveaBackend_t* backend) {
  return guarded([&] {
    Attention* object = nullptr;
    FOVEA_TRY(open(attention, "attention", &object));
    FOVEA_TRY(check_out(backend, "backend"));
    *backend = object->backend();
    return FOVEA_STATUS_SUCCESS;
  });
}

foveaStatus_t foveaAttentionGetWorkspaceSize(foveaAttention_t attention, const foveaMetadataLimits_t* limits,
                                             size_t* size) {
  return guarded([&] {
    Attention* object = nullptr;
    FOVEA_TRY(open(attention, "attention", &object));
    FOVEA_TRY(check_out(size, "size"));
    foveaMetadataLimits_t checked;
    FOVEA_TRY(read_limits(limits, &checked));
    return object->workspace_size(checked, size);
  });
}

foveaStatus_t foveaAttentionGetPlanSize(foveaAttention_t attention, const foveaMetadataLimits_t* limits, size_t* size) {
  return guarded([&] {
    Attention* object = nullptr;
    FOVEA_TRY(open(attention, "attention", &object));
    FOVEA_TRY(check_out(size, "size"));
    foveaMetadataLimits_t checked;
    FOVEA_TRY(read_limits(limits, &checked));
    return object->plan_size(checked, size);
  });
}

foveaStatus_t foveaAttentionPlan(foveaAttention_t attention, foveaMetadata_t metadata, const foveaPlanArgs_t* args) {
  return guarded([&] {
    Attention* object = nullptr;
    Metadata* batch = nullptr;
    FOVEA_TRY(open(attention, "attention", &object));
    FOVEA_TRY(open(metadata, "metadata", &batch));
    foveaPlanArgs_t checked;
    FOVEA_TRY(read_struct(args, "args", &checked));
    return object->plan(*batch, checked);
  });
}

foveaStatus_t foveaAttentionWriteKvCache(foveaAttention_t attention, const foveaKvWriteArgs_t* args) {
  return guarded([&] {
    Attention* object = nullptr;
    FOVEA_TRY(open(attention, "attention", &object));
    foveaKvWriteArgs_t checked;
    FOVEA_TRY(read_struct(args, "args", &checked));
    return object->write_kv_cache(checked);
  });
}

foveaStatus_t foveaAttentionForward(foveaAttention_t attention, foveaMetadata_t metadata,
                                    const foveaForwardArgs_t* args) {
  return guarded([&] {
    Attention* object = nullptr;
    Metadata* batch = nullptr;
    FOVEA_TRY(open(attention, "attention", &object));
    FOVEA_TRY(open(metadata, "metadata", &batch));
    foveaForwardArgs_t checked;
    FOVEA_TRY(read_struct(args, "args", &checked));
    return object->forward(*batch, checked);
  });
}
