package org.libfovea;

import java.nio.Buffer;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.CharBuffer;
import java.nio.DoubleBuffer;
import java.nio.FloatBuffer;
import java.nio.IntBuffer;
import java.nio.LongBuffer;
import java.nio.ShortBuffer;
import org.libfovea.capi.Capi;

/**
 * Memory that the library reads or writes: what lies between position and limit of a direct buffer, or memory of a
 * device. Nothing is copied. A Memory keeps its buffer alive.
 */
public final class Memory {
  /** No memory. */
  public static final Memory NONE = new Memory(null, 0, 0, false);

  private static final int ALIGNMENT = 64;

  final Buffer buffer;
  final long address;
  final long size;
  final boolean readOnly;

  private Memory(Buffer buffer, long address, long size, boolean readOnly) {
    this.buffer = buffer;
    this.address = address;
    this.size = size;
    this.readOnly = readOnly;
  }

  /**
   * The memory of a direct buffer, from its position to its limit as they are now.
   *
   * @throws FoveaException INVALID_ARGUMENT if the buffer is on the Java heap, where the garbage collector moves it,
   * or if
   *     it holds numbers in another byte order than the processor's
   */
  public static Memory of(Buffer buffer) {
    if (!buffer.isDirect()) {
      throw FoveaException.invalidArgument("buffer: " + buffer + " is on the Java heap, expected a direct buffer "
          + "(Memory.allocate or ByteBuffer.allocateDirect)");
    }
    if (!(buffer instanceof ByteBuffer) && order(buffer) != ByteOrder.nativeOrder()) {
      throw FoveaException.invalidArgument("buffer: " + buffer + " is " + order(buffer) + ", expected "
          + ByteOrder.nativeOrder() + " (call order(ByteOrder.nativeOrder()) before asFloatBuffer and the like)");
    }
    int elementSize = elementSize(buffer);
    return new Memory(buffer, Capi.fovea_address_of(buffer) + (long) buffer.position() * elementSize,
        (long) buffer.remaining() * elementSize, buffer.isReadOnly());
  }

  /** Memory of the context's device, which the caller keeps alive. */
  public static Memory device(long address, long size) {
    return new Memory(null, address, size, false);
  }

  /**
   * A direct buffer of zeros in the processor's byte order, whose address is a multiple of 64, as workspace and plan
   * memory should be.
   */
  public static ByteBuffer allocate(int size) {
    ByteBuffer bytes = ByteBuffer.allocateDirect(Math.addExact(size, ALIGNMENT - 1));
    int start = (ALIGNMENT - bytes.alignmentOffset(0, ALIGNMENT)) % ALIGNMENT;
    return bytes.slice(start, size).order(ByteOrder.nativeOrder());
  }

  /** Size in bytes. */
  public long size() {
    return size;
  }

  boolean isNone() {
    return address == 0;
  }

  /** Refuses what is there but smaller than a call would read. */
  Memory require(String name, long bytes) {
    if (!isNone() && size < bytes) {
      throw FoveaException.invalidArgument(name + ": has " + size + " bytes, expected at least " + bytes);
    }
    return this;
  }

  /** Only memory of a device is borrowed beyond the call. */
  Memory requireDevice(String name, long bytes) {
    if (buffer != null) {
      throw FoveaException.invalidArgument(name + ": is a buffer of the host, expected memory of the device");
    }
    return require(name, bytes);
  }

  Memory requireWritable(String name) {
    if (readOnly) {
      throw FoveaException.invalidArgument(name + ": is a read-only buffer, expected one that can be written");
    }
    return this;
  }

  private static int elementSize(Buffer buffer) {
    if (buffer instanceof ByteBuffer) {
      return 1;
    } else if (buffer instanceof ShortBuffer || buffer instanceof CharBuffer) {
      return 2;
    } else if (buffer instanceof IntBuffer || buffer instanceof FloatBuffer) {
      return 4;
    }
    return 8;
  }

  private static ByteOrder order(Buffer buffer) {
    if (buffer instanceof ByteBuffer bytes) {
      return bytes.order();
    } else if (buffer instanceof ShortBuffer shorts) {
      return shorts.order();
    } else if (buffer instanceof CharBuffer chars) {
      return chars.order();
    } else if (buffer instanceof IntBuffer ints) {
      return ints.order();
    } else if (buffer instanceof FloatBuffer floats) {
      return floats.order();
    } else if (buffer instanceof LongBuffer longs) {
      return longs.order();
    }
    return ((DoubleBuffer) buffer).order();
  }
}
