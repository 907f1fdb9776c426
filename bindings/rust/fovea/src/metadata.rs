//! One batch: boundaries, lengths, block table, the causal flag.

use std::mem::size_of;
use std::ptr::{null, null_mut};

use fovea_sys as sys;

use crate::error::{check, to_i32, Error, Result};
use crate::newtype::owned_handle;
use crate::{Attention, Context, Stream};

const HOST: sys::foveaMemory_t = sys::foveaMemory_t::FOVEA_MEMORY_HOST;
const DEVICE: sys::foveaMemory_t = sys::foveaMemory_t::FOVEA_MEMORY_DEVICE;

/// The largest batch that metadata, a workspace or plan memory is made for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    max_num_seqs: usize,
    max_num_tokens: usize,
    max_seq_len: usize,
    max_blocks_per_seq: usize,
    max_prefix_ranges: usize,
}

impl Limits {
    /// Limits without a block table (encoder attention) and without prefix ranges.
    pub fn new(max_num_seqs: usize, max_num_tokens: usize, max_seq_len: usize) -> Self {
        Self { max_num_seqs, max_num_tokens, max_seq_len, max_blocks_per_seq: 0, max_prefix_ranges: 0 }
    }

    /// Columns of the block table.
    #[must_use]
    pub fn max_blocks_per_seq(mut self, columns: usize) -> Self {
        self.max_blocks_per_seq = columns;
        self
    }

    /// Prefix ranges of all sequences together.
    #[must_use]
    pub fn max_prefix_ranges(mut self, ranges: usize) -> Self {
        self.max_prefix_ranges = ranges;
        self
    }

    pub(crate) fn raw(&self) -> Result<sys::foveaMetadataLimits_t> {
        Ok(sys::foveaMetadataLimits_t {
            struct_size: size_of::<sys::foveaMetadataLimits_t>(),
            max_num_seqs: to_i32(self.max_num_seqs, "max_num_seqs")?,
            max_num_tokens: to_i32(self.max_num_tokens, "max_num_tokens")?,
            max_seq_len: to_i32(self.max_seq_len, "max_seq_len")?,
            max_blocks_per_seq: to_i32(self.max_blocks_per_seq, "max_blocks_per_seq")?,
            max_prefix_ranges: to_i32(self.max_prefix_ranges, "max_prefix_ranges")?,
        })
    }
}

owned_handle!(Handle, foveaMetadata_t, foveaMetadataDestroy);

/// One batch. It is made once with its limits and updated in place; after the setters, [`Metadata::commit`] makes what
/// was set the current batch.
///
/// Sequence s has `query_len = query_start_loc[s + 1] - query_start_loc[s]` new tokens and `seq_len = seq_lens[s]` keys
/// in all. Its query row i has position `p = seq_len - query_len + i`, its keys have positions `t = 0 ... seq_len - 1`. A
/// causal row sees `t <= p`; a non-causal row sees every `t < seq_len`.
#[derive(Debug)]
pub struct Metadata {
    handle: Handle,
    num_seqs: usize,
}

// SAFETY: metadata is bound to no thread.
unsafe impl Send for Metadata {}
// SAFETY: setters take `&mut self`; "many forwards may share committed metadata" (fovea.h).
unsafe impl Sync for Metadata {}

impl Metadata {
    /// Metadata for batches within `limits`: causal, without sequences.
    ///
    /// # Errors
    /// Bad limits, or no memory.
    pub fn new(context: &Context, limits: &Limits) -> Result<Self> {
        let limits = limits.raw()?;
        let mut handle = Handle(null_mut());
        // SAFETY: the context lives, the limits are complete, the handle may be written to.
        check(unsafe { sys::foveaMetadataCreate(context.raw(), &limits, &mut handle.0) })?;
        Ok(Self { handle, num_seqs: 0 })
    }

    /// Sets whether the batch is causal (the default) or not: with `false` every query sees the whole context and all the
    /// queries of its own sequence. Takes effect at once, needs no commit, and invalidates plans.
    ///
    /// A forward refuses `false` unless its config declared
    /// [`non_causal`](crate::ConfigBuilder::non_causal).
    ///
    /// # Errors
    /// None that is known; the library's answer is handed on.
    pub fn set_causal(&mut self, causal: bool) -> Result<()> {
        // SAFETY: the metadata lives and is borrowed exclusively.
        check(unsafe { sys::foveaMetadataSetCausal(self.raw(), i32::from(causal)) })
    }

    /// The flag set by [`Metadata::set_causal`].
    ///
    /// # Errors
    /// None that is known; the library's answer is handed on.
    pub fn causal(&self) -> Result<bool> {
        let mut causal = 0;
        // SAFETY: the metadata lives; `causal` may be written to.
        check(unsafe { sys::foveaMetadataGetCausal(self.raw(), &mut causal) })?;
        Ok(causal != 0)
    }

    /// Sets the sequences: `seq_lens` has one entry for each, `query_start_loc` one more, from 0, never decreasing. Clears
    /// per-sequence flags and prefix ranges, keeps the block table. Needs a commit.
    ///
    /// # Errors
    /// Argument, row and value are named.
    pub fn set_sequences(&mut self, query_start_loc: &[i32], seq_lens: &[i32]) -> Result<()> {
        let num_seqs = to_i32(seq_lens.len(), "num_seqs")?;
        expect_length("query_start_loc", query_start_loc.len(), seq_lens.len() + 1)?;
        let num_tokens = query_start_loc[seq_lens.len()];
        // SAFETY: the metadata is borrowed exclusively; the arrays are as long as num_seqs asks, and copied.
        check(unsafe {
            sys::foveaMetadataSetSequences(
                self.raw(),
                HOST,
                num_seqs,
                num_tokens,
                0,
                0,
                query_start_loc.as_ptr(),
                seq_lens.as_ptr(),
            )
        })?;
        self.num_seqs = seq_lens.len();
        Ok(())
    }

    /// The same with arrays in device memory, which are borrowed; `max_query_len` and `max_seq_len` are upper bounds.
    ///
    /// # Errors
    /// Argument and value are named.
    ///
    /// # Safety
    /// `query_start_loc` must point to `num_seqs + 1` and `seq_lens` to `num_seqs` elements of the context's device, valid
    /// until they are replaced or the metadata is dropped, and until work that uses them has finished.
    pub unsafe fn set_sequences_raw(
        &mut self,
        num_seqs: usize,
        num_tokens: usize,
        max_query_len: usize,
        max_seq_len: usize,
        query_start_loc: *const i32,
        seq_lens: *const i32,
    ) -> Result<()> {
        let (seqs, tokens) = (to_i32(num_seqs, "num_seqs")?, to_i32(num_tokens, "num_tokens")?);
        let (query_len, seq_len) = (to_i32(max_query_len, "max_query_len")?, to_i32(max_seq_len, "max_seq_len")?);
        // SAFETY: as the caller promises.
        check(unsafe {
            sys::foveaMetadataSetSequences(
                self.raw(),
                DEVICE,
                seqs,
                tokens,
                query_len,
                seq_len,
                query_start_loc,
                seq_lens,
            )
        })?;
        self.num_seqs = num_seqs;
        Ok(())
    }

    /// Gives each sequence a causal flag of its own, which wins over every other; `None` clears them. Needs a commit.
    ///
    /// # Errors
    /// If there is not one flag for each sequence, or no sequences are set.
    pub fn set_causal_per_sequence(&mut self, causal: Option<&[bool]>) -> Result<()> {
        let flags: Option<Vec<i32>> = causal.map(|flags| flags.iter().copied().map(i32::from).collect());
        if let Some(flags) = &flags {
            expect_length("causal", flags.len(), self.num_seqs)?;
        }
        let pointer = flags.as_ref().map_or(null(), |flags| flags.as_ptr());
        // SAFETY: the metadata is borrowed exclusively; there is one flag for each sequence, and they are copied.
        check(unsafe { sys::foveaMetadataSetCausalPerSequence(self.raw(), HOST, pointer) })
    }

    /// The same with flags in device memory (int32, each 0 or 1), which are borrowed.
    ///
    /// # Errors
    /// If no sequences are set.
    ///
    /// # Safety
    /// As for [`Metadata::set_sequences_raw`], with one element for each sequence.
    pub unsafe fn set_causal_per_sequence_raw(&mut self, causal: *const i32) -> Result<()> {
        // SAFETY: as the caller promises.
        check(unsafe { sys::foveaMetadataSetCausalPerSequence(self.raw(), DEVICE, causal) })
    }

    /// Sets the block table, row-major with `num_columns` entries for each sequence: key t of sequence s is row
    /// `t % block_size` of cache block `block_table[s][t / block_size]`. Needs a commit.
    ///
    /// Entries that no query can see are never read.
    ///
    /// # Errors
    /// If the length is no multiple of `num_columns`, or beyond the limits.
    pub fn set_block_table(&mut self, num_columns: usize, block_table: &[i32]) -> Result<()> {
        if num_columns == 0 || block_table.len() % num_columns != 0 {
            let length = block_table.len();
            return Err(Error::invalid(format!("block_table: {length} entries, expected rows of {num_columns}")));
        }
        self.set_block_table_strided(block_table.len() / num_columns, num_columns, num_columns, block_table)
    }

    /// Sets the block table from an array whose rows are `row_stride` entries apart.
    ///
    /// # Errors
    /// If the array is too short, or beyond the limits.
    pub fn set_block_table_strided(
        &mut self,
        num_seqs: usize,
        num_columns: usize,
        row_stride: usize,
        block_table: &[i32],
    ) -> Result<()> {
        let (seqs, columns) = (to_i32(num_seqs, "num_seqs")?, to_i32(num_columns, "num_columns")?);
        let stride = i64::from(to_i32(row_stride, "row_stride")?);
        let needed = match num_seqs {
            0 => 0,
            // A stride of 0 means num_columns to the library.
            _ => num_columns + (num_seqs - 1) * if row_stride == 0 { num_columns } else { row_stride },
        };
        if block_table.len() < needed {
            let length = block_table.len();
            return Err(Error::invalid(format!("block_table: {length} entries, expected at least {needed}")));
        }
        // SAFETY: the metadata is borrowed exclusively; the array is as long as rows, columns and stride ask, and copied.
        check(unsafe { sys::foveaMetadataSetBlockTable(self.raw(), HOST, seqs, columns, stride, block_table.as_ptr()) })
    }

    /// The same with a table in device memory, which is borrowed.
    ///
    /// # Errors
    /// Argument and value are named.
    ///
    /// # Safety
    /// As for [`Metadata::set_sequences_raw`], for `num_seqs` rows of `num_columns` entries, `row_stride` apart.
    pub unsafe fn set_block_table_raw(
        &mut self,
        num_seqs: usize,
        num_columns: usize,
        row_stride: usize,
        block_table: *const i32,
    ) -> Result<()> {
        let (seqs, columns) = (to_i32(num_seqs, "num_seqs")?, to_i32(num_columns, "num_columns")?);
        let stride = i64::from(to_i32(row_stride, "row_stride")?);
        // SAFETY: as the caller promises.
        check(unsafe { sys::foveaMetadataSetBlockTable(self.raw(), DEVICE, seqs, columns, stride, block_table) })
    }

    /// Takes the block table away. Needs a commit.
    ///
    /// # Errors
    /// None that is known; the library's answer is handed on.
    pub fn clear_block_table(&mut self) -> Result<()> {
        // SAFETY: the metadata is borrowed exclusively; NULL clears.
        check(unsafe { sys::foveaMetadataSetBlockTable(self.raw(), HOST, 0, 0, 0, null()) })
    }

    /// Sets prefix ranges. Those of sequence s are `ranges[range_start_loc[s]..range_start_loc[s + 1]]`: first and last
    /// position, absolute and inclusive, sorted and disjoint within a sequence. Needs a commit.
    ///
    /// # Errors
    /// Argument, row and value are named.
    pub fn set_prefix_ranges(&mut self, range_start_loc: &[i32], ranges: &[[i32; 2]]) -> Result<()> {
        expect_length("range_start_loc", range_start_loc.len(), self.num_seqs + 1)?;
        let num_ranges = to_i32(ranges.len(), "num_ranges")?;
        // SAFETY: the metadata is borrowed exclusively; the arrays are as long as the counts ask, and copied.
        check(unsafe {
            sys::foveaMetadataSetPrefixRanges(
                self.raw(),
                HOST,
                num_ranges,
                range_start_loc.as_ptr(),
                ranges.as_ptr().cast(),
            )
        })
    }

    /// Takes the prefix ranges away. Needs a commit.
    ///
    /// # Errors
    /// If no sequences are set.
    pub fn clear_prefix_ranges(&mut self) -> Result<()> {
        // SAFETY: the metadata is borrowed exclusively; NULL clears.
        check(unsafe { sys::foveaMetadataSetPrefixRanges(self.raw(), HOST, 0, null(), null()) })
    }

    /// Makes what was set the current batch.
    ///
    /// # Errors
    /// Argument, row and value are named; the batch that was current stays.
    pub fn commit(&mut self) -> Result<()> {
        self.commit_on(Stream::default())
    }

    /// The same on a GPU's stream.
    ///
    /// # Errors
    /// As for [`Metadata::commit`], and [`Status::DEVICE_ERROR`](crate::Status::DEVICE_ERROR).
    pub fn commit_on(&mut self, stream: Stream) -> Result<()> {
        // SAFETY: the metadata is borrowed exclusively; whoever made the stream vouches for it.
        check(unsafe { sys::foveaMetadataCommit(self.raw(), stream.raw()) })
    }

    /// Checks the committed batch against one attention and a cache of `num_cache_blocks` blocks (0 skips block ids),
    /// reading everything a forward would. Meant for tests and debugging.
    ///
    /// # Errors
    /// Argument, row and value are named.
    pub fn validate(&self, attention: &Attention, num_cache_blocks: usize) -> Result<()> {
        let blocks = i64::try_from(num_cache_blocks).unwrap_or(i64::MAX);
        // SAFETY: both handles live.
        check(unsafe { sys::foveaMetadataValidate(self.raw(), attention.raw(), blocks) })
    }

    /// The first sequence in whose device data a plan met an error: its outputs are NaN, all others are right. Waits for
    /// the stream. Never on a CPU, where such data is refused before anything runs.
    ///
    /// # Errors
    /// Only what is not such an error, e.g. [`Status::DEVICE_ERROR`](crate::Status::DEVICE_ERROR).
    pub fn async_error(&self, stream: Stream) -> Result<Option<AsyncError>> {
        let mut sequence = -1;
        // SAFETY: the metadata lives; `sequence` may be written to.
        let result = check(unsafe { sys::foveaMetadataGetAsyncError(self.raw(), stream.raw(), &mut sequence) });
        match (result, usize::try_from(sequence)) {
            (Ok(()), _) => Ok(None),
            (Err(error), Ok(sequence)) => Ok(Some(AsyncError { sequence, message: error.message })),
            (Err(error), Err(_)) => Err(error),
        }
    }

    pub(crate) fn raw(&self) -> sys::foveaMetadata_t {
        self.handle.0
    }
}

/// What [`Metadata::async_error`] found.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct AsyncError {
    /// Index of the first offending sequence.
    pub sequence: usize,
    /// What is wrong with it.
    pub message: String,
}

fn expect_length(name: &str, length: usize, expected: usize) -> Result<()> {
    if length == expected {
        return Ok(());
    }
    Err(Error::invalid(format!("{name}: {length} entries, expected {expected}")))
}
