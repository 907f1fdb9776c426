package org.libfovea;

import java.lang.ref.Reference;
import org.libfovea.capi.Capi;
import org.libfovea.capi.foveaContextCreateInfo_t;
import org.libfovea.capi.foveaContextInfo_t;
import org.libfovea.capi.foveaMergeArgs_t;

/** A device with its threads. Any number of threads may use one. */
public final class Context implements AutoCloseable {
  private final Handle handle;

  private Context(long value) {
    handle = new Handle("context", value, Capi::foveaContextDestroy);
  }

  /** A CPU context with as many threads as the process may use. */
  public static Context cpu() {
    return cpu(0);
  }

  /** A CPU context with so many threads that compute, the caller's included; 0 = all that the process may use. */
  public static Context cpu(int numThreads) {
    return create(Device.CPU, 0, numThreads);
  }

  /**
   * A context on a device.
   *
   * @param device AUTO takes a GPU if one works, else the CPU
   * @param deviceOrdinal which GPU of that kind, from 0
   * @param numThreads as {@link #cpu(int)} has it
   */
  public static Context create(Device device, int deviceOrdinal, int numThreads) {
    try (foveaContextCreateInfo_t info = new foveaContextCreateInfo_t()) {
      info.setDevice(device.value);
      info.setDevice_ordinal(deviceOrdinal);
      info.setNum_threads(numThreads);
      long[] context = new long[1];
      Capi.foveaContextCreate(info, context);
      return new Context(context[0]);
    }
  }

  /** Version of the library that was loaded, e.g. "1.0.0". */
  public static String libraryVersion() {
    return Capi.foveaGetVersionString();
  }

  /** Gives the context back; objects made from it keep what they need. May be called twice. */
  @Override
  public void close() {
    handle.close();
  }

  /** What the context runs on. */
  public ContextInfo info() {
    long context = handle.open();
    try (foveaContextInfo_t info = new foveaContextInfo_t()) {
      Capi.foveaContextGetInfo(context, info);
      return new ContextInfo(Device.of(info.getDevice()), info.getDevice_ordinal(), info.getNum_threads(),
          info.getDevice_name(), info.getArchitecture());
    } finally {
      handle.done();
    }
  }

  /**
   * Chooses the backend for a config on this device. An explicit request that cannot be served fails.
   *
   * @throws FoveaException NOT_SUPPORTED with every backend and all its reasons
   */
  public Backend selectBackend(Config config, Backend requested) {
    long context = handle.open();
    try {
      long described = config.open();
      try {
        int[] selected = new int[1];
        Capi.foveaSelectBackend(context, described, requested.value, selected);
        return new Backend(selected[0]);
      } finally {
        Capi.foveaConfigDestroy(described);
      }
    } finally {
      handle.done();
    }
  }

  /** Binds a config to the backend that suits it best. */
  public Attention newAttention(Config config) {
    return newAttention(config, Backend.AUTO);
  }

  /** Binds a config to a backend: the kernel is chosen and loaded, the threads are started. */
  public Attention newAttention(Config config, Backend backend) {
    long context = handle.open();
    try {
      long described = config.open();
      try {
        long[] attention = new long[1];
        Capi.foveaAttentionCreate(context, described, backend.value, attention);
        return new Attention(attention[0], config);
      } finally {
        Capi.foveaConfigDestroy(described);
      }
    } finally {
      handle.done();
    }
  }

  /** Makes metadata for batches within limits: causal, and without sequences. */
  public Metadata newMetadata(Limits limits) {
    long context = handle.open();
    try (var bounds = limits.open()) {
      long[] metadata = new long[1];
      Capi.foveaMetadataCreate(context, bounds, metadata);
      return new Metadata(metadata[0]);
    } finally {
      handle.done();
    }
  }

  /** Combines partial results over disjoint sets of keys by their log-sum-exp, in the order given. */
  public void mergeStates(MergeArgs args) {
    long context = handle.open();
    try (foveaMergeArgs_t merge = new foveaMergeArgs_t(args.states.size())) {
      args.put(merge);
      Capi.foveaMergeAttentionStates(context, merge);
    } finally {
      Reference.reachabilityFence(args);
      handle.done();
    }
  }
}
