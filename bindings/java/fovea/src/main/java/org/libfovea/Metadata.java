package org.libfovea;

import java.nio.ByteBuffer;
import java.nio.IntBuffer;
import org.libfovea.capi.Capi;

/**
 * One batch: boundaries of sequences, their lengths, the block table and the causal flag. It is made once with its
 * limits and updated in place. Setters must not run while another thread uses it.
 *
 * <p>Sequence s has queryStartLoc[s + 1] - queryStartLoc[s] new tokens and seqLens[s] keys in all. A causal row at
 * position p sees the keys t &lt;= p; a non-causal row sees every key of its sequence.
 */
public final class Metadata implements AutoCloseable {
  private static final int HOST = 0;
  private static final int DEVICE = 1;

  private final Handle handle;
  private int numSeqs;
  // Arrays pass through here to the library, which copies them before a setter returns.
  private ByteBuffer staging = Memory.allocate(256);

  Metadata(long value) {
    handle = new Handle("metadata", value, Capi::foveaMetadataDestroy);
  }

  /** Gives the metadata back. May be called twice. */
  @Override
  public void close() {
    handle.close();
  }

  long open() {
    return handle.open();
  }

  void done() {
    handle.done();
  }

  /**
   * Whether the batch is causal (the default) or non-causal. Takes effect at once and needs no commit. A forward
   * refuses false unless its config declared it.
   */
  public void setCausal(boolean causal) {
    long metadata = handle.open();
    try {
      Capi.foveaMetadataSetCausal(metadata, causal ? 1 : 0);
    } finally {
      handle.done();
    }
  }

  /** The flag set by {@link #setCausal}. */
  public boolean isCausal() {
    long metadata = handle.open();
    try {
      int[] causal = new int[1];
      Capi.foveaMetadataGetCausal(metadata, causal);
      return causal[0] != 0;
    } finally {
      handle.done();
    }
  }

  /**
   * Sets the sequences of the batch. Clears flags of single sequences and prefix ranges, keeps the block table. Needs a
   * commit.
   *
   * @param queryStartLoc one entry more than seqLens, from 0; its last is the number of query tokens
   * @param seqLens keys of each sequence
   */
  public synchronized void setSequences(int[] queryStartLoc, int[] seqLens) {
    if (queryStartLoc.length != seqLens.length + 1) {
      throw FoveaException.invalidArgument("query_start_loc: has " + queryStartLoc.length + " entries, expected "
          + (seqLens.length + 1) + ", one more than seq_lens");
    }
    long address = stage(queryStartLoc, seqLens);
    setSequences(HOST, seqLens.length, queryStartLoc[seqLens.length], 0, 0, address,
        address + 4L * queryStartLoc.length);
  }

  /**
   * {@link #setSequences(int[], int[])} for arrays on the context's device, which are borrowed.
   *
   * @param numSeqs sequences
   * @param numTokens query tokens
   * @param maxQueryLen upper bound of the query lengths, known to the host
   * @param maxSeqLen upper bound of the sequence lengths
   * @param queryStartLoc int32 [numSeqs + 1]
   * @param seqLens int32 [numSeqs]
   */
  public synchronized void setDeviceSequences(int numSeqs, int numTokens, int maxQueryLen, int maxSeqLen,
      Memory queryStartLoc, Memory seqLens) {
    setSequences(DEVICE, numSeqs, numTokens, maxQueryLen, maxSeqLen,
        queryStartLoc.requireDevice("query_start_loc", 4L * (numSeqs + 1L)).address,
        seqLens.requireDevice("seq_lens", 4L * numSeqs).address);
  }

  private void setSequences(int memory, int numSeqs, int numTokens, int maxQueryLen, int maxSeqLen, long queryStartLoc,
      long seqLens) {
    long metadata = handle.open();
    try {
      Capi.foveaMetadataSetSequences(metadata, memory, numSeqs, numTokens, maxQueryLen, maxSeqLen, queryStartLoc,
          seqLens);
      this.numSeqs = numSeqs;
    } finally {
      handle.done();
    }
  }

  /** Gives each sequence a flag of its own, which wins over every other; null clears them. Needs a commit. */
  public synchronized void setCausalPerSequence(boolean[] causal) {
    if (causal != null && causal.length != numSeqs) {
      throw FoveaException.invalidArgument("causal: has " + causal.length + " entries, expected one for each of "
          + numSeqs + " sequences");
    }
    long address = 0;
    if (causal != null) {
      int[] flags = new int[causal.length];
      for (int i = 0; i < flags.length; ++i) {
        flags[i] = causal[i] ? 1 : 0;
      }
      address = stage(flags);
    }
    setCausalPerSequence(HOST, address);
  }

  /** {@link #setCausalPerSequence} for an array on the device, int32 [num_seqs], each 0 or 1. */
  public synchronized void setDeviceCausalPerSequence(Memory causal) {
    setCausalPerSequence(DEVICE, causal.requireDevice("causal", 4L * numSeqs).address);
  }

  private void setCausalPerSequence(int memory, long causal) {
    long metadata = handle.open();
    try {
      Capi.foveaMetadataSetCausalPerSequence(metadata, memory, causal);
    } finally {
      handle.done();
    }
  }

  /**
   * Sets the block table, row-major [num_seqs, numColumns]: key t of sequence s is row t % block_size of cache block
   * table[s * numColumns + t / block_size]. Entries that no query can see are never read. Null clears it. Needs a
   * commit.
   */
  public synchronized void setBlockTable(int[] table, int numColumns) {
    if (table == null) {
      setBlockTable(HOST, 0, 0, 0, 0);
      return;
    }
    if (numColumns < 1 || table.length % numColumns != 0) {
      throw FoveaException.invalidArgument("block_table: has " + table.length + " entries, expected a multiple of "
          + "num_columns = " + numColumns);
    }
    setBlockTable(HOST, table.length / numColumns, numColumns, 0, stage(table));
  }

  /** {@link #setBlockTable(int[], int)} for a table on the device, int32, rowStride elements between rows. */
  public synchronized void setDeviceBlockTable(Memory table, int numSeqs, int numColumns, long rowStride) {
    long stride = Math.max(rowStride, numColumns);
    setBlockTable(DEVICE, numSeqs, numColumns, rowStride,
        table.requireDevice("block_table", 4 * (Math.max(numSeqs - 1L, 0) * stride + numColumns)).address);
  }

  private void setBlockTable(int memory, int numSeqs, int numColumns, long rowStride, long table) {
    long metadata = handle.open();
    try {
      Capi.foveaMetadataSetBlockTable(metadata, memory, numSeqs, numColumns, rowStride, table);
    } finally {
      handle.done();
    }
  }

  /**
   * Sets spans of positions whose tokens see each other. Needs a commit.
   *
   * @param rangeStartLoc one entry more than sequences: the ranges of sequence s are rangeStartLoc[s] to
   *     rangeStartLoc[s + 1] - 1; null clears them
   * @param ranges [num_ranges, 2]: first and last position, inclusive, sorted and disjoint within a sequence
   */
  public synchronized void setPrefixRanges(int[] rangeStartLoc, int[] ranges) {
    if (rangeStartLoc == null) {
      setPrefixRanges(HOST, 0, 0, 0);
      return;
    }
    if (rangeStartLoc.length != numSeqs + 1 || ranges.length % 2 != 0) {
      throw FoveaException.invalidArgument("range_start_loc: has " + rangeStartLoc.length + " entries and ranges "
          + ranges.length + ", expected one more than the " + numSeqs + " sequences and two for each range");
    }
    long address = stage(rangeStartLoc, ranges);
    setPrefixRanges(HOST, ranges.length / 2, address, address + 4L * rangeStartLoc.length);
  }

  /** {@link #setPrefixRanges(int[], int[])} for arrays on the device, int32 [num_seqs + 1] and int32 [numRanges, 2]. */
  public synchronized void setDevicePrefixRanges(int numRanges, Memory rangeStartLoc, Memory ranges) {
    setPrefixRanges(DEVICE, numRanges, rangeStartLoc.requireDevice("range_start_loc", 4L * (numSeqs + 1L)).address,
        ranges.requireDevice("ranges", 8L * numRanges).address);
  }

  private void setPrefixRanges(int memory, int numRanges, long rangeStartLoc, long ranges) {
    long metadata = handle.open();
    try {
      Capi.foveaMetadataSetPrefixRanges(metadata, memory, numRanges, rangeStartLoc, ranges);
    } finally {
      handle.done();
    }
  }

  /** Makes what was set the current batch and checks it as a whole; on a GPU it uploads on the default stream. */
  public void commit() {
    commit(0);
  }

  /** {@link #commit()} on a GPU's stream (hipStream_t). */
  public void commit(long stream) {
    long metadata = handle.open();
    try {
      Capi.foveaMetadataCommit(metadata, stream);
    } finally {
      handle.done();
    }
  }

  /**
   * Checks committed metadata against an attention and a cache, reading everything that a forward would. Meant for
   * tests and debugging; waits for the GPU.
   *
   * @param numCacheBlocks 0 skips the check of block ids
   */
  public void validate(Attention attention, long numCacheBlocks) {
    long metadata = handle.open();
    try {
      long other = attention.open();
      try {
        Capi.foveaMetadataValidate(metadata, other, numCacheBlocks);
      } finally {
        attention.done();
      }
    } finally {
      handle.done();
    }
  }

  /**
   * Fails with the first error that a plan met in device data. On a CPU such data is refused before anything runs.
   * Waits for the stream.
   */
  public void throwAsyncError(long stream) {
    long metadata = handle.open();
    try {
      Capi.foveaMetadataGetAsyncError(metadata, stream, new int[1]);
    } finally {
      handle.done();
    }
  }

  /** Lays arrays one after another into native memory; the address stays right until the next call of this. */
  private long stage(int[]... arrays) {
    long count = 0;
    for (int[] array : arrays) {
      count += array.length;
    }
    if (count > Integer.MAX_VALUE / 8) {
      throw FoveaException.invalidArgument("arrays: have " + count + " entries, expected at most "
          + Integer.MAX_VALUE / 8);
    }
    if (staging.capacity() < 4 * count) {
      staging = Memory.allocate((int) (4 * count));
    }
    IntBuffer ints = staging.asIntBuffer();
    for (int[] array : arrays) {
      ints.put(array);
    }
    return Capi.fovea_address_of(staging);
  }
}
