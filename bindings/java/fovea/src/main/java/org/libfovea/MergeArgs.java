package org.libfovea;

import java.util.ArrayList;
import java.util.List;
import org.libfovea.capi.foveaMergeArgs_t;

/** Arguments of {@link Context#mergeStates}. */
public final class MergeArgs {
  final List<Tensor[]> states = new ArrayList<>();
  private Tensor output = Tensor.ABSENT;
  private Tensor lse = Tensor.ABSENT;
  private Memory sinks = Memory.NONE;
  private Memory outputScale = Memory.NONE;
  private int numTokens;
  private long stream;

  /**
   * Adds a partial result, as a forward with {@link ForwardArgs#partialState} gives it; at most 64.
   *
   * @param output f32 [&gt;= num_tokens, num_query_heads, head_size_v]
   * @param lse f32 [&gt;= num_tokens, num_query_heads]; minus infinity = empty
   */
  public MergeArgs state(Tensor output, Tensor lse) {
    states.add(new Tensor[] {output, lse});
    return this;
  }

  /** Rows that are merged. */
  public MergeArgs numTokens(int numTokens) {
    this.numTokens = numTokens;
    return this;
  }

  /** [&gt;= num_tokens, num_query_heads, head_size_v], any output type. */
  public MergeArgs output(Tensor output) {
    this.output = output;
    return this;
  }

  /** f32 [&gt;= num_tokens, num_query_heads]. */
  public MergeArgs lse(Tensor lse) {
    this.lse = lse;
    return this;
  }

  /** float [num_query_heads], applied once. */
  public MergeArgs sinks(Memory sinks) {
    this.sinks = sinks;
    return this;
  }

  /** One float; fp8 output only. */
  public MergeArgs outputScale(Memory outputScale) {
    this.outputScale = outputScale;
    return this;
  }

  /** The GPU's stream (hipStream_t). */
  public MergeArgs stream(long stream) {
    this.stream = stream;
    return this;
  }

  void put(foveaMergeArgs_t merge) {
    for (int i = 0; i < states.size(); ++i) {
      final int state = i;
      states.get(i)[0].put("outputs", (data, type, ndim, shape, strides) ->
          merge.set_state_output(state, data, type, ndim, shape, strides));
      states.get(i)[1].put("lses", (data, type, ndim, shape, strides) ->
          merge.set_state_lse(state, data, type, ndim, shape, strides));
    }
    output.putWritable("output", merge::set_output);
    lse.putWritable("lse", merge::set_lse);
    merge.setSinks(sinks.require("sinks", output.ndim > 1 ? 4 * output.shape[1] : 0).address);
    merge.setOutput_scale(outputScale.require("output_scale", 4).address);
    merge.setNum_tokens(numTokens);
    merge.setStream(stream);
  }
}
