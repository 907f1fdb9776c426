package org.libfovea;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.lang.reflect.Field;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.IntBuffer;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.libfovea.capi.Capi;
import org.libfovea.capi.CapiConstants;
import org.libfovea.capi.foveaForwardArgs_t;

/** The generated layer: widths, results, exceptions, constants. */
class CapiTest {
  private static IntBuffer ints(int... values) {
    return Memory.allocate(4 * values.length).asIntBuffer().put(values).flip();
  }

  /**
   * An array that is read with the wrong stride gives the entries of another place: each entry here is wrong in every
   * place but its own, and a wrong one is refused.
   */
  @Test
  void arraysAreReadEntryByEntry() {
    try (Context context = Context.cpu(1); Metadata metadata = context.newMetadata(new Limits(4, 32, 64, 4))) {
      long handle = metadata.open();
      long queryStartLoc = Capi.fovea_address_of(ints(0, 3, 5, 12));
      IntBuffer starts = ints(0, 3, 5, 12);
      IntBuffer lens = ints(13, 2, 64);
      queryStartLoc = Capi.fovea_address_of(starts);
      Capi.foveaMetadataSetSequences(handle, CapiConstants.FOVEA_MEMORY_HOST, 3, 12, 7, 64, queryStartLoc,
          Capi.fovea_address_of(lens));
      Capi.foveaMetadataCommit(handle, 0);
      for (int place = 0; place < 3; ++place) {
        lens = ints(13, 2, 64);
        lens.put(place, 65 + place);
        final long start = queryStartLoc;
        final long wrong = Capi.fovea_address_of(lens);
        FoveaException e = assertThrows(FoveaException.class, () -> {
          Capi.foveaMetadataSetSequences(handle, CapiConstants.FOVEA_MEMORY_HOST, 3, 12, 7, 64, start, wrong);
          Capi.foveaMetadataCommit(handle, 0);
        });
        assertTrue(e.getMessage().contains(Integer.toString(65 + place)), e.getMessage());
      }
      starts.get(0);
      metadata.done();
    }
  }

  @Test
  void resultsAreWrittenOnSuccessOnly() {
    int[] backend = {-77};
    FoveaException e = assertThrows(FoveaException.class, () -> Capi.foveaBackendFromName("NO_SUCH_ATTN", backend));
    assertEquals(Status.INVALID_ARGUMENT, e.status());
    assertTrue(e.getMessage().contains("NO_SUCH_ATTN"), e.getMessage());
    assertArrayEquals(new int[] {-77}, backend);
    Capi.foveaBackendFromName("cpu_attn", backend);
    assertArrayEquals(new int[] {CapiConstants.FOVEA_BACKEND_CPU_ATTN}, backend);
    int[] longer = {-1, -2};
    Capi.foveaGetVersion(longer);
    assertTrue(longer[0] >= 10000);
    assertEquals(-2, longer[1]);
  }

  @Test
  void structsKeepWhatIsSet() {
    try (foveaForwardArgs_t args = new foveaForwardArgs_t()) {
      assertEquals(0, args.getWorkspace() | args.getK_scale() | args.getCausal() | args.getFlags());
      // Addresses that nobody follows: wide enough to show a cut.
      args.setWorkspace((1L << 45) + 64);
      args.setWorkspace_size((1L << 40) + 5);
      args.setStream((1L << 46) + 128);
      args.setK_scale((1L << 47) + 4);
      args.setFlags(1L << 31);
      args.setCausal(2);
      assertEquals((1L << 45) + 64, args.getWorkspace());
      assertEquals((1L << 40) + 5, args.getWorkspace_size());
      assertEquals((1L << 46) + 128, args.getStream());
      assertEquals((1L << 47) + 4, args.getK_scale());
      assertEquals(1L << 31, args.getFlags());
      assertEquals(2, args.getCausal());
    }
  }

  /** A shape that is shorter than the struct's room must not be read past its end. */
  @Test
  void shortShapesAreRefused() {
    try (foveaForwardArgs_t args = new foveaForwardArgs_t()) {
      assertThrows(ArrayIndexOutOfBoundsException.class, () -> args.set_query(64, 1, 3, new long[3], new long[6]));
    }
  }

  @Test
  void addressesAreThoseOfDirectBuffers() {
    ByteBuffer bytes = ByteBuffer.allocateDirect(100);
    long address = Capi.fovea_address_of(bytes);
    assertTrue(address != 0);
    assertEquals(address + 12, Memory.of(bytes.position(12)).address);
    assertEquals(88, Memory.of(bytes).size());
    assertEquals(address + 12 + 8,
        Memory.of(bytes.slice().order(ByteOrder.nativeOrder()).asLongBuffer().position(1)).address);
    assertEquals(0, Capi.fovea_address_of(ByteBuffer.allocate(100)));
  }

  @Test
  void constantsAreThoseOfTheHeader() throws ReflectiveOperationException {
    for (Status status : Status.values()) {
      if (status != Status.UNKNOWN) {
        assertEquals(status.cName(), Capi.foveaStatusName(status.value));
      }
    }
    assertEquals(List.of("none", "f32", "f16", "bf16", "f8_e4m3fn", "f8_e4m3fnuz", "f8_e5m2"),
        Arrays.stream(DataType.values()).map(DataType::toString).toList());
    for (Capability capability : Capability.values()) {
      assertEquals(capability.name().toLowerCase(java.util.Locale.ROOT), Capi.foveaCapabilityName(capability.value));
    }
    assertEquals(CapiConstants.FOVEA_CAPABILITY_COUNT, Capability.values().length);
    same(DataType.values(), "FOVEA_DATA_TYPE_");
    same(Device.values(), "FOVEA_DEVICE_");
    same(AttentionType.values(), "FOVEA_ATTENTION_");
    same(KvCacheLayout.values(), "FOVEA_KV_CACHE_LAYOUT_");
    same(Alibi.values(), "FOVEA_ALIBI_");
    same(PrefixRanges.values(), "FOVEA_PREFIX_RANGES_");
    same(KvScales.values(), "FOVEA_KV_SCALES_");
    same(Capability.values(), "FOVEA_CAPABILITY_");
    same(DataTypeRole.values(), "FOVEA_ROLE_");
    same(BoundsAttribute.values(), "FOVEA_BOUNDS_");
    same(ReasonCode.values(), "FOVEA_REASON_");
    assertEquals(CapiConstants.FOVEA_BACKEND_AUTO, Backend.AUTO.value);
    assertEquals(CapiConstants.FOVEA_BACKEND_ROCM_ATTN, Backend.ROCM_ATTN.value);
    assertEquals(CapiConstants.FOVEA_BACKEND_ROCM_UNIFIED_ATTN, Backend.ROCM_UNIFIED_ATTN.value);
    assertEquals(CapiConstants.FOVEA_BACKEND_CPU_ATTN, Backend.CPU_ATTN.value);
    assertEquals(CapiConstants.FOVEA_MAX_DIMS, Tensor.MAX_DIMS);
    assertEquals(CapiConstants.FOVEA_MEMORY_HOST, 0);
    assertEquals(CapiConstants.FOVEA_MEMORY_DEVICE, 1);
  }

  /** Both ways: no constant of the header is missing here, none is more or other. */
  private static void same(Enum<?>[] constants, String prefix) throws ReflectiveOperationException {
    for (Enum<?> constant : constants) {
      Field value = constant.getDeclaringClass().getDeclaredField("value");
      assertEquals(CapiConstants.class.getField(prefix + constant.name()).getInt(null), value.getInt(constant),
          prefix + constant.name());
    }
    long inHeader = Arrays.stream(CapiConstants.class.getFields())
        .filter(field -> field.getName().startsWith(prefix) && !field.getName().equals("FOVEA_CAPABILITY_COUNT")).count();
    assertEquals(constants.length, inHeader, prefix);
  }
}
