package org.libfovea;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.FloatBuffer;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** The idiomatic layer, on one layer with one batch: 16 draft tokens after 32, non-causal. */
class FoveaTest {
  private static final int TOKENS = 16;
  private static final int HEADS = 4;
  private static final int SIZE = 32;
  private static final int COUNT = TOKENS * HEADS * SIZE;

  private final Limits limits = new Limits(1, TOKENS, 48, 3);
  private Context context;
  private Attention attention;
  private Metadata metadata;
  private Memory workspace;
  private Tensor keyCache;
  private Tensor valueCache;
  private TestData output;

  @BeforeEach
  void setUp() {
    context = Context.cpu(2);
    attention = context.newAttention(Config.builder().heads(HEADS, 2).headSize(SIZE).queryType(DataType.F32).nonCausal(true)
        .alibi(Alibi.LINEAR).sinks(true).build());
    metadata = context.newMetadata(limits);
    metadata.setSequences(new int[] {0, TOKENS}, new int[] {48});
    metadata.setBlockTable(new int[] {2, 0, 1}, 3);
    metadata.setCausal(false);
    metadata.commit();
    workspace = attention.newWorkspace(limits);
    keyCache = TestData.generate(5, 2, DataType.F32, 3, 16, 2, SIZE).tensor();
    valueCache = TestData.generate(5, 3, DataType.F32, 3, 16, 2, SIZE).tensor();
    output = TestData.poisoned(DataType.F32, TOKENS, HEADS, SIZE);
  }

  @AfterEach
  void tearDown() {
    attention.close();
    metadata.close();
    context.close();
  }

  private ForwardArgs args() {
    return new ForwardArgs().query(TestData.generate(5, 1, DataType.F32, TOKENS, HEADS, SIZE).tensor())
        .caches(keyCache, valueCache).output(output.tensor()).workspace(workspace)
        .alibiSlopes(TestData.floats(0.5f, 0.25f, 0.125f, 0.0625f)).sinks(TestData.floats(0, 1, 2, 3));
  }

  private static FloatBuffer floats(int count) {
    return Memory.allocate(4 * count).asFloatBuffer();
  }

  private static FoveaException refused(Status status, String part, Runnable call) {
    FoveaException e = assertThrows(FoveaException.class, call::run);
    assertEquals(status, e.status(), e.getMessage());
    assertTrue(e.getMessage().contains(part), e.getMessage() + " does not contain " + part);
    return e;
  }

  @Test
  void contextTellsWhatItIs() {
    ContextInfo info = context.info();
    assertEquals(Device.CPU, info.device());
    assertEquals(2, info.numThreads());
    assertFalse(info.deviceName().isEmpty() || info.architecture().isEmpty() || Context.libraryVersion().isEmpty());
    refused(Status.INVALID_ARGUMENT, "device_ordinal", () -> Context.create(Device.CPU, 7, 1));
  }

  @Test
  void backendsTellWhatTheyCan() {
    List<Backend> backends = Backend.all();
    assertEquals(Backend.CPU_ATTN, backends.get(backends.size() - 1));
    assertEquals(Backend.CPU_ATTN, Backend.byName("cpu_attn"));
    assertEquals("CPU_ATTN", Backend.CPU_ATTN.toString());
    assertTrue(Backend.CPU_ATTN.whyUnavailable().isEmpty());
    assertTrue(Backend.CPU_ATTN.supportsNonCausal());
    assertTrue(Backend.CPU_ATTN.supports(Capability.SINKS));
    assertTrue(Backend.CPU_ATTN.supports(DataTypeRole.KV_CACHE, DataType.F8_E5M2));
    assertEquals(new Bounds(8, 256, 8, List.of()), Backend.CPU_ATTN.bounds(BoundsAttribute.HEAD_SIZE));
    assertEquals(16, Backend.CPU_ATTN.bounds(BoundsAttribute.BLOCK_SIZE).multipleOf());
    assertEquals(Backend.CPU_ATTN, attention.backend());
  }

  @Test
  void configsAreRefusedWithEveryReason() {
    Config config = Config.builder().heads(4, 2).headSize(100).queryType(DataType.F32)
        .kvCacheLayout(KvCacheLayout.STRIDED, 20).build();
    List<Reason> reasons = config.reasonsAgainst(Backend.CPU_ATTN);
    assertEquals(List.of(ReasonCode.HEAD_SIZE, ReasonCode.BLOCK_SIZE), reasons.stream().map(Reason::code).toList());
    FoveaException e = refused(Status.NOT_SUPPORTED, "head_size not supported", () -> config.check(Backend.CPU_ATTN));
    for (Reason reason : reasons) {
      assertTrue(e.getMessage().contains(reason.sentence()));
    }
    refused(Status.NOT_SUPPORTED, "CPU_ATTN", () -> context.selectBackend(config, Backend.AUTO));
    refused(Status.NOT_SUPPORTED, "block_size not supported", () -> context.newAttention(config));
    Config good = Config.builder().heads(4, 2).headSize(64).queryType(DataType.F32).build();
    assertEquals(List.of(), good.reasonsAgainst(Backend.CPU_ATTN));
    good.check(Backend.CPU_ATTN);
    assertEquals(Backend.CPU_ATTN, context.selectBackend(good, Backend.AUTO));
    refused(Status.INVALID_ARGUMENT, "3", () -> Config.builder().heads(3, 2).headSize(64).queryType(DataType.F32).build());
  }

  @Test
  void heapBuffersAreRefused() {
    FoveaException e = refused(Status.INVALID_ARGUMENT, "is on the Java heap, expected a direct buffer",
        () -> Tensor.of(DataType.F32, FloatBuffer.allocate(8), 1, 1, 8));
    assertTrue(e.getMessage().contains("allocateDirect"), e.getMessage());
    refused(Status.INVALID_ARGUMENT, "Java heap", () -> Memory.of(ByteBuffer.wrap(new byte[64])));
  }

  @Test
  void buffersOfTheOtherByteOrderAreRefused() {
    ByteOrder other = ByteOrder.nativeOrder() == ByteOrder.BIG_ENDIAN ? ByteOrder.LITTLE_ENDIAN : ByteOrder.BIG_ENDIAN;
    ByteBuffer bytes = ByteBuffer.allocateDirect(64).order(other);
    refused(Status.INVALID_ARGUMENT, "nativeOrder", () -> Memory.of(bytes.asFloatBuffer()));
    refused(Status.INVALID_ARGUMENT, "nativeOrder", () -> Memory.of(bytes.asLongBuffer()));
    assertEquals(64, Memory.of(bytes).size());
  }

  @Test
  void buffersThatAreTooSmallAreRefused() {
    Tensor shortTensor = Tensor.of(DataType.F32, floats(COUNT - 1), TOKENS, HEADS, SIZE);
    refused(Status.INVALID_ARGUMENT, "query: has", () -> attention.forward(metadata, args().query(shortTensor)));
    refused(Status.INVALID_ARGUMENT, "output: has", () -> attention.forward(metadata, args().output(shortTensor)));
    refused(Status.INVALID_ARGUMENT, "alibi_slopes: has 12 bytes",
        () -> attention.forward(metadata, args().alibiSlopes(TestData.floats(1, 2, 3))));
    refused(Status.INVALID_ARGUMENT, "sinks: has 12 bytes",
        () -> attention.forward(metadata, args().sinks(TestData.floats(1, 2, 3))));
    refused(Status.INVALID_ARGUMENT, "key_cache: has more elements", () -> attention.forward(metadata,
        args().caches(Tensor.of(DataType.F32, floats(8), 1L << 40, 1L << 40, 2, SIZE), valueCache)));
    refused(Status.INVALID_ARGUMENT, "value_cache: has", () -> attention.forward(metadata,
        args().caches(keyCache, valueCache.withStrides(16 * 2 * SIZE, 2 * SIZE, SIZE + 1, 1))));
    refused(Status.INVALID_ARGUMENT, "slot_mapping: has 16 bytes", () -> attention.writeKvCache(new KvWriteArgs()
        .keyValue(TestData.generate(6, 2, DataType.F32, 3, 2, SIZE).tensor(),
            TestData.generate(6, 3, DataType.F32, 3, 2, SIZE).tensor())
        .caches(keyCache, valueCache).slots(TestData.longs(1, 2), 3)));
    refused(Status.WORKSPACE_TOO_SMALL, "workspace", () -> attention.forward(metadata,
        args().workspace(Memory.of(Memory.allocate(64)))));
    refused(Status.INVALID_ARGUMENT, "query_start_loc", () -> metadata.setSequences(new int[] {0}, new int[] {4}));
    refused(Status.INVALID_ARGUMENT, "block_table", () -> metadata.setBlockTable(new int[3], 2));
    refused(Status.INVALID_ARGUMENT, "causal: has 2", () -> metadata.setCausalPerSequence(new boolean[2]));
    refused(Status.INVALID_ARGUMENT, "range_start_loc", () -> metadata.setPrefixRanges(new int[1], new int[0]));
    refused(Status.INVALID_ARGUMENT, "memory of the device", () -> metadata.setDeviceBlockTable(TestData.longs(1), 1, 1, 0));
    refused(Status.INVALID_ARGUMENT, "7 axes", () -> Tensor.of(DataType.F32, floats(1), 1, 1, 1, 1, 1, 1, 1));
    attention.forward(metadata, args());
  }

  @Test
  void readOnlyBuffersAreReadOnly() {
    refused(Status.INVALID_ARGUMENT, "output: is a read-only buffer", () -> attention.forward(metadata,
        args().output(Tensor.of(DataType.F32, floats(COUNT).asReadOnlyBuffer(), TOKENS, HEADS, SIZE))));
    TestData query = TestData.generate(5, 1, DataType.F32, TOKENS, HEADS, SIZE);
    attention.forward(metadata,
        args().query(Tensor.of(DataType.F32, query.bytes.asReadOnlyBuffer(), TOKENS, HEADS, SIZE)));
    assertFalse(Double.isNaN(output.get(0)));
  }

  /** The output is a part of a larger buffer: the call writes exactly there. */
  @Test
  void buffersAreWrittenInPlace() {
    FloatBuffer all = floats(7 + COUNT + 9);
    for (int i = 0; i < all.capacity(); ++i) {
      all.put(i, -77);
    }
    attention.forward(metadata, args());
    attention.forward(metadata,
        args().output(Tensor.of(DataType.F32, all.duplicate().position(7).limit(7 + COUNT), TOKENS, HEADS, SIZE)));
    for (int i = 0; i < all.capacity(); ++i) {
      boolean inside = i >= 7 && i < 7 + COUNT;
      assertEquals(inside ? output.get(i - 7) : -77, all.get(i), "element " + i);
    }
    assertNotEquals(0, output.get(0));
  }

  /** On a CPU the memory of the device is the host's; it is borrowed, so the test keeps it. */
  @Test
  void arraysOfTheDevice() {
    attention.forward(metadata, args());
    TestData expected = output;
    output = TestData.poisoned(DataType.F32, TOKENS, HEADS, SIZE);
    ByteBuffer kept = Memory.allocate(256);
    Memory starts = borrow(kept, 0, 0, TOKENS);
    Memory lens = borrow(kept, 64, 48);
    Memory table = borrow(kept, 128, 2, 0, 1, -7);
    try (Metadata borrowing = context.newMetadata(limits)) {
      borrowing.setDeviceSequences(1, TOKENS, TOKENS, 48, starts, lens);
      borrowing.setDeviceBlockTable(table, 1, 3, 4);
      borrowing.setCausal(false);
      borrowing.commit();
      attention.forward(borrowing, args());
      refused(Status.INVALID_ARGUMENT, "query_start_loc: has 4 bytes",
          () -> borrowing.setDeviceSequences(1, 1, 1, 1, lens, lens));
      refused(Status.INVALID_ARGUMENT, "block_table: has 4 bytes", () -> borrowing.setDeviceBlockTable(lens, 2, 1, 0));
      refused(Status.INVALID_ARGUMENT, "ranges: has 4 bytes", () -> borrowing.setDevicePrefixRanges(1, starts, lens));
      borrowing.setDeviceCausalPerSequence(borrow(kept, 192, 0));
    }
    for (int i = 0; i < COUNT; ++i) {
      assertEquals(expected.get(i), output.get(i), "element " + i);
    }
    assertEquals(TOKENS, kept.getInt(4));
  }

  private static Memory borrow(ByteBuffer buffer, int place, int... values) {
    buffer.slice(place, 4 * values.length).order(ByteOrder.nativeOrder()).asIntBuffer().put(values);
    return Memory.device(Memory.of(buffer).address + place, 4L * values.length);
  }

  /** Nothing but the call itself refers to the buffers while the garbage collector runs. */
  @Test
  void buffersLiveAsLongAsTheCall() {
    attention.forward(metadata, args());
    double[] expected = new double[COUNT];
    for (int i = 0; i < COUNT; ++i) {
      expected[i] = output.get(i);
    }
    for (int round = 0; round < 20; ++round) {
      System.gc();
      output = TestData.poisoned(DataType.F32, TOKENS, HEADS, SIZE);
      attention.forward(metadata, args());
      for (int i = 0; i < COUNT; ++i) {
        assertEquals(expected[i], output.get(i), "round " + round + ", element " + i);
      }
    }
  }

  @Test
  void threadsShareAnAttention() throws Exception {
    Memory plan = attention.newPlan(limits);
    attention.plan(metadata, plan, CausalMode.METADATA, 0);
    attention.forward(metadata, args());
    ExecutorService executor = Executors.newFixedThreadPool(8);
    try {
      List<Future<TestData>> results = new ArrayList<>();
      for (int worker = 0; worker < 8; ++worker) {
        Callable<TestData> task = () -> {
          TestData own = TestData.poisoned(DataType.F32, TOKENS, HEADS, SIZE);
          ForwardArgs args = args().output(own.tensor()).workspace(attention.newWorkspace(limits)).plan(plan);
          for (int round = 0; round < 20; ++round) {
            attention.forward(metadata, args);
          }
          return own;
        };
        results.add(executor.submit(task));
      }
      for (Future<TestData> result : results) {
        for (int i = 0; i < COUNT; ++i) {
          assertEquals(output.get(i), result.get().get(i));
        }
      }
    } finally {
      executor.shutdownNow();
    }
  }

  @Test
  void failuresOfThreadsKeepTheirOwnSentence() throws Exception {
    ExecutorService executor = Executors.newFixedThreadPool(8);
    try {
      List<Future<?>> results = new ArrayList<>();
      for (int worker = 0; worker < 8; ++worker) {
        String name = String.valueOf((char) ('A' + worker)).repeat(5 + worker);
        results.add(executor.submit(() -> {
          for (int i = 0; i < 200; ++i) {
            refused(Status.INVALID_ARGUMENT, "\"" + name + "\"", () -> Backend.byName(name));
          }
        }));
      }
      for (Future<?> result : results) {
        result.get();
      }
    } finally {
      executor.shutdownNow();
    }
  }

  @Test
  void textsAreUtf8() {
    refused(Status.INVALID_ARGUMENT, "Größe", () -> Backend.byName("Größe"));
  }

  /** In an order that no engine would choose: children keep what they need. */
  @Test
  void closedObjectsAreRefused() throws Exception {
    context.close();
    attention.forward(metadata, args());
    refused(Status.INVALID_STATE, "context: is closed", () -> context.info());
    ExecutorService executor = Executors.newFixedThreadPool(4);
    try {
      List<Future<FoveaException>> results = new ArrayList<>();
      for (int worker = 0; worker < 4; ++worker) {
        results.add(executor.submit(() -> {
          TestData own = TestData.poisoned(DataType.F32, TOKENS, HEADS, SIZE);
          ForwardArgs args = args().output(own.tensor()).workspace(Memory.of(Memory.allocate((int) workspace.size())));
          while (true) {
            try {
              attention.forward(metadata, args);
            } catch (FoveaException e) {
              return e;
            }
          }
        }));
      }
      Thread.sleep(20);
      attention.close();
      for (Future<FoveaException> result : results) {
        assertEquals("attention: is closed", result.get().getMessage());
      }
    } finally {
      executor.shutdownNow();
    }
    attention.close();
    metadata.close();
    refused(Status.INVALID_STATE, "metadata: is closed", () -> metadata.setCausal(true));
  }

  @Test
  void metadataKeepsItsFlagAndIsValidated() {
    for (boolean causal : new boolean[] {true, false, true}) {
      metadata.setCausal(causal);
      assertEquals(causal, metadata.isCausal());
    }
    metadata.validate(attention, 3);
    refused(Status.INVALID_ARGUMENT, "block_table", () -> metadata.validate(attention, 2));
    metadata.throwAsyncError(0);
  }

  @Test
  void allocatedMemoryIsAligned() {
    for (int size = 0; size < 200; ++size) {
      ByteBuffer bytes = Memory.allocate(size);
      assertEquals(size, bytes.capacity());
      assertEquals(ByteOrder.nativeOrder(), bytes.order());
      assertEquals(0, Memory.of(bytes).address % 64);
    }
  }
}
