#include "impl/metadata.h"

#include "capi/src/guard.h"
#include "impl/attention.h"

using namespace fovea;
using namespace fovea::capi;

foveaStatus_t foveaMetadataCreate(foveaContext_t context, const foveaMetadataLimits_t* limits,
                                  foveaMetadata_t* metadata) {
  return guarded([&] {
    Context* device = nullptr;
    FOVEA_TRY(open(context, "context", &device));
    FOVEA_TRY(check_out(metadata, "metadata"));
    Metadata* created = nullptr;
    FOVEA_TRY(Metadata::create(device, limits, &created));
    *metadata = to_handle<foveaMetadata_t>(created);
    return FOVEA_STATUS_SUCCESS;
  });
}

void foveaMetadataDestroy(foveaMetadata_t metadata) { drop<Metadata>(metadata); }

foveaStatus_t foveaMetadataSetCausal(foveaMetadata_t metadata, int32_t causal) {
  return guarded([&] {
    Metadata* object = nullptr;
    FOVEA_TRY(open(metadata, "metadata", &object));
    return object->set_causal(causal);
  });
}

foveaStatus_t foveaMetadataGetCausal(foveaMetadata_t metadata, int32_t* causal) {
  return guarded([&] {
    Metadata* object = nullptr;
    FOVEA_TRY(open(metadata, "metadata", &object));
    FOVEA_TRY(check_out(causal, "causal"));
    *causal = object->causal();
    return FOVEA_STATUS_SUCCESS;
  });
}

foveaStatus_t foveaMetadataSetCausalPerSequence(foveaMetadata_t metadata, foveaMemory_t memory, const int32_t* causal) {
  return guarded([&] {
    Metadata* object = nullptr;
    FOVEA_TRY(open(metadata, "metadata", &object));
    return object->set_causal_per_sequence(memory, causal);
  });
}

foveaStatus_t foveaMetadataSetSequences(foveaMetadata_t metadata, foveaMemory_t memory, int32_t num_seqs,
                                        int32_t num_tokens, int32_t max_query_len, int32_t max_seq_len,
                                        const int32_t* query_start_loc, const int32_t* seq_lens) {
  return guarded([&] {
    Metadata* object = nullptr;
    FOVEA_TRY(open(metadata, "metadata", &object));
    return object->set_sequences(memory, num_seqs, num_tokens, max_query_len, max_seq_len, query_start_loc, seq_lens);
  });
}

foveaStatus_t foveaMetadataSetBlockTable(foveaMetadata_t metadata, foveaMemory_t memory, int32_t num_seqs,
                                         int32_t num_columns, int64_t row_stride, const int32_t* block_table) {
  return guarded([&] {
    Metadata* object = nullptr;
    FOVEA_TRY(open(metadata, "metadata", &object));
    return object->set_block_table(memory, num_seqs, num_columns, row_stride, block_table);
  });
}

foveaStatus_t foveaMetadataSetPrefixRanges(foveaMetadata_t metadata, foveaMemory_t memory, int32_t num_ranges,
                                           const int32_t* range_start_loc, const int32_t* ranges) {
  return guarded([&] {
    Metadata* object = nullptr;
    FOVEA_TRY(open(metadata, "metadata", &object));
    return object->set_prefix_ranges(memory, num_ranges, range_start_loc, ranges);
  });
}

foveaStatus_t foveaMetadataCommit(foveaMetadata_t metadata, void* stream) {
  return guarded([&] {
    Metadata* object = nullptr;
    FOVEA_TRY(open(metadata, "metadata", &object));
    return object->commit(stream);
  });
}

foveaStatus_t foveaMetadataValidate(foveaMetadata_t metadata, foveaAttention_t attention, int64_t num_cache_blocks) {
  return guarded([&] {
    Metadata* batch = nullptr;
    Attention* layer = nullptr;
    FOVEA_TRY(open(metadata, "metadata", &batch));
    FOVEA_TRY(open(attention, "attention", &layer));
    return layer->validate(*batch, num_cache_blocks);
  });
}

foveaStatus_t foveaMetadataGetAsyncError(foveaMetadata_t metadata, void* stream, int32_t* sequence) {
  return guarded([&] {
    Metadata* object = nullptr;
    FOVEA_TRY(open(metadata, "metadata", &object));
    FOVEA_TRY(check_out(sequence, "sequence"));
    return object->take_async_error(stream, sequence);
  });
}
