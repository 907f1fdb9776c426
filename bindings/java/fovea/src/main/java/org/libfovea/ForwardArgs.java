package org.libfovea;

import org.libfovea.capi.CapiConstants;
import org.libfovea.capi.foveaForwardArgs_t;

/** Arguments of {@link Attention#forward}. What does not apply is not set. */
public final class ForwardArgs {
  private Tensor query = Tensor.ABSENT;
  private Tensor key = Tensor.ABSENT;
  private Tensor value = Tensor.ABSENT;
  private Tensor keyCache = Tensor.ABSENT;
  private Tensor valueCache = Tensor.ABSENT;
  private Tensor output = Tensor.ABSENT;
  private Tensor lse = Tensor.ABSENT;
  private Memory qScale = Memory.NONE;
  private Memory kScale = Memory.NONE;
  private Memory vScale = Memory.NONE;
  private Memory outputScale = Memory.NONE;
  private Memory alibiSlopes = Memory.NONE;
  private Memory sinks = Memory.NONE;
  private Memory workspace = Memory.NONE;
  private Memory plan = Memory.NONE;
  private CausalMode causal = CausalMode.METADATA;
  private boolean partialState;
  private long stream;

  /** [&gt;= num_tokens, num_query_heads, head_size]. */
  public ForwardArgs query(Tensor query) {
    this.query = query;
    return this;
  }

  /**
   * This step's keys and values, read unquantised: [&gt;= num_tokens, num_kv_heads, head_size] and head_size_v.
   * Without them everything is read from the cache.
   */
  public ForwardArgs keyValue(Tensor key, Tensor value) {
    this.key = key;
    this.value = value;
    return this;
  }

  /** The caches, in the config's layout; none for encoder attention. */
  public ForwardArgs caches(Tensor keyCache, Tensor valueCache) {
    this.keyCache = keyCache;
    this.valueCache = valueCache;
    return this;
  }

  /** [&gt;= num_tokens, num_query_heads, head_size_v]; rows beyond num_tokens stay untouched. */
  public ForwardArgs output(Tensor output) {
    this.output = output;
    return this;
  }

  /** f32 [&gt;= num_tokens, num_query_heads], natural logarithm. */
  public ForwardArgs lse(Tensor lse) {
    this.lse = lse;
    return this;
  }

  /** One float; fp8 query only. */
  public ForwardArgs queryScale(Memory qScale) {
    this.qScale = qScale;
    return this;
  }

  /** Floats as the config declares. */
  public ForwardArgs scales(Memory kScale, Memory vScale) {
    this.kScale = kScale;
    this.vScale = vScale;
    return this;
  }

  /** One float; fp8 output only. */
  public ForwardArgs outputScale(Memory outputScale) {
    this.outputScale = outputScale;
    return this;
  }

  /** float [num_query_heads], exactly when declared. */
  public ForwardArgs alibiSlopes(Memory alibiSlopes) {
    this.alibiSlopes = alibiSlopes;
    return this;
  }

  /** float [num_query_heads], exactly when declared, and not with {@link #partialState}. */
  public ForwardArgs sinks(Memory sinks) {
    this.sinks = sinks;
    return this;
  }

  /** At least {@link Attention#workspaceSize} bytes; see {@link Memory#allocate}. */
  public ForwardArgs workspace(Memory workspace) {
    this.workspace = workspace;
    return this;
  }

  /** Of {@link Attention#plan}. */
  public ForwardArgs plan(Memory plan) {
    this.plan = plan;
    return this;
  }

  /** The metadata's flag is the default. */
  public ForwardArgs causal(CausalMode causal) {
    this.causal = causal;
    return this;
  }

  /**
   * The output is f32 and without sinks, the log-sum-exp is required: to be combined by {@link Context#mergeStates}.
   */
  public ForwardArgs partialState(boolean enable) {
    this.partialState = enable;
    return this;
  }

  /** The GPU's stream (hipStream_t). */
  public ForwardArgs stream(long stream) {
    this.stream = stream;
    return this;
  }

  void put(foveaForwardArgs_t forward, Config config) {
    query.put("query", forward::set_query);
    key.put("key", forward::set_key);
    value.put("value", forward::set_value);
    keyCache.put("key_cache", forward::set_key_cache);
    valueCache.put("value_cache", forward::set_value_cache);
    output.putWritable("output", forward::set_output);
    lse.putWritable("lse", forward::set_lse);
    forward.setQ_scale(qScale.require("q_scale", 4).address);
    forward.setK_scale(kScale.require("k_scale", 4L * config.scaleCount()).address);
    forward.setV_scale(vScale.require("v_scale", 4L * config.scaleCount()).address);
    forward.setOutput_scale(outputScale.require("output_scale", 4).address);
    forward.setAlibi_slopes(alibiSlopes.require("alibi_slopes", 4L * config.numQueryHeads()).address);
    forward.setSinks(sinks.require("sinks", 4L * config.numQueryHeads()).address);
    forward.setWorkspace(workspace.requireWritable("workspace").address);
    forward.setWorkspace_size(workspace.size);
    forward.setPlan(plan.address);
    forward.setPlan_size(plan.size);
    forward.setCausal(causal.value);
    forward.setFlags(partialState ? CapiConstants.FOVEA_FORWARD_PARTIAL_STATE : 0);
    forward.setStream(stream);
  }
}
