package org.libfovea;

import java.nio.ByteBuffer;
import java.util.Arrays;

/** A tensor of f32, f16 or bf16 in a direct buffer. */
final class TestData {
  final DataType type;
  final long[] shape;
  final int count;
  final ByteBuffer bytes;

  private TestData(DataType type, long... shape) {
    if (type != DataType.F32 && type != DataType.F16 && type != DataType.BF16) {
      throw new IllegalArgumentException("inputs and outputs of type " + type + " are not known");
    }
    this.type = type;
    this.shape = shape;
    this.count = Math.toIntExact(Arrays.stream(shape).reduce(1, (a, b) -> a * b));
    this.bytes = Memory.allocate(count * type.size());
  }

  /** The generator of tests/bindings/README.md. */
  static TestData generate(long seed, long stream, DataType type, long... shape) {
    TestData data = new TestData(type, shape);
    long state = seed * 16 + stream;
    for (int i = 0; i < data.count; ++i) {
      state += 0x9E3779B97F4A7C15L;
      long z = state;
      z = (z ^ (z >>> 30)) * 0xBF58476D1CE4E5B9L;
      z = (z ^ (z >>> 27)) * 0x94D049BB133111EBL;
      z ^= z >>> 31;
      data.set(i, ((int) (z >>> 57) - 64) / 32f);
    }
    return data;
  }

  static TestData poisoned(DataType type, long... shape) {
    TestData data = new TestData(type, shape);
    for (int i = 0; i < data.count; ++i) {
      data.set(i, Float.NaN);
    }
    return data;
  }

  /** A cache, every byte of it the same. */
  static Tensor filled(DataType type, int fillByte, long... shape) {
    long size = Arrays.stream(shape).reduce(type.size(), (a, b) -> a * b);
    ByteBuffer bytes = Memory.allocate(Math.toIntExact(size));
    for (int i = 0; i < bytes.capacity(); ++i) {
      bytes.put(i, (byte) fillByte);
    }
    return Tensor.of(type, bytes, shape);
  }

  static Memory floats(float... values) {
    ByteBuffer bytes = Memory.allocate(4 * values.length);
    bytes.asFloatBuffer().put(values);
    return values.length == 0 ? Memory.NONE : Memory.of(bytes);
  }

  static Memory longs(long... values) {
    ByteBuffer bytes = Memory.allocate(8 * values.length);
    bytes.asLongBuffer().put(values);
    return Memory.of(bytes);
  }

  Tensor tensor() {
    return Tensor.of(type, bytes, shape);
  }

  /** Some rows of the outermost axis. */
  TestData rows(int[] rows) {
    long[] pickedShape = shape.clone();
    pickedShape[0] = rows.length;
    TestData picked = new TestData(type, pickedShape);
    int size = bytes.capacity() / Math.toIntExact(shape[0]);
    for (int i = 0; i < rows.length; ++i) {
      picked.bytes.put(i * size, bytes, rows[i] * size, size);
    }
    return picked;
  }

  void set(int i, float value) {
    switch (type) {
      case F32 -> bytes.putFloat(4 * i, value);
      case F16 -> bytes.putShort(2 * i, halfOf(value));
      default -> bytes.putShort(2 * i, (short) (Float.floatToRawIntBits(value) >>> 16));
    }
  }

  double get(int i) {
    return switch (type) {
      case F32 -> bytes.getFloat(4 * i);
      case F16 -> ofHalf(bytes.getShort(2 * i));
      default -> Float.intBitsToFloat(bytes.getShort(2 * i) << 16);
    };
  }

  /** Converts what needs no rounding, and NaN. */
  private static short halfOf(float value) {
    int bits = Float.floatToRawIntBits(value);
    int sign = bits >>> 16 & 0x8000;
    int exponent = (bits >>> 23 & 0xff) - 127 + 15;
    if (Float.isNaN(value)) {
      return 0x7e00;
    } else if (value == 0) {
      return (short) sign;
    } else if (exponent < 1 || exponent > 30 || (bits & 0x1fff) != 0) {
      throw new IllegalArgumentException(value + " is no normal f16");
    }
    return (short) (sign | exponent << 10 | bits >>> 13 & 0x3ff);
  }

  private static double ofHalf(short bits) {
    double sign = bits < 0 ? -1 : 1;
    int exponent = bits >>> 10 & 0x1f;
    double fraction = (bits & 0x3ff) / 1024.0;
    if (exponent == 31) {
      return fraction != 0 ? Double.NaN : sign * Double.POSITIVE_INFINITY;
    }
    return sign * (exponent == 0 ? Math.scalb(fraction, -14) : Math.scalb(1 + fraction, exponent - 15));
  }
}
