package org.libfovea;

/** A kind of device. */
public enum Device {
  /** A GPU if one works, else the CPU. */
  AUTO(0),
  CPU(1),
  /** Any GPU: AMD first, then NVIDIA. */
  GPU(2),
  AMD(3),
  NVIDIA(4);

  final int value;

  Device(int value) {
    this.value = value;
  }

  static Device of(int value) {
    for (Device one : values()) {
      if (one.value == value) {
        return one;
      }
    }
    throw new IllegalStateException("the library speaks of device " + value + ", which this version does not know");
  }
}
