//! Partial results combined by their log-sum-exp.

use std::mem::size_of;
use std::ptr::null;

use fovea_sys as sys;

use crate::error::{check, to_i32, Error, Result};
use crate::tensor::Memory;
use crate::{Array, Context, Stream, Tensor, TensorMut};

/// Attention over a part of the keys; what a forward with [`partial_state`](crate::Forward::partial_state) gives.
#[derive(Debug, Clone, Copy)]
pub struct PartialState<'a> {
    /// f32 `[>= num_tokens, num_query_heads, head_size_v]`.
    pub output: Tensor<'a>,
    /// f32 `[>= num_tokens, num_query_heads]`; minus infinity is an empty state.
    pub lse: Tensor<'a>,
}

/// Arguments of [`Context::merge`].
#[derive(Debug)]
#[must_use]
pub struct Merge<'a> {
    states: &'a [PartialState<'a>],
    num_tokens: usize,
    output: TensorMut<'a>,
    lse: Option<TensorMut<'a>>,
    sinks: Option<Array<'a, f32>>,
    output_scale: Option<Array<'a, f32>>,
    stream: Stream,
}

impl<'a> Merge<'a> {
    /// Merges the first `num_tokens` rows of 1 to 64 states into `output [>= num_tokens, num_query_heads, head_size_v]`.
    pub fn new(states: &'a [PartialState<'a>], num_tokens: usize, output: TensorMut<'a>) -> Self {
        Self { states, num_tokens, output, lse: None, sinks: None, output_scale: None, stream: Stream::default() }
    }

    /// Receives the merged log-sum-exp: f32 `[>= num_tokens, num_query_heads]`.
    pub fn lse(mut self, lse: TensorMut<'a>) -> Self {
        self.lse = Some(lse);
        self
    }

    /// Sinks `[num_query_heads]`, applied once.
    pub fn sinks(mut self, sinks: impl Into<Array<'a, f32>>) -> Self {
        self.sinks = Some(sinks.into());
        self
    }

    /// Scale of an fp8 output; one number.
    pub fn output_scale(mut self, output_scale: impl Into<Array<'a, f32>>) -> Self {
        self.output_scale = Some(output_scale.into());
        self
    }

    /// The GPU's stream.
    pub fn stream(mut self, stream: Stream) -> Self {
        self.stream = stream;
        self
    }
}

impl Context {
    /// Combines partial results over disjoint sets of keys: `sum_i exp(lse_i - lse) o_i` with
    /// `lse = log sum_i exp(lse_i)`, in the order given. Merging only empty states gives 0 and minus infinity.
    ///
    /// ```
    /// use fovea::{Context, Merge, PartialState, Tensor, TensorMut};
    /// let context = Context::cpu()?;
    /// let (a, b) = ([1.0f32, 1.0], [3.0f32, 3.0]);   // one token, one head of size 2
    /// let lse = [0.5f32];                            // both states weigh the same
    /// let lse = Tensor::new(&lse, &[1, 1])?;
    /// let states = [
    ///     PartialState { output: Tensor::new(&a, &[1, 1, 2])?, lse },
    ///     PartialState { output: Tensor::new(&b, &[1, 1, 2])?, lse },
    /// ];
    /// let mut merged = [0.0f32; 2];
    /// context.merge(Merge::new(&states, 1, TensorMut::new(&mut merged, &[1, 1, 2])?))?;
    /// assert_eq!(merged, [2.0, 2.0]);
    /// # Ok::<(), fovea::Error>(())
    /// ```
    ///
    /// # Errors
    /// Argument, value and expectation are named.
    pub fn merge(&self, merge: Merge<'_>) -> Result<()> {
        let expect_memory = |name: &str, memory: Memory| {
            if memory == Memory::Host && !self.on_host() {
                return Err(Error::invalid(format!("{name}: is memory of the host, expected memory of the GPU")));
            }
            Ok(())
        };
        let floats = |name: &str, array: Option<Array<'_, f32>>, length: usize| {
            let Some(array) = array else { return Ok(null()) };
            expect_memory(name, array.memory())?;
            if array.length() != length {
                return Err(Error::invalid(format!("{name}: {} entries, expected {length}", array.length())));
            }
            Ok(array.data())
        };
        for state in merge.states {
            expect_memory("outputs", state.output.memory())?;
            expect_memory("lses", state.lse.memory())?;
        }
        expect_memory("output", merge.output.memory())?;
        let outputs: Vec<_> = merge.states.iter().map(|state| state.output.raw()).collect();
        let lses: Vec<_> = merge.states.iter().map(|state| state.lse.raw()).collect();
        let num_query_heads = merge.output.shape().get(1).copied().unwrap_or(0);
        let mut args = sys::foveaMergeArgs_t {
            struct_size: size_of::<sys::foveaMergeArgs_t>(),
            num_states: to_i32(merge.states.len(), "num_states")?,
            num_tokens: to_i32(merge.num_tokens, "num_tokens")?,
            outputs: outputs.as_ptr(),
            lses: lses.as_ptr(),
            output: merge.output.raw(),
            sinks: floats("sinks", merge.sinks, num_query_heads)?,
            output_scale: floats("output_scale", merge.output_scale, 1)?,
            stream: merge.stream.raw(),
            ..Default::default()
        };
        if let Some(lse) = &merge.lse {
            expect_memory("lse", lse.memory())?;
            args.lse = lse.raw();
        }
        // SAFETY: the context lives; the arrays hold num_states views, each as large as it says; outputs are borrowed
        // exclusively.
        check(unsafe { sys::foveaMergeAttentionStates(self.raw(), &args) })
    }
}
