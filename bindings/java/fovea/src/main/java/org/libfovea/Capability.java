package org.libfovea;

/** A feature that a backend may or may not have. */
public enum Capability {
  NON_CAUSAL(0),
  PER_SEQUENCE_CAUSAL(1),
  SLIDING_WINDOW(2),
  SLIDING_WINDOW_RIGHT(3),
  PREFIX_RANGES(4),
  LOGITS_SOFT_CAP(5),
  ALIBI(6),
  ALIBI_SQRT(7),
  SINKS(8),
  LSE(9),
  PARTIAL_STATE(10),
  FP8_KV_CACHE(11),
  FP8_QUERY(12),
  FP8_OUTPUT(13),
  PER_HEAD_KV_SCALES(14),
  VECTORIZED_KV_CACHE(15),
  DIFFERENT_V_SIZE(16),
  BATCH_INVARIANCE(17),
  GRAPH_CAPTURE(18),
  DECODER(19),
  ENCODER(20),
  ENCODER_DECODER(21);

  final int value;

  Capability(int value) {
    this.value = value;
  }
}
