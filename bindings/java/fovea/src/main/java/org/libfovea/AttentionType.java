package org.libfovea;

/** Where keys come from. Encoder and encoder-decoder attention is never causal. */
public enum AttentionType {
  /** Self-attention over a KV cache. */
  DECODER(0),
  /** Self-attention over the dense key and value of the same tokens; no cache. */
  ENCODER(1),
  /** Cross-attention over a KV cache that holds the encoder's keys. */
  ENCODER_DECODER(2);

  final int value;

  AttentionType(int value) {
    this.value = value;
  }
}
