package org.libfovea;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;

/**
 * A backend that is causal only, on a GPU module without a GPU that claims what the shipped ones do. In a Java virtual
 * machine of its own, because modules are looked for once in the life of a process, and the other tests are not to see
 * it.
 */
class CausalOnlyTest {
  private static final String REASON = "non-causal attention not supported";

  @Test
  void nonCausalRequestsAreRefusedWithTheReason() throws IOException, InterruptedException {
    String module = System.getenv("FOVEA_TEST_CLAIMS_MODULE");
    assumeTrue(module != null, "FOVEA_TEST_CLAIMS_MODULE names the folder of a module, as tests/bindings/java.sh sets it");
    ProcessBuilder builder = new ProcessBuilder(Path.of(System.getProperty("java.home"), "bin", "java").toString(),
        "-cp", System.getProperty("java.class.path"), CausalOnlyTest.class.getName()).redirectErrorStream(true);
    builder.environment().put("FOVEA_BACKEND_PATH", module);
    Process process = builder.start();
    String output = new String(process.getInputStream().readAllBytes());
    assertTrue(process.waitFor(1, TimeUnit.MINUTES));
    assertEquals(0, process.exitValue(), output);
    assertTrue(output.contains("refused"), output);
  }

  private static void refused(Runnable call) {
    FoveaException e = assertThrows(FoveaException.class, call::run);
    assertEquals(Status.NOT_SUPPORTED, e.status(), e.getMessage());
    assertTrue(e.getMessage().contains(REASON), e.getMessage());
  }

  /** What runs in the other virtual machine. */
  public static void main(String[] args) {
    assertFalse(Backend.ROCM_UNIFIED_ATTN.supportsNonCausal());
    try (Context context = Context.create(Device.GPU, 0, 0)) {
      // A config that declares non-causal use.
      Config config = layer().nonCausal(true).build();
      assertEquals(List.of(new Reason(ReasonCode.NON_CAUSAL, REASON)), config.reasonsAgainst(Backend.ROCM_UNIFIED_ATTN));
      refused(() -> config.check(Backend.ROCM_UNIFIED_ATTN));
      refused(() -> context.newAttention(config, Backend.ROCM_UNIFIED_ATTN));
      assertEquals(Backend.ROCM_ATTN, context.selectBackend(config, Backend.AUTO));

      // One that does not, and a batch that is non-causal all the same.
      try (Attention attention = context.newAttention(layer().build(), Backend.ROCM_UNIFIED_ATTN);
          Metadata metadata = context.newMetadata(new Limits(1, 2, 4, 0))) {
        metadata.setSequences(new int[] {0, 2}, new int[] {4});
        metadata.commit();
        Memory plan = attention.newPlan(new Limits(1, 2, 4, 0));
        refused(() -> attention.plan(metadata, plan, CausalMode.NON_CAUSAL, 0));
        metadata.setCausal(false);
        refused(() -> attention.plan(metadata, plan, CausalMode.METADATA, 0));
      }
    }
    System.out.println("refused");
  }

  private static Config.Builder layer() {
    return Config.builder().heads(4, 2).headSize(64).queryType(DataType.BF16);
  }
}
