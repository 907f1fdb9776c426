package org.libfovea;

import org.libfovea.capi.Capi;

/** Type of a tensor's elements. The three fp8 flavours are distinct types. */
public enum DataType {
  /** None: the same as the query's, where a config allows it. */
  NONE(0),
  F32(1),
  F16(2),
  BF16(3),
  /** OCP e4m3: bias 7, maximum 448, no infinity. */
  F8_E4M3FN(4),
  /** Bias 8, maximum 240, no infinity, no negative zero. */
  F8_E4M3FNUZ(5),
  /** OCP e5m2: bias 15, maximum 57344, has infinities. */
  F8_E5M2(6);

  final int value;

  DataType(int value) {
    this.value = value;
  }

  /** Size of an element in bytes; 0 for NONE. */
  public int size() {
    return (int) Capi.foveaDataTypeSize(value);
  }

  /** The library's name, e.g. "bf16". */
  @Override
  public String toString() {
    return Capi.foveaDataTypeName(value);
  }
}
