package org.libfovea;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assertions.fail;

import com.google.gson.JsonArray;
import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import java.util.stream.StreamSupport;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;

/** The file that all languages run; tests/bindings/README.md says what its fields mean. */
class ConformanceTest {
  private static final Map<String, DataType> TYPES = Map.of("f32", DataType.F32, "f16", DataType.F16, "bf16", DataType.BF16,
      "f8_e4m3fn", DataType.F8_E4M3FN, "f8_e4m3fnuz", DataType.F8_E4M3FNUZ, "f8_e5m2", DataType.F8_E5M2);

  /** How far a case came: the step that failed with what, or its results. */
  private static final class Outcome {
    String step;
    FoveaException error;
    List<Reason> reasons = List.of();
    TestData output;
    TestData lse;
  }

  @TestFactory
  Stream<DynamicTest> cases() throws IOException {
    return tests("cases", (name, one) -> {
      Outcome outcome = run(one);
      assertNull(outcome.error, outcome.step);
      JsonObject expect = one.getAsJsonObject("expect");
      compare("output", outcome.output, expect.getAsJsonArray("output"), expect.get("output_tolerance").getAsDouble());
      if (!expect.getAsJsonArray("lse").isEmpty()) {
        compare("lse", outcome.lse, expect.getAsJsonArray("lse"), expect.get("lse_tolerance").getAsDouble());
      }
    });
  }

  @TestFactory
  Stream<DynamicTest> errors() throws IOException {
    return tests("errors", (name, one) -> {
      Outcome outcome = run(one);
      JsonObject expect = one.getAsJsonObject("expect");
      if (outcome.error == null) {
        fail("nothing failed, expected step " + expect.get("step"));
      }
      String message = outcome.error.getMessage();
      assertEquals(expect.get("step").getAsString(), outcome.step, message);
      assertEquals(expect.get("status").getAsString(), outcome.error.status().cName(), message);
      for (JsonElement text : expect.getAsJsonArray("message")) {
        assertTrue(message.contains(text.getAsString()), message + " does not contain " + text);
      }
      assertEquals(IntStream.of(ints(expect, "reasons")).boxed().toList(),
          outcome.reasons.stream().map(reason -> reason.code().value()).toList());
      for (Reason reason : outcome.reasons) {
        assertFalse(reason.sentence().isEmpty());
        assertTrue(message.contains(reason.sentence()), message + " does not contain " + reason.sentence());
      }
    });
  }

  @TestFactory
  Stream<DynamicTest> merges() throws IOException {
    return tests("merges", (name, one) -> {
      int numTokens = one.get("num_tokens").getAsInt();
      int numQueryHeads = one.get("num_query_heads").getAsInt();
      int headSizeV = one.get("head_size_v").getAsInt();
      int rows = numTokens * numQueryHeads;
      JsonArray lses = one.getAsJsonArray("lses");
      MergeArgs args = new MergeArgs().numTokens(numTokens).sinks(TestData.floats(floats(one, "sinks")));
      for (int i = 0; i < one.get("num_states").getAsInt(); ++i) {
        TestData lse = TestData.poisoned(DataType.F32, numTokens, numQueryHeads);
        for (int row = 0; row < rows; ++row) {
          lse.set(row, (float) unlimited(lses.get(i * rows + row).getAsDouble()));
        }
        args.state(TestData.generate(one.get("seed").getAsLong(), 4 + i, DataType.F32, numTokens, numQueryHeads, headSizeV)
            .tensor(), lse.tensor());
      }
      TestData output = TestData.poisoned(known(TYPES, one, "output_dtype"), numTokens, numQueryHeads, headSizeV);
      TestData lse = TestData.poisoned(DataType.F32, numTokens, numQueryHeads);
      JsonObject expect = one.getAsJsonObject("expect");
      args.output(output.tensor());
      boolean withLse = !expect.getAsJsonArray("lse").isEmpty();
      if (withLse) {
        args.lse(lse.tensor());
      }
      try (Context context = Context.cpu(2)) {
        context.mergeStates(args);
      }
      compare("output", output, expect.getAsJsonArray("output"), expect.get("output_tolerance").getAsDouble());
      if (withLse) {
        compare("lse", lse, expect.getAsJsonArray("lse"), expect.get("lse_tolerance").getAsDouble());
      }
    });
  }

  @Test
  void generatorGivesTheElementsOfTheReadme() {
    double[] expected = {0, -0.4375, -0.6875, -1.125, -1.9375, -1.6875};
    for (DataType type : List.of(DataType.F32, DataType.F16, DataType.BF16)) {
      TestData data = TestData.generate(1, 1, type, 2, 3);
      for (int i = 0; i < expected.length; ++i) {
        assertEquals(expected[i], data.get(i), type + ", element " + i);
      }
    }
  }

  private interface Body {
    void run(String name, JsonObject one);
  }

  private static Stream<DynamicTest> tests(String list, Body body) throws IOException {
    JsonObject file = JsonParser.parseString(Files.readString(Path.of(System.getProperty("fovea.test.cases")))).getAsJsonObject();
    assertEquals(1, file.get("format").getAsInt());
    assertFalse(file.getAsJsonArray(list).isEmpty(), "the file has no " + list);
    return StreamSupport.stream(file.getAsJsonArray(list).spliterator(), false).map(JsonElement::getAsJsonObject)
        .map(one -> {
          String name = one.get("name").getAsString();
          return DynamicTest.dynamicTest(name, () -> body.run(name, one));
        });
  }

  /** Does the steps in the file's order and stops at the first that fails. */
  private static Outcome run(JsonObject one) {
    Outcome outcome = new Outcome();
    try (Context context = Context.cpu(2)) {
      outcome.step = "config";
      Config config = config(one.getAsJsonObject("config"));
      outcome.step = "check";
      outcome.reasons = config.reasonsAgainst(Backend.CPU_ATTN);
      config.check(Backend.CPU_ATTN);
      outcome.step = "attention";
      try (Attention attention = context.newAttention(config)) {
        outcome.step = "metadata";
        Limits limits = limits(one.getAsJsonObject("limits"));
        try (Metadata metadata = context.newMetadata(limits)) {
          fill(metadata, one.getAsJsonObject("metadata"));
          compute(one, attention, metadata, limits, outcome);
        }
      }
    } catch (FoveaException e) {
      outcome.error = e;
    }
    return outcome;
  }

  private static Config config(JsonObject c) {
    return Config.builder()
        .heads(c.get("num_query_heads").getAsInt(), c.get("num_kv_heads").getAsInt())
        .headSizes(c.get("head_size").getAsInt(), c.get("head_size_v").getAsInt())
        .queryType(known(TYPES, c, "query_dtype"))
        .kvCacheType(known(TYPES, c, "kv_cache_dtype"))
        .outputType(known(TYPES, c, "output_dtype"))
        .scale(c.get("scale").getAsFloat())
        .slidingWindow(c.get("window_left").getAsInt(), c.get("window_right").getAsInt())
        .logitsSoftCap(c.get("soft_cap").getAsFloat())
        .alibi(named(Alibi.class, c, "alibi"))
        .sinks(flag(c, "sinks"))
        .lse(flag(c, "lse"))
        .prefixRanges(named(PrefixRanges.class, c, "prefix_ranges"))
        .perSequenceCausal(flag(c, "per_sequence_causal"))
        .nonCausal(flag(c, "non_causal"))
        .batchInvariant(flag(c, "batch_invariant"))
        .attentionType(named(AttentionType.class, c, "attention_type"))
        .kvCacheLayout(named(KvCacheLayout.class, c, "kv_cache_layout"), c.get("block_size").getAsInt())
        .kvScales(named(KvScales.class, c, "kv_scales"))
        .build();
  }

  private static Limits limits(JsonObject l) {
    return new Limits(l.get("max_num_seqs").getAsInt(), l.get("max_num_tokens").getAsInt(), l.get("max_seq_len").getAsInt(),
        l.get("max_blocks_per_seq").getAsInt(), l.get("max_prefix_ranges").getAsInt());
  }

  private static void fill(Metadata metadata, JsonObject m) {
    assertEquals(m.get("num_seqs").getAsInt(), m.getAsJsonArray("seq_lens").size());
    metadata.setSequences(ints(m, "query_start_loc"), ints(m, "seq_lens"));
    metadata.setCausal(flag(m, "causal"));
    int[] flags = ints(m, "causal_per_sequence");
    if (flags.length > 0) {
      boolean[] causal = new boolean[flags.length];
      for (int i = 0; i < flags.length; ++i) {
        causal[i] = flags[i] == 1;
      }
      metadata.setCausalPerSequence(causal);
    }
    int[] table = ints(m, "block_table");
    if (table.length > 0) {
      metadata.setBlockTable(table, m.get("num_columns").getAsInt());
    }
    int[] rangeStartLoc = ints(m, "range_start_loc");
    if (rangeStartLoc.length > 0) {
      metadata.setPrefixRanges(rangeStartLoc, ints(m, "ranges"));
    }
    metadata.commit();
  }

  private static void compute(JsonObject one, Attention attention, Metadata metadata, Limits limits, Outcome outcome) {
    JsonObject c = one.getAsJsonObject("config");
    JsonObject f = one.getAsJsonObject("forward");
    JsonObject cache = one.getAsJsonObject("cache");
    DataType type = known(TYPES, c, "query_dtype");
    long seed = one.get("seed").getAsLong();
    int numKeys = one.get("num_keys").getAsInt();
    int numTokens = one.getAsJsonObject("metadata").get("num_tokens").getAsInt();
    int numQueryHeads = c.get("num_query_heads").getAsInt();
    int numKvHeads = c.get("num_kv_heads").getAsInt();
    int headSizeV = c.get("head_size_v").getAsInt();
    TestData query = TestData.generate(seed, 1, type, numTokens, numQueryHeads, c.get("head_size").getAsInt());
    TestData key = TestData.generate(seed, 2, type, numKeys, numKvHeads, c.get("head_size").getAsInt());
    TestData value = TestData.generate(seed, 3, type, numKeys, numKvHeads, headSizeV);
    Memory kScale = TestData.floats(floats(one, "k_scale"));
    Memory vScale = TestData.floats(floats(one, "v_scale"));
    Tensor keyCache = Tensor.ABSENT;
    Tensor valueCache = Tensor.ABSENT;
    if (!cache.getAsJsonArray("key_shape").isEmpty()) {
      DataType cacheType = known(TYPES, c, "kv_cache_dtype");
      int fillByte = cache.get("fill_byte").getAsInt();
      keyCache = TestData.filled(cacheType, fillByte, longs(cache, "key_shape"));
      valueCache = TestData.filled(cacheType, fillByte, longs(cache, "value_shape"));
    }
    outcome.step = "write";
    long[] slots = longs(one, "slot_mapping");
    if (slots.length > 0) {
      attention.writeKvCache(new KvWriteArgs().keyValue(key.tensor(), value.tensor()).caches(keyCache, valueCache)
          .slots(TestData.longs(slots), numKeys).scales(kScale, vScale));
    }
    outcome.step = "plan";
    CausalMode causal = CausalMode.values()[f.get("causal").getAsInt()];
    ForwardArgs args = new ForwardArgs().query(query.tensor()).caches(keyCache, valueCache).scales(kScale, vScale)
        .alibiSlopes(TestData.floats(floats(one, "alibi_slopes"))).sinks(TestData.floats(floats(one, "sinks")))
        .causal(causal).partialState(flag(f, "partial_state"));
    if (flag(f, "use_plan")) {
      Memory plan = attention.newPlan(limits);
      attention.plan(metadata, plan, causal, 0);
      args.plan(plan);
    }
    outcome.step = "forward";
    int[] rows = ints(f, "key_rows");
    if (rows.length > 0) {
      args.keyValue(key.rows(rows).tensor(), value.rows(rows).tensor());
    }
    DataType outputType = flag(f, "partial_state") ? DataType.F32 : known(TYPES, c, "output_dtype");
    outcome.output = TestData.poisoned(outputType, numTokens, numQueryHeads, headSizeV);
    outcome.lse = TestData.poisoned(DataType.F32, numTokens, numQueryHeads);
    JsonElement expectedLse = one.getAsJsonObject("expect").get("lse");
    if (expectedLse != null && !expectedLse.getAsJsonArray().isEmpty()) {
      args.lse(outcome.lse.tensor());
    }
    attention.forward(metadata, args.output(outcome.output.tensor()).workspace(attention.newWorkspace(limits)));
  }

  private static void compare(String what, TestData got, JsonArray expected, double tolerance) {
    assertEquals(expected.size(), got.count, what);
    for (int i = 0; i < got.count; ++i) {
      double value = unlimited(expected.get(i).getAsDouble());
      boolean right = Double.isInfinite(value) ? got.get(i) == value : Math.abs(got.get(i) - value) <= tolerance;
      if (!right) {
        fail(what + ": element " + i + " is " + got.get(i) + ", expected " + value + " within " + tolerance);
      }
    }
  }

  private static double unlimited(double value) {
    return value <= -1e30 ? Double.NEGATIVE_INFINITY : value;
  }

  private static <T> T known(Map<String, T> values, JsonObject object, String field) {
    T value = values.get(object.get(field).getAsString());
    if (value == null) {
      throw new IllegalArgumentException(field + ": " + object.get(field) + " is not known");
    }
    return value;
  }

  private static <T extends Enum<T>> T named(Class<T> type, JsonObject object, String field) {
    return Enum.valueOf(type, object.get(field).getAsString().toUpperCase(Locale.ROOT));
  }

  private static boolean flag(JsonObject object, String field) {
    int value = object.get(field).getAsInt();
    if (value != 0 && value != 1) {
      throw new IllegalArgumentException(field + ": " + value + " is not known");
    }
    return value == 1;
  }

  private static int[] ints(JsonObject object, String field) {
    return StreamSupport.stream(object.getAsJsonArray(field).spliterator(), false).mapToInt(JsonElement::getAsInt).toArray();
  }

  private static long[] longs(JsonObject object, String field) {
    return StreamSupport.stream(object.getAsJsonArray(field).spliterator(), false).mapToLong(JsonElement::getAsLong).toArray();
  }

  private static float[] floats(JsonObject object, String field) {
    JsonArray array = object.getAsJsonArray(field);
    float[] values = new float[array.size()];
    for (int i = 0; i < values.length; ++i) {
      values[i] = array.get(i).getAsFloat();
    }
    return values;
  }
}
