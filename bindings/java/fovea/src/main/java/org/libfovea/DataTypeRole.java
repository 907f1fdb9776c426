package org.libfovea;

/** What a data type is used for. */
public enum DataTypeRole {
  QUERY(0),
  KV_CACHE(1),
  OUTPUT(2);

  final int value;

  DataTypeRole(int value) {
    this.value = value;
  }
}
