package org.libfovea;

import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.libfovea.capi.Capi;
import org.libfovea.capi.foveaBounds_t;

/** One way of computing attention. A library may know backends that this version of the binding has no constant for. */
public final class Backend {
  /** The library chooses one that can serve a config. */
  public static final Backend AUTO = new Backend(0);

  /** HIP kernels in a module that is loaded on demand. */
  public static final Backend ROCM_ATTN = new Backend(1);

  /** In the same module: one kernel for prefill and decode, causal only. */
  public static final Backend ROCM_UNIFIED_ATTN = new Backend(2);

  /** In the core library; always available. */
  public static final Backend CPU_ATTN = new Backend(3);

  final int value;

  Backend(int value) {
    this.value = value;
  }

  /** The backends that this library knows, available or not, in the order in which it asks them. */
  public static List<Backend> all() {
    int[] count = new int[1];
    Capi.foveaGetBackendCount(count);
    List<Backend> backends = new ArrayList<>();
    for (int i = 0; i < count[0]; ++i) {
      int[] backend = new int[1];
      Capi.foveaGetBackend(i, backend);
      backends.add(new Backend(backend[0]));
    }
    return backends;
  }

  /** Finds a backend by its name, e.g. "CPU_ATTN" or "AUTO", without regard to case. */
  public static Backend byName(String name) {
    int[] backend = new int[1];
    Capi.foveaBackendFromName(name, backend);
    return new Backend(backend[0]);
  }

  /** Why the backend cannot be used on this machine; empty if it can. May load a GPU module. */
  public Optional<String> whyUnavailable() {
    int[] available = new int[1];
    byte[] reason = new byte[1024];
    Capi.foveaBackendIsAvailable(value, available, reason);
    int length = 0;
    while (length < reason.length && reason[length] != 0) {
      ++length;
    }
    return available[0] != 0 ? Optional.empty() : Optional.of(new String(reason, 0, length, StandardCharsets.UTF_8));
  }

  /** Whether the backend can compute non-causal attention. */
  public boolean supportsNonCausal() {
    int[] supported = new int[1];
    Capi.foveaBackendSupportsNonCausal(value, supported);
    return supported[0] != 0;
  }

  /** Whether the backend has a capability. What is not claimed is refused, never ignored. */
  public boolean supports(Capability capability) {
    int[] supported = new int[1];
    Capi.foveaBackendSupports(value, capability.value, supported);
    return supported[0] != 0;
  }

  /** Whether the backend takes a data type in a role. */
  public boolean supports(DataTypeRole role, DataType type) {
    int[] supported = new int[1];
    Capi.foveaBackendSupportsDataType(value, role.value, type.value, supported);
    return supported[0] != 0;
  }

  /** The values that the backend takes for a quantity. */
  public Bounds bounds(BoundsAttribute attribute) {
    try (foveaBounds_t bounds = new foveaBounds_t()) {
      Capi.foveaBackendGetBounds(value, attribute.value, bounds);
      List<Integer> values = new ArrayList<>();
      for (int i = 0; i < bounds.getCount(); ++i) {
        values.add(bounds.value(i));
      }
      return new Bounds(bounds.getMin(), bounds.getMax(), bounds.getMultiple_of(), List.copyOf(values));
    }
  }

  /** The name, e.g. "CPU_ATTN". */
  @Override
  public String toString() {
    return Capi.foveaBackendGetName(value);
  }

  @Override
  public boolean equals(Object other) {
    return other instanceof Backend backend && backend.value == value;
  }

  @Override
  public int hashCode() {
    return value;
  }
}
