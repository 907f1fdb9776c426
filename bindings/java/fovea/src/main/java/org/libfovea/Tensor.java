package org.libfovea;

import java.nio.Buffer;
import java.util.Arrays;

/** A view of memory as a tensor; it owns nothing. */
public final class Tensor {
  /** Most axes that a tensor can have. */
  public static final int MAX_DIMS = 6;

  /** No tensor. */
  public static final Tensor ABSENT = new Tensor(DataType.NONE, Memory.NONE, new long[0], null);

  final DataType type;
  final Memory memory;
  final int ndim;
  final long[] shape;
  final long[] strides;

  private Tensor(DataType type, Memory memory, long[] shape, long[] strides) {
    if (shape.length > MAX_DIMS) {
      throw FoveaException.invalidArgument("shape: has " + shape.length + " axes, expected at most " + MAX_DIMS);
    }
    if (strides != null && strides.length != shape.length) {
      throw FoveaException.invalidArgument("strides: has " + strides.length + " entries, expected " + shape.length);
    }
    this.type = type;
    this.memory = memory;
    this.ndim = shape.length;
    this.shape = Arrays.copyOf(shape, MAX_DIMS);
    this.strides = strides == null ? new long[MAX_DIMS] : Arrays.copyOf(strides, MAX_DIMS);
  }

  /**
   * Views a direct buffer, from its position to its limit, as a contiguous tensor.
   *
   * @param type of the elements
   * @param buffer a direct buffer with room for them
   * @param shape length of each axis, outermost first
   */
  public static Tensor of(DataType type, Buffer buffer, long... shape) {
    return new Tensor(type, Memory.of(buffer), shape, null);
  }

  /** Views memory as a contiguous tensor. */
  public static Tensor of(DataType type, Memory memory, long... shape) {
    return new Tensor(type, memory, shape, null);
  }

  /** The same memory with other strides, in elements; the innermost must be 1. */
  public Tensor withStrides(long... strides) {
    return new Tensor(type, memory, Arrays.copyOf(shape, ndim), strides);
  }

  /** Hands the tensor to a struct of the library, by the struct's own setter. */
  interface Setter {
    void set(long data, int type, int ndim, long[] shape, long[] strides);
  }

  void put(String name, Setter setter) {
    if (memory.isNone()) {
      return;
    }
    memory.require(name, extent(name));
    setter.set(memory.address, type.value, ndim, shape, strides);
  }

  void putWritable(String name, Setter setter) {
    memory.requireWritable(name);
    put(name, setter);
  }

  /** Bytes from the first element to the end of the last. */
  private long extent(String name) {
    boolean contiguous = true;
    for (int axis = 0; axis < ndim; ++axis) {
      if (shape[axis] < 0 || strides[axis] < 0) {
        throw FoveaException.invalidArgument(name + ": axis " + axis + " has length " + shape[axis] + " and stride "
            + strides[axis]);
      }
      if (shape[axis] == 0) {
        return 0;
      }
      contiguous &= strides[axis] == 0;
    }
    try {
      long elements = 1;
      long stride = 1;
      for (int axis = ndim - 1; axis >= 0; --axis) {
        elements = Math.addExact(elements, Math.multiplyExact(shape[axis] - 1, contiguous ? stride : strides[axis]));
        stride = contiguous ? Math.multiplyExact(stride, shape[axis]) : 0;
      }
      return Math.multiplyExact(elements, (long) type.size());
    } catch (ArithmeticException e) {
      throw FoveaException.invalidArgument(name + ": has more elements than can be addressed");
    }
  }
}
