package org.libfovea.examples;

import java.nio.ByteBuffer;
import java.nio.LongBuffer;
import java.nio.ShortBuffer;
import org.libfovea.Attention;
import org.libfovea.CausalMode;
import org.libfovea.Config;
import org.libfovea.Context;
import org.libfovea.ContextInfo;
import org.libfovea.DataType;
import org.libfovea.ForwardArgs;
import org.libfovea.KvCacheLayout;
import org.libfovea.KvWriteArgs;
import org.libfovea.Limits;
import org.libfovea.Memory;
import org.libfovea.Metadata;
import org.libfovea.Tensor;

/**
 * A speculative decoder's draft block: 16 draft tokens on top of a paged context, all of which see the whole context
 * and each other, in each of a few layers. Run it with {@code mvn -q exec:java}.
 *
 * <p>It computes the block non-causally, as a drafter does, and again causally, as the model that verifies the block
 * does, from one metadata object and one cache; then it checks both against the definition.
 */
public final class DflashBlock {
  private static final int NUM_QUERY_HEADS = 8;
  private static final int NUM_KV_HEADS = 2;
  private static final int HEAD_SIZE = 64;
  private static final int BLOCK_SIZE = 16;
  private static final int NUM_CACHE_BLOCKS = 32;
  private static final int CONTEXT_LEN = 100;
  private static final int DRAFT_LEN = 16;
  private static final int SEQ_LEN = CONTEXT_LEN + DRAFT_LEN;
  private static final int NUM_LAYERS = 3;
  /** bf16 keeps 8 bits of a number whose magnitude is at most 1. */
  private static final double TOLERANCE = 0.004;

  private int randomState = 1;

  private DflashBlock() {}

  /** Runs the block; the exit status is 0 only if every layer is right. */
  public static void main(String[] args) {
    new DflashBlock().run();
  }

  private void run() {
    Config config = Config.builder()
        .heads(NUM_QUERY_HEADS, NUM_KV_HEADS)
        .headSize(HEAD_SIZE)
        .queryType(DataType.BF16)
        .kvCacheLayout(KvCacheLayout.STRIDED, BLOCK_SIZE)
        .nonCausal(true)
        .build();

    // The sequence's blocks lie scattered in the cache; key t is row t % 16 of block table[t / 16].
    int[] blockTable = new int[(SEQ_LEN + BLOCK_SIZE - 1) / BLOCK_SIZE];
    for (int i = 0; i < blockTable.length; ++i) {
      blockTable[i] = (7 * i + 3) % NUM_CACHE_BLOCKS;
    }
    LongBuffer slots = Memory.allocate(8 * SEQ_LEN).asLongBuffer();
    for (int t = 0; t < SEQ_LEN; ++t) {
      slots.put(t, (long) blockTable[t / BLOCK_SIZE] * BLOCK_SIZE + t % BLOCK_SIZE);
    }

    Limits limits = new Limits(1, DRAFT_LEN, SEQ_LEN, blockTable.length);
    try (Context context = Context.cpu();
        Attention attention = context.newAttention(config);
        Metadata batch = context.newMetadata(limits)) {
      ContextInfo info = context.info();
      System.out.printf("%s on %s (%s)%n", attention.backend(), info.deviceName(), info.architecture());
      batch.setSequences(new int[] {0, DRAFT_LEN}, new int[] {SEQ_LEN});
      batch.setBlockTable(blockTable, blockTable.length);
      batch.setCausal(false);
      batch.commit();

      // Once per step, for all layers.
      Memory draftPlan = attention.newPlan(limits);
      Memory verifyPlan = attention.newPlan(limits);
      attention.plan(batch, draftPlan, CausalMode.METADATA, 0);
      attention.plan(batch, verifyPlan, CausalMode.CAUSAL, 0);
      Memory workspace = attention.newWorkspace(limits);
      System.out.printf("%d draft tokens after %d in %d blocks, %d layers%n", DRAFT_LEN, CONTEXT_LEN, blockTable.length,
          NUM_LAYERS);

      for (int number = 0; number < NUM_LAYERS; ++number) {
        Layer layer = new Layer();
        attention.writeKvCache(new KvWriteArgs()
            .keyValue(bf16(layer.keys, SEQ_LEN, NUM_KV_HEADS, HEAD_SIZE),
                bf16(layer.values, SEQ_LEN, NUM_KV_HEADS, HEAD_SIZE))
            .caches(layer.keyCache, layer.valueCache)
            .slots(Memory.of(slots), SEQ_LEN));
        for (boolean causal : new boolean[] {false, true}) {
          ShortBuffer output = shorts(DRAFT_LEN * NUM_QUERY_HEADS * HEAD_SIZE);
          attention.forward(batch, new ForwardArgs()
              .query(bf16(layer.query, DRAFT_LEN, NUM_QUERY_HEADS, HEAD_SIZE))
              .caches(layer.keyCache, layer.valueCache)
              .output(bf16(output, DRAFT_LEN, NUM_QUERY_HEADS, HEAD_SIZE))
              .workspace(workspace)
              .plan(causal ? verifyPlan : draftPlan)
              .causal(causal ? CausalMode.CAUSAL : CausalMode.METADATA));
          double error = layer.largestError(output, causal);
          String kind = causal ? "causal" : "non-causal";
          System.out.printf("layer %d, %s: within %.4f of the definition%n", number, kind, error);
          if (!(error <= TOLERANCE)) {
            throw new IllegalStateException("layer " + number + ", " + kind + ": the result is wrong");
          }
        }
      }
    }
  }

  /** One layer: what its projections would give for the new tokens, and its cache. */
  private final class Layer {
    final ShortBuffer query = numbers(DRAFT_LEN * NUM_QUERY_HEADS * HEAD_SIZE);
    final ShortBuffer keys = numbers(SEQ_LEN * NUM_KV_HEADS * HEAD_SIZE);
    final ShortBuffer values = numbers(SEQ_LEN * NUM_KV_HEADS * HEAD_SIZE);
    final Tensor keyCache;
    final Tensor valueCache;

    Layer() {
      // [num_blocks, 2, block_size, num_kv_heads, head_size]: keys and values side by side, as many engines keep them.
      // What nothing was written to is NaN, so that a key too many shows.
      int half = BLOCK_SIZE * NUM_KV_HEADS * HEAD_SIZE;
      ShortBuffer cache = shorts(NUM_CACHE_BLOCKS * 2 * half);
      for (int i = 0; i < cache.capacity(); ++i) {
        cache.put(i, (short) 0x7fff);
      }
      long[] strides = {2L * half, (long) NUM_KV_HEADS * HEAD_SIZE, HEAD_SIZE, 1};
      keyCache = bf16(cache, NUM_CACHE_BLOCKS, BLOCK_SIZE, NUM_KV_HEADS, HEAD_SIZE).withStrides(strides);
      valueCache = bf16(cache.slice(half, cache.capacity() - half), NUM_CACHE_BLOCKS, BLOCK_SIZE, NUM_KV_HEADS,
          HEAD_SIZE).withStrides(strides);
    }

    /** softmax(q . k / sqrt(head_size)) . v over the keys that each row sees, in double precision. */
    double largestError(ShortBuffer output, boolean causal) {
      double largest = 0;
      for (int row = 0; row < DRAFT_LEN; ++row) {
        int visible = causal ? CONTEXT_LEN + row + 1 : SEQ_LEN;
        for (int head = 0; head < NUM_QUERY_HEADS; ++head) {
          int at = (row * NUM_QUERY_HEADS + head) * HEAD_SIZE;
          int kvHead = head / (NUM_QUERY_HEADS / NUM_KV_HEADS);
          double[] sums = new double[HEAD_SIZE];
          double total = 0;
          for (int t = 0; t < visible; ++t) {
            int keyAt = (t * NUM_KV_HEADS + kvHead) * HEAD_SIZE;
            double dot = 0;
            for (int d = 0; d < HEAD_SIZE; ++d) {
              dot += toDouble(query.get(at + d)) * toDouble(keys.get(keyAt + d));
            }
            double weight = Math.exp(dot / Math.sqrt(HEAD_SIZE));
            total += weight;
            for (int d = 0; d < HEAD_SIZE; ++d) {
              sums[d] += weight * toDouble(values.get(keyAt + d));
            }
          }
          for (int d = 0; d < HEAD_SIZE; ++d) {
            // NaN stays NaN in Math.max.
            largest = Math.max(largest, Math.abs(toDouble(output.get(at + d)) - sums[d] / total));
          }
        }
      }
      return largest;
    }
  }

  private static ShortBuffer shorts(int count) {
    ByteBuffer bytes = Memory.allocate(2 * count);
    return bytes.asShortBuffer();
  }

  private static Tensor bf16(ShortBuffer bits, long... shape) {
    return Tensor.of(DataType.BF16, bits, shape);
  }

  /** A bf16 is the upper half of a float. */
  private static double toDouble(short bits) {
    return Float.intBitsToFloat(bits << 16);
  }

  /** Numbers in [-1, 1) that look random. */
  private ShortBuffer numbers(int count) {
    ShortBuffer buffer = shorts(count);
    for (int i = 0; i < count; ++i) {
      randomState = randomState * 1_664_525 + 1_013_904_223;
      float value = (randomState >>> 8) / 8_388_608f - 1;
      buffer.put(i, (short) (Float.floatToRawIntBits(value) >>> 16));
    }
    return buffer;
  }
}
