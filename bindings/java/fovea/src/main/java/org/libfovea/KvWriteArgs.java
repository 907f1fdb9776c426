package org.libfovea;

import org.libfovea.capi.foveaKvWriteArgs_t;

/** Arguments of {@link Attention#writeKvCache}. */
public final class KvWriteArgs {
  private Tensor key = Tensor.ABSENT;
  private Tensor value = Tensor.ABSENT;
  private Tensor keyCache = Tensor.ABSENT;
  private Tensor valueCache = Tensor.ABSENT;
  private Memory slotMapping = Memory.NONE;
  private Memory kScale = Memory.NONE;
  private Memory vScale = Memory.NONE;
  private int numTokens;
  private long stream;

  /** [&gt;= num_tokens, num_kv_heads, head_size] and [&gt;= num_tokens, num_kv_heads, head_size_v]. */
  public KvWriteArgs keyValue(Tensor key, Tensor value) {
    this.key = key;
    this.value = value;
    return this;
  }

  /** The caches, in the config's layout. */
  public KvWriteArgs caches(Tensor keyCache, Tensor valueCache) {
    this.keyCache = keyCache;
    this.valueCache = valueCache;
    return this;
  }

  /**
   * Which tokens go where.
   *
   * @param slotMapping int64 [numTokens]: block * block_size + row; negative = skip
   * @param numTokens rows that are written
   */
  public KvWriteArgs slots(Memory slotMapping, int numTokens) {
    this.slotMapping = slotMapping;
    this.numTokens = numTokens;
    return this;
  }

  /** As the config declares; a stored value is round(x / scale). */
  public KvWriteArgs scales(Memory kScale, Memory vScale) {
    this.kScale = kScale;
    this.vScale = vScale;
    return this;
  }

  /** The GPU's stream (hipStream_t). */
  public KvWriteArgs stream(long stream) {
    this.stream = stream;
    return this;
  }

  void put(foveaKvWriteArgs_t write, Config config) {
    key.put("key", write::set_key);
    value.put("value", write::set_value);
    keyCache.putWritable("key_cache", write::set_key_cache);
    valueCache.putWritable("value_cache", write::set_value_cache);
    write.setSlot_mapping(slotMapping.require("slot_mapping", 8L * numTokens).address);
    write.setNum_tokens(numTokens);
    write.setK_scale(kScale.require("k_scale", 4L * config.scaleCount()).address);
    write.setV_scale(vScale.require("v_scale", 4L * config.scaleCount()).address);
    write.setStream(stream);
  }
}
