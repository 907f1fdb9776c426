/* The contract between the core library and a GPU module (libfovea_hip_amd.so, libfovea_hip_nvidia.so).
 *
 * A module exports one symbol, FOVEA_MODULE_SYMBOL, a FoveaModuleTable. It neither links the core nor shares C++ types
 * with it: everything here is plain C over plain data. Both sides carry FOVEA_MODULE_ABI_VERSION and the identity of
 * the build; the core refuses a module that differs in either and says so.
 *
 * Functions that can fail return a foveaStatus_t as int32_t and write a sentence to `message` when they do. Enumerators
 * are those of fovea.h, which kernels do not see: enumerators.h repeats the ones that are used. Sizes and strides are
 * in elements, unless they are called bytes. Every function restores the calling thread's current device. The core has
 * checked shapes, strides, alignment and sizes before it calls; pointers of data are device addresses and were never
 * dereferenced.
 */
#ifndef FOVEA_KERNELS_HIP_MODULE_ABI_H_
#define FOVEA_KERNELS_HIP_MODULE_ABI_H_

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define FOVEA_MODULE_ABI_VERSION 2
#define FOVEA_MODULE_SYMBOL "fovea_module_table"

/* Where a failing function leaves its sentence: `size` bytes, the NUL included. */
typedef struct FoveaModuleMessage {
  char* text;
  size_t size;
} FoveaModuleMessage;

/* Where a check leaves its reasons, each a foveaReason_t with its sentence, which is copied. */
typedef struct FoveaModuleReasons {
  void (*add)(void* user, int32_t code, const char* sentence);
  void* user;
} FoveaModuleReasons;

typedef struct FoveaModuleDeviceInfo {
  char name[128];
  char architecture[64]; /* as in the list of embedded ones: "gfx942", "sm_90" */
  int32_t supported;     /* 1 if code that this device can run is embedded */
  int32_t num_compute_units;
  int64_t memory_bytes;
} FoveaModuleDeviceInfo;

typedef struct FoveaModuleBounds {
  int32_t min;
  int32_t max;
  int32_t multiple_of;
  int32_t count; /* 0, or the number of `values` that are taken at all */
  int32_t values[32];
} FoveaModuleBounds;

/* What one backend of the module claims; the core answers its queries and checks configurations from this. */
typedef struct FoveaModuleClaims {
  int32_t backend; /* foveaBackend_t */
  int32_t reserved;
  uint64_t capabilities;       /* bit foveaCapability_t */
  uint32_t data_types[4];      /* by foveaDataTypeRole_t, bit foveaDataType_t */
  FoveaModuleBounds bounds[4]; /* by foveaBoundsAttribute_t */
} FoveaModuleClaims;

/* A complete and consistent configuration within the claims, with every default filled in. */
typedef struct FoveaModuleLayer {
  int32_t backend;
  int32_t num_query_heads;
  int32_t num_kv_heads;
  int32_t head_size;
  int32_t head_size_v;
  int32_t block_size;     /* 16 without a cache */
  int32_t query_type;
  int32_t dense_type;     /* of this step's key and value */
  int32_t cache_type;     /* dense_type without a cache */
  int32_t output_type;
  int32_t attention_type;
  int32_t cache_layout;
  int32_t alibi;
  int32_t prefix_ranges;
  int32_t kv_scales;
  float scale;
  float softcap;          /* 0 = off */
  int32_t window_left;    /* -1 = open */
  int32_t window_right;   /* -1 = open */
  int32_t has_sinks;
  int32_t has_lse;
  int32_t non_causal;
  int32_t per_sequence_causal;
  int32_t batch_invariant;
} FoveaModuleLayer;

/* Device addresses of a committed batch, and what the host knows of it.
 *
 * The host checked arrays that it was given; those of the device hold anything. The plan checks, without touching
 * anything else: 0 <= query_start_loc[s] <= query_start_loc[s+1] <= num_tokens, each query_len within max_query_len,
 * 0 <= seq_lens[s] <= max_seq_len, and for every entry of the block table that is dereferenced, that its column exists
 * and that the block lies in the cache. Encoder attention also needs seq_len == query_len. A sequence that fails gives
 * NaN, and *async_error becomes the smallest such index. Ranges with first >= last are empty. */
typedef struct FoveaModuleBatch {
  const int32_t* query_start_loc;     /* [num_seqs + 1] */
  const int32_t* seq_lens;            /* [num_seqs] */
  const int32_t* block_table;         /* [num_seqs, block_table_stride] or NULL */
  const int32_t* causal_per_sequence; /* [num_seqs] or NULL; where given, `causal` does not count */
  const int32_t* range_start_loc;     /* [num_seqs + 1] or NULL */
  const int32_t* ranges;              /* [n, 2] */
  int64_t block_table_stride;
  int32_t block_table_columns;
  int32_t num_seqs;
  int32_t num_tokens;    /* at least 1 in a forward */
  int32_t max_query_len; /* bounds: they hold for every replay of a captured graph */
  int32_t max_seq_len;
  int32_t causal;        /* 0 or 1; 0 for encoder and encoder-decoder attention */
  uint32_t* async_error; /* device word: the smallest index of an offending sequence, or UINT32_MAX */
} FoveaModuleBatch;

/* A larger batch within the limits never needs less than a smaller one. */
typedef struct FoveaModuleLimits {
  int32_t max_num_seqs;
  int32_t max_num_tokens;
  int32_t max_query_len;
  int32_t max_seq_len;
  int32_t max_blocks_per_seq;
  int32_t max_prefix_ranges;
} FoveaModuleLimits;

/* Element (i, h, d) is at data + i * row_stride + h * head_stride + d. */
typedef struct FoveaModuleRows {
  void* data; /* a multiple of 16 bytes */
  int64_t row_stride;
  int64_t head_stride;
} FoveaModuleRows;

/* Strided: element (block, row, head, d) at block * block_stride + row * row_stride + head * head_stride + d.
 * Vectorised key: (block, head, d, row) at block * block_stride + head * head_stride + (d / x) * group_stride +
 * row * row_stride + d % x. Vectorised value: block * block_stride + head * head_stride + d * group_stride + row. */
typedef struct FoveaModuleCache {
  void* data; /* a multiple of 16 bytes; NULL with num_blocks = 0 where there is none */
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
  const int64_t* slot_mapping; /* [num_tokens]; negative, or beyond the cache: skip */
  const float* k_scale;        /* NULL = 1, [1] or [num_kv_heads] as the layer's kv_scales says */
  const float* v_scale;
  int32_t num_tokens; /* at least 1 */
} FoveaModuleWrite;

typedef struct FoveaModuleForward {
  FoveaModuleRows query;
  FoveaModuleRows key; /* data = NULL: everything is read from the cache */
  FoveaModuleRows value;
  FoveaModuleCache key_cache;
  FoveaModuleCache value_cache;
  FoveaModuleRows output;
  FoveaModuleRows lse; /* fp32; data = NULL: not wanted */
  int32_t output_type; /* the layer's, or f32 for partial states */
  uint32_t flags;      /* foveaForwardFlag_t */
  const float* q_scale;      /* NULL = 1, or [1] */
  const float* k_scale;      /* as in FoveaModuleWrite */
  const float* v_scale;
  const float* output_scale; /* NULL = 1, or [1] */
  const float* alibi_slopes; /* [num_query_heads], given exactly when the layer has alibi */
  const float* sinks;        /* [num_query_heads]; NULL for partial states */
  void* workspace;           /* of the size that workspace_size gave for this batch, a multiple of 64 bytes */
  size_t workspace_size;
  /* Made for this batch and mask by a kernel of equal plan key; NULL: made in the workspace. Never changed by
   * ROCM_ATTN; ROCM_UNIFIED_ATTN counts in it while it runs and leaves it as it was, so its forwards of one plan come
   * one after another. */
  const void* plan;
} FoveaModuleForward;

typedef struct FoveaModuleMerge {
  const FoveaModuleRows* outputs; /* host array [num_states], fp32 */
  const FoveaModuleRows* lses;    /* host array [num_states], fp32 */
  FoveaModuleRows output;         /* may be the memory of the first state, with the same strides */
  FoveaModuleRows lse;            /* data = NULL: not wanted */
  int32_t num_states;             /* 1 to 64 */
  int32_t num_tokens;             /* at least 1 */
  int32_t num_query_heads;
  int32_t head_size_v;
  int32_t output_type;
  const float* sinks;        /* [num_query_heads] or NULL */
  const float* output_scale; /* [1] or NULL */
} FoveaModuleMerge;

/* A device pointer of a call, with the name of its argument. */
typedef struct FoveaModulePointer {
  const void* address;
  const char* name;
} FoveaModulePointer;

typedef struct FoveaModuleRange {
  size_t offset; /* bytes */
  size_t size;   /* bytes */
} FoveaModuleRange;

typedef struct FoveaModuleContext FoveaModuleContext; /* one device */
typedef struct FoveaModuleMemory FoveaModuleMemory;   /* device memory that the host uploads to */
typedef struct FoveaModuleKernel FoveaModuleKernel;   /* a layer, resolved and loaded */

typedef struct FoveaModuleTable {
  uint32_t abi_version;      /* FOVEA_MODULE_ABI_VERSION; the first field of every version */
  uint32_t struct_size;      /* sizeof(FoveaModuleTable) */
  const char* build_id;      /* the core's, to the letter */
  const char* architectures; /* those with embedded code, separated by spaces */
  const FoveaModuleClaims* claims;
  int32_t num_claims;

  int32_t (*device_count)(int32_t* count, FoveaModuleMessage message);
  int32_t (*device_info)(int32_t ordinal, FoveaModuleDeviceInfo* info, FoveaModuleMessage message);
  /* Adds what speaks against a layer on an architecture beyond the claims; nothing where it can be computed. */
  void (*check_layer)(const char* architecture, const FoveaModuleLayer* layer, FoveaModuleReasons reasons);
  /* 1 if AUTO should take the layer's backend although one that is listed before it can serve the layer as well. Asked
   * only of layers against which check_layer has nothing. */
  int32_t (*preferred)(const char* architecture, const FoveaModuleLayer* layer);

  int32_t (*context_create)(int32_t ordinal, FoveaModuleContext** context, FoveaModuleMessage message);
  void (*context_destroy)(FoveaModuleContext* context);
  /* Waits for all work of the device. */
  int32_t (*synchronize)(FoveaModuleContext* context, FoveaModuleMessage message);
  /* Copies to the host and waits for it; INVALID_STATE while the stream is being captured. */
  int32_t (*download)(FoveaModuleContext* context, void* to, const void* from, size_t size, void* stream,
                      FoveaModuleMessage message);
  /* Refuses the first address that kernels of this device could not reach. Addresses of NULL are passed over. */
  int32_t (*check_pointers)(FoveaModuleContext* context, const FoveaModulePointer* pointers, int32_t num_pointers,
                            FoveaModuleMessage message);

  /* Memory of `size` bytes at a fixed device address, for the arrays of metadata. memory_stage gives a host image of
   * the same size to be filled, waiting only for an upload that still reads it; memory_upload sends ranges of the image
   * that was given last, on the stream. Both give INVALID_STATE while the stream is being captured. One thread at a
   * time. */
  int32_t (*memory_create)(FoveaModuleContext* context, size_t size, FoveaModuleMemory** memory, void** address,
                           FoveaModuleMessage message);
  void (*memory_destroy)(FoveaModuleContext* context, FoveaModuleMemory* memory);
  int32_t (*memory_stage)(FoveaModuleContext* context, FoveaModuleMemory* memory, void* stream, void** image,
                          FoveaModuleMessage message);
  int32_t (*memory_upload)(FoveaModuleContext* context, FoveaModuleMemory* memory, const FoveaModuleRange* ranges,
                           int32_t num_ranges, void* stream, FoveaModuleMessage message);

  /* Chooses and loads every kernel of a layer; sizes, plan and launches follow from the same choice. */
  int32_t (*kernel_create)(FoveaModuleContext* context, const FoveaModuleLayer* layer, FoveaModuleKernel** kernel,
                           FoveaModuleMessage message);
  void (*kernel_destroy)(FoveaModuleContext* context, FoveaModuleKernel* kernel);
  /* Kernels of one backend and equal keys share plans. */
  uint64_t (*plan_key)(const FoveaModuleKernel* kernel);
  int32_t (*workspace_size)(const FoveaModuleKernel* kernel, const FoveaModuleLimits* limits, size_t* size,
                            FoveaModuleMessage message);
  int32_t (*plan_size)(const FoveaModuleKernel* kernel, const FoveaModuleLimits* limits, size_t* size,
                       FoveaModuleMessage message);

  /* None of these allocates, blocks or synchronises; all can be captured in a graph, and called by many threads. */
  int32_t (*plan)(FoveaModuleContext* context, const FoveaModuleKernel* kernel, const FoveaModuleBatch* batch,
                  void* plan, size_t plan_size, void* stream, FoveaModuleMessage message);
  int32_t (*write)(FoveaModuleContext* context, const FoveaModuleKernel* kernel, const FoveaModuleWrite* write,
                   void* stream, FoveaModuleMessage message);
  int32_t (*forward)(FoveaModuleContext* context, const FoveaModuleKernel* kernel, const FoveaModuleBatch* batch,
                     const FoveaModuleForward* forward, void* stream, FoveaModuleMessage message);
  int32_t (*merge)(FoveaModuleContext* context, const FoveaModuleMerge* merge, void* stream,
                   FoveaModuleMessage message);
} FoveaModuleTable;

#ifdef __cplusplus
}
#endif

#endif /* FOVEA_KERNELS_HIP_MODULE_ABI_H_ */
