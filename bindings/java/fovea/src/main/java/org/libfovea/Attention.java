package org.libfovea;

import java.lang.ref.Reference;
import java.nio.ByteBuffer;
import org.libfovea.capi.Capi;
import org.libfovea.capi.foveaForwardArgs_t;
import org.libfovea.capi.foveaKvWriteArgs_t;
import org.libfovea.capi.foveaPlanArgs_t;

/** A config bound to a backend. It never changes; any number of threads may use one. */
public final class Attention implements AutoCloseable {
  private final Handle handle;
  private final Config config;

  Attention(long value, Config config) {
    handle = new Handle("attention", value, Capi::foveaAttentionDestroy);
    this.config = config;
  }

  /** Gives the attention back. May be called twice. */
  @Override
  public void close() {
    handle.close();
  }

  long open() {
    return handle.open();
  }

  void done() {
    handle.done();
  }

  /** The backend that this is bound to; never AUTO. */
  public Backend backend() {
    long attention = handle.open();
    try {
      int[] backend = new int[1];
      Capi.foveaAttentionGetBackend(attention, backend);
      return new Backend(backend[0]);
    } finally {
      handle.done();
    }
  }

  /** Bytes of workspace that a forward needs for any batch within limits. */
  public long workspaceSize(Limits limits) {
    long attention = handle.open();
    try (var bounds = limits.open()) {
      long[] size = new long[1];
      Capi.foveaAttentionGetWorkspaceSize(attention, bounds, size);
      return size[0];
    } finally {
      handle.done();
    }
  }

  /**
   * Workspace for any batch within limits. It is scratch: all layers that run one after another may share it;
   * concurrent forwards need one each.
   */
  public Memory newWorkspace(Limits limits) {
    return newMemory("workspace", workspaceSize(limits));
  }

  /** Bytes of plan memory for any batch within limits. */
  public long planSize(Limits limits) {
    long attention = handle.open();
    try (var bounds = limits.open()) {
      long[] size = new long[1];
      Capi.foveaAttentionGetPlanSize(attention, bounds, size);
      return size[0];
    } finally {
      handle.done();
    }
  }

  /** Plan memory for any batch within limits. It is not scratch: it holds the plan until it is made anew. */
  public Memory newPlan(Limits limits) {
    return newMemory("plan", planSize(limits));
  }

  private static Memory newMemory(String name, long size) {
    if (size > Integer.MAX_VALUE - 64) {
      throw FoveaException.invalidArgument(name + ": needs " + size + " bytes, more than a Java buffer can have");
    }
    ByteBuffer buffer = Memory.allocate((int) size);
    return Memory.of(buffer);
  }

  /**
   * Turns committed metadata into a work list, once per step instead of once per layer. The plan serves every
   * attention of equal config and backend on the same context until the metadata changes. Optional: a forward without
   * a plan makes its own. Forwards of {@link Backend#ROCM_UNIFIED_ATTN} that share a plan must follow one another on
   * the device.
   *
   * @param metadata committed
   * @param plan of {@link #newPlan}
   * @param causal forwards must ask for the same
   * @param stream the GPU's stream (hipStream_t); 0 on a CPU
   */
  public void plan(Metadata metadata, Memory plan, CausalMode causal, long stream) {
    long attention = handle.open();
    try (foveaPlanArgs_t args = new foveaPlanArgs_t()) {
      args.setPlan(plan.requireWritable("plan").address);
      args.setPlan_size(plan.size);
      args.setCausal(causal.value);
      args.setStream(stream);
      long batch = metadata.open();
      try {
        Capi.foveaAttentionPlan(attention, batch, args);
      } finally {
        metadata.done();
      }
    } finally {
      Reference.reachabilityFence(plan);
      handle.done();
    }
  }

  /**
   * Writes keys and values of new tokens into the paged cache. Needs no metadata. fp8 values are rounded to nearest
   * even and saturate.
   */
  public void writeKvCache(KvWriteArgs args) {
    long attention = handle.open();
    try (foveaKvWriteArgs_t write = new foveaKvWriteArgs_t()) {
      args.put(write, config);
      Capi.foveaAttentionWriteKvCache(attention, write);
    } finally {
      // The struct holds addresses only: the buffers must live until here.
      Reference.reachabilityFence(args);
      handle.done();
    }
  }

  /** Computes attention for a committed batch. On a CPU it computes before it returns. */
  public void forward(Metadata metadata, ForwardArgs args) {
    long attention = handle.open();
    try (foveaForwardArgs_t forward = new foveaForwardArgs_t()) {
      args.put(forward, config);
      long batch = metadata.open();
      try {
        Capi.foveaAttentionForward(attention, batch, forward);
      } finally {
        metadata.done();
      }
    } finally {
      Reference.reachabilityFence(args);
      handle.done();
    }
  }
}
