package org.libfovea;

/** Kind of a {@link Reason}. */
public enum ReasonCode {
  NONE(0),
  HEAD_SIZE(1),
  DATA_TYPE(2),
  KV_CACHE_DATA_TYPE(3),
  BLOCK_SIZE(4),
  PREFIX_RANGES(5),
  SINKS(6),
  PER_HEAD_KV_SCALES(7),
  ARCHITECTURE(8),
  ATTENTION_TYPE(9),
  SLIDING_WINDOW(10),
  NON_CAUSAL(11),
  BATCH_INVARIANCE(12),
  LOGITS_SOFT_CAP(13),
  ALIBI(14),
  LSE(15),
  PER_SEQUENCE_CAUSAL(16),
  KV_CACHE_LAYOUT(17),
  HEADS(18),
  OUTPUT_DATA_TYPE(19),
  INCOMPLETE_CONFIG(20),
  CONTRADICTION(21),
  UNAVAILABLE(22),
  DEVICE(23);

  final int value;

  ReasonCode(int value) {
    this.value = value;
  }

  static ReasonCode of(int value) {
    for (ReasonCode one : values()) {
      if (one.value == value) {
        return one;
      }
    }
    throw new IllegalStateException("the library speaks of reason " + value + ", which this version does not know");
  }

  /** The number in the C header. */
  public int value() {
    return value;
  }
}
