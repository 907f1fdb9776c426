//! Attention for inference engines: paged KV cache, variable-length batches, causal **and non-causal**.
//!
//! This is the safe face of `libfovea`. The life of a layer:
//!
//! 1. describe it with a [`Config`], and ask who can run it: [`Config::check`], [`Context::select_backend`];
//! 2. bind it once: [`Attention::new`];
//! 3. each step fill and commit the [`Metadata`], [plan](Attention::plan) it once, and per layer
//!    [write the KV cache](Attention::write_kv_cache) and run [`Attention::forward`].
//!
//! ```
//! use fovea::{Attention, Backend, Config, Context, DataType, Forward, KvWrite, Limits, Metadata, Tensor, TensorMut};
//!
//! // A block of 4 draft tokens on top of 12 tokens of context; the block sees all of the context and itself.
//! let (heads, kv_heads, head_size) = (4, 2, 64);
//! let context = Context::cpu()?;
//! let config = Config::builder().heads(heads, kv_heads).head_size(head_size).data_type(DataType::F32);
//! let attention = Attention::new(&context, &config.non_causal(true).build()?, Backend::AUTO)?;
//!
//! let limits = Limits::new(1, 4, 16).max_blocks_per_seq(1);
//! let mut batch = Metadata::new(&context, &limits)?;
//! batch.set_sequences(&[0, 4], &[16])?;
//! batch.set_block_table(1, &[2])?;                       // the sequence's keys are in block 2 of the cache
//! batch.set_causal(false)?;
//! batch.commit()?;
//!
//! let cache_shape = [3, 16, kv_heads, head_size];        // 3 blocks of 16 tokens
//! let mut key_cache = vec![0.0f32; 3 * 16 * kv_heads * head_size];
//! let mut value_cache = key_cache.clone();
//! let keys = vec![0.5f32; 16 * kv_heads * head_size];
//! let values = vec![2.0f32; 16 * kv_heads * head_size];
//! let slots: Vec<i64> = (32..48).collect();              // the rows of block 2
//! attention.write_kv_cache(KvWrite::new(
//!     Tensor::new(&keys, &[16, kv_heads, head_size])?,
//!     Tensor::new(&values, &[16, kv_heads, head_size])?,
//!     TensorMut::new(&mut key_cache, &cache_shape)?,
//!     TensorMut::new(&mut value_cache, &cache_shape)?,
//!     &slots,
//! ))?;
//!
//! let query = vec![1.0f32; 4 * heads * head_size];
//! let mut output = vec![0.0f32; 4 * heads * head_size];
//! let forward = Forward::new(
//!     Tensor::new(&query, &[4, heads, head_size])?,
//!     TensorMut::new(&mut output, &[4, heads, head_size])?,
//! )
//! .kv_cache(Tensor::new(&key_cache, &cache_shape)?, Tensor::new(&value_cache, &cache_shape)?);
//! attention.forward(&batch, forward, &mut attention.workspace(&limits)?)?;
//! assert!(output.iter().all(|o| (o - 2.0).abs() < 1e-5));
//! # Ok::<(), fovea::Error>(())
//! ```
//!
//! # What is checked
//!
//! Tensors borrow their slices for one call. Shapes, strides, block tables, slots and lengths are checked before anything
//! runs; a refusal is an [`Error`] whose message names the argument, its value and what was expected. Objects hold
//! references to what they need, so they may be dropped in any order. On a GPU, memory is given by raw pointers
//! ([`Tensor::from_raw`] and its like, which are `unsafe`); slices are refused there.
//!
//! # Features
//!
//! The library is linked by default. With the feature `dynamic-loading` it is opened at run time instead: the first call
//! opens the file that the environment variable `FOVEA_LIBRARY` names, else `libfovea.so.1`; without it every call is an
//! [`Error`] that says why.
#![deny(missing_docs, unsafe_op_in_unsafe_fn)]

mod attention;
mod backend;
mod config;
mod context;
mod error;
mod merge;
mod metadata;
mod newtype;
mod tensor;

pub use attention::{Attention, Causal, Forward, KvWrite, Plan, Stream, Workspace};
pub use backend::{Backend, Bounds, BoundsAttribute, Capability, DataTypeRole, Reason, ReasonCode, Report};
pub use config::{Alibi, AttentionType, Config, ConfigBuilder, KvCacheLayout, KvScales, PrefixRanges};
pub use context::{Context, ContextBuilder, ContextInfo, Device};
pub use error::{Error, Result, Status};
pub use merge::{Merge, PartialState};
pub use metadata::{AsyncError, Limits, Metadata};
pub use tensor::{Array, DataType, Element, Tensor, TensorMut};

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

#[cfg(feature = "dynamic-loading")]
pub use fovea_sys::{load, LoadError};

/// Version of the library that was linked or loaded: major, minor, patch.
///
/// # Errors
/// Only if the library cannot be loaded.
pub fn version() -> Result<(u32, u32, u32)> {
    let mut version = 0;
    // SAFETY: `version` may be written to.
    error::check(unsafe { fovea_sys::foveaGetVersion(&mut version) })?;
    let number = u32::try_from(version).unwrap_or(0);
    Ok((number / 10000, number / 100 % 100, number % 100))
}
