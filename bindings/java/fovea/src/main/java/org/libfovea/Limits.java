package org.libfovea;

import org.libfovea.capi.foveaMetadataLimits_t;

/**
 * The largest batch that a {@link Metadata}, a workspace or plan memory is made for.
 *
 * @param maxNumSeqs at least 1
 * @param maxNumTokens query tokens of all sequences; at least 1
 * @param maxSeqLen longest sequence; at least 1
 * @param maxBlocksPerSeq columns of the block table; 0 if there is no cache (encoder attention)
 * @param maxPrefixRanges of all sequences together; 0 if none are used
 */
public record Limits(int maxNumSeqs, int maxNumTokens, int maxSeqLen, int maxBlocksPerSeq, int maxPrefixRanges) {
  /** Limits without prefix ranges. */
  public Limits(int maxNumSeqs, int maxNumTokens, int maxSeqLen, int maxBlocksPerSeq) {
    this(maxNumSeqs, maxNumTokens, maxSeqLen, maxBlocksPerSeq, 0);
  }

  /** To be closed by the caller. */
  foveaMetadataLimits_t open() {
    foveaMetadataLimits_t limits = new foveaMetadataLimits_t();
    limits.setMax_num_seqs(maxNumSeqs);
    limits.setMax_num_tokens(maxNumTokens);
    limits.setMax_seq_len(maxSeqLen);
    limits.setMax_blocks_per_seq(maxBlocksPerSeq);
    limits.setMax_prefix_ranges(maxPrefixRanges);
    return limits;
  }
}
