//! What one attention layer needs.

use std::ptr::null_mut;

use fovea_sys as sys;

use crate::backend::check_config;
use crate::error::{check, to_i32, Result};
use crate::newtype::{newtype, owned_handle};
use crate::{Backend, DataType, Report};

newtype! {
    /// Attention types. Encoder and encoder-decoder attention is never causal; the causal flag is ignored there.
    pub struct AttentionType(foveaAttentionType_t) {
        /// Self-attention over a KV cache.
        DECODER = FOVEA_ATTENTION_DECODER,
        /// Self-attention over the dense key and value of the same tokens; no cache.
        ENCODER = FOVEA_ATTENTION_ENCODER,
        /// Cross-attention over a KV cache that holds the encoder's keys.
        ENCODER_DECODER = FOVEA_ATTENTION_ENCODER_DECODER,
    }
}

newtype! {
    /// KV cache layouts; x is 16 / bytes per element.
    pub struct KvCacheLayout(foveaKvCacheLayout_t) {
        /// Key and value `[num_blocks, block_size, num_kv_heads, head_size]`, any strides with the innermost 1.
        STRIDED = FOVEA_KV_CACHE_LAYOUT_STRIDED,
        /// Key `[num_blocks, num_kv_heads, head_size/x, block_size, x]`, value
        /// `[num_blocks, num_kv_heads, head_size, block_size]`.
        VECTORIZED = FOVEA_KV_CACHE_LAYOUT_VECTORIZED,
    }
}

newtype! {
    /// ALiBi: a bias that is added to the score of query position p and key position t.
    pub struct Alibi(foveaAlibi_t) {
        /// No bias.
        NONE = FOVEA_ALIBI_NONE,
        /// `-slope[h] * |p - t|`.
        LINEAR = FOVEA_ALIBI_LINEAR,
        /// `-slope[h] * sqrt(|p - t|)`.
        SQRT = FOVEA_ALIBI_SQRT,
    }
}

newtype! {
    /// Prefix ranges: spans of positions (an image, say) whose tokens see each other whatever the causal flag says.
    pub struct PrefixRanges(foveaPrefixRanges_t) {
        /// None.
        NONE = FOVEA_PREFIX_RANGES_NONE,
        /// Within a range every token sees every other.
        FULL = FOVEA_PREFIX_RANGES_FULL,
        /// Within a range also `p - t <= left window`.
        WINDOWED = FOVEA_PREFIX_RANGES_WINDOWED,
    }
}

newtype! {
    /// Granularity of the scales of the KV cache.
    pub struct KvScales(foveaKvScales_t) {
        /// Scale 1.
        NONE = FOVEA_KV_SCALES_NONE,
        /// One scale each for keys and values.
        PER_TENSOR = FOVEA_KV_SCALES_PER_TENSOR,
        /// One for each KV head.
        PER_HEAD = FOVEA_KV_SCALES_PER_HEAD,
    }
}

/// Describes one attention layer; made by [`Config::builder`].
///
/// Heads, head size and the query's data type have no default. Everything else has the default that its method names.
#[derive(Debug, Clone)]
#[must_use]
pub struct ConfigBuilder {
    num_query_heads: usize,
    num_kv_heads: usize,
    head_size: usize,
    head_size_v: usize,
    query: DataType,
    kv_cache: DataType,
    output: DataType,
    scale: f32,
    window: (Option<usize>, Option<usize>),
    logits_soft_cap: f32,
    alibi: Alibi,
    sinks: bool,
    lse: bool,
    prefix_ranges: PrefixRanges,
    non_causal: bool,
    per_sequence_causal: bool,
    attention_type: AttentionType,
    layout: KvCacheLayout,
    block_size: usize,
    kv_scales: KvScales,
    batch_invariant: bool,
}

impl ConfigBuilder {
    /// Query head h reads KV head h / (num_query_heads / num_kv_heads).
    pub fn heads(mut self, num_query_heads: usize, num_kv_heads: usize) -> Self {
        self.num_query_heads = num_query_heads;
        self.num_kv_heads = num_kv_heads;
        self
    }

    /// Elements of one head of query and key.
    pub fn head_size(mut self, head_size: usize) -> Self {
        self.head_size = head_size;
        self
    }

    /// Elements of one head of value and output; the same as `head_size` if not called.
    pub fn head_size_v(mut self, head_size_v: usize) -> Self {
        self.head_size_v = head_size_v;
        self
    }

    /// Type of the query, and of this step's key and value (which are bf16 if the query is fp8).
    pub fn data_type(mut self, query: DataType) -> Self {
        self.query = query;
        self
    }

    /// Type of the KV cache; the query's if not called.
    pub fn kv_cache_data_type(mut self, kv_cache: DataType) -> Self {
        self.kv_cache = kv_cache;
        self
    }

    /// Type of the output; the query's (bf16 if that is fp8) if not called.
    pub fn output_data_type(mut self, output: DataType) -> Self {
        self.output = output;
        self
    }

    /// The factor on query . key; 1/sqrt(head_size) if not called.
    pub fn scale(mut self, scale: f32) -> Self {
        self.scale = scale;
        self
    }

    /// Key t is visible to position p only if `p - t <= left` and `t - p <= right`; `None`, the default, leaves a side
    /// open. "A causal window of W tokens" is `left = Some(W - 1)`. Causal rows ignore `right`.
    pub fn sliding_window(mut self, left: Option<usize>, right: Option<usize>) -> Self {
        self.window = (left, right);
        self
    }

    /// Scores become `cap * tanh(score / cap)`; 0, the default, turns it off.
    pub fn logits_soft_cap(mut self, cap: f32) -> Self {
        self.logits_soft_cap = cap;
        self
    }

    /// Declares that forwards give ALiBi slopes, and in which form they act.
    pub fn alibi(mut self, alibi: Alibi) -> Self {
        self.alibi = alibi;
        self
    }

    /// Declares that forwards give sinks.
    pub fn sinks(mut self, enable: bool) -> Self {
        self.sinks = enable;
        self
    }

    /// Declares that forwards may ask for the log-sum-exp of each row, or for partial states.
    pub fn lse(mut self, enable: bool) -> Self {
        self.lse = enable;
        self
    }

    /// Declares that the metadata may hold prefix ranges, and of which kind.
    pub fn prefix_ranges(mut self, kind: PrefixRanges) -> Self {
        self.prefix_ranges = kind;
        self
    }

    /// Declares that forwards may be non-causal, as a block of draft tokens needs it. Without it every backend refuses
    /// non-causal metadata; with it a causal-only backend refuses the config and says so.
    pub fn non_causal(mut self, enable: bool) -> Self {
        self.non_causal = enable;
        self
    }

    /// Declares that the metadata may hold a causal flag for each sequence; needs `non_causal(true)`.
    pub fn per_sequence_causal(mut self, enable: bool) -> Self {
        self.per_sequence_causal = enable;
        self
    }

    /// Decoder if not called.
    pub fn attention_type(mut self, attention_type: AttentionType) -> Self {
        self.attention_type = attention_type;
        self
    }

    /// Layout of the cache and tokens per block (any multiple of 16); strided with blocks of 16 if not called.
    pub fn kv_cache_layout(mut self, layout: KvCacheLayout, block_size: usize) -> Self {
        self.layout = layout;
        self.block_size = block_size;
        self
    }

    /// Granularity of the scales of the KV cache; none if not called.
    pub fn kv_scales(mut self, granularity: KvScales) -> Self {
        self.kv_scales = granularity;
        self
    }

    /// Asks that the bits of a row depend only on its own sequence.
    pub fn batch_invariant(mut self, enable: bool) -> Self {
        self.batch_invariant = enable;
        self
    }

    /// Makes the config. Whether a backend can serve it is for [`Config::check`] and
    /// [`Context::select_backend`](crate::Context::select_backend) to say.
    ///
    /// # Errors
    /// [`Status::INVALID_ARGUMENT`](crate::Status::INVALID_ARGUMENT) for a value that is wrong by itself.
    pub fn build(self) -> Result<Config> {
        let side = |limit: Option<usize>| limit.map_or(Ok(-1), |tokens| to_i32(tokens, "sliding window"));
        let (left, right) = (side(self.window.0)?, side(self.window.1)?);
        let num_query_heads = to_i32(self.num_query_heads, "num_query_heads")?;
        let num_kv_heads = to_i32(self.num_kv_heads, "num_kv_heads")?;
        let head_size = to_i32(self.head_size, "head_size")?;
        let head_size_v = to_i32(self.head_size_v, "head_size_v")?;
        let block_size = to_i32(self.block_size, "block_size")?;

        let mut handle = Handle(null_mut());
        // SAFETY: the handle may be written to.
        check(unsafe { sys::foveaConfigCreate(&mut handle.0) })?;
        let config = handle.0;
        // SAFETY (of all the setters): the config lives, and no other thread knows it yet.
        unsafe {
            check(sys::foveaConfigSetHeads(config, num_query_heads, num_kv_heads))?;
            check(sys::foveaConfigSetHeadSizes(config, head_size, head_size_v))?;
            check(sys::foveaConfigSetDataTypes(config, self.query.0, self.kv_cache.0, self.output.0))?;
            check(sys::foveaConfigSetScale(config, self.scale))?;
            check(sys::foveaConfigSetSlidingWindow(config, left, right))?;
            check(sys::foveaConfigSetLogitsSoftCap(config, self.logits_soft_cap))?;
            check(sys::foveaConfigSetAlibi(config, self.alibi.0))?;
            check(sys::foveaConfigSetSinks(config, i32::from(self.sinks)))?;
            check(sys::foveaConfigSetLse(config, i32::from(self.lse)))?;
            check(sys::foveaConfigSetPrefixRanges(config, self.prefix_ranges.0))?;
            check(sys::foveaConfigSetNonCausal(config, i32::from(self.non_causal)))?;
            check(sys::foveaConfigSetPerSequenceCausal(config, i32::from(self.per_sequence_causal)))?;
            check(sys::foveaConfigSetAttentionType(config, self.attention_type.0))?;
            check(sys::foveaConfigSetKvCacheLayout(config, self.layout.0, block_size))?;
            check(sys::foveaConfigSetKvScales(config, self.kv_scales.0))?;
            check(sys::foveaConfigSetBatchInvariant(config, i32::from(self.batch_invariant)))?;
        }
        let lengths = Lengths {
            num_query_heads: self.num_query_heads,
            num_kv_heads: self.num_kv_heads,
            kv_scales: self.kv_scales,
        };
        Ok(Config { handle, lengths })
    }
}

owned_handle!(Handle, foveaConfig_t, foveaConfigDestroy);

/// What one attention layer needs. It does not change after [`ConfigBuilder::build`], and an attention copies what it
/// needs of it.
#[derive(Debug)]
pub struct Config {
    handle: Handle,
    lengths: Lengths,
}

// SAFETY: configs are externally synchronised (fovea.h); nothing changes one after it is built.
unsafe impl Send for Config {}
// SAFETY: as above: all methods only read.
unsafe impl Sync for Config {}

/// What the arrays of a call, which C takes without their lengths, must be as long as.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Lengths {
    pub(crate) num_query_heads: usize,
    pub(crate) num_kv_heads: usize,
    pub(crate) kv_scales: KvScales,
}

impl Config {
    /// Describes a layer: causal decoder attention over a strided cache with blocks of 16, unless told otherwise.
    ///
    /// ```
    /// use fovea::{Backend, Config, DataType};
    /// let config = Config::builder().heads(32, 8).head_size(128).data_type(DataType::BF16).non_causal(true).build()?;
    /// assert!(config.check(Backend::CPU_ATTN)?.is_supported());
    /// # Ok::<(), fovea::Error>(())
    /// ```
    pub fn builder() -> ConfigBuilder {
        ConfigBuilder {
            num_query_heads: 0,
            num_kv_heads: 0,
            head_size: 0,
            head_size_v: 0,
            query: DataType::NONE,
            kv_cache: DataType::NONE,
            output: DataType::NONE,
            scale: 0.0,
            window: (None, None),
            logits_soft_cap: 0.0,
            alibi: Alibi::NONE,
            sinks: false,
            lse: false,
            prefix_ranges: PrefixRanges::NONE,
            non_causal: false,
            per_sequence_causal: false,
            attention_type: AttentionType::DECODER,
            layout: KvCacheLayout::STRIDED,
            block_size: 16,
            kv_scales: KvScales::NONE,
            batch_invariant: false,
        }
    }

    /// Asks one backend (any but [`Backend::AUTO`]) whether it can serve this config; collects all reasons.
    ///
    /// ```
    /// use fovea::{Backend, Config, DataType, ReasonCode};
    /// let config = Config::builder().heads(8, 8).head_size(100).data_type(DataType::F16).build()?;
    /// let report = config.check(Backend::CPU_ATTN)?;
    /// assert_eq!(report.reasons()[0].code, ReasonCode::HEAD_SIZE);
    /// # Ok::<(), fovea::Error>(())
    /// ```
    ///
    /// # Errors
    /// Only if the question itself is wrong; a refusal is a [`Report`] with reasons.
    pub fn check(&self, backend: Backend) -> Result<Report> {
        check_config(self.raw(), backend)
    }

    pub(crate) fn raw(&self) -> sys::foveaConfig_t {
        self.handle.0
    }

    pub(crate) fn lengths(&self) -> Lengths {
        self.lengths
    }
}
