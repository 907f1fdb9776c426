package org.libfovea;

/** Granularity of the dequantisation scales of the KV cache. */
public enum KvScales {
  /** Scale 1. */
  NONE(0),
  /** One float each. */
  PER_TENSOR(1),
  /** [num_kv_heads] floats each. */
  PER_HEAD(2);

  final int value;

  KvScales(int value) {
    this.value = value;
  }
}
