package org.libfovea;

/** A bias that is added to the score of query position p and key position t. */
public enum Alibi {
  NONE(0),
  /** -slope[h] * |p - t| */
  LINEAR(1),
  /** -slope[h] * sqrt(|p - t|) */
  SQRT(2);

  final int value;

  Alibi(int value) {
    this.value = value;
  }
}
