/* The contract between the core library and a GPU module (libfovea_hip_amd.so, libfovea_hip_nvidia.so).
 *
 * A module exports one symbol, FOVEA_MODULE_SYMBOL, a FoveaModuleTable. It neither links the core nor shares C++ types
 * with it: everything here is plain C over plain data. Both sides carry FOVEA_MODULE_ABI_VERSION and the identity of
 * the build; the core refuses a module that differs in either and says so.
 *
 * Every function returns a foveaStatus_t as int32_t and, on failure, writes a sentence to `message` (message_size
 * bytes, the NUL included). Enumerators are those of fovea.h. Sizes and strides are in elements, offsets in bytes.
 */
#ifndef FOVEA_IMPL_BACKEND_MODULE_ABI_H_
#define FOVEA_IMPL_BACKEND_MODULE_ABI_H_

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define FOVEA_MODULE_ABI_VERSION 1
#define FOVEA_MODULE_SYMBOL "fovea_module_table"

/* Where a failing function leaves its sentence. */
typedef struct FoveaModuleMessage {
  char* text;
  size_t size;
} FoveaModuleMessage;

typedef struct FoveaModuleDeviceInfo {
  char name[128];
  char architecture[64];
  int32_t supported; /* 1 if code for the architecture is embedded */
  int32_t num_compute_units;
  int64_t memory_bytes;
} FoveaModuleDeviceInfo;

typedef struct FoveaModuleBounds {
  int32_t min;
  int32_t max;
  int32_t multiple_of;
  int32_t count;
  int32_t values[32];
} FoveaModuleBounds;

/* What one backend of the module claims; the core answers its queries and checks configurations from this alone. */
typedef struct FoveaModuleClaims {
  int32_t backend; /* foveaBackend_t */
  int32_t reserved;
  uint64_t capabilities;       /* bit foveaCapability_t */
  uint32_t data_types[4];      /* by foveaDataTypeRole_t, bit foveaDataType_t */
  FoveaModuleBounds bounds[4]; /* by foveaBoundsAttribute_t */
} FoveaModuleClaims;

typedef struct FoveaModuleLayer {
  int32_t backend;
  int32_t num_query_heads;
  int32_t num_kv_heads;
  int32_t head_size;
  int32_t head_size_v;
  int32_t block_size;
  int32_t query_type;
  int32_t dense_type;
  int32_t cache_type;
  int32_t output_type;
  int32_t attention_type;
  int32_t cache_layout;
  int32_t alibi;
  int32_t prefix_ranges;
  int32_t kv_scales;
  float scale;
  float softcap;
  int32_t window_left;
  int32_t window_right;
  int32_t has_sinks;
  int32_t has_lse;
  int32_t non_causal;
  int32_t per_sequence_causal;
  int32_t batch_invariant;
} FoveaModuleLayer;

/* Device addresses of a committed batch, and what the host knows of it. */
typedef struct FoveaModuleBatch {
  const int32_t* query_start_loc;
  const int32_t* seq_lens;
  const int32_t* block_table;
  const int32_t* causal_per_sequence;
  const int32_t* range_start_loc;
  const int32_t* ranges;
  int64_t block_table_stride;
  int32_t block_table_columns;
  int32_t num_seqs;
  int32_t num_tokens;
  int32_t max_query_len;
  int32_t max_seq_len;
  int32_t causal;
  int32_t* async_error; /* device word that keeps the first offending sequence, or -1 */
} FoveaModuleBatch;

typedef struct FoveaModuleLimits {
  int32_t max_num_seqs;
  int32_t max_num_tokens;
  int32_t max_seq_len;
  int32_t max_blocks_per_seq;
  int32_t max_prefix_ranges;
} FoveaModuleLimits;

typedef struct FoveaModuleRows {
  void* data;
  int64_t row_stride;
  int64_t head_stride;
} FoveaModuleRows;

typedef struct FoveaModuleCache {
  void* data;
  int64_t num_blocks;
  int64_t block_stride;
  int64_t row_stride;
  int64_t head_stride;
  int64_t group_stride;
} FoveaModuleCache;

typedef struct FoveaModuleWrite {
  FoveaModuleRows key;
  FoveaModuleRows value;
  FoveaModuleCache key_cache;
  FoveaModuleCache value_cache;
  const int64_t* slot_mapping;
  const float* k_scale;
  const float* v_scale;
  int32_t num_tokens;
} FoveaModuleWrite;

typedef struct FoveaModuleForward {
  FoveaModuleRows query;
  FoveaModuleRows key; /* data = NULL: everything is read from the cache */
  FoveaModuleRows value;
  FoveaModuleCache key_cache;
  FoveaModuleCache value_cache;
  FoveaModuleRows output;
  FoveaModuleRows lse;
  int32_t output_type;
  uint32_t flags;
  const float* q_scale;
  const float* k_scale;
  const float* v_scale;
  const float* output_scale;
  const float* alibi_slopes;
  const float* sinks;
  void* workspace;
  size_t workspace_size;
  const void* plan; /* NULL: made in the workspace */
} FoveaModuleForward;

typedef struct FoveaModuleMerge {
  const FoveaModuleRows* outputs;
  const FoveaModuleRows* lses;
  FoveaModuleRows output;
  FoveaModuleRows lse;
  int32_t num_states;
  int32_t num_tokens;
  int32_t num_query_heads;
  int32_t head_size_v;
  int32_t output_type;
  const float* sinks;
  const float* output_scale;
} FoveaModuleMerge;

typedef struct FoveaModuleContext FoveaModuleContext;
typedef struct FoveaModuleKernel FoveaModuleKernel;

typedef struct FoveaModuleTable {
  uint32_t abi_version;      /* FOVEA_MODULE_ABI_VERSION; the first field of every version */
  uint32_t struct_size;      /* sizeof(FoveaModuleTable) */
  const char* build_id;      /* the core's, to the letter */
  const char* architectures; /* those with embedded code, separated by spaces */
  const FoveaModuleClaims* claims;
  int32_t num_claims;

  int32_t (*device_count)(int32_t* count, FoveaModuleMessage message);
  int32_t (*device_info)(int32_t ordinal, FoveaModuleDeviceInfo* info, FoveaModuleMessage message);

  /* A context is one device. Memory functions serve metadata arrays, whose addresses stay. */
  int32_t (*context_create)(int32_t ordinal, FoveaModuleContext** context, FoveaModuleMessage message);
  void (*context_destroy)(FoveaModuleContext* context);
  int32_t (*allocate)(FoveaModuleContext* context, size_t size, void** memory, FoveaModuleMessage message);
  void (*release)(FoveaModuleContext* context, void* memory);
  int32_t (*upload)(FoveaModuleContext* context, void* to, const void* from, size_t size, void* stream,
                    FoveaModuleMessage message);
  int32_t (*download)(FoveaModuleContext* context, void* to, const void* from, size_t size, void* stream,
                      FoveaModuleMessage message);

  /* Chooses and loads every kernel of a layer; sizes, plan and launches follow from the same choice. */
  int32_t (*kernel_create)(FoveaModuleContext* context, const FoveaModuleLayer* layer, FoveaModuleKernel** kernel,
                           FoveaModuleMessage message);
  void (*kernel_destroy)(FoveaModuleKernel* kernel);
  int32_t (*workspace_size)(FoveaModuleKernel* kernel, const FoveaModuleLimits* limits, size_t* size,
                            FoveaModuleMessage message);
  int32_t (*plan_size)(FoveaModuleKernel* kernel, const FoveaModuleLimits* limits, size_t* size,
                       FoveaModuleMessage message);

  /* None of these allocates, blocks or synchronises; all can be captured in a graph. */
  int32_t (*plan)(FoveaModuleKernel* kernel, const FoveaModuleBatch* batch, void* plan, size_t plan_size, void* stream,
                  FoveaModuleMessage message);
  int32_t (*write)(FoveaModuleKernel* kernel, const FoveaModuleWrite* write, void* stream, FoveaModuleMessage message);
  int32_t (*forward)(FoveaModuleKernel* kernel, const FoveaModuleBatch* batch, const FoveaModuleForward* forward,
                     void* stream, FoveaModuleMessage message);
  int32_t (*merge)(FoveaModuleContext* context, const FoveaModuleMerge* merge, void* stream,
                   FoveaModuleMessage message);
} FoveaModuleTable;

#ifdef __cplusplus
}
#endif

#endif /* FOVEA_IMPL_BACKEND_MODULE_ABI_H_ */
