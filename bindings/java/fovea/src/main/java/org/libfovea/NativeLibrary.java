package org.libfovea;

import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.Locale;

/**
 * Loads the native code, once, when it is first needed. For each of its two files, in this order:
 *
 * <ol>
 *   <li>from the directory named by the system property {@code fovea.library.path}, if it is there: a library that the
 *       system's administrator installed, with its GPU modules beside it;
 *   <li>from the class path, where the artefact {@code fovea-linux-x86_64} has it. It is unpacked into the directory
 *       named by the system property {@code fovea.tmpdir}, else by {@code java.io.tmpdir}, and deleted as soon as it is
 *       loaded.
 * </ol>
 *
 * A directory that is mounted noexec cannot hold it; then name another one.
 */
public final class NativeLibrary {
  private static final String PATH_PROPERTY = "fovea.library.path";
  private static final String TEMPORARY_PROPERTY = "fovea.tmpdir";
  private static boolean loaded;

  private NativeLibrary() {}

  /** Loads the native code unless it is loaded. Every class of this package does so by itself. */
  public static synchronized void load() {
    if (loaded) {
      return;
    }
    // The second needs the first, which it finds by its name once that is loaded.
    load("libfovea.so.1");
    load("libfovea_java.so");
    loaded = true;
  }

  private static void load(String name) {
    String directory = System.getProperty(PATH_PROPERTY);
    if (directory != null && !directory.isEmpty()) {
      Path file = Path.of(directory, name).toAbsolutePath();
      if (Files.exists(file)) {
        System.load(file.toString());
        return;
      }
    }
    String resource = "/org/libfovea/native/" + platform() + "/" + name;
    try (InputStream input = NativeLibrary.class.getResourceAsStream(resource)) {
      if (input == null) {
        throw new UnsatisfiedLinkError(name + " is neither in the directory -D" + PATH_PROPERTY + " ("
            + (directory == null ? "not set" : directory) + ") nor on the class path; add the artefact fovea-"
            + platform());
      }
      loadUnpacked(name, input);
    } catch (IOException e) {
      throw linkError(name, e);
    }
  }

  private static void loadUnpacked(String name, InputStream input) throws IOException {
    String parent = System.getProperty(TEMPORARY_PROPERTY, System.getProperty("java.io.tmpdir"));
    // A directory of its own, which nobody else can write into.
    Path directory = Files.createTempDirectory(Path.of(parent), "fovea");
    Path file = directory.resolve(name);
    try {
      Files.copy(input, file, StandardCopyOption.REPLACE_EXISTING);
      System.load(file.toAbsolutePath().toString());
    } catch (UnsatisfiedLinkError e) {
      throw linkError(name, e);
    } finally {
      Files.deleteIfExists(file);
      Files.deleteIfExists(directory);
    }
  }

  private static UnsatisfiedLinkError linkError(String name, Throwable cause) {
    UnsatisfiedLinkError error = new UnsatisfiedLinkError("cannot unpack and load " + name + ": " + cause.getMessage()
        + ". If the temporary directory is mounted noexec, name another one by -D" + TEMPORARY_PROPERTY
        + ", or a directory that holds the libraries by -D" + PATH_PROPERTY);
    error.initCause(cause);
    return error;
  }

  static String platform() {
    String os = System.getProperty("os.name").toLowerCase(Locale.ROOT);
    String arch = System.getProperty("os.arch").toLowerCase(Locale.ROOT);
    return os + "-" + (arch.equals("amd64") ? "x86_64" : arch);
  }
}
