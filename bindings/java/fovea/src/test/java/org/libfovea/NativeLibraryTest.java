package org.libfovea;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Where the native code comes from; each test runs a Java virtual machine of its own. */
class NativeLibraryTest {
  private record Result(int status, String output) {}

  /** Prints which files are mapped, so that the tests see where the libraries came from. */
  public static void main(String[] args) throws IOException {
    System.out.println("version " + Context.libraryVersion());
    try (Stream<String> lines = Files.lines(Path.of("/proc/self/maps"))) {
      lines.filter(line -> line.contains("libfovea")).map(line -> "mapped " + line.substring(line.indexOf('/')))
          .distinct().forEach(System.out::println);
    }
  }

  private static Result run(String classPath, String... options) throws IOException, InterruptedException {
    List<String> command = new ArrayList<>();
    command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
    command.addAll(List.of(options));
    command.addAll(List.of("-cp", classPath, NativeLibraryTest.class.getName()));
    ProcessBuilder builder = new ProcessBuilder(command).redirectErrorStream(true);
    builder.environment().remove("LD_LIBRARY_PATH");
    Process process = builder.start();
    String output = new String(process.getInputStream().readAllBytes());
    assertTrue(process.waitFor(1, TimeUnit.MINUTES));
    return new Result(process.exitValue(), output);
  }

  private static String withNativeArtefact() {
    return System.getProperty("java.class.path");
  }

  private static String withoutNativeArtefact() {
    return Arrays.stream(System.getProperty("java.class.path").split(":"))
        .filter(entry -> !entry.contains("fovea-linux-x86_64")).collect(Collectors.joining(":"));
  }

  private static String nativeFolder() {
    return Path.of(System.getProperty("fovea.test.native")).normalize().toString();
  }

  @Test
  void librariesAreUnpackedAndDeleted(@TempDir Path temporary) throws IOException, InterruptedException {
    Result result = run(withNativeArtefact(), "-Dfovea.tmpdir=" + temporary);
    assertEquals(0, result.status, result.output);
    assertTrue(result.output.contains("mapped " + temporary), result.output);
    try (Stream<Path> left = Files.list(temporary)) {
      assertEquals(List.of(), left.toList());
    }
  }

  @Test
  void theNamedDirectoryComesFirst(@TempDir Path temporary) throws IOException, InterruptedException {
    Result result = run(withNativeArtefact(), "-Dfovea.library.path=" + nativeFolder(), "-Dfovea.tmpdir=" + temporary);
    assertEquals(0, result.status, result.output);
    assertTrue(result.output.contains("mapped " + nativeFolder() + "/libfovea_java.so"), result.output);
    assertTrue(result.output.contains("mapped " + nativeFolder() + "/libfovea.so.1"), result.output);
    assertFalse(result.output.contains(temporary.toString()), result.output);
    assertEquals(0, run(withoutNativeArtefact(), "-Dfovea.library.path=" + nativeFolder()).status);
  }

  /** An installed library has no Java part beside it; that comes from the artefact. */
  @Test
  void eachFileIsLookedForByItself(@TempDir Path installed, @TempDir Path temporary) throws IOException, InterruptedException {
    Files.copy(Path.of(nativeFolder(), "libfovea.so.1"), installed.resolve("libfovea.so.1"));
    Result result = run(withNativeArtefact(), "-Dfovea.library.path=" + installed, "-Dfovea.tmpdir=" + temporary);
    assertEquals(0, result.status, result.output);
    assertTrue(result.output.contains("mapped " + installed + "/libfovea.so.1"), result.output);
    assertFalse(result.output.matches("(?s).*mapped " + temporary + "[^\\n]*libfovea\\.so.*"), result.output);
  }

  @Test
  void withoutAnyTheErrorSaysWhatToDo() throws IOException, InterruptedException {
    Result result = run(withoutNativeArtefact());
    assertEquals(1, result.status, result.output);
    assertTrue(result.output.contains("-Dfovea.library.path (not set)"), result.output);
    assertTrue(result.output.contains("add the artefact fovea-linux-x86_64"), result.output);
  }

  @Test
  void aNoexecDirectoryIsNamedAndAnotherOneWorks(@TempDir Path temporary) throws IOException, InterruptedException {
    Path noexec = Path.of(System.getProperty("fovea.test.noexec", "/dev/shm"));
    assumeTrue(isNoexec(noexec), "this machine has no directory that is mounted noexec at " + noexec);
    Result result = run(withNativeArtefact(), "-Djava.io.tmpdir=" + noexec);
    assertEquals(1, result.status, result.output);
    assertTrue(result.output.contains("name another one by -Dfovea.tmpdir"), result.output);
    try (Stream<Path> left = Files.list(noexec)) {
      assertEquals(List.of(), left.filter(path -> path.getFileName().toString().startsWith("fovea")).toList());
    }
    assertEquals(0, run(withNativeArtefact(), "-Djava.io.tmpdir=" + noexec, "-Dfovea.tmpdir=" + temporary).status);
    assertEquals(0, run(withNativeArtefact(), "-Djava.io.tmpdir=" + noexec, "-Dfovea.library.path=" + nativeFolder()).status);
  }

  private static boolean isNoexec(Path directory) throws IOException {
    try (Stream<String> mounts = Files.lines(Path.of("/proc/mounts"))) {
      return mounts.map(line -> line.split(" "))
          .anyMatch(fields -> fields[1].equals(directory.toString()) && ("," + fields[3] + ",").contains(",noexec,"));
    }
  }
}
