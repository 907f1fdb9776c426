/**
 * @file fovea.h
 * @brief libfovea: paged, variable-length attention, causal and non-causal, behind a stable C ABI.
 *
 * Read this header from top to bottom; it is in the order in which an engine uses it:
 *
 *   1. status, errors, logging          what every call returns
 *   2. data types and tensors           how memory is described
 *   3. context                          a device with its threads
 *   4. backends                         who can compute what, and why not
 *   5. config                           what one attention layer needs
 *   6. metadata                         one batch: boundaries, lengths, block table, the causal flag
 *   7. attention                        a config bound to a backend: plan, write the KV cache, forward
 *   8. merging                          partial results combined by their log-sum-exp
 *
 * The life of a layer: describe it (foveaConfig_t), ask who can run it (foveaConfigCheck, foveaSelectBackend), bind
 * it once (foveaAttentionCreate); each step fill and commit the metadata, plan it once, and per layer write the KV
 * cache and run foveaAttentionForward.
 *
 * Conventions
 *  - Every function returns a foveaStatus_t, except destructors (they accept NULL) and look-ups of names.
 *    On failure nothing was written to any output, the call had no effect, and foveaGetLastErrorMessage() holds a
 *    sentence that names the argument, its value and what was expected. The library never aborts and never prints.
 *  - Handles are opaque. Children hold references to what they need, so any order of destruction is legal.
 *  - A struct that starts with `struct_size` may grow in later versions: set `struct_size` to `sizeof` and everything
 *    else to zero, and you have the defaults (FOVEA_..._INIT does just that). A shorter struct from an older header is
 *    accepted; a longer one from a newer header only if the part unknown here is all zero.
 *  - Axis names: num_tokens, num_query_heads, num_kv_heads, head_size, block_size, seq_len, query_len,
 *    context_len = seq_len - query_len.
 *  - Thread rules are given per object: "shared" objects may be used by many threads at once; "externally
 *    synchronised" objects must not be changed by one thread while another uses them.
 */
#ifndef FOVEA_FOVEA_H_
#define FOVEA_FOVEA_H_

#include <stddef.h>
#include <stdint.h>

#include "fovea/fovea_export.h"
#include "fovea/fovea_version.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ------------------------------------------------------------------------------------------------------------------ */
/** @defgroup status 1. Status, errors, logging
 *  @{ */

/** Result of a call. Values are stable; new ones may be added. */
typedef enum foveaStatus_t {
  FOVEA_STATUS_SUCCESS = 0,
  FOVEA_STATUS_INVALID_ARGUMENT = 1,       /**< an argument is wrong by itself or does not fit the others */
  FOVEA_STATUS_NOT_SUPPORTED = 2,          /**< a valid request that this backend cannot serve; the reason is given */
  FOVEA_STATUS_INVALID_STATE = 3,          /**< the call is not legal now, e.g. metadata changed but not committed */
  FOVEA_STATUS_WORKSPACE_TOO_SMALL = 4,    /**< workspace or plan memory is smaller than its query says */
  FOVEA_STATUS_OUT_OF_MEMORY = 5,          /**< host memory could not be allocated */
  FOVEA_STATUS_DEVICE_OUT_OF_MEMORY = 6,   /**< device memory could not be allocated */
  FOVEA_STATUS_NO_DEVICE = 7,              /**< no device of the requested kind is usable; the message says why */
  FOVEA_STATUS_ARCH_MISMATCH = 8,          /**< the GPU's architecture is not among those embedded in the module */
  FOVEA_STATUS_BACKEND_UNAVAILABLE = 9,    /**< the backend cannot be used on this machine; the message says why */
  FOVEA_STATUS_DEVICE_ERROR = 10,          /**< the GPU runtime reported an error */
  FOVEA_STATUS_VERSION_MISMATCH = 11,      /**< a struct uses fields that this version of the library does not know */
  FOVEA_STATUS_INTERNAL_ERROR = 12,        /**< a defect of the library */
  FOVEA_STATUS_MAX_ENUM = 0x7fffffff
} foveaStatus_t;

/** Name of a status, e.g. "FOVEA_STATUS_NOT_SUPPORTED"; "FOVEA_STATUS_UNKNOWN" for a value out of range. Never NULL. */
FOVEA_API const char* foveaStatusName(foveaStatus_t status);

/** A short description of a status, e.g. "not supported". Never NULL. */
FOVEA_API const char* foveaStatusString(foveaStatus_t status);

/**
 * The sentence that explains the last failure on the calling thread; "" if none happened yet.
 *
 * The text lives in a fixed buffer of the thread and stays valid until the next failing call on it. A successful call
 * does not clear it.
 */
FOVEA_API const char* foveaGetLastErrorMessage(void);

/**
 * Version of the library that was loaded, as major * 10000 + minor * 100 + patch (compare with FOVEA_VERSION).
 * @param[out] version must not be NULL.
 * @return SUCCESS, INVALID_ARGUMENT.
 */
FOVEA_API foveaStatus_t foveaGetVersion(int32_t* version);

/** The same as text, e.g. "1.0.0". Never NULL. */
FOVEA_API const char* foveaGetVersionString(void);

/** Log levels; a message is delivered if its level is at most the level that was set. */
typedef enum foveaLogLevel_t {
  FOVEA_LOG_OFF = 0,
  FOVEA_LOG_ERROR = 1,
  FOVEA_LOG_WARNING = 2,
  FOVEA_LOG_INFO = 3,
  FOVEA_LOG_DEBUG = 4,
  FOVEA_LOG_MAX_ENUM = 0x7fffffff
} foveaLogLevel_t;

/** Receives one message without a trailing newline. It may be called from any thread and must not call the library. */
typedef void (*foveaLogCallback_t)(void* user, foveaLogLevel_t level, const char* message);

/**
 * Sets the process's logger. Logging is off by default; the library never writes to standard output.
 *
 * Without a callback the environment decides: FOVEA_LOG_LEVEL (off, error, warning, info, debug) and FOVEA_LOG_FILE (a
 * path; standard error if unset). When this function returns, the previous callback is not running and will not be
 * called again.
 *
 * @param callback NULL restores the environment's choice.
 * @param user     handed to the callback.
 * @param level    the most detailed level to deliver.
 * @return SUCCESS, INVALID_ARGUMENT (unknown level).
 */
FOVEA_API foveaStatus_t foveaSetLogCallback(foveaLogCallback_t callback, void* user, foveaLogLevel_t level);

/** @} */
/* ------------------------------------------------------------------------------------------------------------------ */
/** @defgroup tensors 2. Data types and tensors
 *  @{ */

/** Element types. The three fp8 flavours are distinct types; none is ever chosen by the device. */
typedef enum foveaDataType_t {
  FOVEA_DATA_TYPE_NONE = 0,
  FOVEA_DATA_TYPE_F32 = 1,
  FOVEA_DATA_TYPE_F16 = 2,
  FOVEA_DATA_TYPE_BF16 = 3,
  FOVEA_DATA_TYPE_F8_E4M3FN = 4,   /**< OCP e4m3: bias 7, maximum 448, no infinity */
  FOVEA_DATA_TYPE_F8_E4M3FNUZ = 5, /**< bias 8, maximum 240, no infinity, no negative zero */
  FOVEA_DATA_TYPE_F8_E5M2 = 6,     /**< OCP e5m2: bias 15, maximum 57344, has infinities */
  FOVEA_DATA_TYPE_MAX_ENUM = 0x7fffffff
} foveaDataType_t;

/** Name of a data type: "f32", "f16", "bf16", "f8_e4m3fn", "f8_e4m3fnuz", "f8_e5m2", "none"; "unknown" otherwise. */
FOVEA_API const char* foveaDataTypeName(foveaDataType_t dtype);

/** Size of an element in bytes; 0 for FOVEA_DATA_TYPE_NONE and unknown values. */
FOVEA_API size_t foveaDataTypeSize(foveaDataType_t dtype);

/** Most dimensions a tensor can have. */
#define FOVEA_MAX_DIMS 6

/**
 * A view of memory; it owns nothing. This struct is frozen: it will never grow.
 *
 * Strides are in elements. If all strides are 0, the tensor is contiguous in row-major order. The innermost axis must
 * have stride 1. A tensor with `data == NULL` is absent.
 *
 * Alignment asked of `data`: the element's size on a CPU; 16 bytes on a GPU.
 */
typedef struct foveaTensor_t {
  void* data;                      /**< the first element; NULL = absent */
  foveaDataType_t dtype;           /**< of the elements */
  int32_t ndim;                    /**< number of axes, 0 to FOVEA_MAX_DIMS */
  int64_t shape[FOVEA_MAX_DIMS];   /**< length of each axis, outermost first */
  int64_t strides[FOVEA_MAX_DIMS]; /**< elements between neighbours along each axis; all 0 = contiguous */
} foveaTensor_t;

/** An absent tensor. */
#define FOVEA_TENSOR_INIT {NULL, FOVEA_DATA_TYPE_NONE, 0, {0}, {0}}

/** Where an array handed to a metadata setter lives. */
typedef enum foveaMemory_t {
  FOVEA_MEMORY_HOST = 0,   /**< host memory; copied before the call returns */
  FOVEA_MEMORY_DEVICE = 1, /**< memory of the context's device; borrowed until it is replaced or the metadata dies */
  FOVEA_MEMORY_MAX_ENUM = 0x7fffffff
} foveaMemory_t;

/** @} */
/* ------------------------------------------------------------------------------------------------------------------ */
/** @defgroup context 3. Context: a device with its threads
 *  @{ */

/** A device with its threads and its allocator. Shared. */
typedef struct foveaContext_st* foveaContext_t;

/** Kinds of devices. */
typedef enum foveaDevice_t {
  FOVEA_DEVICE_AUTO = 0,   /**< a GPU if one works, else the CPU */
  FOVEA_DEVICE_CPU = 1,
  FOVEA_DEVICE_GPU = 2,    /**< any GPU: AMD first, then NVIDIA */
  FOVEA_DEVICE_AMD = 3,    /**< a GPU driven by libfovea_hip_amd.so */
  FOVEA_DEVICE_NVIDIA = 4, /**< a GPU driven by libfovea_hip_nvidia.so */
  FOVEA_DEVICE_MAX_ENUM = 0x7fffffff
} foveaDevice_t;

/**
 * Allocates `size` bytes at `alignment` (a power of two) or returns NULL. May be called from several threads.
 * It serves the buffers whose size depends on limits and batches (metadata arrays); small objects use the C++ heap.
 */
typedef void* (*foveaAllocate_t)(void* user, size_t size, size_t alignment);

/** Frees what foveaAllocate_t returned. `size` is the size that was asked for. */
typedef void (*foveaFree_t)(void* user, void* memory, size_t size);

/** One task of a parallel region. */
typedef void (*foveaTask_t)(void* task_data, int32_t task_index);

/**
 * Runs task(task_data, i) for each i in [0, num_tasks), on any threads, in any order, at the same time or one after
 * another, and returns when all have finished. num_tasks is at most the context's number of threads.
 */
typedef void (*foveaParallelFor_t)(void* user, int32_t num_tasks, foveaTask_t task, void* task_data);

/** How to create a context. All zero (and struct_size) is a context on the best device with all its threads. */
typedef struct foveaContextCreateInfo_t {
  size_t struct_size;              /**< sizeof this struct, as the caller knows it */
  foveaDevice_t device;            /**< kind of device */
  int32_t device_ordinal;          /**< which GPU of that kind, from 0; must be 0 on a CPU */
  int32_t num_threads;             /**< CPU: threads that compute, the caller's included; 0 = all CPUs of the process's
                                        affinity mask; at most 1024 */
  uint32_t reserved_flags;         /**< must be 0 */
  foveaAllocate_t allocate;        /**< NULL: the library's own; set both or none */
  foveaFree_t free;                /**< frees what `allocate` returned */
  void* allocator_user;            /**< handed to `allocate` and `free` */
  foveaParallelFor_t parallel_for; /**< NULL: the library's own pool; else no threads are created by the library */
  void* parallel_for_user;         /**< handed to `parallel_for` */
} foveaContextCreateInfo_t;

/** A context on the best device with all its threads. */
#define FOVEA_CONTEXT_CREATE_INFO_INIT \
  {sizeof(foveaContextCreateInfo_t), FOVEA_DEVICE_AUTO, 0, 0, 0, NULL, NULL, NULL, NULL, NULL}

/**
 * Creates a context. Contexts are shared: any number of threads may use one.
 *
 * The CPU pool starts its threads when the first attention is created and survives fork(): the child starts its own.
 *
 * @param info NULL means all defaults.
 * @param[out] context receives the handle.
 * @return SUCCESS, INVALID_ARGUMENT, VERSION_MISMATCH, OUT_OF_MEMORY, NO_DEVICE (an explicit GPU that is not there; the
 *         message lists what was tried), ARCH_MISMATCH.
 */
FOVEA_API foveaStatus_t foveaContextCreate(const foveaContextCreateInfo_t* info, foveaContext_t* context);

/** Drops the handle; objects made from the context keep what they need. NULL is accepted. */
FOVEA_API void foveaContextDestroy(foveaContext_t context);

/** What a context runs on. Text fields are NUL-terminated. */
typedef struct foveaContextInfo_t {
  size_t struct_size;              /**< sizeof this struct, as the caller knows it */
  foveaDevice_t device;            /**< FOVEA_DEVICE_CPU, _AMD or _NVIDIA */
  int32_t device_ordinal;          /**< which GPU of that kind; 0 on a CPU */
  int32_t num_threads;             /**< CPU threads that compute; 0 on a GPU */
  char device_name[128];           /**< e.g. "AMD EPYC 9654" or "AMD Instinct MI300X" */
  char architecture[64];           /**< instruction set in use: "avx2", "avx512", "avx512_bf16+amx_bf16", "gfx942", ... */
} foveaContextInfo_t;

/** Ready to be filled by foveaContextGetInfo. */
#define FOVEA_CONTEXT_INFO_INIT {sizeof(foveaContextInfo_t), FOVEA_DEVICE_AUTO, 0, 0, {0}, {0}}

/**
 * Describes the context's device.
 * @param context the context.
 * @param[in,out] info written up to info->struct_size.
 * @return SUCCESS, INVALID_ARGUMENT.
 */
FOVEA_API foveaStatus_t foveaContextGetInfo(foveaContext_t context, foveaContextInfo_t* info);

/** @} */
/* ------------------------------------------------------------------------------------------------------------------ */
/** @defgroup config 5. Config: what one attention layer needs
 *  Declared before the backends because their queries speak of it.
 *  @{ */

/** What one attention layer needs. Externally synchronised. */
typedef struct foveaConfig_st* foveaConfig_t;

/** Attention types. Encoder and encoder-decoder attention is never causal; the causal flag is ignored there. */
typedef enum foveaAttentionType_t {
  FOVEA_ATTENTION_DECODER = 0,         /**< self-attention over a KV cache */
  FOVEA_ATTENTION_ENCODER = 1,         /**< self-attention over the dense key and value of the same tokens; no cache */
  FOVEA_ATTENTION_ENCODER_DECODER = 2, /**< cross-attention over a KV cache that holds the encoder's keys */
  FOVEA_ATTENTION_TYPE_MAX_ENUM = 0x7fffffff
} foveaAttentionType_t;

/** KV cache layouts. x = 16 / bytes per element. */
typedef enum foveaKvCacheLayout_t {
  FOVEA_KV_CACHE_LAYOUT_STRIDED = 0,    /**< key and value: [num_blocks, block_size, num_kv_heads, head_size], any strides
                                             with the innermost 1: NHD, HND, and K/V side by side */
  FOVEA_KV_CACHE_LAYOUT_VECTORIZED = 1, /**< key [num_blocks, num_kv_heads, head_size/x, block_size, x], value
                                             [num_blocks, num_kv_heads, head_size, block_size] */
  FOVEA_KV_CACHE_LAYOUT_MAX_ENUM = 0x7fffffff
} foveaKvCacheLayout_t;

/** ALiBi: a bias that is added to the score of query position p and key position t. */
typedef enum foveaAlibi_t {
  FOVEA_ALIBI_NONE = 0,
  FOVEA_ALIBI_LINEAR = 1, /**< -slope[h] * |p - t| */
  FOVEA_ALIBI_SQRT = 2,   /**< -slope[h] * sqrt(|p - t|) */
  FOVEA_ALIBI_MAX_ENUM = 0x7fffffff
} foveaAlibi_t;

/** Prefix ranges: spans of positions (an image, say) whose tokens see each other whatever the causal flag says. */
typedef enum foveaPrefixRanges_t {
  FOVEA_PREFIX_RANGES_NONE = 0,
  FOVEA_PREFIX_RANGES_FULL = 1,     /**< within a range every token sees every other */
  FOVEA_PREFIX_RANGES_WINDOWED = 2, /**< within a range also p - t <= left window */
  FOVEA_PREFIX_RANGES_MAX_ENUM = 0x7fffffff
} foveaPrefixRanges_t;

/** Granularity of the dequantisation scales of the KV cache. */
typedef enum foveaKvScales_t {
  FOVEA_KV_SCALES_NONE = 0,       /**< scale 1 */
  FOVEA_KV_SCALES_PER_TENSOR = 1, /**< k_scale and v_scale point to one float each */
  FOVEA_KV_SCALES_PER_HEAD = 2,   /**< k_scale and v_scale point to [num_kv_heads] floats */
  FOVEA_KV_SCALES_MAX_ENUM = 0x7fffffff
} foveaKvScales_t;

/**
 * Creates a config with the defaults: causal decoder attention, scale 1/sqrt(head_size), no window, no soft cap, strided
 * cache of block size 16. Heads, head size and data types have no default and must be set.
 *
 * Configs are externally synchronised. An attention copies what it needs: the config may be changed or destroyed after.
 * @return SUCCESS, INVALID_ARGUMENT, OUT_OF_MEMORY.
 */
FOVEA_API foveaStatus_t foveaConfigCreate(foveaConfig_t* config);

/** Destroys a config. NULL is accepted. */
FOVEA_API void foveaConfigDestroy(foveaConfig_t config);

/**
 * Query head h reads KV head h / (num_query_heads / num_kv_heads).
 * @param config          the config.
 * @param num_query_heads 1 to 65536, a multiple of num_kv_heads.
 * @param num_kv_heads    at least 1.
 * @return SUCCESS, INVALID_ARGUMENT.
 */
FOVEA_API foveaStatus_t foveaConfigSetHeads(foveaConfig_t config, int32_t num_query_heads, int32_t num_kv_heads);

/**
 * Sizes of one head, in elements.
 * @param config      the config.
 * @param head_size   of query and key, at least 1.
 * @param head_size_v of value and output; 0 means the same as head_size.
 * @return SUCCESS, INVALID_ARGUMENT.
 */
FOVEA_API foveaStatus_t foveaConfigSetHeadSizes(foveaConfig_t config, int32_t head_size, int32_t head_size_v);

/**
 * Data types.
 * @param config   the config.
 * @param query    of the query, and of this step's key and value (which are bf16 if the query is fp8).
 * @param kv_cache of the cache; FOVEA_DATA_TYPE_NONE means the same as query. Ignored by encoder attention.
 * @param output   of the output; FOVEA_DATA_TYPE_NONE means the same as query (bf16 if that is fp8).
 * @return SUCCESS, INVALID_ARGUMENT (unknown type).
 */
FOVEA_API foveaStatus_t foveaConfigSetDataTypes(foveaConfig_t config, foveaDataType_t query, foveaDataType_t kv_cache,
                                                foveaDataType_t output);

/** The factor on query . key: finite and > 0; 0 restores the default 1/sqrt(head_size).
 *  @return SUCCESS, INVALID_ARGUMENT. */
FOVEA_API foveaStatus_t foveaConfigSetScale(foveaConfig_t config, float scale);

/**
 * Sliding window. Key t is visible to position p only if p - t <= left and t - p <= right; -1 leaves a side open (the
 * default). Both ends are inclusive: (0, 0) sees itself only, and "a causal window of W tokens" is left = W - 1. Causal
 * rows ignore `right`.
 * @return SUCCESS, INVALID_ARGUMENT (below -1).
 */
FOVEA_API foveaStatus_t foveaConfigSetSlidingWindow(foveaConfig_t config, int32_t left, int32_t right);

/** Scores become cap * tanh(score / cap), before the mask. Finite and >= 0; 0 (the default) turns it off.
 *  @return SUCCESS, INVALID_ARGUMENT. */
FOVEA_API foveaStatus_t foveaConfigSetLogitsSoftCap(foveaConfig_t config, float cap);

/** Declares that forwards give alibi_slopes, fp32 [num_query_heads], and in which form they act.
 *  @return SUCCESS, INVALID_ARGUMENT. */
FOVEA_API foveaStatus_t foveaConfigSetAlibi(foveaConfig_t config, foveaAlibi_t alibi);

/** Declares (1) that forwards give sinks, fp32 [num_query_heads]: one logit per head that joins the softmax
 *  denominator, neither scaled nor capped; -inf is no sink.
 *  @return SUCCESS, INVALID_ARGUMENT (neither 0 nor 1). */
FOVEA_API foveaStatus_t foveaConfigSetSinks(foveaConfig_t config, int32_t enable);

/** Declares (1) that forwards may ask for the log-sum-exp of each row, or for partial states.
 *  @return SUCCESS, INVALID_ARGUMENT. */
FOVEA_API foveaStatus_t foveaConfigSetLse(foveaConfig_t config, int32_t enable);

/** Declares that the metadata may hold prefix ranges, and of which kind.
 *  @return SUCCESS, INVALID_ARGUMENT. */
FOVEA_API foveaStatus_t foveaConfigSetPrefixRanges(foveaConfig_t config, foveaPrefixRanges_t kind);

/** Declares (1) that the metadata may hold a causal flag for each sequence; needs foveaConfigSetNonCausal(config, 1).
 *  @return SUCCESS, INVALID_ARGUMENT. */
FOVEA_API foveaStatus_t foveaConfigSetPerSequenceCausal(foveaConfig_t config, int32_t enable);

/** Decoder (default), encoder or encoder-decoder attention.
 *  @return SUCCESS, INVALID_ARGUMENT. */
FOVEA_API foveaStatus_t foveaConfigSetAttentionType(foveaConfig_t config, foveaAttentionType_t type);

/**
 * Declares (1) that forwards may be non-causal: every query sees the whole context and all queries of its sequence, as
 * a block of draft tokens needs it. Without it every backend refuses `causal = 0`; with it a causal-only backend
 * refuses the config and says so.
 * @return SUCCESS, INVALID_ARGUMENT.
 */
FOVEA_API foveaStatus_t foveaConfigSetNonCausal(foveaConfig_t config, int32_t enable);

/** Layout of the cache and tokens per block (any multiple of 16).
 *  @return SUCCESS, INVALID_ARGUMENT (block_size < 1, unknown layout). */
FOVEA_API foveaStatus_t foveaConfigSetKvCacheLayout(foveaConfig_t config, foveaKvCacheLayout_t layout,
                                                    int32_t block_size);

/** Granularity of k_scale and v_scale.
 *  @return SUCCESS, INVALID_ARGUMENT. */
FOVEA_API foveaStatus_t foveaConfigSetKvScales(foveaConfig_t config, foveaKvScales_t granularity);

/** Asks (1) that the bits of a row depend only on its own sequence: not on its neighbours, the size of the batch or
 *  block ids. The CPU backend promises more: not on the number of query rows or threads either.
 *  @return SUCCESS, INVALID_ARGUMENT. */
FOVEA_API foveaStatus_t foveaConfigSetBatchInvariant(foveaConfig_t config, int32_t enable);

/** @} */
/* ------------------------------------------------------------------------------------------------------------------ */
/** @defgroup backends 4. Backends: who can compute what, and why not
 *  @{ */

/** Backends. Each is one entry of an ordered registry; foveaGetBackend enumerates those this library knows. */
typedef enum foveaBackend_t {
  FOVEA_BACKEND_AUTO = 0,
  FOVEA_BACKEND_ROCM_ATTN = 1,         /**< HIP kernels in libfovea_hip_amd.so or libfovea_hip_nvidia.so */
  FOVEA_BACKEND_ROCM_UNIFIED_ATTN = 2, /**< in the same modules: one kernel for prefill and decode, causal only */
  FOVEA_BACKEND_CPU_ATTN = 3,          /**< in the core library; always available */
  FOVEA_BACKEND_MAX_ENUM = 0x7fffffff
} foveaBackend_t;

/** Features a backend may or may not have. */
typedef enum foveaCapability_t {
  FOVEA_CAPABILITY_NON_CAUSAL = 0,
  FOVEA_CAPABILITY_PER_SEQUENCE_CAUSAL = 1,
  FOVEA_CAPABILITY_SLIDING_WINDOW = 2,       /**< left side, for causal rows */
  FOVEA_CAPABILITY_SLIDING_WINDOW_RIGHT = 3, /**< right side, for non-causal rows */
  FOVEA_CAPABILITY_PREFIX_RANGES = 4,
  FOVEA_CAPABILITY_LOGITS_SOFT_CAP = 5,
  FOVEA_CAPABILITY_ALIBI = 6,
  FOVEA_CAPABILITY_ALIBI_SQRT = 7,
  FOVEA_CAPABILITY_SINKS = 8,
  FOVEA_CAPABILITY_LSE = 9,
  FOVEA_CAPABILITY_PARTIAL_STATE = 10,
  FOVEA_CAPABILITY_FP8_KV_CACHE = 11,
  FOVEA_CAPABILITY_FP8_QUERY = 12,
  FOVEA_CAPABILITY_FP8_OUTPUT = 13,
  FOVEA_CAPABILITY_PER_HEAD_KV_SCALES = 14,
  FOVEA_CAPABILITY_VECTORIZED_KV_CACHE = 15, /**< FOVEA_KV_CACHE_LAYOUT_VECTORIZED */
  FOVEA_CAPABILITY_DIFFERENT_V_SIZE = 16,    /**< head_size_v != head_size */
  FOVEA_CAPABILITY_BATCH_INVARIANCE = 17,
  FOVEA_CAPABILITY_GRAPH_CAPTURE = 18,
  FOVEA_CAPABILITY_DECODER = 19,
  FOVEA_CAPABILITY_ENCODER = 20,
  FOVEA_CAPABILITY_ENCODER_DECODER = 21,
  FOVEA_CAPABILITY_MAX_ENUM = 0x7fffffff
} foveaCapability_t;

/** Number of capabilities of this header; they are numbered from 0. */
#define FOVEA_CAPABILITY_COUNT 22

/** Short name of a capability, e.g. "non_causal"; "unknown" for a value out of range. Never NULL. */
FOVEA_API const char* foveaCapabilityName(foveaCapability_t capability);

/** What a data type is used for. */
typedef enum foveaDataTypeRole_t {
  FOVEA_ROLE_QUERY = 0,
  FOVEA_ROLE_KV_CACHE = 1,
  FOVEA_ROLE_OUTPUT = 2,
  FOVEA_ROLE_MAX_ENUM = 0x7fffffff
} foveaDataTypeRole_t;

/** Quantities with bounds. */
typedef enum foveaBoundsAttribute_t {
  FOVEA_BOUNDS_HEAD_SIZE = 0,
  FOVEA_BOUNDS_HEAD_SIZE_V = 1,
  FOVEA_BOUNDS_BLOCK_SIZE = 2,
  FOVEA_BOUNDS_QUERY_HEADS_PER_KV_HEAD = 3,
  FOVEA_BOUNDS_MAX_ENUM = 0x7fffffff
} foveaBoundsAttribute_t;

/** The values a backend takes: min <= value <= max, value a multiple of multiple_of; and, if count > 0, one of values. */
typedef struct foveaBounds_t {
  size_t struct_size;  /**< sizeof this struct, as the caller knows it */
  int32_t min;         /**< smallest value */
  int32_t max;         /**< largest value */
  int32_t multiple_of; /**< at least 1 */
  int32_t count;       /**< number of `values`; 0 = any value within the bounds */
  int32_t values[32];  /**< the only values, ascending */
} foveaBounds_t;

/** Ready to be filled by foveaBackendGetBounds. */
#define FOVEA_BOUNDS_INIT {sizeof(foveaBounds_t), 0, 0, 0, 0, {0}}

/** Number of backends this library knows, available or not. Loads nothing.
 *  @return SUCCESS, INVALID_ARGUMENT. */
FOVEA_API foveaStatus_t foveaGetBackendCount(int32_t* count);

/** The backend at `index` (0 to count - 1), in order of preference.
 *  @return SUCCESS, INVALID_ARGUMENT. */
FOVEA_API foveaStatus_t foveaGetBackend(int32_t index, foveaBackend_t* backend);

/** Name of a backend, e.g. "CPU_ATTN"; "AUTO"; "UNKNOWN" for a value out of range. Never NULL. */
FOVEA_API const char* foveaBackendGetName(foveaBackend_t backend);

/** Finds a backend by its name ("AUTO" included), without regard to case.
 *  @return SUCCESS, INVALID_ARGUMENT (unknown name; the message lists the known ones), OUT_OF_MEMORY. */
FOVEA_API foveaStatus_t foveaBackendFromName(const char* name, foveaBackend_t* backend);

/**
 * Whether a backend can be used on this machine, and if not, why. May load a GPU module.
 * @param backend          the backend.
 * @param[out] available 1 or 0.
 * @param[out] reason      receives the sentence, "" if available; may be NULL if reason_size is 0. Cut to fit.
 * @param reason_size      bytes at `reason`, the terminating NUL included.
 * @return SUCCESS, INVALID_ARGUMENT, OUT_OF_MEMORY.
 */
FOVEA_API foveaStatus_t foveaBackendIsAvailable(foveaBackend_t backend, int32_t* available, char* reason,
                                                size_t reason_size);

/** Whether a backend can compute non-causal attention. May load a GPU module.
 *  @return SUCCESS, INVALID_ARGUMENT, BACKEND_UNAVAILABLE (a module's claims are its own; without it there are none),
 *          OUT_OF_MEMORY. */
FOVEA_API foveaStatus_t foveaBackendSupportsNonCausal(foveaBackend_t backend, int32_t* supported);

/** Whether a backend has a capability. A capability is a promise: what is not claimed is refused, never ignored.
 *  @return SUCCESS, INVALID_ARGUMENT, BACKEND_UNAVAILABLE, OUT_OF_MEMORY. */
FOVEA_API foveaStatus_t foveaBackendSupports(foveaBackend_t backend, foveaCapability_t capability, int32_t* supported);

/** Whether a backend takes a data type in a role.
 *  @return SUCCESS, INVALID_ARGUMENT, BACKEND_UNAVAILABLE, OUT_OF_MEMORY. */
FOVEA_API foveaStatus_t foveaBackendSupportsDataType(foveaBackend_t backend, foveaDataTypeRole_t role,
                                                     foveaDataType_t dtype, int32_t* supported);

/** The values a backend takes for a quantity; written up to bounds->struct_size.
 *  @return SUCCESS, INVALID_ARGUMENT, BACKEND_UNAVAILABLE, OUT_OF_MEMORY. */
FOVEA_API foveaStatus_t foveaBackendGetBounds(foveaBackend_t backend, foveaBoundsAttribute_t attribute,
                                              foveaBounds_t* bounds);

/** Why a config is refused. The sentences begin with the words that engines know, in this order. */
typedef enum foveaReason_t {
  FOVEA_REASON_NONE = 0,
  FOVEA_REASON_HEAD_SIZE = 1,             /**< "head_size not supported" */
  FOVEA_REASON_DATA_TYPE = 2,             /**< "dtype not supported" */
  FOVEA_REASON_KV_CACHE_DATA_TYPE = 3,    /**< "kv_cache_dtype not supported" */
  FOVEA_REASON_BLOCK_SIZE = 4,            /**< "block_size not supported" */
  FOVEA_REASON_PREFIX_RANGES = 5,         /**< "partial multimodal token full attention not supported" */
  FOVEA_REASON_SINKS = 6,                 /**< "attention sinks not supported" */
  FOVEA_REASON_PER_HEAD_KV_SCALES = 7,    /**< "per-head quant scales not supported" */
  FOVEA_REASON_ARCHITECTURE = 8,          /**< "compute capability not supported" */
  FOVEA_REASON_ATTENTION_TYPE = 9,        /**< "attention type ... not supported" */
  FOVEA_REASON_SLIDING_WINDOW = 10,       /**< "sliding window not supported" */
  FOVEA_REASON_NON_CAUSAL = 11,           /**< "non-causal attention not supported" */
  FOVEA_REASON_BATCH_INVARIANCE = 12,     /**< "batch invariance not supported" */
  FOVEA_REASON_LOGITS_SOFT_CAP = 13,
  FOVEA_REASON_ALIBI = 14,
  FOVEA_REASON_LSE = 15,
  FOVEA_REASON_PER_SEQUENCE_CAUSAL = 16,
  FOVEA_REASON_KV_CACHE_LAYOUT = 17,
  FOVEA_REASON_HEADS = 18,
  FOVEA_REASON_OUTPUT_DATA_TYPE = 19,
  FOVEA_REASON_INCOMPLETE_CONFIG = 20,    /**< something without a default was not set */
  FOVEA_REASON_CONTRADICTION = 21,        /**< two settings that exclude each other, e.g. a window on cross-attention */
  FOVEA_REASON_UNAVAILABLE = 22,          /**< the backend cannot be used on this machine */
  FOVEA_REASON_DEVICE = 23,               /**< the backend does not run on the context's device */
  FOVEA_REASON_MAX_ENUM = 0x7fffffff
} foveaReason_t;

/** The reasons of one check. Immutable, shared. */
typedef struct foveaReport_st* foveaReport_t;

/**
 * Asks one backend whether it can serve a config; collects all reasons, not only the first.
 * @param config  the config.
 * @param backend any but AUTO (foveaSelectBackend is for that).
 * @param[out] report may be NULL; else receives a report (empty if supported) to be destroyed by the caller, on SUCCESS
 *                    and on NOT_SUPPORTED.
 * @return SUCCESS, NOT_SUPPORTED (the message joins all reasons), INVALID_ARGUMENT, OUT_OF_MEMORY.
 */
FOVEA_API foveaStatus_t foveaConfigCheck(foveaConfig_t config, foveaBackend_t backend, foveaReport_t* report);

/** Number of reasons in a report.
 *  @return SUCCESS, INVALID_ARGUMENT. */
FOVEA_API foveaStatus_t foveaReportGetCount(foveaReport_t report, int32_t* count);

/** One reason of a report; the sentence lives as long as the report.
 *  @return SUCCESS, INVALID_ARGUMENT (index out of range). */
FOVEA_API foveaStatus_t foveaReportGetReason(foveaReport_t report, int32_t index, foveaReason_t* code,
                                             const char** sentence);

/** Destroys a report. NULL is accepted. */
FOVEA_API void foveaReportDestroy(foveaReport_t report);

/**
 * Chooses the backend for a config on a context's device.
 *
 * AUTO takes the first backend in the registry's order that can serve it, unless a later one that also can is known from
 * measurements to be faster for it; the environment variable FOVEA_BACKEND replaces AUTO only. An explicit request that cannot be served fails: there is no silent fall-back.
 *
 * @param context   the context.
 * @param config    the config.
 * @param requested a backend or FOVEA_BACKEND_AUTO.
 * @param[out] selected receives the backend; never AUTO.
 * @return SUCCESS, NOT_SUPPORTED (the message shows the config and lists every backend with all its reasons),
 *         BACKEND_UNAVAILABLE, INVALID_ARGUMENT, OUT_OF_MEMORY.
 */
FOVEA_API foveaStatus_t foveaSelectBackend(foveaContext_t context, foveaConfig_t config, foveaBackend_t requested,
                                           foveaBackend_t* selected);

/** @} */
/* ------------------------------------------------------------------------------------------------------------------ */
/** @defgroup metadata 6. Metadata: one batch
 *
 *  Sequence s of a batch has query_len = query_start_loc[s+1] - query_start_loc[s] new tokens and seq_len = seq_lens[s]
 *  keys in all. Its query row i has position p = seq_len - query_len + i (aligned to the bottom right), its keys have
 *  positions t = 0 ... seq_len - 1. A causal row sees t <= p; a non-causal row sees every t < seq_len. Keys at or beyond
 *  seq_len are never seen.
 *
 *  Setters are externally synchronised; many forwards may share committed metadata. The object is made once with its
 *  limits and updated in place, so that captured graphs keep their addresses.
 *  @{ */

/** One batch. Setters are externally synchronised; concurrent forwards may share it. */
typedef struct foveaMetadata_st* foveaMetadata_t;

/** The largest batch a metadata object, a workspace or plan memory is made for. */
typedef struct foveaMetadataLimits_t {
  size_t struct_size;          /**< sizeof this struct, as the caller knows it */
  int32_t max_num_seqs;        /**< at least 1 */
  int32_t max_num_tokens;      /**< query tokens of all sequences; at least 1 */
  int32_t max_seq_len;         /**< longest seq_len; at least 1 */
  int32_t max_blocks_per_seq;  /**< columns of the block table; 0 if there is no cache (encoder attention) */
  int32_t max_prefix_ranges;   /**< of all sequences together; 0 if none are used */
} foveaMetadataLimits_t;

/** No limits yet: max_num_seqs, max_num_tokens and max_seq_len must be set. */
#define FOVEA_METADATA_LIMITS_INIT {sizeof(foveaMetadataLimits_t), 0, 0, 0, 0, 0}

/** Creates metadata for batches within `limits`, with causal = 1 and no sequences.
 *  @return SUCCESS, INVALID_ARGUMENT, VERSION_MISMATCH, OUT_OF_MEMORY, DEVICE_OUT_OF_MEMORY. */
FOVEA_API foveaStatus_t foveaMetadataCreate(foveaContext_t context, const foveaMetadataLimits_t* limits,
                                            foveaMetadata_t* metadata);

/** Destroys metadata. NULL is accepted. */
FOVEA_API void foveaMetadataDestroy(foveaMetadata_t metadata);

/**
 * Sets whether the batch is causal (1, the default) or non-causal (0): with 0 every query sees the whole context and
 * all the queries of its own sequence. Takes effect at once, needs no commit, and invalidates plans. A forward refuses 0
 * unless its config declared foveaConfigSetNonCausal.
 * @return SUCCESS, INVALID_ARGUMENT (neither 0 nor 1).
 */
FOVEA_API foveaStatus_t foveaMetadataSetCausal(foveaMetadata_t metadata, int32_t causal);

/** Reads the flag set by foveaMetadataSetCausal.
 *  @return SUCCESS, INVALID_ARGUMENT. */
FOVEA_API foveaStatus_t foveaMetadataGetCausal(foveaMetadata_t metadata, int32_t* causal);

/**
 * Gives each sequence a causal flag of its own, which wins over every other. NULL clears them. Needs a commit.
 * @param metadata the metadata.
 * @param memory   where the arrays live.
 * @param causal int32 [num_seqs], each 0 or 1; num_seqs is that of the last foveaMetadataSetSequences, so set those
 *               first. A later foveaMetadataSetSequences clears the flags.
 * @return SUCCESS, INVALID_ARGUMENT (row and value named), INVALID_STATE (no sequences set yet).
 */
FOVEA_API foveaStatus_t foveaMetadataSetCausalPerSequence(foveaMetadata_t metadata, foveaMemory_t memory,
                                                          const int32_t* causal);

/**
 * Sets the sequences of the batch. Clears per-sequence flags and prefix ranges, keeps the block table. Needs a commit.
 *
 * @param metadata        the metadata.
 * @param memory          where the two arrays live.
 * @param num_seqs        0 to max_num_seqs.
 * @param num_tokens      rows of the query that are used; equals query_start_loc[num_seqs].
 * @param max_query_len   upper bound of the query lengths, known to the host; 0 = take it from the arrays (HOST only).
 * @param max_seq_len     upper bound of the sequence lengths; 0 = take it from the arrays (HOST only). Bounds may only
 *                        drop work.
 * @param query_start_loc int32 [num_seqs + 1], from 0, never decreasing. A padded entry repeats its predecessor.
 * @param seq_lens        int32 [num_seqs], each 0 to the limit; may be smaller than the query's length.
 * @return SUCCESS, INVALID_ARGUMENT (argument, row and value named).
 */
FOVEA_API foveaStatus_t foveaMetadataSetSequences(foveaMetadata_t metadata, foveaMemory_t memory, int32_t num_seqs,
                                                  int32_t num_tokens, int32_t max_query_len, int32_t max_seq_len,
                                                  const int32_t* query_start_loc, const int32_t* seq_lens);

/**
 * Sets the block table: key t of sequence s is row t % block_size of cache block block_table[s, t / block_size].
 * Entries that no query can see (past the end, or wholly outside the window) are never read. Needs a commit.
 *
 * @param metadata    the metadata.
 * @param memory      where the arrays live.
 * @param num_seqs    rows.
 * @param num_columns columns, at most max_blocks_per_seq.
 * @param row_stride  elements between rows; 0 = num_columns.
 * @param block_table int32 [num_seqs, num_columns]. NULL clears it.
 * @return SUCCESS, INVALID_ARGUMENT.
 */
FOVEA_API foveaStatus_t foveaMetadataSetBlockTable(foveaMetadata_t metadata, foveaMemory_t memory, int32_t num_seqs,
                                                   int32_t num_columns, int64_t row_stride, const int32_t* block_table);

/**
 * Sets prefix ranges: p and t in the same range of their sequence see each other (always t < seq_len). Needs a commit.
 *
 * @param metadata        the metadata.
 * @param memory          where the arrays live.
 * @param num_ranges      rows of `ranges`, at most max_prefix_ranges.
 * @param range_start_loc int32 [num_seqs + 1]: the ranges of sequence s are rows range_start_loc[s] ...
 *                        range_start_loc[s+1] - 1. NULL clears the ranges.
 * @param ranges          int32 [num_ranges, 2]: first and last position, absolute and inclusive, sorted and disjoint
 *                        within a sequence; a range with first >= last is empty; one may reach past seq_len.
 * @return SUCCESS, INVALID_ARGUMENT, INVALID_STATE (no sequences set yet).
 */
FOVEA_API foveaStatus_t foveaMetadataSetPrefixRanges(foveaMetadata_t metadata, foveaMemory_t memory, int32_t num_ranges,
                                                     const int32_t* range_start_loc, const int32_t* ranges);

/**
 * Makes what was set the current batch: checks it as a whole and, on a GPU, uploads host arrays to their fixed addresses
 * on `stream`. On a CPU, borrowed arrays are read and checked here; they must not change until the last forward.
 * @param metadata the metadata.
 * @param stream  the GPU's stream (hipStream_t); NULL on a CPU.
 * @return SUCCESS, INVALID_ARGUMENT (argument, row and value named; the batch that was current stays), INVALID_STATE,
 *         DEVICE_ERROR.
 */
FOVEA_API foveaStatus_t foveaMetadataCommit(foveaMetadata_t metadata, void* stream);

struct foveaAttention_st;

/**
 * Checks committed metadata against one attention and cache, reading everything a forward would: lengths, flags, ranges
 * and every block id that would be dereferenced. Meant for tests and debugging; waits for the GPU.
 * @param metadata         the metadata.
 * @param attention        the attention.
 * @param num_cache_blocks blocks of the cache; 0 skips the check of block ids.
 * @return SUCCESS, INVALID_ARGUMENT (argument, row and value named), INVALID_STATE, NOT_SUPPORTED, DEVICE_ERROR.
 */
FOVEA_API foveaStatus_t foveaMetadataValidate(foveaMetadata_t metadata, struct foveaAttention_st* attention,
                                              int64_t num_cache_blocks);

/**
 * The first error that a plan met in device data (a length or a block id): that sequence's outputs are NaN, all others
 * are right. On a CPU such data is refused before anything runs, so there is never one. Waits for the stream.
 * @param metadata the metadata.
 * @param stream   the GPU's stream; NULL on a CPU.
 * @param[out] sequence index of the first offending sequence, or -1.
 * @return SUCCESS (none), INVALID_ARGUMENT (the message names it), DEVICE_ERROR.
 */
FOVEA_API foveaStatus_t foveaMetadataGetAsyncError(foveaMetadata_t metadata, void* stream, int32_t* sequence);

/** @} */
/* ------------------------------------------------------------------------------------------------------------------ */
/** @defgroup attention 7. Attention: plan, write, forward
 *  @{ */

/** A config bound to a backend. Immutable, shared. */
typedef struct foveaAttention_st* foveaAttention_t;

/**
 * Binds a config to a backend: the kernel is chosen and loaded, the threads are started. Immutable and shared.
 *
 * @param context the context.
 * @param config  the config.
 * @param backend FOVEA_BACKEND_AUTO selects as foveaSelectBackend does.
 * @param[out] attention receives the handle.
 * @return SUCCESS, NOT_SUPPORTED (all reasons), BACKEND_UNAVAILABLE, INVALID_ARGUMENT, OUT_OF_MEMORY,
 *         DEVICE_OUT_OF_MEMORY, ARCH_MISMATCH, DEVICE_ERROR.
 */
FOVEA_API foveaStatus_t foveaAttentionCreate(foveaContext_t context, foveaConfig_t config, foveaBackend_t backend,
                                             foveaAttention_t* attention);

/** Destroys an attention. NULL is accepted. */
FOVEA_API void foveaAttentionDestroy(foveaAttention_t attention);

/** The backend an attention is bound to; never AUTO.
 *  @return SUCCESS, INVALID_ARGUMENT. */
FOVEA_API foveaStatus_t foveaAttentionGetBackend(foveaAttention_t attention, foveaBackend_t* backend);

/**
 * Bytes of workspace that a forward needs for any batch within `limits`. Workspace is scratch: all layers that run one
 * after another may share it. Its address should be a multiple of 64.
 * @return SUCCESS, INVALID_ARGUMENT, VERSION_MISMATCH.
 */
FOVEA_API foveaStatus_t foveaAttentionGetWorkspaceSize(foveaAttention_t attention, const foveaMetadataLimits_t* limits,
                                                       size_t* size);

/** Bytes of plan memory for any batch within `limits`. Plan memory is not scratch: it holds the plan until it is made
 *  anew.
 *  @return SUCCESS, INVALID_ARGUMENT, VERSION_MISMATCH. */
FOVEA_API foveaStatus_t foveaAttentionGetPlanSize(foveaAttention_t attention, const foveaMetadataLimits_t* limits,
                                                  size_t* size);

/** Arguments of foveaAttentionPlan. */
typedef struct foveaPlanArgs_t {
  size_t struct_size;  /**< sizeof this struct, as the caller knows it */
  void* plan;          /**< plan memory, host (CPU) or device (GPU), 64-byte aligned */
  size_t plan_size;    /**< bytes, at least foveaAttentionGetPlanSize */
  void* stream;        /**< the GPU's stream; NULL on a CPU */
  int32_t causal;      /**< 0 = the metadata's flag, 1 = causal, 2 = non-causal; forwards must ask for the same */
  uint32_t flags;      /**< must be 0 */
} foveaPlanArgs_t;

/** The metadata's causal flag; plan memory must be set. */
#define FOVEA_PLAN_ARGS_INIT {sizeof(foveaPlanArgs_t), NULL, 0, NULL, 0, 0}

/**
 * Turns committed metadata into a work list, once per step instead of once per layer. The plan serves every attention of
 * equal config and backend on the same context until the metadata changes. Optional: a forward without a plan makes its
 * own.
 *
 * Forwards of ROCM_UNIFIED_ATTN count in the plan while they run: those that share one must follow one another on the
 * device, on one stream or ordered by events. The other backends only read it.
 *
 * Never allocates, blocks or synchronises.
 * @return SUCCESS, INVALID_ARGUMENT, INVALID_STATE (nothing committed), WORKSPACE_TOO_SMALL, NOT_SUPPORTED (non-causal
 *         not declared), VERSION_MISMATCH, DEVICE_ERROR.
 */
FOVEA_API foveaStatus_t foveaAttentionPlan(foveaAttention_t attention, foveaMetadata_t metadata,
                                           const foveaPlanArgs_t* args);

/** Arguments of foveaAttentionWriteKvCache. */
typedef struct foveaKvWriteArgs_t {
  size_t struct_size;          /**< sizeof this struct, as the caller knows it */
  foveaTensor_t key;           /**< [>= num_tokens, num_kv_heads, head_size] */
  foveaTensor_t value;         /**< [>= num_tokens, num_kv_heads, head_size_v] */
  foveaTensor_t key_cache;     /**< in the config's layout */
  foveaTensor_t value_cache;   /**< likewise */
  const int64_t* slot_mapping; /**< [num_tokens], in the context's memory: block * block_size + row; negative = skip */
  int32_t num_tokens;          /**< rows that are written */
  const float* k_scale;        /**< as foveaConfigSetKvScales declared; a stored value is round(x / scale) */
  const float* v_scale;        /**< likewise */
  void* stream;                /**< the GPU's stream; NULL on a CPU */
} foveaKvWriteArgs_t;

/** Nothing given yet. */
#define FOVEA_KV_WRITE_ARGS_INIT                                                                                     \
  {sizeof(foveaKvWriteArgs_t), FOVEA_TENSOR_INIT, FOVEA_TENSOR_INIT, FOVEA_TENSOR_INIT, FOVEA_TENSOR_INIT, NULL, 0, \
   NULL, NULL, NULL}

/**
 * Writes keys and values of new tokens into the paged cache. Needs no metadata: a write without any attention is legal.
 *
 * A slot that occurs twice leaves either of the two. fp8 values are rounded to nearest even and saturate: +-inf becomes
 * +-max, NaN stays NaN. Never allocates, blocks or synchronises.
 * @return SUCCESS, INVALID_ARGUMENT (argument, row and value named), NOT_SUPPORTED (encoder attention has no cache),
 *         VERSION_MISMATCH, DEVICE_ERROR.
 */
FOVEA_API foveaStatus_t foveaAttentionWriteKvCache(foveaAttention_t attention, const foveaKvWriteArgs_t* args);

/** Flags of foveaForwardArgs_t. */
typedef enum foveaForwardFlag_t {
  FOVEA_FORWARD_DEFAULT = 0,
  FOVEA_FORWARD_PARTIAL_STATE = 1, /**< output is fp32 without output scale, lse is required, sinks are left out: to be
                                        combined with others by foveaMergeAttentionStates */
  FOVEA_FORWARD_FLAG_MAX_ENUM = 0x7fffffff
} foveaForwardFlag_t;

/** Arguments of foveaAttentionForward. Tensors that do not apply are absent (data == NULL). */
typedef struct foveaForwardArgs_t {
  size_t struct_size;         /**< sizeof this struct, as the caller knows it */
  foveaTensor_t query;        /**< [>= num_tokens, num_query_heads, head_size] */
  foveaTensor_t key;          /**< this step's keys [>= num_tokens, num_kv_heads, head_size], read unquantised, or absent: then
                                   everything is read from the cache. Encoder: required. Encoder-decoder: absent */
  foveaTensor_t value;        /**< [>= num_tokens, num_kv_heads, head_size_v]; given exactly when key is */
  foveaTensor_t key_cache;    /**< in the config's layout; absent for encoder attention, and allowed to be absent if key is
                                   given and no sequence has context */
  foveaTensor_t value_cache;  /**< likewise */
  foveaTensor_t output;       /**< [>= num_tokens, num_query_heads, head_size_v]; rows beyond num_tokens stay untouched */
  foveaTensor_t lse;          /**< fp32 [>= num_tokens, num_query_heads], natural logarithm, with the sink unless partial */
  const float* q_scale;       /**< one float; fp8 query only. NULL = 1 */
  const float* k_scale;       /**< as foveaConfigSetKvScales declared */
  const float* v_scale;       /**< likewise */
  const float* output_scale;  /**< one float; fp8 output only: stored value = o / output_scale. NULL = 1 */
  const float* alibi_slopes;  /**< [num_query_heads]; exactly when declared */
  const float* sinks;         /**< [num_query_heads]; exactly when declared, and not with PARTIAL_STATE */
  void* workspace;            /**< at least foveaAttentionGetWorkspaceSize for limits that hold this batch */
  size_t workspace_size;      /**< bytes */
  void* stream;               /**< the GPU's stream; NULL on a CPU */
  const void* plan;           /**< of foveaAttentionPlan, or NULL */
  size_t plan_size;           /**< bytes at `plan` */
  int32_t causal;             /**< 0 = the metadata's flag, 1 = causal, 2 = non-causal; per-sequence flags win */
  uint32_t flags;             /**< foveaForwardFlag_t, or-ed */
} foveaForwardArgs_t;

/** Every tensor absent, the metadata's causal flag, no plan. */
#define FOVEA_FORWARD_ARGS_INIT                                                                              \
  {sizeof(foveaForwardArgs_t), FOVEA_TENSOR_INIT, FOVEA_TENSOR_INIT, FOVEA_TENSOR_INIT, FOVEA_TENSOR_INIT,   \
   FOVEA_TENSOR_INIT, FOVEA_TENSOR_INIT, FOVEA_TENSOR_INIT, NULL, NULL, NULL, NULL, NULL, NULL, NULL, 0, NULL, \
   NULL, 0, 0, 0}

/**
 * Computes attention for a committed batch.
 *
 *   S = scale * (q . k), soft cap, mask, + alibi, softmax in fp32 (with the sink), P . V accumulated in fp32.
 *
 * Rows that see nothing give 0 with lse = -inf (the sink's value if there is one). The same inputs give the same bits
 * from run to run. On a CPU the call computes before it returns; it never allocates. Concurrent forwards need separate
 * workspaces.
 *
 * @return SUCCESS, INVALID_ARGUMENT (argument, value and expectation named), INVALID_STATE (metadata not committed),
 *         WORKSPACE_TOO_SMALL, NOT_SUPPORTED (e.g. "non-causal attention not supported"), VERSION_MISMATCH, DEVICE_ERROR.
 */
FOVEA_API foveaStatus_t foveaAttentionForward(foveaAttention_t attention, foveaMetadata_t metadata,
                                              const foveaForwardArgs_t* args);

/** @} */
/* ------------------------------------------------------------------------------------------------------------------ */
/** @defgroup merging 8. Merging partial states
 *  @{ */

/** Arguments of foveaMergeAttentionStates. */
typedef struct foveaMergeArgs_t {
  size_t struct_size;           /**< sizeof this struct, as the caller knows it */
  int32_t num_states;           /**< 1 to 64 */
  int32_t num_tokens;           /**< rows that are merged */
  const foveaTensor_t* outputs; /**< [num_states] tensors fp32 [>= num_tokens, num_query_heads, head_size_v] */
  const foveaTensor_t* lses;    /**< [num_states] tensors fp32 [>= num_tokens, num_query_heads]; -inf (or +inf) = empty */
  foveaTensor_t output;         /**< [>= num_tokens, num_query_heads, head_size_v], any output type */
  foveaTensor_t lse;            /**< fp32 [>= num_tokens, num_query_heads], or absent */
  const float* sinks;           /**< [num_query_heads], applied once, or NULL */
  const float* output_scale;    /**< one float, fp8 output only, or NULL */
  void* stream;                 /**< the GPU's stream; NULL on a CPU */
} foveaMergeArgs_t;

/** Nothing given yet. */
#define FOVEA_MERGE_ARGS_INIT \
  {sizeof(foveaMergeArgs_t), 0, 0, NULL, NULL, FOVEA_TENSOR_INIT, FOVEA_TENSOR_INIT, NULL, NULL, NULL}

/**
 * Combines partial attention results over disjoint sets of keys: out = sum_i exp(lse_i - lse) o_i with
 * lse = log sum_i exp(lse_i), in the order given. Merging only empty states gives 0 and -inf. `output` and `lse` may be
 * the memory of the first state if that has the same layout.
 * @return SUCCESS, INVALID_ARGUMENT, NOT_SUPPORTED, VERSION_MISMATCH, DEVICE_ERROR.
 */
FOVEA_API foveaStatus_t foveaMergeAttentionStates(foveaContext_t context, const foveaMergeArgs_t* args);

/** @} */

#ifdef __cplusplus
} /* extern "C" */
#endif

#endif /* FOVEA_FOVEA_H_ */
