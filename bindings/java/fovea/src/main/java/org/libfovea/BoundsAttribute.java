package org.libfovea;

/** A quantity with bounds. */
public enum BoundsAttribute {
  HEAD_SIZE(0),
  HEAD_SIZE_V(1),
  BLOCK_SIZE(2),
  QUERY_HEADS_PER_KV_HEAD(3);

  final int value;

  BoundsAttribute(int value) {
    this.value = value;
  }
}
