//! Who can compute what, and why not.

use std::ffi::{c_char, CStr, CString};
use std::mem::size_of;
use std::ptr::null;

use fovea_sys as sys;

use crate::error::{check, static_text, Error, Result, Status};
use crate::newtype::{newtype, owned_handle};
use crate::DataType;

newtype! {
    /// Backends. [`Backend::all`] enumerates those the library knows, available or not.
    pub struct Backend(foveaBackend_t) {
        /// The library chooses.
        AUTO = FOVEA_BACKEND_AUTO,
        /// HIP kernels, on AMD or NVIDIA GPUs.
        ROCM_ATTN = FOVEA_BACKEND_ROCM_ATTN,
        /// HIP kernels in the same module as [`Backend::ROCM_ATTN`]: one kernel for prefill and decode, causal only.
        ROCM_UNIFIED_ATTN = FOVEA_BACKEND_ROCM_UNIFIED_ATTN,
        /// In the library itself; always available.
        CPU_ATTN = FOVEA_BACKEND_CPU_ATTN,
    }
}

newtype! {
    /// Features a backend may or may not have.
    pub struct Capability(foveaCapability_t) {
        /// Every query sees the whole context and all queries of its sequence.
        NON_CAUSAL = FOVEA_CAPABILITY_NON_CAUSAL,
        /// Causal and non-causal sequences in one batch.
        PER_SEQUENCE_CAUSAL = FOVEA_CAPABILITY_PER_SEQUENCE_CAUSAL,
        /// The left side of a window, for causal rows.
        SLIDING_WINDOW = FOVEA_CAPABILITY_SLIDING_WINDOW,
        /// The right side of a window, for non-causal rows.
        SLIDING_WINDOW_RIGHT = FOVEA_CAPABILITY_SLIDING_WINDOW_RIGHT,
        /// Ranges of positions that see each other.
        PREFIX_RANGES = FOVEA_CAPABILITY_PREFIX_RANGES,
        /// A soft cap on the scores.
        LOGITS_SOFT_CAP = FOVEA_CAPABILITY_LOGITS_SOFT_CAP,
        /// ALiBi, linear.
        ALIBI = FOVEA_CAPABILITY_ALIBI,
        /// ALiBi, square root.
        ALIBI_SQRT = FOVEA_CAPABILITY_ALIBI_SQRT,
        /// Attention sinks.
        SINKS = FOVEA_CAPABILITY_SINKS,
        /// The log-sum-exp of each row.
        LSE = FOVEA_CAPABILITY_LSE,
        /// Partial states, to be merged.
        PARTIAL_STATE = FOVEA_CAPABILITY_PARTIAL_STATE,
        /// An fp8 KV cache.
        FP8_KV_CACHE = FOVEA_CAPABILITY_FP8_KV_CACHE,
        /// An fp8 query.
        FP8_QUERY = FOVEA_CAPABILITY_FP8_QUERY,
        /// An fp8 output.
        FP8_OUTPUT = FOVEA_CAPABILITY_FP8_OUTPUT,
        /// Scales of the KV cache for each head.
        PER_HEAD_KV_SCALES = FOVEA_CAPABILITY_PER_HEAD_KV_SCALES,
        /// [`KvCacheLayout::VECTORIZED`](crate::KvCacheLayout::VECTORIZED).
        VECTORIZED_KV_CACHE = FOVEA_CAPABILITY_VECTORIZED_KV_CACHE,
        /// Values of another head size than keys.
        DIFFERENT_V_SIZE = FOVEA_CAPABILITY_DIFFERENT_V_SIZE,
        /// Bits of a row that do not depend on the rest of the batch.
        BATCH_INVARIANCE = FOVEA_CAPABILITY_BATCH_INVARIANCE,
        /// Capture in a HIP or CUDA graph.
        GRAPH_CAPTURE = FOVEA_CAPABILITY_GRAPH_CAPTURE,
        /// Decoder self-attention over a paged KV cache.
        DECODER = FOVEA_CAPABILITY_DECODER,
        /// Encoder self-attention without a cache.
        ENCODER = FOVEA_CAPABILITY_ENCODER,
        /// Cross-attention over a paged KV cache.
        ENCODER_DECODER = FOVEA_CAPABILITY_ENCODER_DECODER,
    }
}

impl Capability {
    /// All capabilities that this crate knows.
    pub fn all() -> impl Iterator<Item = Self> {
        (0..sys::FOVEA_CAPABILITY_COUNT).map(Self::from_value)
    }

    /// Short name, e.g. "non_causal".
    pub fn name(self) -> &'static str {
        // SAFETY: any value may be asked for.
        static_text(unsafe { sys::foveaCapabilityName(self.0) })
    }
}

newtype! {
    /// What a data type is used for.
    pub struct DataTypeRole(foveaDataTypeRole_t) {
        /// The query, and this step's key and value.
        QUERY = FOVEA_ROLE_QUERY,
        /// The KV cache.
        KV_CACHE = FOVEA_ROLE_KV_CACHE,
        /// The output.
        OUTPUT = FOVEA_ROLE_OUTPUT,
    }
}

newtype! {
    /// Quantities with bounds.
    pub struct BoundsAttribute(foveaBoundsAttribute_t) {
        /// Head size of query and key.
        HEAD_SIZE = FOVEA_BOUNDS_HEAD_SIZE,
        /// Head size of value and output.
        HEAD_SIZE_V = FOVEA_BOUNDS_HEAD_SIZE_V,
        /// Tokens per block of the KV cache.
        BLOCK_SIZE = FOVEA_BOUNDS_BLOCK_SIZE,
        /// Query heads per KV head.
        QUERY_HEADS_PER_KV_HEAD = FOVEA_BOUNDS_QUERY_HEADS_PER_KV_HEAD,
    }
}

/// The values a backend takes: `min <= value <= max`, a multiple of `multiple_of`, and one of `values` unless that is
/// empty.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Bounds {
    /// Smallest value.
    pub min: usize,
    /// Largest value.
    pub max: usize,
    /// At least 1.
    pub multiple_of: usize,
    /// The only values, ascending; empty if any within the bounds will do.
    pub values: Vec<usize>,
}

impl Bounds {
    /// Whether a value is within the bounds.
    pub fn contains(&self, value: usize) -> bool {
        (self.min..=self.max).contains(&value)
            && value % self.multiple_of.max(1) == 0
            && (self.values.is_empty() || self.values.contains(&value))
    }
}

impl Backend {
    /// The backends that the library knows, in order of preference. Loads no GPU module.
    ///
    /// ```
    /// use fovea::Backend;
    /// assert!(Backend::all()?.contains(&Backend::CPU_ATTN));
    /// # Ok::<(), fovea::Error>(())
    /// ```
    ///
    /// # Errors
    /// Only if the library cannot be loaded.
    pub fn all() -> Result<Vec<Self>> {
        let mut count = 0;
        // SAFETY: `count` may be written to.
        check(unsafe { sys::foveaGetBackendCount(&mut count) })?;
        (0..count)
            .map(|index| {
                let mut backend = Self::AUTO;
                // SAFETY: `backend` may be written to.
                check(unsafe { sys::foveaGetBackend(index, &mut backend.0) })?;
                Ok(backend)
            })
            .collect()
    }

    /// E.g. "CPU_ATTN".
    pub fn name(self) -> &'static str {
        // SAFETY: any value may be asked for.
        static_text(unsafe { sys::foveaBackendGetName(self.0) })
    }

    /// Finds a backend by its name ("AUTO" included), without regard to case.
    ///
    /// # Errors
    /// [`Status::INVALID_ARGUMENT`] for an unknown name; the message lists the known ones.
    pub fn from_name(name: &str) -> Result<Self> {
        let name = CString::new(name).map_err(|_| Error::invalid(format!("name: {name:?} holds a NUL")))?;
        let mut backend = Self::AUTO;
        // SAFETY: the name is NUL-terminated; `backend` may be written to.
        check(unsafe { sys::foveaBackendFromName(name.as_ptr(), &mut backend.0) })?;
        Ok(backend)
    }

    /// Why this machine cannot use the backend; `None` if it can. May load a GPU module.
    ///
    /// # Errors
    /// [`Status::INVALID_ARGUMENT`] for a backend that the library does not know.
    pub fn unavailable_reason(self) -> Result<Option<String>> {
        let mut available = 0;
        let mut reason: [c_char; 1024] = [0; 1024];
        // SAFETY: both outputs may be written to; the library ends the text within the size that it is told.
        let text = unsafe {
            check(sys::foveaBackendIsAvailable(self.0, &mut available, reason.as_mut_ptr(), reason.len()))?;
            CStr::from_ptr(reason.as_ptr())
        };
        Ok((available == 0).then(|| text.to_string_lossy().into_owned()))
    }

    /// Whether the backend can compute non-causal attention.
    ///
    /// # Errors
    /// [`Status::BACKEND_UNAVAILABLE`]: a module's claims are its own, and without it there are none.
    pub fn supports_non_causal(self) -> Result<bool> {
        let mut supported = 0;
        // SAFETY: `supported` may be written to.
        check(unsafe { sys::foveaBackendSupportsNonCausal(self.0, &mut supported) })?;
        Ok(supported != 0)
    }

    /// Whether the backend has a capability. What is not claimed is refused, never ignored.
    ///
    /// # Errors
    /// As [`Backend::supports_non_causal`].
    pub fn supports(self, capability: Capability) -> Result<bool> {
        let mut supported = 0;
        // SAFETY: `supported` may be written to.
        check(unsafe { sys::foveaBackendSupports(self.0, capability.0, &mut supported) })?;
        Ok(supported != 0)
    }

    /// Whether the backend takes a data type in a role.
    ///
    /// # Errors
    /// As [`Backend::supports_non_causal`].
    pub fn supports_data_type(self, role: DataTypeRole, data_type: DataType) -> Result<bool> {
        let mut supported = 0;
        // SAFETY: `supported` may be written to.
        check(unsafe { sys::foveaBackendSupportsDataType(self.0, role.0, data_type.0, &mut supported) })?;
        Ok(supported != 0)
    }

    /// The values that the backend takes for a quantity.
    ///
    /// # Errors
    /// As [`Backend::supports_non_causal`].
    pub fn bounds(self, attribute: BoundsAttribute) -> Result<Bounds> {
        let mut raw = sys::foveaBounds_t { struct_size: size_of::<sys::foveaBounds_t>(), ..Default::default() };
        // SAFETY: `raw` says how long it is.
        check(unsafe { sys::foveaBackendGetBounds(self.0, attribute.0, &mut raw) })?;
        let number = |value: i32| usize::try_from(value).unwrap_or(0);
        Ok(Bounds {
            min: number(raw.min),
            max: number(raw.max),
            multiple_of: number(raw.multiple_of),
            values: raw.values.iter().take(number(raw.count)).copied().map(number).collect(),
        })
    }
}

newtype! {
    /// Kinds of reasons for which a config is refused.
    pub struct ReasonCode(foveaReason_t) {
        /// No reason.
        NONE = FOVEA_REASON_NONE,
        /// The head size.
        HEAD_SIZE = FOVEA_REASON_HEAD_SIZE,
        /// The query's data type.
        DATA_TYPE = FOVEA_REASON_DATA_TYPE,
        /// The cache's data type.
        KV_CACHE_DATA_TYPE = FOVEA_REASON_KV_CACHE_DATA_TYPE,
        /// The block size.
        BLOCK_SIZE = FOVEA_REASON_BLOCK_SIZE,
        /// Prefix ranges.
        PREFIX_RANGES = FOVEA_REASON_PREFIX_RANGES,
        /// Attention sinks.
        SINKS = FOVEA_REASON_SINKS,
        /// Scales for each KV head.
        PER_HEAD_KV_SCALES = FOVEA_REASON_PER_HEAD_KV_SCALES,
        /// The GPU's architecture.
        ARCHITECTURE = FOVEA_REASON_ARCHITECTURE,
        /// The attention type.
        ATTENTION_TYPE = FOVEA_REASON_ATTENTION_TYPE,
        /// The sliding window.
        SLIDING_WINDOW = FOVEA_REASON_SLIDING_WINDOW,
        /// Non-causal attention.
        NON_CAUSAL = FOVEA_REASON_NON_CAUSAL,
        /// Batch invariance.
        BATCH_INVARIANCE = FOVEA_REASON_BATCH_INVARIANCE,
        /// The soft cap.
        LOGITS_SOFT_CAP = FOVEA_REASON_LOGITS_SOFT_CAP,
        /// ALiBi.
        ALIBI = FOVEA_REASON_ALIBI,
        /// The log-sum-exp.
        LSE = FOVEA_REASON_LSE,
        /// A causal flag for each sequence.
        PER_SEQUENCE_CAUSAL = FOVEA_REASON_PER_SEQUENCE_CAUSAL,
        /// The cache's layout.
        KV_CACHE_LAYOUT = FOVEA_REASON_KV_CACHE_LAYOUT,
        /// The number of heads.
        HEADS = FOVEA_REASON_HEADS,
        /// The output's data type.
        OUTPUT_DATA_TYPE = FOVEA_REASON_OUTPUT_DATA_TYPE,
        /// Something without a default was not set.
        INCOMPLETE_CONFIG = FOVEA_REASON_INCOMPLETE_CONFIG,
        /// Two settings exclude each other.
        CONTRADICTION = FOVEA_REASON_CONTRADICTION,
        /// The backend cannot be used on this machine.
        UNAVAILABLE = FOVEA_REASON_UNAVAILABLE,
        /// The backend does not run on the context's device.
        DEVICE = FOVEA_REASON_DEVICE,
    }
}

/// One reason for which a config is refused.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Reason {
    /// Its kind.
    pub code: ReasonCode,
    /// Its sentence.
    pub sentence: String,
}

/// What [`Config::check`](crate::Config::check) found: every reason, not only the first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    reasons: Vec<Reason>,
    message: String,
}

impl Report {
    /// Whether the backend can serve the config.
    pub fn is_supported(&self) -> bool {
        self.reasons.is_empty()
    }

    /// Why not; empty if it can.
    pub fn reasons(&self) -> &[Reason] {
        &self.reasons
    }

    /// The refusal as an error.
    ///
    /// # Errors
    /// [`Status::NOT_SUPPORTED`] with all the reasons, if there are any.
    pub fn into_result(self) -> Result<()> {
        if self.is_supported() {
            Ok(())
        } else {
            Err(Error { status: Status::NOT_SUPPORTED, message: self.message })
        }
    }
}

owned_handle!(ReportHandle, foveaReport_t, foveaReportDestroy);

pub(crate) fn check_config(config: sys::foveaConfig_t, backend: Backend) -> Result<Report> {
    let mut handle = ReportHandle(std::ptr::null_mut());
    // SAFETY: the config lives; the handle may be written to.
    let result = check(unsafe { sys::foveaConfigCheck(config, backend.0, &mut handle.0) });
    let message = match result {
        Ok(()) => return Ok(Report { reasons: Vec::new(), message: String::new() }),
        Err(Error { status: Status::NOT_SUPPORTED, message }) => message,
        Err(error) => return Err(error),
    };
    let mut count = 0;
    // SAFETY: NOT_SUPPORTED comes with a report; `count` may be written to.
    check(unsafe { sys::foveaReportGetCount(handle.0, &mut count) })?;
    let mut reasons = Vec::new();
    for index in 0..count {
        let mut code = ReasonCode::NONE;
        let mut sentence = null();
        // SAFETY: both outputs may be written to; the sentence lives as long as the report and is copied at once.
        let sentence = unsafe {
            check(sys::foveaReportGetReason(handle.0, index, &mut code.0, &mut sentence))?;
            CStr::from_ptr(sentence)
        };
        reasons.push(Reason { code, sentence: sentence.to_string_lossy().into_owned() });
    }
    Ok(Report { reasons, message })
}
