package org.libfovea;

/** What a plan or a forward asks for; flags of single sequences win over it. */
public enum CausalMode {
  /** The metadata's flag. */
  METADATA(0),
  CAUSAL(1),
  NON_CAUSAL(2);

  final int value;

  CausalMode(int value) {
    this.value = value;
  }
}
