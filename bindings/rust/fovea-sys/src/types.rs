// Made from fovea.h by the feature `generate`; do not edit.

pub const FOVEA_VERSION_MAJOR: u32 = 1;
pub const FOVEA_VERSION_MINOR: u32 = 0;
pub const FOVEA_VERSION_PATCH: u32 = 0;
pub const FOVEA_VERSION: u32 = 10000;
pub const FOVEA_VERSION_STRING: &[u8; 6] = b"1.0.0\0";
pub const FOVEA_MAX_DIMS: u32 = 6;
pub const FOVEA_CAPABILITY_COUNT: u32 = 22;
impl foveaStatus_t {
    pub const FOVEA_STATUS_SUCCESS: foveaStatus_t = foveaStatus_t(0);
    ///an argument is wrong by itself or does not fit the others
    pub const FOVEA_STATUS_INVALID_ARGUMENT: foveaStatus_t = foveaStatus_t(1);
    ///a valid request that this backend cannot serve; the reason is given
    pub const FOVEA_STATUS_NOT_SUPPORTED: foveaStatus_t = foveaStatus_t(2);
    ///the call is not legal now, e.g. metadata changed but not committed
    pub const FOVEA_STATUS_INVALID_STATE: foveaStatus_t = foveaStatus_t(3);
    ///workspace or plan memory is smaller than its query says
    pub const FOVEA_STATUS_WORKSPACE_TOO_SMALL: foveaStatus_t = foveaStatus_t(4);
    ///host memory could not be allocated
    pub const FOVEA_STATUS_OUT_OF_MEMORY: foveaStatus_t = foveaStatus_t(5);
    ///device memory could not be allocated
    pub const FOVEA_STATUS_DEVICE_OUT_OF_MEMORY: foveaStatus_t = foveaStatus_t(6);
    ///no device of the requested kind is usable; the message says why
    pub const FOVEA_STATUS_NO_DEVICE: foveaStatus_t = foveaStatus_t(7);
    ///the GPU's architecture is not among those embedded in the module
    pub const FOVEA_STATUS_ARCH_MISMATCH: foveaStatus_t = foveaStatus_t(8);
    ///the backend cannot be used on this machine; the message says why
    pub const FOVEA_STATUS_BACKEND_UNAVAILABLE: foveaStatus_t = foveaStatus_t(9);
    ///the GPU runtime reported an error
    pub const FOVEA_STATUS_DEVICE_ERROR: foveaStatus_t = foveaStatus_t(10);
    ///a struct uses fields that this version of the library does not know
    pub const FOVEA_STATUS_VERSION_MISMATCH: foveaStatus_t = foveaStatus_t(11);
    ///a defect of the library
    pub const FOVEA_STATUS_INTERNAL_ERROR: foveaStatus_t = foveaStatus_t(12);
    pub const FOVEA_STATUS_MAX_ENUM: foveaStatus_t = foveaStatus_t(2147483647);
}
#[repr(transparent)]
///Result of a call. Values are stable; new ones may be added.
#[derive(Debug, Copy, Clone, Hash, PartialEq, Eq)]
pub struct foveaStatus_t(pub ::std::os::raw::c_uint);
impl foveaLogLevel_t {
    pub const FOVEA_LOG_OFF: foveaLogLevel_t = foveaLogLevel_t(0);
    pub const FOVEA_LOG_ERROR: foveaLogLevel_t = foveaLogLevel_t(1);
    pub const FOVEA_LOG_WARNING: foveaLogLevel_t = foveaLogLevel_t(2);
    pub const FOVEA_LOG_INFO: foveaLogLevel_t = foveaLogLevel_t(3);
    pub const FOVEA_LOG_DEBUG: foveaLogLevel_t = foveaLogLevel_t(4);
    pub const FOVEA_LOG_MAX_ENUM: foveaLogLevel_t = foveaLogLevel_t(2147483647);
}
#[repr(transparent)]
///Log levels; a message is delivered if its level is at most the level that was set.
#[derive(Debug, Copy, Clone, Hash, PartialEq, Eq)]
pub struct foveaLogLevel_t(pub ::std::os::raw::c_uint);
///Receives one message without a trailing newline. It may be called from any thread and must not call the library.
pub type foveaLogCallback_t = ::std::option::Option<
    unsafe extern "C" fn(
        user: *mut ::std::os::raw::c_void,
        level: foveaLogLevel_t,
        message: *const ::std::os::raw::c_char,
    ),
>;
impl foveaDataType_t {
    pub const FOVEA_DATA_TYPE_NONE: foveaDataType_t = foveaDataType_t(0);
    pub const FOVEA_DATA_TYPE_F32: foveaDataType_t = foveaDataType_t(1);
    pub const FOVEA_DATA_TYPE_F16: foveaDataType_t = foveaDataType_t(2);
    pub const FOVEA_DATA_TYPE_BF16: foveaDataType_t = foveaDataType_t(3);
    ///OCP e4m3: bias 7, maximum 448, no infinity
    pub const FOVEA_DATA_TYPE_F8_E4M3FN: foveaDataType_t = foveaDataType_t(4);
    ///bias 8, maximum 240, no infinity, no negative zero
    pub const FOVEA_DATA_TYPE_F8_E4M3FNUZ: foveaDataType_t = foveaDataType_t(5);
    ///OCP e5m2: bias 15, maximum 57344, has infinities
    pub const FOVEA_DATA_TYPE_F8_E5M2: foveaDataType_t = foveaDataType_t(6);
    pub const FOVEA_DATA_TYPE_MAX_ENUM: foveaDataType_t = foveaDataType_t(2147483647);
}
#[repr(transparent)]
///Element types. The three fp8 flavours are distinct types; none is ever chosen by the device.
#[derive(Debug, Copy, Clone, Hash, PartialEq, Eq)]
pub struct foveaDataType_t(pub ::std::os::raw::c_uint);
/**A view of memory; it owns nothing. This struct is frozen: it will never grow.

Strides are in elements. If all strides are 0, the tensor is contiguous in row-major order. The innermost axis must
have stride 1. A tensor with `data == NULL` is absent.

Alignment asked of `data`: the element's size on a CPU; 16 bytes on a GPU.*/
#[repr(C)]
#[derive(Debug, Copy, Clone)]
pub struct foveaTensor_t {
    ///the first element; NULL = absent
    pub data: *mut ::std::os::raw::c_void,
    ///of the elements
    pub dtype: foveaDataType_t,
    ///number of axes, 0 to FOVEA_MAX_DIMS
    pub ndim: i32,
    ///length of each axis, outermost first
    pub shape: [i64; 6usize],
    ///elements between neighbours along each axis; all 0 = contiguous
    pub strides: [i64; 6usize],
}
#[allow(clippy::unnecessary_operation, clippy::identity_op)]
const _: () = {
    ["Size of foveaTensor_t"][::std::mem::size_of::<foveaTensor_t>() - 112usize];
    ["Alignment of foveaTensor_t"][::std::mem::align_of::<foveaTensor_t>() - 8usize];
    [
        "Offset of field: foveaTensor_t::data",
    ][::std::mem::offset_of!(foveaTensor_t, data) - 0usize];
    [
        "Offset of field: foveaTensor_t::dtype",
    ][::std::mem::offset_of!(foveaTensor_t, dtype) - 8usize];
    [
        "Offset of field: foveaTensor_t::ndim",
    ][::std::mem::offset_of!(foveaTensor_t, ndim) - 12usize];
    [
        "Offset of field: foveaTensor_t::shape",
    ][::std::mem::offset_of!(foveaTensor_t, shape) - 16usize];
    [
        "Offset of field: foveaTensor_t::strides",
    ][::std::mem::offset_of!(foveaTensor_t, strides) - 64usize];
};
impl Default for foveaTensor_t {
    fn default() -> Self {
        let mut s = ::std::mem::MaybeUninit::<Self>::uninit();
        unsafe {
            ::std::ptr::write_bytes(s.as_mut_ptr(), 0, 1);
            s.assume_init()
        }
    }
}
impl foveaMemory_t {
    ///host memory; copied before the call returns
    pub const FOVEA_MEMORY_HOST: foveaMemory_t = foveaMemory_t(0);
    ///memory of the context's device; borrowed until it is replaced or the metadata dies
    pub const FOVEA_MEMORY_DEVICE: foveaMemory_t = foveaMemory_t(1);
    pub const FOVEA_MEMORY_MAX_ENUM: foveaMemory_t = foveaMemory_t(2147483647);
}
#[repr(transparent)]
///Where an array handed to a metadata setter lives.
#[derive(Debug, Copy, Clone, Hash, PartialEq, Eq)]
pub struct foveaMemory_t(pub ::std::os::raw::c_uint);
#[repr(C)]
#[derive(Debug)]
pub struct foveaContext_st {
    _unused: [u8; 0],
}
///A device with its threads and its allocator. Shared.
pub type foveaContext_t = *mut foveaContext_st;
impl foveaDevice_t {
    ///a GPU if one works, else the CPU
    pub const FOVEA_DEVICE_AUTO: foveaDevice_t = foveaDevice_t(0);
    pub const FOVEA_DEVICE_CPU: foveaDevice_t = foveaDevice_t(1);
    ///any GPU: AMD first, then NVIDIA
    pub const FOVEA_DEVICE_GPU: foveaDevice_t = foveaDevice_t(2);
    ///a GPU driven by libfovea_hip_amd.so
    pub const FOVEA_DEVICE_AMD: foveaDevice_t = foveaDevice_t(3);
    ///a GPU driven by libfovea_hip_nvidia.so
    pub const FOVEA_DEVICE_NVIDIA: foveaDevice_t = foveaDevice_t(4);
    pub const FOVEA_DEVICE_MAX_ENUM: foveaDevice_t = foveaDevice_t(2147483647);
}
#[repr(transparent)]
///Kinds of devices.
#[derive(Debug, Copy, Clone, Hash, PartialEq, Eq)]
pub struct foveaDevice_t(pub ::std::os::raw::c_uint);
/**Allocates `size` bytes at `alignment` (a power of two) or returns NULL. May be called from several threads.
It serves the buffers whose size depends on limits and batches (metadata arrays); small objects use the C++ heap.*/
pub type foveaAllocate_t = ::std::option::Option<
    unsafe extern "C" fn(
        user: *mut ::std::os::raw::c_void,
        size: usize,
        alignment: usize,
    ) -> *mut ::std::os::raw::c_void,
>;
///Frees what foveaAllocate_t returned. `size` is the size that was asked for.
pub type foveaFree_t = ::std::option::Option<
    unsafe extern "C" fn(
        user: *mut ::std::os::raw::c_void,
        memory: *mut ::std::os::raw::c_void,
        size: usize,
    ),
>;
///One task of a parallel region.
pub type foveaTask_t = ::std::option::Option<
    unsafe extern "C" fn(task_data: *mut ::std::os::raw::c_void, task_index: i32),
>;
/**Runs task(task_data, i) for each i in [0, num_tasks), on any threads, in any order, at the same time or one after
another, and returns when all have finished. num_tasks is at most the context's number of threads.*/
pub type foveaParallelFor_t = ::std::option::Option<
    unsafe extern "C" fn(
        user: *mut ::std::os::raw::c_void,
        num_tasks: i32,
        task: foveaTask_t,
        task_data: *mut ::std::os::raw::c_void,
    ),
>;
///How to create a context. All zero (and struct_size) is a context on the best device with all its threads.
#[repr(C)]
#[derive(Debug, Copy, Clone)]
pub struct foveaContextCreateInfo_t {
    ///sizeof this struct, as the caller knows it
    pub struct_size: usize,
    ///kind of device
    pub device: foveaDevice_t,
    ///which GPU of that kind, from 0; must be 0 on a CPU
    pub device_ordinal: i32,
    /**CPU: threads that compute, the caller's included; 0 = all CPUs of the process's
affinity mask; at most 1024*/
    pub num_threads: i32,
    ///must be 0
    pub reserved_flags: u32,
    ///NULL: the library's own; set both or none
    pub allocate: foveaAllocate_t,
    ///frees what `allocate` returned
    pub free: foveaFree_t,
    ///handed to `allocate` and `free`
    pub allocator_user: *mut ::std::os::raw::c_void,
    ///NULL: the library's own pool; else no threads are created by the library
    pub parallel_for: foveaParallelFor_t,
    ///handed to `parallel_for`
    pub parallel_for_user: *mut ::std::os::raw::c_void,
}
#[allow(clippy::unnecessary_operation, clippy::identity_op)]
const _: () = {
    [
        "Size of foveaContextCreateInfo_t",
    ][::std::mem::size_of::<foveaContextCreateInfo_t>() - 64usize];
    [
        "Alignment of foveaContextCreateInfo_t",
    ][::std::mem::align_of::<foveaContextCreateInfo_t>() - 8usize];
    [
        "Offset of field: foveaContextCreateInfo_t::struct_size",
    ][::std::mem::offset_of!(foveaContextCreateInfo_t, struct_size) - 0usize];
    [
        "Offset of field: foveaContextCreateInfo_t::device",
    ][::std::mem::offset_of!(foveaContextCreateInfo_t, device) - 8usize];
    [
        "Offset of field: foveaContextCreateInfo_t::device_ordinal",
    ][::std::mem::offset_of!(foveaContextCreateInfo_t, device_ordinal) - 12usize];
    [
        "Offset of field: foveaContextCreateInfo_t::num_threads",
    ][::std::mem::offset_of!(foveaContextCreateInfo_t, num_threads) - 16usize];
    [
        "Offset of field: foveaContextCreateInfo_t::reserved_flags",
    ][::std::mem::offset_of!(foveaContextCreateInfo_t, reserved_flags) - 20usize];
    [
        "Offset of field: foveaContextCreateInfo_t::allocate",
    ][::std::mem::offset_of!(foveaContextCreateInfo_t, allocate) - 24usize];
    [
        "Offset of field: foveaContextCreateInfo_t::free",
    ][::std::mem::offset_of!(foveaContextCreateInfo_t, free) - 32usize];
    [
        "Offset of field: foveaContextCreateInfo_t::allocator_user",
    ][::std::mem::offset_of!(foveaContextCreateInfo_t, allocator_user) - 40usize];
    [
        "Offset of field: foveaContextCreateInfo_t::parallel_for",
    ][::std::mem::offset_of!(foveaContextCreateInfo_t, parallel_for) - 48usize];
    [
        "Offset of field: foveaContextCreateInfo_t::parallel_for_user",
    ][::std::mem::offset_of!(foveaContextCreateInfo_t, parallel_for_user) - 56usize];
};
impl Default for foveaContextCreateInfo_t {
    fn default() -> Self {
        let mut s = ::std::mem::MaybeUninit::<Self>::uninit();
        unsafe {
            ::std::ptr::write_bytes(s.as_mut_ptr(), 0, 1);
            s.assume_init()
        }
    }
}
///What a context runs on. Text fields are NUL-terminated.
#[repr(C)]
#[derive(Debug, Copy, Clone)]
pub struct foveaContextInfo_t {
    ///sizeof this struct, as the caller knows it
    pub struct_size: usize,
    ///FOVEA_DEVICE_CPU, _AMD or _NVIDIA
    pub device: foveaDevice_t,
    ///which GPU of that kind; 0 on a CPU
    pub device_ordinal: i32,
    ///CPU threads that compute; 0 on a GPU
    pub num_threads: i32,
    ///e.g. "AMD EPYC 9654" or "AMD Instinct MI300X"
    pub device_name: [::std::os::raw::c_char; 128usize],
    ///instruction set in use: "avx2", "avx512", "avx512_bf16+amx_bf16", "gfx942", ...
    pub architecture: [::std::os::raw::c_char; 64usize],
}
#[allow(clippy::unnecessary_operation, clippy::identity_op)]
const _: () = {
    [
        "Size of foveaContextInfo_t",
    ][::std::mem::size_of::<foveaContextInfo_t>() - 216usize];
    [
        "Alignment of foveaContextInfo_t",
    ][::std::mem::align_of::<foveaContextInfo_t>() - 8usize];
    [
        "Offset of field: foveaContextInfo_t::struct_size",
    ][::std::mem::offset_of!(foveaContextInfo_t, struct_size) - 0usize];
    [
        "Offset of field: foveaContextInfo_t::device",
    ][::std::mem::offset_of!(foveaContextInfo_t, device) - 8usize];
    [
        "Offset of field: foveaContextInfo_t::device_ordinal",
    ][::std::mem::offset_of!(foveaContextInfo_t, device_ordinal) - 12usize];
    [
        "Offset of field: foveaContextInfo_t::num_threads",
    ][::std::mem::offset_of!(foveaContextInfo_t, num_threads) - 16usize];
    [
        "Offset of field: foveaContextInfo_t::device_name",
    ][::std::mem::offset_of!(foveaContextInfo_t, device_name) - 20usize];
    [
        "Offset of field: foveaContextInfo_t::architecture",
    ][::std::mem::offset_of!(foveaContextInfo_t, architecture) - 148usize];
};
impl Default for foveaContextInfo_t {
    fn default() -> Self {
        let mut s = ::std::mem::MaybeUninit::<Self>::uninit();
        unsafe {
            ::std::ptr::write_bytes(s.as_mut_ptr(), 0, 1);
            s.assume_init()
        }
    }
}
#[repr(C)]
#[derive(Debug)]
pub struct foveaConfig_st {
    _unused: [u8; 0],
}
///What one attention layer needs. Externally synchronised.
pub type foveaConfig_t = *mut foveaConfig_st;
impl foveaAttentionType_t {
    ///self-attention over a KV cache
    pub const FOVEA_ATTENTION_DECODER: foveaAttentionType_t = foveaAttentionType_t(0);
    ///self-attention over the dense key and value of the same tokens; no cache
    pub const FOVEA_ATTENTION_ENCODER: foveaAttentionType_t = foveaAttentionType_t(1);
    ///cross-attention over a KV cache that holds the encoder's keys
    pub const FOVEA_ATTENTION_ENCODER_DECODER: foveaAttentionType_t = foveaAttentionType_t(
        2,
    );
    pub const FOVEA_ATTENTION_TYPE_MAX_ENUM: foveaAttentionType_t = foveaAttentionType_t(
        2147483647,
    );
}
#[repr(transparent)]
///Attention types. Encoder and encoder-decoder attention is never causal; the causal flag is ignored there.
#[derive(Debug, Copy, Clone, Hash, PartialEq, Eq)]
pub struct foveaAttentionType_t(pub ::std::os::raw::c_uint);
impl foveaKvCacheLayout_t {
    /**key and value: [num_blocks, block_size, num_kv_heads, head_size], any strides
with the innermost 1: NHD, HND, and K/V side by side*/
    pub const FOVEA_KV_CACHE_LAYOUT_STRIDED: foveaKvCacheLayout_t = foveaKvCacheLayout_t(
        0,
    );
    /**key [num_blocks, num_kv_heads, head_size/x, block_size, x], value
[num_blocks, num_kv_heads, head_size, block_size]*/
    pub const FOVEA_KV_CACHE_LAYOUT_VECTORIZED: foveaKvCacheLayout_t = foveaKvCacheLayout_t(
        1,
    );
    pub const FOVEA_KV_CACHE_LAYOUT_MAX_ENUM: foveaKvCacheLayout_t = foveaKvCacheLayout_t(
        2147483647,
    );
}
#[repr(transparent)]
///KV cache layouts. x = 16 / bytes per element.
#[derive(Debug, Copy, Clone, Hash, PartialEq, Eq)]
pub struct foveaKvCacheLayout_t(pub ::std::os::raw::c_uint);
impl foveaAlibi_t {
    pub const FOVEA_ALIBI_NONE: foveaAlibi_t = foveaAlibi_t(0);
    ///-slope[h] * |p - t|
    pub const FOVEA_ALIBI_LINEAR: foveaAlibi_t = foveaAlibi_t(1);
    ///-slope[h] * sqrt(|p - t|)
    pub const FOVEA_ALIBI_SQRT: foveaAlibi_t = foveaAlibi_t(2);
    pub const FOVEA_ALIBI_MAX_ENUM: foveaAlibi_t = foveaAlibi_t(2147483647);
}
#[repr(transparent)]
///ALiBi: a bias that is added to the score of query position p and key position t.
#[derive(Debug, Copy, Clone, Hash, PartialEq, Eq)]
pub struct foveaAlibi_t(pub ::std::os::raw::c_uint);
impl foveaPrefixRanges_t {
    pub const FOVEA_PREFIX_RANGES_NONE: foveaPrefixRanges_t = foveaPrefixRanges_t(0);
    ///within a range every token sees every other
    pub const FOVEA_PREFIX_RANGES_FULL: foveaPrefixRanges_t = foveaPrefixRanges_t(1);
    ///within a range also p - t <= left window
    pub const FOVEA_PREFIX_RANGES_WINDOWED: foveaPrefixRanges_t = foveaPrefixRanges_t(2);
    pub const FOVEA_PREFIX_RANGES_MAX_ENUM: foveaPrefixRanges_t = foveaPrefixRanges_t(
        2147483647,
    );
}
#[repr(transparent)]
///Prefix ranges: spans of positions (an image, say) whose tokens see each other whatever the causal flag says.
#[derive(Debug, Copy, Clone, Hash, PartialEq, Eq)]
pub struct foveaPrefixRanges_t(pub ::std::os::raw::c_uint);
impl foveaKvScales_t {
    ///scale 1
    pub const FOVEA_KV_SCALES_NONE: foveaKvScales_t = foveaKvScales_t(0);
    ///k_scale and v_scale point to one float each
    pub const FOVEA_KV_SCALES_PER_TENSOR: foveaKvScales_t = foveaKvScales_t(1);
    ///k_scale and v_scale point to [num_kv_heads] floats
    pub const FOVEA_KV_SCALES_PER_HEAD: foveaKvScales_t = foveaKvScales_t(2);
    pub const FOVEA_KV_SCALES_MAX_ENUM: foveaKvScales_t = foveaKvScales_t(2147483647);
}
#[repr(transparent)]
///Granularity of the dequantisation scales of the KV cache.
#[derive(Debug, Copy, Clone, Hash, PartialEq, Eq)]
pub struct foveaKvScales_t(pub ::std::os::raw::c_uint);
impl foveaBackend_t {
    pub const FOVEA_BACKEND_AUTO: foveaBackend_t = foveaBackend_t(0);
    ///HIP kernels in libfovea_hip_amd.so or libfovea_hip_nvidia.so
    pub const FOVEA_BACKEND_ROCM_ATTN: foveaBackend_t = foveaBackend_t(1);
    ///in the same modules: one kernel for prefill and decode, causal only
    pub const FOVEA_BACKEND_ROCM_UNIFIED_ATTN: foveaBackend_t = foveaBackend_t(2);
    ///in the core library; always available
    pub const FOVEA_BACKEND_CPU_ATTN: foveaBackend_t = foveaBackend_t(3);
    pub const FOVEA_BACKEND_MAX_ENUM: foveaBackend_t = foveaBackend_t(2147483647);
}
#[repr(transparent)]
///Backends. Each is one entry of an ordered registry; foveaGetBackend enumerates those this library knows.
#[derive(Debug, Copy, Clone, Hash, PartialEq, Eq)]
pub struct foveaBackend_t(pub ::std::os::raw::c_uint);
impl foveaCapability_t {
    pub const FOVEA_CAPABILITY_NON_CAUSAL: foveaCapability_t = foveaCapability_t(0);
    pub const FOVEA_CAPABILITY_PER_SEQUENCE_CAUSAL: foveaCapability_t = foveaCapability_t(
        1,
    );
    ///left side, for causal rows
    pub const FOVEA_CAPABILITY_SLIDING_WINDOW: foveaCapability_t = foveaCapability_t(2);
    ///right side, for non-causal rows
    pub const FOVEA_CAPABILITY_SLIDING_WINDOW_RIGHT: foveaCapability_t = foveaCapability_t(
        3,
    );
    pub const FOVEA_CAPABILITY_PREFIX_RANGES: foveaCapability_t = foveaCapability_t(4);
    pub const FOVEA_CAPABILITY_LOGITS_SOFT_CAP: foveaCapability_t = foveaCapability_t(5);
    pub const FOVEA_CAPABILITY_ALIBI: foveaCapability_t = foveaCapability_t(6);
    pub const FOVEA_CAPABILITY_ALIBI_SQRT: foveaCapability_t = foveaCapability_t(7);
    pub const FOVEA_CAPABILITY_SINKS: foveaCapability_t = foveaCapability_t(8);
    pub const FOVEA_CAPABILITY_LSE: foveaCapability_t = foveaCapability_t(9);
    pub const FOVEA_CAPABILITY_PARTIAL_STATE: foveaCapability_t = foveaCapability_t(10);
    pub const FOVEA_CAPABILITY_FP8_KV_CACHE: foveaCapability_t = foveaCapability_t(11);
    pub const FOVEA_CAPABILITY_FP8_QUERY: foveaCapability_t = foveaCapability_t(12);
    pub const FOVEA_CAPABILITY_FP8_OUTPUT: foveaCapability_t = foveaCapability_t(13);
    pub const FOVEA_CAPABILITY_PER_HEAD_KV_SCALES: foveaCapability_t = foveaCapability_t(
        14,
    );
    ///FOVEA_KV_CACHE_LAYOUT_VECTORIZED
    pub const FOVEA_CAPABILITY_VECTORIZED_KV_CACHE: foveaCapability_t = foveaCapability_t(
        15,
    );
    ///head_size_v != head_size
    pub const FOVEA_CAPABILITY_DIFFERENT_V_SIZE: foveaCapability_t = foveaCapability_t(
        16,
    );
    pub const FOVEA_CAPABILITY_BATCH_INVARIANCE: foveaCapability_t = foveaCapability_t(
        17,
    );
    pub const FOVEA_CAPABILITY_GRAPH_CAPTURE: foveaCapability_t = foveaCapability_t(18);
    pub const FOVEA_CAPABILITY_DECODER: foveaCapability_t = foveaCapability_t(19);
    pub const FOVEA_CAPABILITY_ENCODER: foveaCapability_t = foveaCapability_t(20);
    pub const FOVEA_CAPABILITY_ENCODER_DECODER: foveaCapability_t = foveaCapability_t(
        21,
    );
    pub const FOVEA_CAPABILITY_MAX_ENUM: foveaCapability_t = foveaCapability_t(
        2147483647,
    );
}
#[repr(transparent)]
///Features a backend may or may not have.
#[derive(Debug, Copy, Clone, Hash, PartialEq, Eq)]
pub struct foveaCapability_t(pub ::std::os::raw::c_uint);
impl foveaDataTypeRole_t {
    pub const FOVEA_ROLE_QUERY: foveaDataTypeRole_t = foveaDataTypeRole_t(0);
    pub const FOVEA_ROLE_KV_CACHE: foveaDataTypeRole_t = foveaDataTypeRole_t(1);
    pub const FOVEA_ROLE_OUTPUT: foveaDataTypeRole_t = foveaDataTypeRole_t(2);
    pub const FOVEA_ROLE_MAX_ENUM: foveaDataTypeRole_t = foveaDataTypeRole_t(2147483647);
}
#[repr(transparent)]
///What a data type is used for.
#[derive(Debug, Copy, Clone, Hash, PartialEq, Eq)]
pub struct foveaDataTypeRole_t(pub ::std::os::raw::c_uint);
impl foveaBoundsAttribute_t {
    pub const FOVEA_BOUNDS_HEAD_SIZE: foveaBoundsAttribute_t = foveaBoundsAttribute_t(0);
    pub const FOVEA_BOUNDS_HEAD_SIZE_V: foveaBoundsAttribute_t = foveaBoundsAttribute_t(
        1,
    );
    pub const FOVEA_BOUNDS_BLOCK_SIZE: foveaBoundsAttribute_t = foveaBoundsAttribute_t(
        2,
    );
    pub const FOVEA_BOUNDS_QUERY_HEADS_PER_KV_HEAD: foveaBoundsAttribute_t = foveaBoundsAttribute_t(
        3,
    );
    pub const FOVEA_BOUNDS_MAX_ENUM: foveaBoundsAttribute_t = foveaBoundsAttribute_t(
        2147483647,
    );
}
#[repr(transparent)]
///Quantities with bounds.
#[derive(Debug, Copy, Clone, Hash, PartialEq, Eq)]
pub struct foveaBoundsAttribute_t(pub ::std::os::raw::c_uint);
///The values a backend takes: min <= value <= max, value a multiple of multiple_of; and, if count > 0, one of values.
#[repr(C)]
#[derive(Debug, Default, Copy, Clone)]
pub struct foveaBounds_t {
    ///sizeof this struct, as the caller knows it
    pub struct_size: usize,
    ///smallest value
    pub min: i32,
    ///largest value
    pub max: i32,
    ///at least 1
    pub multiple_of: i32,
    ///number of `values`; 0 = any value within the bounds
    pub count: i32,
    ///the only values, ascending
    pub values: [i32; 32usize],
}
#[allow(clippy::unnecessary_operation, clippy::identity_op)]
const _: () = {
    ["Size of foveaBounds_t"][::std::mem::size_of::<foveaBounds_t>() - 152usize];
    ["Alignment of foveaBounds_t"][::std::mem::align_of::<foveaBounds_t>() - 8usize];
    [
        "Offset of field: foveaBounds_t::struct_size",
    ][::std::mem::offset_of!(foveaBounds_t, struct_size) - 0usize];
    [
        "Offset of field: foveaBounds_t::min",
    ][::std::mem::offset_of!(foveaBounds_t, min) - 8usize];
    [
        "Offset of field: foveaBounds_t::max",
    ][::std::mem::offset_of!(foveaBounds_t, max) - 12usize];
    [
        "Offset of field: foveaBounds_t::multiple_of",
    ][::std::mem::offset_of!(foveaBounds_t, multiple_of) - 16usize];
    [
        "Offset of field: foveaBounds_t::count",
    ][::std::mem::offset_of!(foveaBounds_t, count) - 20usize];
    [
        "Offset of field: foveaBounds_t::values",
    ][::std::mem::offset_of!(foveaBounds_t, values) - 24usize];
};
impl foveaReason_t {
    pub const FOVEA_REASON_NONE: foveaReason_t = foveaReason_t(0);
    ///"head_size not supported"
    pub const FOVEA_REASON_HEAD_SIZE: foveaReason_t = foveaReason_t(1);
    ///"dtype not supported"
    pub const FOVEA_REASON_DATA_TYPE: foveaReason_t = foveaReason_t(2);
    ///"kv_cache_dtype not supported"
    pub const FOVEA_REASON_KV_CACHE_DATA_TYPE: foveaReason_t = foveaReason_t(3);
    ///"block_size not supported"
    pub const FOVEA_REASON_BLOCK_SIZE: foveaReason_t = foveaReason_t(4);
    ///"partial multimodal token full attention not supported"
    pub const FOVEA_REASON_PREFIX_RANGES: foveaReason_t = foveaReason_t(5);
    ///"attention sinks not supported"
    pub const FOVEA_REASON_SINKS: foveaReason_t = foveaReason_t(6);
    ///"per-head quant scales not supported"
    pub const FOVEA_REASON_PER_HEAD_KV_SCALES: foveaReason_t = foveaReason_t(7);
    ///"compute capability not supported"
    pub const FOVEA_REASON_ARCHITECTURE: foveaReason_t = foveaReason_t(8);
    ///"attention type ... not supported"
    pub const FOVEA_REASON_ATTENTION_TYPE: foveaReason_t = foveaReason_t(9);
    ///"sliding window not supported"
    pub const FOVEA_REASON_SLIDING_WINDOW: foveaReason_t = foveaReason_t(10);
    ///"non-causal attention not supported"
    pub const FOVEA_REASON_NON_CAUSAL: foveaReason_t = foveaReason_t(11);
    ///"batch invariance not supported"
    pub const FOVEA_REASON_BATCH_INVARIANCE: foveaReason_t = foveaReason_t(12);
    pub const FOVEA_REASON_LOGITS_SOFT_CAP: foveaReason_t = foveaReason_t(13);
    pub const FOVEA_REASON_ALIBI: foveaReason_t = foveaReason_t(14);
    pub const FOVEA_REASON_LSE: foveaReason_t = foveaReason_t(15);
    pub const FOVEA_REASON_PER_SEQUENCE_CAUSAL: foveaReason_t = foveaReason_t(16);
    pub const FOVEA_REASON_KV_CACHE_LAYOUT: foveaReason_t = foveaReason_t(17);
    pub const FOVEA_REASON_HEADS: foveaReason_t = foveaReason_t(18);
    pub const FOVEA_REASON_OUTPUT_DATA_TYPE: foveaReason_t = foveaReason_t(19);
    ///something without a default was not set
    pub const FOVEA_REASON_INCOMPLETE_CONFIG: foveaReason_t = foveaReason_t(20);
    ///two settings that exclude each other, e.g. a window on cross-attention
    pub const FOVEA_REASON_CONTRADICTION: foveaReason_t = foveaReason_t(21);
    ///the backend cannot be used on this machine
    pub const FOVEA_REASON_UNAVAILABLE: foveaReason_t = foveaReason_t(22);
    ///the backend does not run on the context's device
    pub const FOVEA_REASON_DEVICE: foveaReason_t = foveaReason_t(23);
    pub const FOVEA_REASON_MAX_ENUM: foveaReason_t = foveaReason_t(2147483647);
}
#[repr(transparent)]
///Why a config is refused. The sentences begin with the words that engines know, in this order.
#[derive(Debug, Copy, Clone, Hash, PartialEq, Eq)]
pub struct foveaReason_t(pub ::std::os::raw::c_uint);
#[repr(C)]
#[derive(Debug)]
pub struct foveaReport_st {
    _unused: [u8; 0],
}
///The reasons of one check. Immutable, shared.
pub type foveaReport_t = *mut foveaReport_st;
#[repr(C)]
#[derive(Debug)]
pub struct foveaMetadata_st {
    _unused: [u8; 0],
}
///One batch. Setters are externally synchronised; concurrent forwards may share it.
pub type foveaMetadata_t = *mut foveaMetadata_st;
///The largest batch a metadata object, a workspace or plan memory is made for.
#[repr(C)]
#[derive(Debug, Default, Copy, Clone)]
pub struct foveaMetadataLimits_t {
    ///sizeof this struct, as the caller knows it
    pub struct_size: usize,
    ///at least 1
    pub max_num_seqs: i32,
    ///query tokens of all sequences; at least 1
    pub max_num_tokens: i32,
    ///longest seq_len; at least 1
    pub max_seq_len: i32,
    ///columns of the block table; 0 if there is no cache (encoder attention)
    pub max_blocks_per_seq: i32,
    ///of all sequences together; 0 if none are used
    pub max_prefix_ranges: i32,
}
#[allow(clippy::unnecessary_operation, clippy::identity_op)]
const _: () = {
    [
        "Size of foveaMetadataLimits_t",
    ][::std::mem::size_of::<foveaMetadataLimits_t>() - 32usize];
    [
        "Alignment of foveaMetadataLimits_t",
    ][::std::mem::align_of::<foveaMetadataLimits_t>() - 8usize];
    [
        "Offset of field: foveaMetadataLimits_t::struct_size",
    ][::std::mem::offset_of!(foveaMetadataLimits_t, struct_size) - 0usize];
    [
        "Offset of field: foveaMetadataLimits_t::max_num_seqs",
    ][::std::mem::offset_of!(foveaMetadataLimits_t, max_num_seqs) - 8usize];
    [
        "Offset of field: foveaMetadataLimits_t::max_num_tokens",
    ][::std::mem::offset_of!(foveaMetadataLimits_t, max_num_tokens) - 12usize];
    [
        "Offset of field: foveaMetadataLimits_t::max_seq_len",
    ][::std::mem::offset_of!(foveaMetadataLimits_t, max_seq_len) - 16usize];
    [
        "Offset of field: foveaMetadataLimits_t::max_blocks_per_seq",
    ][::std::mem::offset_of!(foveaMetadataLimits_t, max_blocks_per_seq) - 20usize];
    [
        "Offset of field: foveaMetadataLimits_t::max_prefix_ranges",
    ][::std::mem::offset_of!(foveaMetadataLimits_t, max_prefix_ranges) - 24usize];
};
#[repr(C)]
#[derive(Debug)]
pub struct foveaAttention_st {
    _unused: [u8; 0],
}
///A config bound to a backend. Immutable, shared.
pub type foveaAttention_t = *mut foveaAttention_st;
///Arguments of foveaAttentionPlan.
#[repr(C)]
#[derive(Debug, Copy, Clone)]
pub struct foveaPlanArgs_t {
    ///sizeof this struct, as the caller knows it
    pub struct_size: usize,
    ///plan memory, host (CPU) or device (GPU), 64-byte aligned
    pub plan: *mut ::std::os::raw::c_void,
    ///bytes, at least foveaAttentionGetPlanSize
    pub plan_size: usize,
    ///the GPU's stream; NULL on a CPU
    pub stream: *mut ::std::os::raw::c_void,
    ///0 = the metadata's flag, 1 = causal, 2 = non-causal; forwards must ask for the same
    pub causal: i32,
    ///must be 0
    pub flags: u32,
}
#[allow(clippy::unnecessary_operation, clippy::identity_op)]
const _: () = {
    ["Size of foveaPlanArgs_t"][::std::mem::size_of::<foveaPlanArgs_t>() - 40usize];
    ["Alignment of foveaPlanArgs_t"][::std::mem::align_of::<foveaPlanArgs_t>() - 8usize];
    [
        "Offset of field: foveaPlanArgs_t::struct_size",
    ][::std::mem::offset_of!(foveaPlanArgs_t, struct_size) - 0usize];
    [
        "Offset of field: foveaPlanArgs_t::plan",
    ][::std::mem::offset_of!(foveaPlanArgs_t, plan) - 8usize];
    [
        "Offset of field: foveaPlanArgs_t::plan_size",
    ][::std::mem::offset_of!(foveaPlanArgs_t, plan_size) - 16usize];
    [
        "Offset of field: foveaPlanArgs_t::stream",
    ][::std::mem::offset_of!(foveaPlanArgs_t, stream) - 24usize];
    [
        "Offset of field: foveaPlanArgs_t::causal",
    ][::std::mem::offset_of!(foveaPlanArgs_t, causal) - 32usize];
    [
        "Offset of field: foveaPlanArgs_t::flags",
    ][::std::mem::offset_of!(foveaPlanArgs_t, flags) - 36usize];
};
impl Default for foveaPlanArgs_t {
    fn default() -> Self {
        let mut s = ::std::mem::MaybeUninit::<Self>::uninit();
        unsafe {
            ::std::ptr::write_bytes(s.as_mut_ptr(), 0, 1);
            s.assume_init()
        }
    }
}
///Arguments of foveaAttentionWriteKvCache.
#[repr(C)]
#[derive(Debug, Copy, Clone)]
pub struct foveaKvWriteArgs_t {
    ///sizeof this struct, as the caller knows it
    pub struct_size: usize,
    ///[>= num_tokens, num_kv_heads, head_size]
    pub key: foveaTensor_t,
    ///[>= num_tokens, num_kv_heads, head_size_v]
    pub value: foveaTensor_t,
    ///in the config's layout
    pub key_cache: foveaTensor_t,
    ///likewise
    pub value_cache: foveaTensor_t,
    ///[num_tokens], in the context's memory: block * block_size + row; negative = skip
    pub slot_mapping: *const i64,
    ///rows that are written
    pub num_tokens: i32,
    ///as foveaConfigSetKvScales declared; a stored value is round(x / scale)
    pub k_scale: *const f32,
    ///likewise
    pub v_scale: *const f32,
    ///the GPU's stream; NULL on a CPU
    pub stream: *mut ::std::os::raw::c_void,
}
#[allow(clippy::unnecessary_operation, clippy::identity_op)]
const _: () = {
    [
        "Size of foveaKvWriteArgs_t",
    ][::std::mem::size_of::<foveaKvWriteArgs_t>() - 496usize];
    [
        "Alignment of foveaKvWriteArgs_t",
    ][::std::mem::align_of::<foveaKvWriteArgs_t>() - 8usize];
    [
        "Offset of field: foveaKvWriteArgs_t::struct_size",
    ][::std::mem::offset_of!(foveaKvWriteArgs_t, struct_size) - 0usize];
    [
        "Offset of field: foveaKvWriteArgs_t::key",
    ][::std::mem::offset_of!(foveaKvWriteArgs_t, key) - 8usize];
    [
        "Offset of field: foveaKvWriteArgs_t::value",
    ][::std::mem::offset_of!(foveaKvWriteArgs_t, value) - 120usize];
    [
        "Offset of field: foveaKvWriteArgs_t::key_cache",
    ][::std::mem::offset_of!(foveaKvWriteArgs_t, key_cache) - 232usize];
    [
        "Offset of field: foveaKvWriteArgs_t::value_cache",
    ][::std::mem::offset_of!(foveaKvWriteArgs_t, value_cache) - 344usize];
    [
        "Offset of field: foveaKvWriteArgs_t::slot_mapping",
    ][::std::mem::offset_of!(foveaKvWriteArgs_t, slot_mapping) - 456usize];
    [
        "Offset of field: foveaKvWriteArgs_t::num_tokens",
    ][::std::mem::offset_of!(foveaKvWriteArgs_t, num_tokens) - 464usize];
    [
        "Offset of field: foveaKvWriteArgs_t::k_scale",
    ][::std::mem::offset_of!(foveaKvWriteArgs_t, k_scale) - 472usize];
    [
        "Offset of field: foveaKvWriteArgs_t::v_scale",
    ][::std::mem::offset_of!(foveaKvWriteArgs_t, v_scale) - 480usize];
    [
        "Offset of field: foveaKvWriteArgs_t::stream",
    ][::std::mem::offset_of!(foveaKvWriteArgs_t, stream) - 488usize];
};
impl Default for foveaKvWriteArgs_t {
    fn default() -> Self {
        let mut s = ::std::mem::MaybeUninit::<Self>::uninit();
        unsafe {
            ::std::ptr::write_bytes(s.as_mut_ptr(), 0, 1);
            s.assume_init()
        }
    }
}
impl foveaForwardFlag_t {
    pub const FOVEA_FORWARD_DEFAULT: foveaForwardFlag_t = foveaForwardFlag_t(0);
    /**output is fp32 without output scale, lse is required, sinks are left out: to be
combined with others by foveaMergeAttentionStates*/
    pub const FOVEA_FORWARD_PARTIAL_STATE: foveaForwardFlag_t = foveaForwardFlag_t(1);
    pub const FOVEA_FORWARD_FLAG_MAX_ENUM: foveaForwardFlag_t = foveaForwardFlag_t(
        2147483647,
    );
}
#[repr(transparent)]
///Flags of foveaForwardArgs_t.
#[derive(Debug, Copy, Clone, Hash, PartialEq, Eq)]
pub struct foveaForwardFlag_t(pub ::std::os::raw::c_uint);
///Arguments of foveaAttentionForward. Tensors that do not apply are absent (data == NULL).
#[repr(C)]
#[derive(Debug, Copy, Clone)]
pub struct foveaForwardArgs_t {
    ///sizeof this struct, as the caller knows it
    pub struct_size: usize,
    ///[>= num_tokens, num_query_heads, head_size]
    pub query: foveaTensor_t,
    /**this step's keys [>= num_tokens, num_kv_heads, head_size], read unquantised, or absent: then
everything is read from the cache. Encoder: required. Encoder-decoder: absent*/
    pub key: foveaTensor_t,
    ///[>= num_tokens, num_kv_heads, head_size_v]; given exactly when key is
    pub value: foveaTensor_t,
    /**in the config's layout; absent for encoder attention, and allowed to be absent if key is
given and no sequence has context*/
    pub key_cache: foveaTensor_t,
    ///likewise
    pub value_cache: foveaTensor_t,
    ///[>= num_tokens, num_query_heads, head_size_v]; rows beyond num_tokens stay untouched
    pub output: foveaTensor_t,
    ///fp32 [>= num_tokens, num_query_heads], natural logarithm, with the sink unless partial
    pub lse: foveaTensor_t,
    ///one float; fp8 query only. NULL = 1
    pub q_scale: *const f32,
    ///as foveaConfigSetKvScales declared
    pub k_scale: *const f32,
    ///likewise
    pub v_scale: *const f32,
    ///one float; fp8 output only: stored value = o / output_scale. NULL = 1
    pub output_scale: *const f32,
    ///[num_query_heads]; exactly when declared
    pub alibi_slopes: *const f32,
    ///[num_query_heads]; exactly when declared, and not with PARTIAL_STATE
    pub sinks: *const f32,
    ///at least foveaAttentionGetWorkspaceSize for limits that hold this batch
    pub workspace: *mut ::std::os::raw::c_void,
    ///bytes
    pub workspace_size: usize,
    ///the GPU's stream; NULL on a CPU
    pub stream: *mut ::std::os::raw::c_void,
    ///of foveaAttentionPlan, or NULL
    pub plan: *const ::std::os::raw::c_void,
    ///bytes at `plan`
    pub plan_size: usize,
    ///0 = the metadata's flag, 1 = causal, 2 = non-causal; per-sequence flags win
    pub causal: i32,
    ///foveaForwardFlag_t, or-ed
    pub flags: u32,
}
#[allow(clippy::unnecessary_operation, clippy::identity_op)]
const _: () = {
    [
        "Size of foveaForwardArgs_t",
    ][::std::mem::size_of::<foveaForwardArgs_t>() - 888usize];
    [
        "Alignment of foveaForwardArgs_t",
    ][::std::mem::align_of::<foveaForwardArgs_t>() - 8usize];
    [
        "Offset of field: foveaForwardArgs_t::struct_size",
    ][::std::mem::offset_of!(foveaForwardArgs_t, struct_size) - 0usize];
    [
        "Offset of field: foveaForwardArgs_t::query",
    ][::std::mem::offset_of!(foveaForwardArgs_t, query) - 8usize];
    [
        "Offset of field: foveaForwardArgs_t::key",
    ][::std::mem::offset_of!(foveaForwardArgs_t, key) - 120usize];
    [
        "Offset of field: foveaForwardArgs_t::value",
    ][::std::mem::offset_of!(foveaForwardArgs_t, value) - 232usize];
    [
        "Offset of field: foveaForwardArgs_t::key_cache",
    ][::std::mem::offset_of!(foveaForwardArgs_t, key_cache) - 344usize];
    [
        "Offset of field: foveaForwardArgs_t::value_cache",
    ][::std::mem::offset_of!(foveaForwardArgs_t, value_cache) - 456usize];
    [
        "Offset of field: foveaForwardArgs_t::output",
    ][::std::mem::offset_of!(foveaForwardArgs_t, output) - 568usize];
    [
        "Offset of field: foveaForwardArgs_t::lse",
    ][::std::mem::offset_of!(foveaForwardArgs_t, lse) - 680usize];
    [
        "Offset of field: foveaForwardArgs_t::q_scale",
    ][::std::mem::offset_of!(foveaForwardArgs_t, q_scale) - 792usize];
    [
        "Offset of field: foveaForwardArgs_t::k_scale",
    ][::std::mem::offset_of!(foveaForwardArgs_t, k_scale) - 800usize];
    [
        "Offset of field: foveaForwardArgs_t::v_scale",
    ][::std::mem::offset_of!(foveaForwardArgs_t, v_scale) - 808usize];
    [
        "Offset of field: foveaForwardArgs_t::output_scale",
    ][::std::mem::offset_of!(foveaForwardArgs_t, output_scale) - 816usize];
    [
        "Offset of field: foveaForwardArgs_t::alibi_slopes",
    ][::std::mem::offset_of!(foveaForwardArgs_t, alibi_slopes) - 824usize];
    [
        "Offset of field: foveaForwardArgs_t::sinks",
    ][::std::mem::offset_of!(foveaForwardArgs_t, sinks) - 832usize];
    [
        "Offset of field: foveaForwardArgs_t::workspace",
    ][::std::mem::offset_of!(foveaForwardArgs_t, workspace) - 840usize];
    [
        "Offset of field: foveaForwardArgs_t::workspace_size",
    ][::std::mem::offset_of!(foveaForwardArgs_t, workspace_size) - 848usize];
    [
        "Offset of field: foveaForwardArgs_t::stream",
    ][::std::mem::offset_of!(foveaForwardArgs_t, stream) - 856usize];
    [
        "Offset of field: foveaForwardArgs_t::plan",
    ][::std::mem::offset_of!(foveaForwardArgs_t, plan) - 864usize];
    [
        "Offset of field: foveaForwardArgs_t::plan_size",
    ][::std::mem::offset_of!(foveaForwardArgs_t, plan_size) - 872usize];
    [
        "Offset of field: foveaForwardArgs_t::causal",
    ][::std::mem::offset_of!(foveaForwardArgs_t, causal) - 880usize];
    [
        "Offset of field: foveaForwardArgs_t::flags",
    ][::std::mem::offset_of!(foveaForwardArgs_t, flags) - 884usize];
};
impl Default for foveaForwardArgs_t {
    fn default() -> Self {
        let mut s = ::std::mem::MaybeUninit::<Self>::uninit();
        unsafe {
            ::std::ptr::write_bytes(s.as_mut_ptr(), 0, 1);
            s.assume_init()
        }
    }
}
///Arguments of foveaMergeAttentionStates.
#[repr(C)]
#[derive(Debug, Copy, Clone)]
pub struct foveaMergeArgs_t {
    ///sizeof this struct, as the caller knows it
    pub struct_size: usize,
    ///1 to 64
    pub num_states: i32,
    ///rows that are merged
    pub num_tokens: i32,
    ///[num_states] tensors fp32 [>= num_tokens, num_query_heads, head_size_v]
    pub outputs: *const foveaTensor_t,
    ///[num_states] tensors fp32 [>= num_tokens, num_query_heads]; -inf (or +inf) = empty
    pub lses: *const foveaTensor_t,
    ///[>= num_tokens, num_query_heads, head_size_v], any output type
    pub output: foveaTensor_t,
    ///fp32 [>= num_tokens, num_query_heads], or absent
    pub lse: foveaTensor_t,
    ///[num_query_heads], applied once, or NULL
    pub sinks: *const f32,
    ///one float, fp8 output only, or NULL
    pub output_scale: *const f32,
    ///the GPU's stream; NULL on a CPU
    pub stream: *mut ::std::os::raw::c_void,
}
#[allow(clippy::unnecessary_operation, clippy::identity_op)]
const _: () = {
    ["Size of foveaMergeArgs_t"][::std::mem::size_of::<foveaMergeArgs_t>() - 280usize];
    [
        "Alignment of foveaMergeArgs_t",
    ][::std::mem::align_of::<foveaMergeArgs_t>() - 8usize];
    [
        "Offset of field: foveaMergeArgs_t::struct_size",
    ][::std::mem::offset_of!(foveaMergeArgs_t, struct_size) - 0usize];
    [
        "Offset of field: foveaMergeArgs_t::num_states",
    ][::std::mem::offset_of!(foveaMergeArgs_t, num_states) - 8usize];
    [
        "Offset of field: foveaMergeArgs_t::num_tokens",
    ][::std::mem::offset_of!(foveaMergeArgs_t, num_tokens) - 12usize];
    [
        "Offset of field: foveaMergeArgs_t::outputs",
    ][::std::mem::offset_of!(foveaMergeArgs_t, outputs) - 16usize];
    [
        "Offset of field: foveaMergeArgs_t::lses",
    ][::std::mem::offset_of!(foveaMergeArgs_t, lses) - 24usize];
    [
        "Offset of field: foveaMergeArgs_t::output",
    ][::std::mem::offset_of!(foveaMergeArgs_t, output) - 32usize];
    [
        "Offset of field: foveaMergeArgs_t::lse",
    ][::std::mem::offset_of!(foveaMergeArgs_t, lse) - 144usize];
    [
        "Offset of field: foveaMergeArgs_t::sinks",
    ][::std::mem::offset_of!(foveaMergeArgs_t, sinks) - 256usize];
    [
        "Offset of field: foveaMergeArgs_t::output_scale",
    ][::std::mem::offset_of!(foveaMergeArgs_t, output_scale) - 264usize];
    [
        "Offset of field: foveaMergeArgs_t::stream",
    ][::std::mem::offset_of!(foveaMergeArgs_t, stream) - 272usize];
};
impl Default for foveaMergeArgs_t {
    fn default() -> Self {
        let mut s = ::std::mem::MaybeUninit::<Self>::uninit();
        unsafe {
            ::std::ptr::write_bytes(s.as_mut_ptr(), 0, 1);
            s.assume_init()
        }
    }
}
