// Made from fovea.h by the feature `generate`; do not edit.

functions! {
    ///Name of a status, e.g. "FOVEA_STATUS_NOT_SUPPORTED"; "FOVEA_STATUS_UNKNOWN" for a value out of range. Never NULL.
    pub fn foveaStatusName(status: foveaStatus_t) -> *const ::std::os::raw::c_char;
    ///A short description of a status, e.g. "not supported". Never NULL.
    pub fn foveaStatusString(status: foveaStatus_t) -> *const ::std::os::raw::c_char;
    /**The sentence that explains the last failure on the calling thread; "" if none happened yet.

The text lives in a fixed buffer of the thread and stays valid until the next failing call on it. A successful call
does not clear it.*/
    pub fn foveaGetLastErrorMessage() -> *const ::std::os::raw::c_char;
    /**Version of the library that was loaded, as major * 10000 + minor * 100 + patch (compare with FOVEA_VERSION).
* `version`: must not be NULL.

Returns SUCCESS, INVALID_ARGUMENT.*/
    pub fn foveaGetVersion(version: *mut i32) -> foveaStatus_t;
    ///The same as text, e.g. "1.0.0". Never NULL.
    pub fn foveaGetVersionString() -> *const ::std::os::raw::c_char;
    /**Sets the process's logger. Logging is off by default; the library never writes to standard output.

Without a callback the environment decides: FOVEA_LOG_LEVEL (off, error, warning, info, debug) and FOVEA_LOG_FILE (a
path; standard error if unset). When this function returns, the previous callback is not running and will not be
called again.

* `callback`: NULL restores the environment's choice.
* `user`: handed to the callback.
* `level`: the most detailed level to deliver.

Returns SUCCESS, INVALID_ARGUMENT (unknown level).*/
    pub fn foveaSetLogCallback(
        callback: foveaLogCallback_t,
        user: *mut ::std::os::raw::c_void,
        level: foveaLogLevel_t,
    ) -> foveaStatus_t;
    ///Name of a data type: "f32", "f16", "bf16", "f8_e4m3fn", "f8_e4m3fnuz", "f8_e5m2", "none"; "unknown" otherwise.
    pub fn foveaDataTypeName(dtype: foveaDataType_t) -> *const ::std::os::raw::c_char;
    ///Size of an element in bytes; 0 for FOVEA_DATA_TYPE_NONE and unknown values.
    pub fn foveaDataTypeSize(dtype: foveaDataType_t) -> usize;
    /**Creates a context. Contexts are shared: any number of threads may use one.

The CPU pool starts its threads when the first attention is created and survives fork(): the child starts its own.

* `info`: NULL means all defaults.
* `context`: receives the handle.

Returns SUCCESS, INVALID_ARGUMENT, VERSION_MISMATCH, OUT_OF_MEMORY, NO_DEVICE (an explicit GPU that is not there; the
message lists what was tried), ARCH_MISMATCH.*/
    pub fn foveaContextCreate(
        info: *const foveaContextCreateInfo_t,
        context: *mut foveaContext_t,
    ) -> foveaStatus_t;
    ///Drops the handle; objects made from the context keep what they need. NULL is accepted.
    pub fn foveaContextDestroy(context: foveaContext_t);
    /**Describes the context's device.
* `context`: the context.
* `info`: written up to info->struct_size.

Returns SUCCESS, INVALID_ARGUMENT.*/
    pub fn foveaContextGetInfo(
        context: foveaContext_t,
        info: *mut foveaContextInfo_t,
    ) -> foveaStatus_t;
    /**Creates a config with the defaults: causal decoder attention, scale 1/sqrt(head_size), no window, no soft cap, strided
cache of block size 16. Heads, head size and data types have no default and must be set.

Configs are externally synchronised. An attention copies what it needs: the config may be changed or destroyed after.

Returns SUCCESS, INVALID_ARGUMENT, OUT_OF_MEMORY.*/
    pub fn foveaConfigCreate(config: *mut foveaConfig_t) -> foveaStatus_t;
    ///Destroys a config. NULL is accepted.
    pub fn foveaConfigDestroy(config: foveaConfig_t);
    /**Query head h reads KV head h / (num_query_heads / num_kv_heads).
* `config`: the config.
* `num_query_heads`: 1 to 65536, a multiple of num_kv_heads.
* `num_kv_heads`: at least 1.

Returns SUCCESS, INVALID_ARGUMENT.*/
    pub fn foveaConfigSetHeads(
        config: foveaConfig_t,
        num_query_heads: i32,
        num_kv_heads: i32,
    ) -> foveaStatus_t;
    /**Sizes of one head, in elements.
* `config`: the config.
* `head_size`: of query and key, at least 1.
* `head_size_v`: of value and output; 0 means the same as head_size.

Returns SUCCESS, INVALID_ARGUMENT.*/
    pub fn foveaConfigSetHeadSizes(
        config: foveaConfig_t,
        head_size: i32,
        head_size_v: i32,
    ) -> foveaStatus_t;
    /**Data types.
* `config`: the config.
* `query`: of the query, and of this step's key and value (which are bf16 if the query is fp8).
* `kv_cache`: of the cache; FOVEA_DATA_TYPE_NONE means the same as query. Ignored by encoder attention.
* `output`: of the output; FOVEA_DATA_TYPE_NONE means the same as query (bf16 if that is fp8).

Returns SUCCESS, INVALID_ARGUMENT (unknown type).*/
    pub fn foveaConfigSetDataTypes(
        config: foveaConfig_t,
        query: foveaDataType_t,
        kv_cache: foveaDataType_t,
        output: foveaDataType_t,
    ) -> foveaStatus_t;
    /**The factor on query . key: finite and > 0; 0 restores the default 1/sqrt(head_size).

Returns SUCCESS, INVALID_ARGUMENT.*/
    pub fn foveaConfigSetScale(config: foveaConfig_t, scale: f32) -> foveaStatus_t;
    /**Sliding window. Key t is visible to position p only if p - t <= left and t - p <= right; -1 leaves a side open (the
default). Both ends are inclusive: (0, 0) sees itself only, and "a causal window of W tokens" is left = W - 1. Causal
rows ignore `right`.

Returns SUCCESS, INVALID_ARGUMENT (below -1).*/
    pub fn foveaConfigSetSlidingWindow(
        config: foveaConfig_t,
        left: i32,
        right: i32,
    ) -> foveaStatus_t;
    /**Scores become cap * tanh(score / cap), before the mask. Finite and >= 0; 0 (the default) turns it off.

Returns SUCCESS, INVALID_ARGUMENT.*/
    pub fn foveaConfigSetLogitsSoftCap(config: foveaConfig_t, cap: f32) -> foveaStatus_t;
    /**Declares that forwards give alibi_slopes, fp32 [num_query_heads], and in which form they act.

Returns SUCCESS, INVALID_ARGUMENT.*/
    pub fn foveaConfigSetAlibi(
        config: foveaConfig_t,
        alibi: foveaAlibi_t,
    ) -> foveaStatus_t;
    /**Declares (1) that forwards give sinks, fp32 [num_query_heads]: one logit per head that joins the softmax
denominator, neither scaled nor capped; -inf is no sink.

Returns SUCCESS, INVALID_ARGUMENT (neither 0 nor 1).*/
    pub fn foveaConfigSetSinks(config: foveaConfig_t, enable: i32) -> foveaStatus_t;
    /**Declares (1) that forwards may ask for the log-sum-exp of each row, or for partial states.

Returns SUCCESS, INVALID_ARGUMENT.*/
    pub fn foveaConfigSetLse(config: foveaConfig_t, enable: i32) -> foveaStatus_t;
    /**Declares that the metadata may hold prefix ranges, and of which kind.

Returns SUCCESS, INVALID_ARGUMENT.*/
    pub fn foveaConfigSetPrefixRanges(
        config: foveaConfig_t,
        kind: foveaPrefixRanges_t,
    ) -> foveaStatus_t;
    /**Declares (1) that the metadata may hold a causal flag for each sequence; needs foveaConfigSetNonCausal(config, 1).

Returns SUCCESS, INVALID_ARGUMENT.*/
    pub fn foveaConfigSetPerSequenceCausal(
        config: foveaConfig_t,
        enable: i32,
    ) -> foveaStatus_t;
    /**Decoder (default), encoder or encoder-decoder attention.

Returns SUCCESS, INVALID_ARGUMENT.*/
    pub fn foveaConfigSetAttentionType(
        config: foveaConfig_t,
        type_: foveaAttentionType_t,
    ) -> foveaStatus_t;
    /**Declares (1) that forwards may be non-causal: every query sees the whole context and all queries of its sequence, as
a block of draft tokens needs it. Without it every backend refuses `causal = 0`; with it a causal-only backend
refuses the config and says so.

Returns SUCCESS, INVALID_ARGUMENT.*/
    pub fn foveaConfigSetNonCausal(config: foveaConfig_t, enable: i32) -> foveaStatus_t;
    /**Layout of the cache and tokens per block (any multiple of 16).

Returns SUCCESS, INVALID_ARGUMENT (block_size < 1, unknown layout).*/
    pub fn foveaConfigSetKvCacheLayout(
        config: foveaConfig_t,
        layout: foveaKvCacheLayout_t,
        block_size: i32,
    ) -> foveaStatus_t;
    /**Granularity of k_scale and v_scale.

Returns SUCCESS, INVALID_ARGUMENT.*/
    pub fn foveaConfigSetKvScales(
        config: foveaConfig_t,
        granularity: foveaKvScales_t,
    ) -> foveaStatus_t;
    /**Asks (1) that the bits of a row depend only on its own sequence: not on its neighbours, the size of the batch or
block ids. The CPU backend promises more: not on the number of query rows or threads either.

Returns SUCCESS, INVALID_ARGUMENT.*/
    pub fn foveaConfigSetBatchInvariant(
        config: foveaConfig_t,
        enable: i32,
    ) -> foveaStatus_t;
    ///Short name of a capability, e.g. "non_causal"; "unknown" for a value out of range. Never NULL.
    pub fn foveaCapabilityName(
        capability: foveaCapability_t,
    ) -> *const ::std::os::raw::c_char;
    /**Number of backends this library knows, available or not. Loads nothing.

Returns SUCCESS, INVALID_ARGUMENT.*/
    pub fn foveaGetBackendCount(count: *mut i32) -> foveaStatus_t;
    /**The backend at `index` (0 to count - 1), in order of preference.

Returns SUCCESS, INVALID_ARGUMENT.*/
    pub fn foveaGetBackend(index: i32, backend: *mut foveaBackend_t) -> foveaStatus_t;
    ///Name of a backend, e.g. "CPU_ATTN"; "AUTO"; "UNKNOWN" for a value out of range. Never NULL.
    pub fn foveaBackendGetName(backend: foveaBackend_t) -> *const ::std::os::raw::c_char;
    /**Finds a backend by its name ("AUTO" included), without regard to case.

Returns SUCCESS, INVALID_ARGUMENT (unknown name; the message lists the known ones), OUT_OF_MEMORY.*/
    pub fn foveaBackendFromName(
        name: *const ::std::os::raw::c_char,
        backend: *mut foveaBackend_t,
    ) -> foveaStatus_t;
    /**Whether a backend can be used on this machine, and if not, why. May load a GPU module.
* `backend`: the backend.
* `available`: 1 or 0.
* `reason`: receives the sentence, "" if available; may be NULL if reason_size is 0. Cut to fit.
* `reason_size`: bytes at `reason`, the terminating NUL included.

Returns SUCCESS, INVALID_ARGUMENT, OUT_OF_MEMORY.*/
    pub fn foveaBackendIsAvailable(
        backend: foveaBackend_t,
        available: *mut i32,
        reason: *mut ::std::os::raw::c_char,
        reason_size: usize,
    ) -> foveaStatus_t;
    /**Whether a backend can compute non-causal attention. May load a GPU module.

Returns SUCCESS, INVALID_ARGUMENT, BACKEND_UNAVAILABLE (a module's claims are its own; without it there are none),
OUT_OF_MEMORY.*/
    pub fn foveaBackendSupportsNonCausal(
        backend: foveaBackend_t,
        supported: *mut i32,
    ) -> foveaStatus_t;
    /**Whether a backend has a capability. A capability is a promise: what is not claimed is refused, never ignored.

Returns SUCCESS, INVALID_ARGUMENT, BACKEND_UNAVAILABLE, OUT_OF_MEMORY.*/
    pub fn foveaBackendSupports(
        backend: foveaBackend_t,
        capability: foveaCapability_t,
        supported: *mut i32,
    ) -> foveaStatus_t;
    /**Whether a backend takes a data type in a role.

Returns SUCCESS, INVALID_ARGUMENT, BACKEND_UNAVAILABLE, OUT_OF_MEMORY.*/
    pub fn foveaBackendSupportsDataType(
        backend: foveaBackend_t,
        role: foveaDataTypeRole_t,
        dtype: foveaDataType_t,
        supported: *mut i32,
    ) -> foveaStatus_t;
    /**The values a backend takes for a quantity; written up to bounds->struct_size.

Returns SUCCESS, INVALID_ARGUMENT, BACKEND_UNAVAILABLE, OUT_OF_MEMORY.*/
    pub fn foveaBackendGetBounds(
        backend: foveaBackend_t,
        attribute: foveaBoundsAttribute_t,
        bounds: *mut foveaBounds_t,
    ) -> foveaStatus_t;
    /**Asks one backend whether it can serve a config; collects all reasons, not only the first.
* `config`: the config.
* `backend`: any but AUTO (foveaSelectBackend is for that).
* `report`: may be NULL; else receives a report (empty if supported) to be destroyed by the caller, on SUCCESS
and on NOT_SUPPORTED.

Returns SUCCESS, NOT_SUPPORTED (the message joins all reasons), INVALID_ARGUMENT, OUT_OF_MEMORY.*/
    pub fn foveaConfigCheck(
        config: foveaConfig_t,
        backend: foveaBackend_t,
        report: *mut foveaReport_t,
    ) -> foveaStatus_t;
    /**Number of reasons in a report.

Returns SUCCESS, INVALID_ARGUMENT.*/
    pub fn foveaReportGetCount(report: foveaReport_t, count: *mut i32) -> foveaStatus_t;
    /**One reason of a report; the sentence lives as long as the report.

Returns SUCCESS, INVALID_ARGUMENT (index out of range).*/
    pub fn foveaReportGetReason(
        report: foveaReport_t,
        index: i32,
        code: *mut foveaReason_t,
        sentence: *mut *const ::std::os::raw::c_char,
    ) -> foveaStatus_t;
    ///Destroys a report. NULL is accepted.
    pub fn foveaReportDestroy(report: foveaReport_t);
    /**Chooses the backend for a config on a context's device.

AUTO takes the first backend in the registry's order that can serve it, unless a later one that also can is known from
measurements to be faster for it; the environment variable FOVEA_BACKEND replaces AUTO only. An explicit request that cannot be served fails: there is no silent fall-back.

* `context`: the context.
* `config`: the config.
* `requested`: a backend or FOVEA_BACKEND_AUTO.
* `selected`: receives the backend; never AUTO.

Returns SUCCESS, NOT_SUPPORTED (the message shows the config and lists every backend with all its reasons),
BACKEND_UNAVAILABLE, INVALID_ARGUMENT, OUT_OF_MEMORY.*/
    pub fn foveaSelectBackend(
        context: foveaContext_t,
        config: foveaConfig_t,
        requested: foveaBackend_t,
        selected: *mut foveaBackend_t,
    ) -> foveaStatus_t;
    /**Creates metadata for batches within `limits`, with causal = 1 and no sequences.

Returns SUCCESS, INVALID_ARGUMENT, VERSION_MISMATCH, OUT_OF_MEMORY, DEVICE_OUT_OF_MEMORY.*/
    pub fn foveaMetadataCreate(
        context: foveaContext_t,
        limits: *const foveaMetadataLimits_t,
        metadata: *mut foveaMetadata_t,
    ) -> foveaStatus_t;
    ///Destroys metadata. NULL is accepted.
    pub fn foveaMetadataDestroy(metadata: foveaMetadata_t);
    /**Sets whether the batch is causal (1, the default) or non-causal (0): with 0 every query sees the whole context and
all the queries of its own sequence. Takes effect at once, needs no commit, and invalidates plans. A forward refuses 0
unless its config declared foveaConfigSetNonCausal.

Returns SUCCESS, INVALID_ARGUMENT (neither 0 nor 1).*/
    pub fn foveaMetadataSetCausal(
        metadata: foveaMetadata_t,
        causal: i32,
    ) -> foveaStatus_t;
    /**Reads the flag set by foveaMetadataSetCausal.

Returns SUCCESS, INVALID_ARGUMENT.*/
    pub fn foveaMetadataGetCausal(
        metadata: foveaMetadata_t,
        causal: *mut i32,
    ) -> foveaStatus_t;
    /**Gives each sequence a causal flag of its own, which wins over every other. NULL clears them. Needs a commit.
* `metadata`: the metadata.
* `memory`: where the arrays live.
* `causal`: int32 [num_seqs], each 0 or 1; num_seqs is that of the last foveaMetadataSetSequences, so set those
first. A later foveaMetadataSetSequences clears the flags.

Returns SUCCESS, INVALID_ARGUMENT (row and value named), INVALID_STATE (no sequences set yet).*/
    pub fn foveaMetadataSetCausalPerSequence(
        metadata: foveaMetadata_t,
        memory: foveaMemory_t,
        causal: *const i32,
    ) -> foveaStatus_t;
    /**Sets the sequences of the batch. Clears per-sequence flags and prefix ranges, keeps the block table. Needs a commit.

* `metadata`: the metadata.
* `memory`: where the two arrays live.
* `num_seqs`: 0 to max_num_seqs.
* `num_tokens`: rows of the query that are used; equals query_start_loc[num_seqs].
* `max_query_len`: upper bound of the query lengths, known to the host; 0 = take it from the arrays (HOST only).
* `max_seq_len`: upper bound of the sequence lengths; 0 = take it from the arrays (HOST only). Bounds may only
drop work.
* `query_start_loc`: int32 [num_seqs + 1], from 0, never decreasing. A padded entry repeats its predecessor.
* `seq_lens`: int32 [num_seqs], each 0 to the limit; may be smaller than the query's length.

Returns SUCCESS, INVALID_ARGUMENT (argument, row and value named).*/
    pub fn foveaMetadataSetSequences(
        metadata: foveaMetadata_t,
        memory: foveaMemory_t,
        num_seqs: i32,
        num_tokens: i32,
        max_query_len: i32,
        max_seq_len: i32,
        query_start_loc: *const i32,
        seq_lens: *const i32,
    ) -> foveaStatus_t;
    /**Sets the block table: key t of sequence s is row t % block_size of cache block block_table[s, t / block_size].
Entries that no query can see (past the end, or wholly outside the window) are never read. Needs a commit.

* `metadata`: the metadata.
* `memory`: where the arrays live.
* `num_seqs`: rows.
* `num_columns`: columns, at most max_blocks_per_seq.
* `row_stride`: elements between rows; 0 = num_columns.
* `block_table`: int32 [num_seqs, num_columns]. NULL clears it.

Returns SUCCESS, INVALID_ARGUMENT.*/
    pub fn foveaMetadataSetBlockTable(
        metadata: foveaMetadata_t,
        memory: foveaMemory_t,
        num_seqs: i32,
        num_columns: i32,
        row_stride: i64,
        block_table: *const i32,
    ) -> foveaStatus_t;
    /**Sets prefix ranges: p and t in the same range of their sequence see each other (always t < seq_len). Needs a commit.

* `metadata`: the metadata.
* `memory`: where the arrays live.
* `num_ranges`: rows of `ranges`, at most max_prefix_ranges.
* `range_start_loc`: int32 [num_seqs + 1]: the ranges of sequence s are rows range_start_loc[s] ...
range_start_loc[s+1] - 1. NULL clears the ranges.
* `ranges`: int32 [num_ranges, 2]: first and last position, absolute and inclusive, sorted and disjoint
within a sequence; a range with first >= last is empty; one may reach past seq_len.

Returns SUCCESS, INVALID_ARGUMENT, INVALID_STATE (no sequences set yet).*/
    pub fn foveaMetadataSetPrefixRanges(
        metadata: foveaMetadata_t,
        memory: foveaMemory_t,
        num_ranges: i32,
        range_start_loc: *const i32,
        ranges: *const i32,
    ) -> foveaStatus_t;
    /**Makes what was set the current batch: checks it as a whole and, on a GPU, uploads host arrays to their fixed addresses
on `stream`. On a CPU, borrowed arrays are read and checked here; they must not change until the last forward.
* `metadata`: the metadata.
* `stream`: the GPU's stream (hipStream_t); NULL on a CPU.

Returns SUCCESS, INVALID_ARGUMENT (argument, row and value named; the batch that was current stays), INVALID_STATE,
DEVICE_ERROR.*/
    pub fn foveaMetadataCommit(
        metadata: foveaMetadata_t,
        stream: *mut ::std::os::raw::c_void,
    ) -> foveaStatus_t;
    /**Checks committed metadata against one attention and cache, reading everything a forward would: lengths, flags, ranges
and every block id that would be dereferenced. Meant for tests and debugging; waits for the GPU.
* `metadata`: the metadata.
* `attention`: the attention.
* `num_cache_blocks`: blocks of the cache; 0 skips the check of block ids.

Returns SUCCESS, INVALID_ARGUMENT (argument, row and value named), INVALID_STATE, NOT_SUPPORTED, DEVICE_ERROR.*/
    pub fn foveaMetadataValidate(
        metadata: foveaMetadata_t,
        attention: *mut foveaAttention_st,
        num_cache_blocks: i64,
    ) -> foveaStatus_t;
    /**The first error that a plan met in device data (a length or a block id): that sequence's outputs are NaN, all others
are right. On a CPU such data is refused before anything runs, so there is never one. Waits for the stream.
* `metadata`: the metadata.
* `stream`: the GPU's stream; NULL on a CPU.
* `sequence`: index of the first offending sequence, or -1.

Returns SUCCESS (none), INVALID_ARGUMENT (the message names it), DEVICE_ERROR.*/
    pub fn foveaMetadataGetAsyncError(
        metadata: foveaMetadata_t,
        stream: *mut ::std::os::raw::c_void,
        sequence: *mut i32,
    ) -> foveaStatus_t;
    /**Binds a config to a backend: the kernel is chosen and loaded, the threads are started. Immutable and shared.

* `context`: the context.
* `config`: the config.
* `backend`: FOVEA_BACKEND_AUTO selects as foveaSelectBackend does.
* `attention`: receives the handle.

Returns SUCCESS, NOT_SUPPORTED (all reasons), BACKEND_UNAVAILABLE, INVALID_ARGUMENT, OUT_OF_MEMORY,
DEVICE_OUT_OF_MEMORY, ARCH_MISMATCH, DEVICE_ERROR.*/
    pub fn foveaAttentionCreate(
        context: foveaContext_t,
        config: foveaConfig_t,
        backend: foveaBackend_t,
        attention: *mut foveaAttention_t,
    ) -> foveaStatus_t;
    ///Destroys an attention. NULL is accepted.
    pub fn foveaAttentionDestroy(attention: foveaAttention_t);
    /**The backend an attention is bound to; never AUTO.

Returns SUCCESS, INVALID_ARGUMENT.*/
    pub fn foveaAttentionGetBackend(
        attention: foveaAttention_t,
        backend: *mut foveaBackend_t,
    ) -> foveaStatus_t;
    /**Bytes of workspace that a forward needs for any batch within `limits`. Workspace is scratch: all layers that run one
after another may share it. Its address should be a multiple of 64.

Returns SUCCESS, INVALID_ARGUMENT, VERSION_MISMATCH.*/
    pub fn foveaAttentionGetWorkspaceSize(
        attention: foveaAttention_t,
        limits: *const foveaMetadataLimits_t,
        size: *mut usize,
    ) -> foveaStatus_t;
    /**Bytes of plan memory for any batch within `limits`. Plan memory is not scratch: it holds the plan until it is made
anew.

Returns SUCCESS, INVALID_ARGUMENT, VERSION_MISMATCH.*/
    pub fn foveaAttentionGetPlanSize(
        attention: foveaAttention_t,
        limits: *const foveaMetadataLimits_t,
        size: *mut usize,
    ) -> foveaStatus_t;
    /**Turns committed metadata into a work list, once per step instead of once per layer. The plan serves every attention of
equal config and backend on the same context until the metadata changes. Optional: a forward without a plan makes its
own.

Forwards of ROCM_UNIFIED_ATTN count in the plan while they run: those that share one must follow one another on the
device, on one stream or ordered by events. The other backends only read it.

Never allocates, blocks or synchronises.

Returns SUCCESS, INVALID_ARGUMENT, INVALID_STATE (nothing committed), WORKSPACE_TOO_SMALL, NOT_SUPPORTED (non-causal
not declared), VERSION_MISMATCH, DEVICE_ERROR.*/
    pub fn foveaAttentionPlan(
        attention: foveaAttention_t,
        metadata: foveaMetadata_t,
        args: *const foveaPlanArgs_t,
    ) -> foveaStatus_t;
    /**Writes keys and values of new tokens into the paged cache. Needs no metadata: a write without any attention is legal.

A slot that occurs twice leaves either of the two. fp8 values are rounded to nearest even and saturate: +-inf becomes
+-max, NaN stays NaN. Never allocates, blocks or synchronises.

Returns SUCCESS, INVALID_ARGUMENT (argument, row and value named), NOT_SUPPORTED (encoder attention has no cache),
VERSION_MISMATCH, DEVICE_ERROR.*/
    pub fn foveaAttentionWriteKvCache(
        attention: foveaAttention_t,
        args: *const foveaKvWriteArgs_t,
    ) -> foveaStatus_t;
    /**Computes attention for a committed batch.

S = scale * (q . k), soft cap, mask, + alibi, softmax in fp32 (with the sink), P . V accumulated in fp32.

Rows that see nothing give 0 with lse = -inf (the sink's value if there is one). The same inputs give the same bits
from run to run. On a CPU the call computes before it returns; it never allocates. Concurrent forwards need separate
workspaces.


Returns SUCCESS, INVALID_ARGUMENT (argument, value and expectation named), INVALID_STATE (metadata not committed),
WORKSPACE_TOO_SMALL, NOT_SUPPORTED (e.g. "non-causal attention not supported"), VERSION_MISMATCH, DEVICE_ERROR.*/
    pub fn foveaAttentionForward(
        attention: foveaAttention_t,
        metadata: foveaMetadata_t,
        args: *const foveaForwardArgs_t,
    ) -> foveaStatus_t;
    /**Combines partial attention results over disjoint sets of keys: out = sum_i exp(lse_i - lse) o_i with
lse = log sum_i exp(lse_i), in the order given. Merging only empty states gives 0 and -inf. `output` and `lse` may be
the memory of the first state if that has the same layout.

Returns SUCCESS, INVALID_ARGUMENT, NOT_SUPPORTED, VERSION_MISMATCH, DEVICE_ERROR.*/
    pub fn foveaMergeAttentionStates(
        context: foveaContext_t,
        args: *const foveaMergeArgs_t,
    ) -> foveaStatus_t;
}
