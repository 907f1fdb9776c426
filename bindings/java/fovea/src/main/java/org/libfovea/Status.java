package org.libfovea;

/** What kind of failure a {@link FoveaException} is. */
public enum Status {
  SUCCESS(0),
  /** An argument is wrong by itself or does not fit the others. */
  INVALID_ARGUMENT(1),
  /** A valid request that this backend cannot serve; the reason is given. */
  NOT_SUPPORTED(2),
  /** The call is not legal now, e.g. metadata changed but not committed. */
  INVALID_STATE(3),
  /** Workspace or plan memory is smaller than its query says. */
  WORKSPACE_TOO_SMALL(4),
  /** Host memory could not be allocated. */
  OUT_OF_MEMORY(5),
  /** Device memory could not be allocated. */
  DEVICE_OUT_OF_MEMORY(6),
  /** No device of the requested kind is usable; the message says why. */
  NO_DEVICE(7),
  /** The GPU's architecture is not among those embedded in the module. */
  ARCH_MISMATCH(8),
  /** The backend cannot be used on this machine; the message says why. */
  BACKEND_UNAVAILABLE(9),
  /** The GPU runtime reported an error. */
  DEVICE_ERROR(10),
  /** A struct uses fields that this version of the library does not know. */
  VERSION_MISMATCH(11),
  /** A defect of the library. */
  INTERNAL_ERROR(12),
  /** A status that a newer library gave. */
  UNKNOWN(-1);

  final int value;

  Status(int value) {
    this.value = value;
  }

  /** The name in the C header, e.g. "FOVEA_STATUS_NOT_SUPPORTED". */
  public String cName() {
    return "FOVEA_STATUS_" + name();
  }

  static Status of(int value) {
    for (Status status : values()) {
      if (status.value == value) {
        return status;
      }
    }
    return UNKNOWN;
  }
}
