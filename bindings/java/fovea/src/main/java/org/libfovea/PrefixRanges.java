package org.libfovea;

/** How tokens of a range of positions see each other, whatever the causal flag says. */
public enum PrefixRanges {
  NONE(0),
  /** Within a range every token sees every other. */
  FULL(1),
  /** Within a range also p - t &lt;= left window. */
  WINDOWED(2);

  final int value;

  PrefixRanges(int value) {
    this.value = value;
  }
}
