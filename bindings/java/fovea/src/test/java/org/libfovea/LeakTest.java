package org.libfovea;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.File;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;

/** Memory outside the Java heap, which the figures of the Java virtual machine do not show. */
class LeakTest {
  private static final long FLAT = 3 << 20;

  /**
   * In a Java virtual machine of its own, whose heap and compiled code have their full size early: what still grows
   * is what leaks.
   */
  @Test
  void tenThousandRoundsLeaveNothing() throws IOException, InterruptedException {
    run("closed", "10000");
  }

  @Test
  void forgottenObjectsAreClosed() throws IOException, InterruptedException {
    run("forgotten", "3000");
  }

  private static void run(String... arguments) throws IOException, InterruptedException {
    List<String> command = new java.util.ArrayList<>(List.of(
        Path.of(System.getProperty("java.home"), "bin", "java").toString(), "-Xms32m", "-Xmx32m", "-XX:+AlwaysPreTouch",
        "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-cp", System.getProperty("java.class.path"),
        LeakTest.class.getName()));
    command.addAll(List.of(arguments));
    Process process = new ProcessBuilder(command).redirectErrorStream(true).start();
    String output = new String(process.getInputStream().readAllBytes());
    assertTrue(process.waitFor(5, TimeUnit.MINUTES));
    assertEquals(0, process.exitValue(), output);
    System.out.print(output);
  }

  /** Prints by how much the process grew; exits with 1 if that is too much. */
  public static void main(String[] args) throws IOException, InterruptedException {
    boolean closing = args[0].equals("closed");
    int rounds = Integer.parseInt(args[1]);
    rounds(closing, 5000);
    long before = residentBytes();
    rounds(closing, rounds);
    long grown = residentBytes() - before;
    System.out.println(rounds + " " + args[0] + " rounds left " + grown + " bytes");
    System.exit(grown > FLAT ? 1 : 0);
  }

  private static void rounds(boolean closing, int count) throws InterruptedException {
    for (int i = 0; i < count; ++i) {
      round(closing);
      if (!closing && i % 50 == 0) {
        System.gc();
        Thread.sleep(1);
      }
    }
    System.gc();
    Thread.sleep(100);
  }

  /** Makes one of each object, uses them, and fails a call of each kind that can fail on the way. */
  private static void round(boolean closing) {
    Context context = Context.cpu(1);
    Config.Builder builder = Config.builder().heads(2, 1).headSize(16).queryType(DataType.F32);
    Attention attention = context.newAttention(builder.build());
    Metadata metadata = context.newMetadata(new Limits(64, 64, 64, 4));
    assertThrows(FoveaException.class, () -> builder.heads(0, 1).build());
    Config refused = builder.heads(2, 1).headSize(12).build();
    assertEquals(1, refused.reasonsAgainst(Backend.CPU_ATTN).size());
    assertThrows(FoveaException.class, () -> Backend.byName("none of them"));
    metadata.setSequences(new int[] {0, 1}, new int[] {1});
    assertThrows(FoveaException.class, () -> attention.forward(metadata, new ForwardArgs()));
    if (closing) {
      context.close();
      metadata.close();
      attention.close();
    }
  }

  private static long residentBytes() throws IOException {
    String[] pages = Files.readString(new File("/proc/self/statm").toPath()).split(" ");
    return Long.parseLong(pages[1]) * 4096;
  }
}
