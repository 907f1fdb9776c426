package org.libfovea;

import java.lang.ref.Cleaner;
import java.lang.ref.Reference;
import java.util.concurrent.locks.ReadWriteLock;
import java.util.concurrent.locks.ReentrantReadWriteLock;
import java.util.function.LongConsumer;

/**
 * A handle of the library. Calls share it, {@code close} waits for them: a call that runs on one thread while another
 * closes the object either finishes first or finds it closed. What is forgotten is closed when the garbage collector
 * finds it.
 */
final class Handle {
  private static final Cleaner CLEANER = Cleaner.create();

  /** Must not refer to the Handle, or that would never be found. */
  private static final class State implements Runnable {
    final ReadWriteLock lock = new ReentrantReadWriteLock();
    final LongConsumer destroy;
    long value;

    State(long value, LongConsumer destroy) {
      this.value = value;
      this.destroy = destroy;
    }

    @Override
    public void run() {
      lock.writeLock().lock();
      try {
        if (value != 0) {
          destroy.accept(value);
          value = 0;
        }
      } finally {
        lock.writeLock().unlock();
      }
    }
  }

  private final String name;
  private final State state;
  private final Cleaner.Cleanable cleanable;

  Handle(String name, long value, LongConsumer destroy) {
    this.name = name;
    this.state = new State(value, destroy);
    this.cleanable = CLEANER.register(this, state);
  }

  /** The library's handle for one call, which ends with {@link #done}. */
  long open() {
    state.lock.readLock().lock();
    if (state.value == 0) {
      state.lock.readLock().unlock();
      throw new FoveaException(Status.INVALID_STATE, name + ": is closed");
    }
    return state.value;
  }

  void done() {
    state.lock.readLock().unlock();
    Reference.reachabilityFence(this);
  }

  void close() {
    cleanable.clean();
  }
}
