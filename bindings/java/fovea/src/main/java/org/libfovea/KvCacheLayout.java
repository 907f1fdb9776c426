package org.libfovea;

/** Order of the axes of a KV cache; x = 16 / bytes per element. */
public enum KvCacheLayout {
  /** [num_blocks, block_size, num_kv_heads, head_size], any strides with the innermost 1. */
  STRIDED(0),
  /**
   * Key [num_blocks, num_kv_heads, head_size/x, block_size, x], value [num_blocks, num_kv_heads, head_size,
   * block_size].
   */
  VECTORIZED(1);

  final int value;

  KvCacheLayout(int value) {
    this.value = value;
  }
}
