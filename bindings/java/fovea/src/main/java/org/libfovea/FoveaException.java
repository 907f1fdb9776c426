package org.libfovea;

import java.nio.charset.StandardCharsets;

/**
 * A call that failed: what kind of failure, and a sentence that names the argument, its value and what was expected.
 */
public final class FoveaException extends RuntimeException {
  private static final long serialVersionUID = 1;

  private final Status status;

  /** Called by the native code, inside the failing call. */
  FoveaException(int status, byte[] message) {
    this(Status.of(status), new String(message, StandardCharsets.UTF_8));
  }

  FoveaException(Status status, String message) {
    super(message);
    this.status = status;
  }

  static FoveaException invalidArgument(String message) {
    return new FoveaException(Status.INVALID_ARGUMENT, message);
  }

  /** What kind of failure it is. */
  public Status status() {
    return status;
  }
}
