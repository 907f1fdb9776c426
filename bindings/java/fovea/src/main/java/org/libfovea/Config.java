package org.libfovea;

import java.util.ArrayList;
import java.util.List;
import org.libfovea.capi.Capi;

/**
 * What one attention layer needs. It is made by a {@link Builder}; heads, head size and query type must be set,
 * everything else has a default: causal decoder attention, scale 1/sqrt(head size), no window, no soft cap, a strided
 * cache of block size 16.
 */
public final class Config {
  private final Builder settings;

  private Config(Builder settings) {
    this.settings = settings;
  }

  /** Starts a config. */
  public static Builder builder() {
    return new Builder();
  }

  /**
   * Asks one backend for all the reasons why it refuses this config; empty if it can serve it.
   *
   * @throws FoveaException if a setting is wrong by itself
   */
  public List<Reason> reasonsAgainst(Backend backend) {
    return inspect(backend, false);
  }

  /**
   * Fails unless a backend can serve this config.
   *
   * @throws FoveaException NOT_SUPPORTED with all the reasons
   */
  public void check(Backend backend) {
    inspect(backend, true);
  }

  private List<Reason> inspect(Backend backend, boolean failing) {
    long config = open();
    long[] report = new long[1];
    try {
      try {
        Capi.foveaConfigCheck(config, backend.value, report);
      } catch (FoveaException e) {
        if (failing || report[0] == 0) {
          throw e;
        }
      }
      int[] count = new int[1];
      Capi.foveaReportGetCount(report[0], count);
      List<Reason> reasons = new ArrayList<>();
      for (int i = 0; i < count[0]; ++i) {
        reasons.add(new Reason(ReasonCode.of(Capi.fovea_report_code(report[0], i)),
            Capi.fovea_report_sentence(report[0], i)));
      }
      return reasons;
    } finally {
      Capi.foveaReportDestroy(report[0]);
      Capi.foveaConfigDestroy(config);
    }
  }

  int numQueryHeads() {
    return settings.numQueryHeads;
  }

  /** How many numbers k_scale and v_scale have. */
  int scaleCount() {
    return settings.kvScales == KvScales.PER_HEAD ? settings.numKvHeads : 1;
  }

  /** The library's own config, to be destroyed by the caller. */
  long open() {
    long[] config = new long[1];
    Capi.foveaConfigCreate(config);
    try {
      settings.set(config[0]);
    } catch (FoveaException e) {
      Capi.foveaConfigDestroy(config[0]);
      throw e;
    }
    return config[0];
  }

  /** Collects the settings of a {@link Config}. */
  public static final class Builder implements Cloneable {
    private int numQueryHeads;
    private int numKvHeads;
    private int headSize;
    private int headSizeV;
    private DataType queryType = DataType.NONE;
    private DataType kvCacheType = DataType.NONE;
    private DataType outputType = DataType.NONE;
    private float scale;
    private int windowLeft = -1;
    private int windowRight = -1;
    private float logitsSoftCap;
    private Alibi alibi = Alibi.NONE;
    private boolean sinks;
    private boolean lse;
    private PrefixRanges prefixRanges = PrefixRanges.NONE;
    private boolean perSequenceCausal;
    private AttentionType attentionType = AttentionType.DECODER;
    private boolean nonCausal;
    private KvCacheLayout kvCacheLayout = KvCacheLayout.STRIDED;
    private int blockSize = 16;
    private KvScales kvScales = KvScales.NONE;
    private boolean batchInvariant;

    private Builder() {}

    /** Query head h reads KV head h / (numQueryHeads / numKvHeads). */
    public Builder heads(int numQueryHeads, int numKvHeads) {
      this.numQueryHeads = numQueryHeads;
      this.numKvHeads = numKvHeads;
      return this;
    }

    /** Size of a head of query, key, value and output, in elements. */
    public Builder headSize(int headSize) {
      return headSizes(headSize, 0);
    }

    /** Size of a head of query and key, and of value and output. */
    public Builder headSizes(int headSize, int headSizeV) {
      this.headSize = headSize;
      this.headSizeV = headSizeV;
      return this;
    }

    /** Type of the query, and of this step's key and value (which are bf16 if the query is fp8). */
    public Builder queryType(DataType type) {
      this.queryType = type;
      return this;
    }

    /** Type of the cache; NONE, the default, is the query's. */
    public Builder kvCacheType(DataType type) {
      this.kvCacheType = type;
      return this;
    }

    /** Type of the output; NONE, the default, is the query's (bf16 if that is fp8). */
    public Builder outputType(DataType type) {
      this.outputType = type;
      return this;
    }

    /** The factor on query . key; 0 is 1/sqrt(head size). */
    public Builder scale(float scale) {
      this.scale = scale;
      return this;
    }

    /**
     * Position p sees only keys t with p - t &lt;= left and t - p &lt;= right; -1 leaves a side open. Both ends are
     * inclusive: "a causal window of W tokens" is left = W - 1.
     */
    public Builder slidingWindow(int left, int right) {
      this.windowLeft = left;
      this.windowRight = right;
      return this;
    }

    /** Scores become cap * tanh(score / cap); 0 is off. */
    public Builder logitsSoftCap(float cap) {
      this.logitsSoftCap = cap;
      return this;
    }

    /** Declares that forwards give alibi slopes. */
    public Builder alibi(Alibi alibi) {
      this.alibi = alibi;
      return this;
    }

    /** Declares that forwards give sinks. */
    public Builder sinks(boolean enable) {
      this.sinks = enable;
      return this;
    }

    /** Declares that forwards may ask for the log-sum-exp of each row, or for partial states. */
    public Builder lse(boolean enable) {
      this.lse = enable;
      return this;
    }

    /** Declares that the metadata may hold prefix ranges. */
    public Builder prefixRanges(PrefixRanges kind) {
      this.prefixRanges = kind;
      return this;
    }

    /** Declares that the metadata may hold a causal flag for each sequence; needs {@link #nonCausal}. */
    public Builder perSequenceCausal(boolean enable) {
      this.perSequenceCausal = enable;
      return this;
    }

    /** Decoder attention is the default. */
    public Builder attentionType(AttentionType type) {
      this.attentionType = type;
      return this;
    }

    /** Declares that forwards may be non-causal: every query sees the whole context and its whole sequence. */
    public Builder nonCausal(boolean enable) {
      this.nonCausal = enable;
      return this;
    }

    /** Layout of the cache and tokens per block, a multiple of 16. */
    public Builder kvCacheLayout(KvCacheLayout layout, int blockSize) {
      this.kvCacheLayout = layout;
      this.blockSize = blockSize;
      return this;
    }

    /** Granularity of k_scale and v_scale. */
    public Builder kvScales(KvScales granularity) {
      this.kvScales = granularity;
      return this;
    }

    /** Asks that the bits of a row depend only on its own sequence. */
    public Builder batchInvariant(boolean enable) {
      this.batchInvariant = enable;
      return this;
    }

    /**
     * The config as it is now.
     *
     * @throws FoveaException INVALID_ARGUMENT if a setting is wrong by itself
     */
    public Config build() {
      try {
        Config config = new Config((Builder) clone());
        Capi.foveaConfigDestroy(config.open());
        return config;
      } catch (CloneNotSupportedException e) {
        throw new AssertionError(e);
      }
    }

    private void set(long config) {
      Capi.foveaConfigSetHeads(config, numQueryHeads, numKvHeads);
      Capi.foveaConfigSetHeadSizes(config, headSize, headSizeV);
      Capi.foveaConfigSetDataTypes(config, queryType.value, kvCacheType.value, outputType.value);
      Capi.foveaConfigSetScale(config, scale);
      Capi.foveaConfigSetSlidingWindow(config, windowLeft, windowRight);
      Capi.foveaConfigSetLogitsSoftCap(config, logitsSoftCap);
      Capi.foveaConfigSetAlibi(config, alibi.value);
      Capi.foveaConfigSetSinks(config, number(sinks));
      Capi.foveaConfigSetLse(config, number(lse));
      Capi.foveaConfigSetPrefixRanges(config, prefixRanges.value);
      Capi.foveaConfigSetPerSequenceCausal(config, number(perSequenceCausal));
      Capi.foveaConfigSetAttentionType(config, attentionType.value);
      Capi.foveaConfigSetNonCausal(config, number(nonCausal));
      Capi.foveaConfigSetKvCacheLayout(config, kvCacheLayout.value, blockSize);
      Capi.foveaConfigSetKvScales(config, kvScales.value);
      Capi.foveaConfigSetBatchInvariant(config, number(batchInvariant));
    }

    private static int number(boolean flag) {
      return flag ? 1 : 0;
    }
  }
}
