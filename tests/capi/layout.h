/* Sizes and offsets of every public struct where pointers and size_t have 8 bytes: part of the ABI, checked by the
 * compiler in C and in C++. A struct that starts with struct_size may get new lines at its end; nothing else may change.
 * New fields never move into padding: older callers leave it uninitialised. */
#include <stddef.h>

#include "fovea/fovea.h"

#ifdef __cplusplus
#define FOVEA_TEST_ASSERT(condition, text) static_assert(condition, text)
#else
#define FOVEA_TEST_ASSERT(condition, text) _Static_assert(condition, text)
#endif
#define FOVEA_TEST_SIZE(type, size) FOVEA_TEST_ASSERT(sizeof(type) == (size), #type " is not " #size " bytes")
#define FOVEA_TEST_OFFSET(type, field, offset) \
  FOVEA_TEST_ASSERT(offsetof(type, field) == (offset), #type "." #field " is not at " #offset)

#if UINTPTR_MAX == UINT64_MAX

FOVEA_TEST_SIZE(foveaTensor_t, 112);
FOVEA_TEST_OFFSET(foveaTensor_t, data, 0);
FOVEA_TEST_OFFSET(foveaTensor_t, dtype, 8);
FOVEA_TEST_OFFSET(foveaTensor_t, ndim, 12);
FOVEA_TEST_OFFSET(foveaTensor_t, shape, 16);
FOVEA_TEST_OFFSET(foveaTensor_t, strides, 64);

FOVEA_TEST_SIZE(foveaContextCreateInfo_t, 64);
FOVEA_TEST_OFFSET(foveaContextCreateInfo_t, struct_size, 0);
FOVEA_TEST_OFFSET(foveaContextCreateInfo_t, device, 8);
FOVEA_TEST_OFFSET(foveaContextCreateInfo_t, device_ordinal, 12);
FOVEA_TEST_OFFSET(foveaContextCreateInfo_t, num_threads, 16);
FOVEA_TEST_OFFSET(foveaContextCreateInfo_t, reserved_flags, 20);
FOVEA_TEST_OFFSET(foveaContextCreateInfo_t, allocate, 24);
FOVEA_TEST_OFFSET(foveaContextCreateInfo_t, free, 32);
FOVEA_TEST_OFFSET(foveaContextCreateInfo_t, allocator_user, 40);
FOVEA_TEST_OFFSET(foveaContextCreateInfo_t, parallel_for, 48);
FOVEA_TEST_OFFSET(foveaContextCreateInfo_t, parallel_for_user, 56);

FOVEA_TEST_SIZE(foveaContextInfo_t, 216);
FOVEA_TEST_OFFSET(foveaContextInfo_t, struct_size, 0);
FOVEA_TEST_OFFSET(foveaContextInfo_t, device, 8);
FOVEA_TEST_OFFSET(foveaContextInfo_t, device_ordinal, 12);
FOVEA_TEST_OFFSET(foveaContextInfo_t, num_threads, 16);
FOVEA_TEST_OFFSET(foveaContextInfo_t, device_name, 20);
FOVEA_TEST_OFFSET(foveaContextInfo_t, architecture, 148);

FOVEA_TEST_SIZE(foveaBounds_t, 152);
FOVEA_TEST_OFFSET(foveaBounds_t, struct_size, 0);
FOVEA_TEST_OFFSET(foveaBounds_t, min, 8);
FOVEA_TEST_OFFSET(foveaBounds_t, max, 12);
FOVEA_TEST_OFFSET(foveaBounds_t, multiple_of, 16);
FOVEA_TEST_OFFSET(foveaBounds_t, count, 20);
FOVEA_TEST_OFFSET(foveaBounds_t, values, 24);

FOVEA_TEST_SIZE(foveaMetadataLimits_t, 32);
FOVEA_TEST_OFFSET(foveaMetadataLimits_t, struct_size, 0);
FOVEA_TEST_OFFSET(foveaMetadataLimits_t, max_num_seqs, 8);
FOVEA_TEST_OFFSET(foveaMetadataLimits_t, max_num_tokens, 12);
FOVEA_TEST_OFFSET(foveaMetadataLimits_t, max_seq_len, 16);
FOVEA_TEST_OFFSET(foveaMetadataLimits_t, max_blocks_per_seq, 20);
FOVEA_TEST_OFFSET(foveaMetadataLimits_t, max_prefix_ranges, 24);

FOVEA_TEST_SIZE(foveaPlanArgs_t, 40);
FOVEA_TEST_OFFSET(foveaPlanArgs_t, struct_size, 0);
FOVEA_TEST_OFFSET(foveaPlanArgs_t, plan, 8);
FOVEA_TEST_OFFSET(foveaPlanArgs_t, plan_size, 16);
FOVEA_TEST_OFFSET(foveaPlanArgs_t, stream, 24);
FOVEA_TEST_OFFSET(foveaPlanArgs_t, causal, 32);
FOVEA_TEST_OFFSET(foveaPlanArgs_t, flags, 36);

FOVEA_TEST_SIZE(foveaKvWriteArgs_t, 496);
FOVEA_TEST_OFFSET(foveaKvWriteArgs_t, struct_size, 0);
FOVEA_TEST_OFFSET(foveaKvWriteArgs_t, key, 8);
FOVEA_TEST_OFFSET(foveaKvWriteArgs_t, value, 120);
FOVEA_TEST_OFFSET(foveaKvWriteArgs_t, key_cache, 232);
FOVEA_TEST_OFFSET(foveaKvWriteArgs_t, value_cache, 344);
FOVEA_TEST_OFFSET(foveaKvWriteArgs_t, slot_mapping, 456);
FOVEA_TEST_OFFSET(foveaKvWriteArgs_t, num_tokens, 464);
FOVEA_TEST_OFFSET(foveaKvWriteArgs_t, k_scale, 472);
FOVEA_TEST_OFFSET(foveaKvWriteArgs_t, v_scale, 480);
FOVEA_TEST_OFFSET(foveaKvWriteArgs_t, stream, 488);

FOVEA_TEST_SIZE(foveaForwardArgs_t, 888);
FOVEA_TEST_OFFSET(foveaForwardArgs_t, struct_size, 0);
FOVEA_TEST_OFFSET(foveaForwardArgs_t, query, 8);
FOVEA_TEST_OFFSET(foveaForwardArgs_t, key, 120);
FOVEA_TEST_OFFSET(foveaForwardArgs_t, value, 232);
FOVEA_TEST_OFFSET(foveaForwardArgs_t, key_cache, 344);
FOVEA_TEST_OFFSET(foveaForwardArgs_t, value_cache, 456);
FOVEA_TEST_OFFSET(foveaForwardArgs_t, output, 568);
FOVEA_TEST_OFFSET(foveaForwardArgs_t, lse, 680);
FOVEA_TEST_OFFSET(foveaForwardArgs_t, q_scale, 792);
FOVEA_TEST_OFFSET(foveaForwardArgs_t, k_scale, 800);
FOVEA_TEST_OFFSET(foveaForwardArgs_t, v_scale, 808);
FOVEA_TEST_OFFSET(foveaForwardArgs_t, output_scale, 816);
FOVEA_TEST_OFFSET(foveaForwardArgs_t, alibi_slopes, 824);
FOVEA_TEST_OFFSET(foveaForwardArgs_t, sinks, 832);
FOVEA_TEST_OFFSET(foveaForwardArgs_t, workspace, 840);
FOVEA_TEST_OFFSET(foveaForwardArgs_t, workspace_size, 848);
FOVEA_TEST_OFFSET(foveaForwardArgs_t, stream, 856);
FOVEA_TEST_OFFSET(foveaForwardArgs_t, plan, 864);
FOVEA_TEST_OFFSET(foveaForwardArgs_t, plan_size, 872);
FOVEA_TEST_OFFSET(foveaForwardArgs_t, causal, 880);
FOVEA_TEST_OFFSET(foveaForwardArgs_t, flags, 884);

FOVEA_TEST_SIZE(foveaMergeArgs_t, 280);
FOVEA_TEST_OFFSET(foveaMergeArgs_t, struct_size, 0);
FOVEA_TEST_OFFSET(foveaMergeArgs_t, num_states, 8);
FOVEA_TEST_OFFSET(foveaMergeArgs_t, num_tokens, 12);
FOVEA_TEST_OFFSET(foveaMergeArgs_t, outputs, 16);
FOVEA_TEST_OFFSET(foveaMergeArgs_t, lses, 24);
FOVEA_TEST_OFFSET(foveaMergeArgs_t, output, 32);
FOVEA_TEST_OFFSET(foveaMergeArgs_t, lse, 144);
FOVEA_TEST_OFFSET(foveaMergeArgs_t, sinks, 256);
FOVEA_TEST_OFFSET(foveaMergeArgs_t, output_scale, 264);
FOVEA_TEST_OFFSET(foveaMergeArgs_t, stream, 272);
#endif

/* Enumerations are ints in every compiler: each has a sentinel of 32 bits. */
FOVEA_TEST_SIZE(foveaStatus_t, 4);
FOVEA_TEST_SIZE(foveaLogLevel_t, 4);
FOVEA_TEST_SIZE(foveaDataType_t, 4);
FOVEA_TEST_SIZE(foveaMemory_t, 4);
FOVEA_TEST_SIZE(foveaDevice_t, 4);
FOVEA_TEST_SIZE(foveaAttentionType_t, 4);
FOVEA_TEST_SIZE(foveaKvCacheLayout_t, 4);
FOVEA_TEST_SIZE(foveaAlibi_t, 4);
FOVEA_TEST_SIZE(foveaPrefixRanges_t, 4);
FOVEA_TEST_SIZE(foveaKvScales_t, 4);
FOVEA_TEST_SIZE(foveaBackend_t, 4);
FOVEA_TEST_SIZE(foveaCapability_t, 4);
FOVEA_TEST_SIZE(foveaDataTypeRole_t, 4);
FOVEA_TEST_SIZE(foveaBoundsAttribute_t, 4);
FOVEA_TEST_SIZE(foveaReason_t, 4);
FOVEA_TEST_SIZE(foveaForwardFlag_t, 4);
