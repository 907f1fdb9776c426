//! A config bound to a backend: plan, write the KV cache, forward.

use std::ffi::c_void;
use std::mem::size_of;
use std::ptr::{null, null_mut};

use fovea_sys as sys;

use crate::config::Lengths;
use crate::error::{check, to_i32, Error, Result};
use crate::newtype::owned_handle;
use crate::tensor::Memory;
use crate::{Array, Backend, Config, Context, KvScales, Limits, Metadata, Tensor, TensorMut};

/// A GPU's stream (`hipStream_t`, `cudaStream_t`). The default is the null stream, and the only one on a CPU.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stream(*mut c_void);

impl Default for Stream {
    fn default() -> Self {
        Self(null_mut())
    }
}

impl Stream {
    /// # Safety
    /// The stream must belong to the context's device, and live until the calls that get it have returned.
    pub unsafe fn from_raw(stream: *mut c_void) -> Self {
        Self(stream)
    }

    pub(crate) fn raw(self) -> *mut c_void {
        self.0
    }
}

/// Which rows see which keys, for one call; flags of single sequences win.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Causal {
    /// As [`Metadata::set_causal`] says.
    #[default]
    FromMetadata,
    /// Causal.
    Yes,
    /// Non-causal.
    No,
}

impl Causal {
    fn raw(self) -> i32 {
        match self {
            Self::FromMetadata => 0,
            Self::Yes => 1,
            Self::No => 2,
        }
    }
}

/// A cache line, which is also the alignment of workspaces and plans.
#[derive(Clone, Copy)]
#[repr(C, align(64))]
struct Line([u8; 64]);

/// Memory of a workspace or a plan.
struct Scratch {
    lines: Vec<Line>,
    raw: *mut c_void,
    size: usize,
}

impl Scratch {
    fn on_host(size: usize) -> Self {
        let lines = vec![Line([0; 64]); size.div_ceil(size_of::<Line>()).max(1)];
        Self { size: lines.len() * size_of::<Line>(), lines, raw: null_mut() }
    }

    fn data_mut(&mut self) -> *mut c_void {
        if self.raw.is_null() {
            self.lines.as_mut_ptr().cast()
        } else {
            self.raw
        }
    }

    fn data(&self) -> *const c_void {
        if self.raw.is_null() {
            self.lines.as_ptr().cast()
        } else {
            self.raw
        }
    }

    fn memory(&self) -> Memory {
        if self.raw.is_null() {
            Memory::Host
        } else {
            Memory::Raw
        }
    }
}

macro_rules! scratch {
    ($(#[$meta:meta])* $name:ident) => {
        $(#[$meta])*
        pub struct $name(Scratch);

        // SAFETY: it is memory that `&mut` guards.
        unsafe impl Send for $name {}
        // SAFETY: as above.
        unsafe impl Sync for $name {}

        impl $name {
            /// Host memory of at least `size` bytes.
            pub fn new(size: usize) -> Self {
                Self(Scratch::on_host(size))
            }

            /// Memory of the context's device.
            ///
            /// # Safety
            /// `data` must not be NULL, be a multiple of 64, and be good for `size` bytes that nobody else uses, until
            /// this object is dropped and the work that uses it has finished.
            pub unsafe fn from_raw(data: *mut c_void, size: usize) -> Self {
                Self(Scratch { lines: Vec::new(), raw: data, size })
            }

            /// Bytes.
            pub fn size(&self) -> usize {
                self.0.size
            }
        }

        impl std::fmt::Debug for $name {
            fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                write!(formatter, "{}({} bytes)", stringify!($name), self.0.size)
            }
        }
    };
}

scratch! {
    /// Scratch memory of a forward. All layers that run one after another may share it; concurrent forwards may not.
    Workspace
}

scratch! {
    /// Memory that holds a plan, until [`Attention::plan`] makes it anew.
    ///
    /// Forwards of [`Backend::ROCM_UNIFIED_ATTN`] count in it while they run: part of what [`Plan::from_raw`] promises is
    /// that those which share it follow one another on the device, on one stream or ordered by events.
    Plan
}

owned_handle!(Handle, foveaAttention_t, foveaAttentionDestroy);

/// A config bound to a backend: the kernel is chosen and loaded, the threads are started. Immutable and shared by any
/// number of threads.
#[derive(Debug)]
pub struct Attention {
    handle: Handle,
    lengths: Lengths,
    on_host: bool,
}

// SAFETY: attentions are "Immutable, shared" (fovea.h).
unsafe impl Send for Attention {}
// SAFETY: as above.
unsafe impl Sync for Attention {}

impl Attention {
    /// Binds a config to a backend; [`Backend::AUTO`] chooses as
    /// [`Context::select_backend`] does.
    ///
    /// # Errors
    /// [`Status::NOT_SUPPORTED`](crate::Status::NOT_SUPPORTED) with all reasons; as for [`Context::select_backend`]; no
    /// memory.
    pub fn new(context: &Context, config: &Config, backend: Backend) -> Result<Self> {
        let mut handle = Handle(null_mut());
        // SAFETY: both handles live; the new one may be written to.
        check(unsafe { sys::foveaAttentionCreate(context.raw(), config.raw(), backend.0, &mut handle.0) })?;
        Ok(Self { handle, lengths: config.lengths(), on_host: context.on_host() })
    }

    /// The backend; never [`Backend::AUTO`].
    ///
    /// # Errors
    /// None that is known; the library's answer is handed on.
    pub fn backend(&self) -> Result<Backend> {
        let mut backend = Backend::AUTO;
        // SAFETY: the attention lives; `backend` may be written to.
        check(unsafe { sys::foveaAttentionGetBackend(self.raw(), &mut backend.0) })?;
        Ok(backend)
    }

    /// Bytes of workspace that a forward needs for any batch within `limits`.
    ///
    /// # Errors
    /// Bad limits.
    pub fn workspace_size(&self, limits: &Limits) -> Result<usize> {
        let limits = limits.raw()?;
        let mut size = 0;
        // SAFETY: the attention lives, the limits are complete, `size` may be written to.
        check(unsafe { sys::foveaAttentionGetWorkspaceSize(self.raw(), &limits, &mut size) })?;
        Ok(size)
    }

    /// Bytes of plan memory for any batch within `limits`.
    ///
    /// # Errors
    /// Bad limits.
    pub fn plan_size(&self, limits: &Limits) -> Result<usize> {
        let limits = limits.raw()?;
        let mut size = 0;
        // SAFETY: the attention lives, the limits are complete, `size` may be written to.
        check(unsafe { sys::foveaAttentionGetPlanSize(self.raw(), &limits, &mut size) })?;
        Ok(size)
    }

    /// A workspace in host memory, large enough for any batch within `limits`.
    ///
    /// # Errors
    /// Bad limits.
    pub fn workspace(&self, limits: &Limits) -> Result<Workspace> {
        Ok(Workspace::new(self.workspace_size(limits)?))
    }

    /// Plan memory of the host, large enough for any batch within `limits`; [`Attention::plan`] fills it.
    ///
    /// # Errors
    /// Bad limits.
    pub fn plan_memory(&self, limits: &Limits) -> Result<Plan> {
        Ok(Plan::new(self.plan_size(limits)?))
    }

    /// Turns committed metadata into a work list, once per step instead of once per layer: the plan serves every attention
    /// of equal config and backend on the same context until the metadata changes. Optional: a forward without a plan
    /// makes its own.
    ///
    /// # Errors
    /// Nothing is committed, the plan memory is too small, or a non-causal batch was not declared.
    pub fn plan(&self, metadata: &Metadata, plan: &mut Plan, causal: Causal) -> Result<()> {
        self.plan_on(metadata, plan, causal, Stream::default())
    }

    /// The same on a GPU's stream.
    ///
    /// # Errors
    /// As for [`Attention::plan`], and [`Status::DEVICE_ERROR`](crate::Status::DEVICE_ERROR).
    pub fn plan_on(&self, metadata: &Metadata, plan: &mut Plan, causal: Causal, stream: Stream) -> Result<()> {
        self.expect_memory("plan", plan.0.memory())?;
        let args = sys::foveaPlanArgs_t {
            struct_size: size_of::<sys::foveaPlanArgs_t>(),
            plan: plan.0.data_mut(),
            plan_size: plan.0.size,
            stream: stream.raw(),
            causal: causal.raw(),
            flags: 0,
        };
        // SAFETY: the handles live; the plan memory is borrowed exclusively and as large as it says.
        check(unsafe { sys::foveaAttentionPlan(self.raw(), metadata.raw(), &args) })
    }

    /// Writes keys and values of new tokens into the paged cache. Needs no metadata.
    ///
    /// # Errors
    /// Argument, row and value are named; encoder attention has no cache.
    pub fn write_kv_cache(&self, write: KvWrite<'_>) -> Result<()> {
        for (name, memory) in [
            ("key", write.key.memory()),
            ("value", write.value.memory()),
            ("key_cache", write.key_cache.memory()),
            ("value_cache", write.value_cache.memory()),
            ("slot_mapping", write.slot_mapping.memory()),
        ] {
            self.expect_memory(name, memory)?;
        }
        let args = sys::foveaKvWriteArgs_t {
            struct_size: size_of::<sys::foveaKvWriteArgs_t>(),
            key: write.key.raw(),
            value: write.value.raw(),
            key_cache: write.key_cache.raw(),
            value_cache: write.value_cache.raw(),
            slot_mapping: write.slot_mapping.data(),
            num_tokens: to_i32(write.slot_mapping.length(), "slot_mapping")?,
            k_scale: self.floats("k_scale", write.k_scale, self.num_scales())?,
            v_scale: self.floats("v_scale", write.v_scale, self.num_scales())?,
            stream: write.stream.raw(),
        };
        // SAFETY: the attention lives; each view is as large as it says, the caches are borrowed exclusively, and the
        // arrays are as long as the library takes them to be.
        check(unsafe { sys::foveaAttentionWriteKvCache(self.raw(), &args) })
    }

    /// Computes attention for a committed batch. On a CPU the call computes before it returns.
    ///
    /// # Errors
    /// Argument, value and expectation are named. [`Status::NOT_SUPPORTED`](crate::Status::NOT_SUPPORTED): e.g. a
    /// non-causal batch that the config does not declare. [`Status::INVALID_STATE`](crate::Status::INVALID_STATE): the
    /// metadata is not committed. [`Status::WORKSPACE_TOO_SMALL`](crate::Status::WORKSPACE_TOO_SMALL).
    pub fn forward(&self, metadata: &Metadata, forward: Forward<'_>, workspace: &mut Workspace) -> Result<()> {
        let absent = sys::foveaTensor_t::default();
        let mut args =
            sys::foveaForwardArgs_t { struct_size: size_of::<sys::foveaForwardArgs_t>(), ..Default::default() };
        for (name, view, field) in [
            ("query", Some(forward.query), &mut args.query),
            ("key", forward.key, &mut args.key),
            ("value", forward.value, &mut args.value),
            ("key_cache", forward.key_cache, &mut args.key_cache),
            ("value_cache", forward.value_cache, &mut args.value_cache),
            ("output", Some(forward.output.as_tensor()), &mut args.output),
            ("lse", forward.lse.as_ref().map(TensorMut::as_tensor), &mut args.lse),
        ] {
            *field = absent;
            if let Some(view) = view {
                self.expect_memory(name, view.memory())?;
                *field = view.raw();
            }
        }
        args.q_scale = self.floats("q_scale", forward.q_scale, Some(1))?;
        args.k_scale = self.floats("k_scale", forward.k_scale, self.num_scales())?;
        args.v_scale = self.floats("v_scale", forward.v_scale, self.num_scales())?;
        args.output_scale = self.floats("output_scale", forward.output_scale, Some(1))?;
        args.alibi_slopes = self.floats("alibi_slopes", forward.alibi_slopes, Some(self.lengths.num_query_heads))?;
        args.sinks = self.floats("sinks", forward.sinks, Some(self.lengths.num_query_heads))?;
        self.expect_memory("workspace", workspace.0.memory())?;
        args.workspace = workspace.0.data_mut();
        args.workspace_size = workspace.0.size;
        args.stream = forward.stream.raw();
        if let Some(plan) = forward.plan {
            self.expect_memory("plan", plan.0.memory())?;
            args.plan = plan.0.data();
            args.plan_size = plan.0.size;
        }
        args.causal = forward.causal.raw();
        if forward.partial_state {
            args.flags = sys::foveaForwardFlag_t::FOVEA_FORWARD_PARTIAL_STATE.0;
        }
        // SAFETY: the handles live; each view is as large as it says, outputs and workspace are borrowed exclusively, and
        // the arrays are as long as the library takes them to be.
        check(unsafe { sys::foveaAttentionForward(self.raw(), metadata.raw(), &args) })
    }

    pub(crate) fn raw(&self) -> sys::foveaAttention_t {
        self.handle.0
    }

    /// Elements that the library reads at k_scale and v_scale.
    fn num_scales(&self) -> Option<usize> {
        match self.lengths.kv_scales {
            KvScales::PER_TENSOR => Some(1),
            KvScales::PER_HEAD => Some(self.lengths.num_kv_heads),
            _ => None,
        }
    }

    /// The pointer to an array whose length C is not told; `None` as a length: none is expected, the library says so.
    fn floats(&self, name: &str, array: Option<Array<'_, f32>>, length: Option<usize>) -> Result<*const f32> {
        let Some(array) = array else { return Ok(null()) };
        self.expect_memory(name, array.memory())?;
        match length {
            Some(length) if length != array.length() => {
                Err(Error::invalid(format!("{name}: {} entries, expected {length}", array.length())))
            }
            None => Err(Error::invalid(format!("{name}: given, but the config declares none"))),
            _ => Ok(array.data()),
        }
    }

    fn expect_memory(&self, name: &str, memory: Memory) -> Result<()> {
        if memory == Memory::Host && !self.on_host {
            return Err(Error::invalid(format!("{name}: is memory of the host, expected memory of the GPU")));
        }
        Ok(())
    }
}

/// Arguments of [`Attention::write_kv_cache`].
#[derive(Debug)]
#[must_use]
pub struct KvWrite<'a> {
    key: Tensor<'a>,
    value: Tensor<'a>,
    key_cache: TensorMut<'a>,
    value_cache: TensorMut<'a>,
    slot_mapping: Array<'a, i64>,
    k_scale: Option<Array<'a, f32>>,
    v_scale: Option<Array<'a, f32>>,
    stream: Stream,
}

impl<'a> KvWrite<'a> {
    /// Row i of `key [>= num_tokens, num_kv_heads, head_size]` and `value [>= num_tokens, num_kv_heads, head_size_v]` goes
    /// to slot `slot_mapping[i]`, which is `block * block_size + row`; negative slots are skipped.
    pub fn new(
        key: Tensor<'a>,
        value: Tensor<'a>,
        key_cache: TensorMut<'a>,
        value_cache: TensorMut<'a>,
        slot_mapping: impl Into<Array<'a, i64>>,
    ) -> Self {
        Self {
            key,
            value,
            key_cache,
            value_cache,
            slot_mapping: slot_mapping.into(),
            k_scale: None,
            v_scale: None,
            stream: Stream::default(),
        }
    }

    /// Scales of keys and values, as [`kv_scales`](crate::ConfigBuilder::kv_scales) declared: a stored value is
    /// `round(x / scale)`.
    pub fn scales(mut self, k_scale: impl Into<Array<'a, f32>>, v_scale: impl Into<Array<'a, f32>>) -> Self {
        self.k_scale = Some(k_scale.into());
        self.v_scale = Some(v_scale.into());
        self
    }

    /// The GPU's stream.
    pub fn stream(mut self, stream: Stream) -> Self {
        self.stream = stream;
        self
    }
}

/// Arguments of [`Attention::forward`].
#[derive(Debug)]
#[must_use]
pub struct Forward<'a> {
    query: Tensor<'a>,
    key: Option<Tensor<'a>>,
    value: Option<Tensor<'a>>,
    key_cache: Option<Tensor<'a>>,
    value_cache: Option<Tensor<'a>>,
    output: TensorMut<'a>,
    lse: Option<TensorMut<'a>>,
    q_scale: Option<Array<'a, f32>>,
    k_scale: Option<Array<'a, f32>>,
    v_scale: Option<Array<'a, f32>>,
    output_scale: Option<Array<'a, f32>>,
    alibi_slopes: Option<Array<'a, f32>>,
    sinks: Option<Array<'a, f32>>,
    stream: Stream,
    plan: Option<&'a Plan>,
    causal: Causal,
    partial_state: bool,
}

impl<'a> Forward<'a> {
    /// `query [>= num_tokens, num_query_heads, head_size]`, `output [>= num_tokens, num_query_heads, head_size_v]`; output
    /// rows beyond num_tokens stay untouched.
    pub fn new(query: Tensor<'a>, output: TensorMut<'a>) -> Self {
        Self {
            query,
            key: None,
            value: None,
            key_cache: None,
            value_cache: None,
            output,
            lse: None,
            q_scale: None,
            k_scale: None,
            v_scale: None,
            output_scale: None,
            alibi_slopes: None,
            sinks: None,
            stream: Stream::default(),
            plan: None,
            causal: Causal::default(),
            partial_state: false,
        }
    }

    /// This step's keys and values, read unquantised instead of from the cache. Encoder attention needs them.
    pub fn key_value(mut self, key: Tensor<'a>, value: Tensor<'a>) -> Self {
        self.key = Some(key);
        self.value = Some(value);
        self
    }

    /// The cache, in the config's layout.
    pub fn kv_cache(mut self, key_cache: Tensor<'a>, value_cache: Tensor<'a>) -> Self {
        self.key_cache = Some(key_cache);
        self.value_cache = Some(value_cache);
        self
    }

    /// Receives the log-sum-exp of each row: f32 `[>= num_tokens, num_query_heads]`, natural logarithm.
    pub fn lse(mut self, lse: TensorMut<'a>) -> Self {
        self.lse = Some(lse);
        self
    }

    /// Scale of an fp8 query; one number.
    pub fn q_scale(mut self, q_scale: impl Into<Array<'a, f32>>) -> Self {
        self.q_scale = Some(q_scale.into());
        self
    }

    /// Scales of the cache, as [`kv_scales`](crate::ConfigBuilder::kv_scales) declared.
    pub fn kv_scales(mut self, k_scale: impl Into<Array<'a, f32>>, v_scale: impl Into<Array<'a, f32>>) -> Self {
        self.k_scale = Some(k_scale.into());
        self.v_scale = Some(v_scale.into());
        self
    }

    /// Scale of an fp8 output: a stored value is `o / output_scale`; one number.
    pub fn output_scale(mut self, output_scale: impl Into<Array<'a, f32>>) -> Self {
        self.output_scale = Some(output_scale.into());
        self
    }

    /// ALiBi slopes `[num_query_heads]`; exactly when declared.
    pub fn alibi_slopes(mut self, slopes: impl Into<Array<'a, f32>>) -> Self {
        self.alibi_slopes = Some(slopes.into());
        self
    }

    /// Sinks `[num_query_heads]`; exactly when declared, and not for a partial state.
    pub fn sinks(mut self, sinks: impl Into<Array<'a, f32>>) -> Self {
        self.sinks = Some(sinks.into());
        self
    }

    /// Uses a plan that was made for this batch.
    pub fn plan(mut self, plan: &'a Plan) -> Self {
        self.plan = Some(plan);
        self
    }

    /// Overrides the metadata's causal flag for this call.
    pub fn causal(mut self, causal: Causal) -> Self {
        self.causal = causal;
        self
    }

    /// Makes the output a partial state, to be merged with others by [`Context::merge`]: f32, without output scale and
    /// sinks, and with its log-sum-exp.
    pub fn partial_state(mut self) -> Self {
        self.partial_state = true;
        self
    }

    /// The GPU's stream.
    pub fn stream(mut self, stream: Stream) -> Self {
        self.stream = stream;
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{DataType, Status};

    /// Slices must not reach a GPU, whose addresses they are not. What refuses them needs no GPU to be tested.
    #[test]
    fn slices_are_refused_where_memory_is_a_gpus() {
        let context = Context::cpu().unwrap();
        let config = Config::builder().heads(1, 1).head_size(8).data_type(DataType::F32).alibi(crate::Alibi::LINEAR);
        let mut attention = Attention::new(&context, &config.build().unwrap(), Backend::AUTO).unwrap();
        attention.on_host = false;
        let limits = Limits::new(1, 1, 1).max_blocks_per_seq(1);
        let mut batch = Metadata::new(&context, &limits).unwrap();
        batch.set_sequences(&[0, 1], &[1]).unwrap();
        batch.commit().unwrap();

        let (rows, mut key_cache, mut value_cache) = ([0.0f32; 8], [0.0f32; 128], [0.0f32; 128]);
        let mut output = [0.0f32; 8];
        let shape = [1, 1, 8];
        // SAFETY: the rows live longer than the view, and are as many as it says.
        let raw_rows =
            unsafe { Tensor::from_raw(rows.as_ptr().cast_mut().cast(), DataType::F32, &shape, None) }.unwrap();
        let output = output.as_mut_ptr();
        // SAFETY: as above; there is one such view at a time.
        let raw_output = || unsafe { TensorMut::from_raw(output.cast(), DataType::F32, &shape, None) }.unwrap();
        let row = || Tensor::new(&rows, &shape).unwrap();
        let refused = |result: Result<()>, name: &str| {
            let error = result.unwrap_err();
            assert_eq!(error.status, Status::INVALID_ARGUMENT);
            assert!(error.message.starts_with(&format!("{name}: is memory of the host")), "{error}");
        };
        let mut workspace = attention.workspace(&limits).unwrap();
        let mut forward = |forward: Forward<'_>, name: &str| {
            refused(attention.forward(&batch, forward, &mut workspace), name);
        };
        forward(Forward::new(row(), raw_output()), "query");
        forward(Forward::new(raw_rows, TensorMut::new(&mut [0.0f32; 8], &shape).unwrap()), "output");
        forward(Forward::new(raw_rows, raw_output()).key_value(row(), raw_rows), "key");
        forward(Forward::new(raw_rows, raw_output()).key_value(raw_rows, row()), "value");
        forward(Forward::new(raw_rows, raw_output()).kv_cache(row(), raw_rows), "key_cache");
        forward(Forward::new(raw_rows, raw_output()).kv_cache(raw_rows, row()), "value_cache");
        forward(Forward::new(raw_rows, raw_output()).lse(TensorMut::new(&mut [0.0f32], &[1, 1]).unwrap()), "lse");
        forward(Forward::new(raw_rows, raw_output()).alibi_slopes(&[1.0]), "alibi_slopes");
        forward(Forward::new(raw_rows, raw_output()), "workspace");
        refused(attention.plan(&batch, &mut Plan::new(4096), Causal::Yes), "plan");
        let caches = (
            TensorMut::new(&mut key_cache, &[1, 16, 1, 8]).unwrap(),
            TensorMut::new(&mut value_cache, &[1, 16, 1, 8]).unwrap(),
        );
        refused(attention.write_kv_cache(KvWrite::new(raw_rows, raw_rows, caches.0, caches.1, &[0])), "key_cache");
    }
}
