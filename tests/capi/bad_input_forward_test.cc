// Wrong forwards.
#include "tests/capi/bad_input.h"

namespace fovea_test {
namespace {

constexpr foveaStatus_t kInvalid = FOVEA_STATUS_INVALID_ARGUMENT;
constexpr foveaStatus_t kNotSupported = FOVEA_STATUS_NOT_SUPPORTED;
using Args = foveaForwardArgs_t;
using Words = std::vector<std::string>;

BadCall forward_call(const char* name, Words words, const std::function<void(Args&)>& change,
                     foveaStatus_t expected = kInvalid) {
  return {name, expected, std::move(words), [change](World& w) {
            Args args = w.problem.forward_args();
            change(args);
            return foveaAttentionForward(w.problem.attention, w.problem.metadata, &args);
          }};
}

// A forward of an attention whose config was changed first.
BadCall config_call(const char* name, foveaStatus_t expected, Words words,
                    const std::function<void(foveaConfig_t)>& configure, const std::function<void(Args&)>& change) {
  return {name, expected, std::move(words), [=](World& w) {
            foveaConfig_t config = nullptr;
            foveaAttention_t attention = nullptr;
            EXPECT_EQ(make_config(w.problem.batch, &config), FOVEA_STATUS_SUCCESS);
            configure(config);
            foveaStatus_t status = foveaAttentionCreate(w.problem.context, config, FOVEA_BACKEND_AUTO, &attention);
            EXPECT_EQ(status, FOVEA_STATUS_SUCCESS) << foveaGetLastErrorMessage();
            Args args = w.problem.forward_args();
            change(args);
            if (status == FOVEA_STATUS_SUCCESS) {
              status = foveaAttentionForward(attention, w.problem.metadata, &args);
            }
            foveaAttentionDestroy(attention);
            foveaConfigDestroy(config);
            return status;
          }};
}

// A forward of metadata that was changed first; `prepare` gets fresh metadata that holds the batch, committed.
BadCall metadata_call(const char* name, foveaStatus_t expected, Words words,
                      const std::function<void(World&, foveaMetadata_t)>& prepare, int32_t causal = 0) {
  return {name, expected, std::move(words), [=](World& w) {
            foveaMetadata_t metadata = nullptr;
            EXPECT_EQ(make_metadata(w.problem.context, w.problem.batch, &metadata), FOVEA_STATUS_SUCCESS);
            prepare(w, metadata);
            Args args = w.problem.forward_args();
            args.causal = causal;
            const foveaStatus_t status = foveaAttentionForward(w.problem.attention, metadata, &args);
            foveaMetadataDestroy(metadata);
            return status;
          }};
}

void move_by_a_byte(foveaTensor_t& view) { view.data = static_cast<char*>(view.data) + 1; }

void set_strides(foveaTensor_t& view, int64_t innermost) {
  int64_t stride = innermost;
  for (int32_t axis = view.ndim - 1; axis >= 0; --axis) {
    view.strides[axis] = stride;
    stride *= view.shape[axis];
  }
}

const float* constants() {
  static const float values[8] = {1, 1, 1, 1, 1, 1, 1, 1};
  return values;
}

TEST(BadInput, ForwardHandles) {
  expect_all_refused({
      {"attention NULL", kInvalid, {"attention"},
       [](World& w) {
         const Args args = w.problem.forward_args();
         return foveaAttentionForward(nullptr, w.problem.metadata, &args);
       }},
      {"metadata NULL", kInvalid, {"metadata"},
       [](World& w) {
         const Args args = w.problem.forward_args();
         return foveaAttentionForward(w.problem.attention, nullptr, &args);
       }},
      {"args NULL", kInvalid, {"args"},
       [](World& w) { return foveaAttentionForward(w.problem.attention, w.problem.metadata, nullptr); }},
      forward_call("struct_size 0", {"struct_size"}, [](Args& a) { a.struct_size = 0; }),
      forward_call("struct_size 7", {"struct_size", "7"}, [](Args& a) { a.struct_size = 7; }),
      forward_call("causal 3", {"causal", "3"}, [](Args& a) { a.causal = 3; }),
      forward_call("causal -1", {"causal", "-1"}, [](Args& a) { a.causal = -1; }),
      forward_call("unknown flag", {"flags"}, [](Args& a) { a.flags = 1u << 7; }),
  });
}

TEST(BadInput, ForwardTensors) {
  struct Part {
    const char* name;
    foveaTensor_t Args::*tensor;
    int32_t ndim;
  };
  std::vector<BadCall> table;
  for (const Part& part : {Part{"query", &Args::query, 3}, Part{"key_cache", &Args::key_cache, 4},
                           Part{"value_cache", &Args::value_cache, 4}, Part{"output", &Args::output, 3},
                           Part{"lse", &Args::lse, 2}}) {
    const auto tensor = part.tensor;
    const std::string name = part.name;
    if (name != "lse") {
      table.push_back(forward_call("absent", {name}, [tensor](Args& a) { (a.*tensor).data = nullptr; }));
    }
    table.push_back(forward_call("misaligned", {name, "align"}, [tensor](Args& a) { move_by_a_byte(a.*tensor); }));
    table.push_back(forward_call("of another type", {name, "bf16", "f32"},
                                 [tensor](Args& a) { (a.*tensor).dtype = FOVEA_DATA_TYPE_BF16; }));
    table.push_back(forward_call("of unknown type", {name, "4711"},
                                 [tensor](Args& a) { (a.*tensor).dtype = static_cast<foveaDataType_t>(4711); }));
    for (int32_t ndim : {part.ndim - 1, part.ndim + 1, 0, -1, 7, INT32_MAX}) {
      table.push_back(forward_call("of other axes", {name, std::to_string(ndim), std::to_string(part.ndim)},
                                   [tensor, ndim](Args& a) { (a.*tensor).ndim = ndim; }));
    }
    for (int32_t axis = 0; axis < part.ndim; ++axis) {
      table.push_back(forward_call("with a negative length", {name, "-3"},
                                   [tensor, axis](Args& a) { (a.*tensor).shape[axis] = -3; }));
      table.push_back(forward_call("with a negative stride", {name, "stride"}, [tensor, axis](Args& a) {
        set_strides(a.*tensor, 1);
        (a.*tensor).strides[axis] = -(a.*tensor).strides[axis];
      }));
      if (axis == 0) continue;
      table.push_back(forward_call("one longer", {name}, [tensor, axis](Args& a) { (a.*tensor).shape[axis] += 1; }));
      table.push_back(forward_call("one shorter", {name}, [tensor, axis](Args& a) { (a.*tensor).shape[axis] -= 1; }));
    }
    if (name != "lse") {
      table.push_back(
          forward_call("with a gap inside", {name, "stride"}, [tensor](Args& a) { set_strides(a.*tensor, 2); }));
    }
    if (name == "query" || name == "output" || name == "lse") {
      table.push_back(forward_call("of too few rows", {name, "22", "23"}, [tensor](Args& a) { (a.*tensor).shape[0] = 22; }));
    }
    table.push_back(forward_call("of absurd strides", {name}, [tensor](Args& a) {
      set_strides(a.*tensor, 1);
      (a.*tensor).strides[0] = INT64_MAX;
    }));
  }
  expect_all_refused(table);
}

TEST(BadInput, ForwardCurrentChunk) {
  expect_all_refused({
      forward_call("key without value", {"value"}, [](Args& a) {
        a.key = a.query;
        a.key.shape[1] = 2;
      }),
      forward_call("value without key", {"key"}, [](Args& a) {
        a.value = a.query;
        a.value.shape[1] = 2;
      }),
      forward_call("key of too few rows", {"key", "22"}, [](Args& a) {
        a.key = a.value = a.query;
        a.key.shape[1] = a.value.shape[1] = 2;
        a.key.shape[0] = 22;
      }),
      forward_call("value of other heads", {"value", "4", "2"}, [](Args& a) {
        a.key = a.value = a.query;
        a.key.shape[1] = 2;
      }),
      forward_call("caches absent although there is context", {"key_cache"}, [](Args& a) {
        a.key = a.value = a.query;
        a.key.shape[1] = a.value.shape[1] = 2;
        a.key_cache.data = a.value_cache.data = nullptr;
      }),
  });
}

TEST(BadInput, ForwardMemory) {
  expect_all_refused({
      forward_call("workspace NULL", {"workspace"}, [](Args& a) { a.workspace = nullptr; }),
      forward_call("workspace too small", {"workspace_size: 1 ", "foveaAttentionGetWorkspaceSize"}, [](Args& a) { a.workspace_size = 1; },
                   FOVEA_STATUS_WORKSPACE_TOO_SMALL),
      forward_call("workspace of no bytes", {"workspace_size"}, [](Args& a) { a.workspace_size = 0; },
                   FOVEA_STATUS_WORKSPACE_TOO_SMALL),
      {"plan that was never made", kInvalid, {"plan"},
       [](World& w) {
         Args args = w.problem.forward_args();
         args.plan = w.problem.plan.data();
         args.plan_size = w.problem.plan.size();
         return foveaAttentionForward(w.problem.attention, w.problem.metadata, &args);
       }},
      {"plan of the other kind", kInvalid, {"plan", "causal"},
       [](World& w) {
         foveaPlanArgs_t plan = FOVEA_PLAN_ARGS_INIT;
         plan.plan = w.problem.plan.data();
         plan.plan_size = w.problem.plan.size();
         plan.causal = 1;
         EXPECT_EQ(foveaAttentionPlan(w.problem.attention, w.problem.metadata, &plan), FOVEA_STATUS_SUCCESS)
             << foveaGetLastErrorMessage();
         Args args = w.problem.forward_args();
         args.plan = plan.plan;
         args.plan_size = plan.plan_size;
         args.causal = 2;
         return foveaAttentionForward(w.problem.attention, w.problem.metadata, &args);
       }},
      {"plan of a batch that is no longer current", kInvalid, {"plan"},
       [](World& w) {
         Batch& batch = w.problem.batch;
         foveaMetadata_t metadata = nullptr;
         EXPECT_EQ(make_metadata(w.problem.context, batch, &metadata), FOVEA_STATUS_SUCCESS);
         foveaPlanArgs_t plan = FOVEA_PLAN_ARGS_INIT;
         plan.plan = w.problem.plan.data();
         plan.plan_size = w.problem.plan.size();
         EXPECT_EQ(foveaAttentionPlan(w.problem.attention, metadata, &plan), FOVEA_STATUS_SUCCESS);
         EXPECT_EQ(foveaMetadataSetSequences(metadata, FOVEA_MEMORY_HOST, 1, 5, 0, 0, batch.query_start_loc.data(),
                                             batch.shape.seq_lens.data()),
                   FOVEA_STATUS_SUCCESS);
         EXPECT_EQ(foveaMetadataCommit(metadata, nullptr), FOVEA_STATUS_SUCCESS) << foveaGetLastErrorMessage();
         Args args = w.problem.forward_args();
         args.plan = plan.plan;
         args.plan_size = plan.plan_size;
         const foveaStatus_t status = foveaAttentionForward(w.problem.attention, metadata, &args);
         foveaMetadataDestroy(metadata);
         return status;
       }},
  });
}

TEST(BadInput, ForwardDeclarations) {
  const auto nothing = [](foveaConfig_t) {};
  const auto keep = [](Args&) {};
  const auto fp8 = [](foveaConfig_t c, foveaKvScales_t scales) {
    foveaConfigSetDataTypes(c, FOVEA_DATA_TYPE_F32, FOVEA_DATA_TYPE_F8_E4M3FN, FOVEA_DATA_TYPE_F32);
    foveaConfigSetKvScales(c, scales);
  };
  const auto fp8_caches = [](Args& a) { a.key_cache.dtype = a.value_cache.dtype = FOVEA_DATA_TYPE_F8_E4M3FN; };
  expect_all_refused({
      config_call("slopes missing", kInvalid, {"alibi_slopes"},
                  [](foveaConfig_t c) { foveaConfigSetAlibi(c, FOVEA_ALIBI_LINEAR); }, keep),
      config_call("slopes not declared", kInvalid, {"alibi_slopes"}, nothing,
                  [](Args& a) { a.alibi_slopes = constants(); }),
      config_call("slopes misaligned", kInvalid, {"alibi_slopes", "align"},
                  [](foveaConfig_t c) { foveaConfigSetAlibi(c, FOVEA_ALIBI_LINEAR); },
                  [](Args& a) {
                    a.alibi_slopes =
                        reinterpret_cast<const float*>(reinterpret_cast<const char*>(constants()) + 1);
                  }),
      config_call("sinks missing", kInvalid, {"sinks"}, [](foveaConfig_t c) { foveaConfigSetSinks(c, 1); }, keep),
      config_call("sinks not declared", kInvalid, {"sinks"}, nothing, [](Args& a) { a.sinks = constants(); }),
      config_call("sinks with a partial state", kInvalid, {"sinks"},
                  [](foveaConfig_t c) { foveaConfigSetSinks(c, 1); },
                  [](Args& a) {
                    a.sinks = constants();
                    a.flags = FOVEA_FORWARD_PARTIAL_STATE;
                  }),
      config_call("partial state without lse", kInvalid, {"lse"}, nothing,
                  [](Args& a) {
                    a.lse.data = nullptr;
                    a.flags = FOVEA_FORWARD_PARTIAL_STATE;
                  }),
      config_call("lse not declared", kInvalid, {"lse"}, [](foveaConfig_t c) { foveaConfigSetLse(c, 0); }, keep),
      config_call("scales missing", kInvalid, {"k_scale"}, [=](foveaConfig_t c) { fp8(c, FOVEA_KV_SCALES_PER_TENSOR); },
                  fp8_caches),
      config_call("one scale missing", kInvalid, {"v_scale"}, [=](foveaConfig_t c) { fp8(c, FOVEA_KV_SCALES_PER_HEAD); },
                  [=](Args& a) {
                    fp8_caches(a);
                    a.k_scale = constants();
                  }),
      config_call("non-causal not declared", kNotSupported, {"non-causal attention not supported"},
                  [](foveaConfig_t c) { foveaConfigSetNonCausal(c, 0); }, [](Args& a) { a.causal = 2; }),
      config_call("encoder: lengths with context", kInvalid, {"seq_lens", "row 0", "37", "5"},
                  [](foveaConfig_t c) { foveaConfigSetAttentionType(c, FOVEA_ATTENTION_ENCODER); },
                  [](Args& a) {
                    a.key = a.value = a.query;
                    a.key.shape[1] = a.value.shape[1] = 2;
                    a.key_cache.data = a.value_cache.data = nullptr;
                  }),
      {"encoder: key missing", kInvalid, {"key"},
       [](World& w) {
         Batch& batch = w.problem.batch;
         foveaConfig_t config = nullptr;
         foveaAttention_t attention = nullptr;
         foveaMetadata_t metadata = nullptr;
         EXPECT_EQ(make_config(batch, &config), FOVEA_STATUS_SUCCESS);
         EXPECT_EQ(foveaConfigSetAttentionType(config, FOVEA_ATTENTION_ENCODER), FOVEA_STATUS_SUCCESS);
         EXPECT_EQ(foveaAttentionCreate(w.problem.context, config, FOVEA_BACKEND_AUTO, &attention),
                   FOVEA_STATUS_SUCCESS);
         EXPECT_EQ(make_metadata(w.problem.context, batch, &metadata), FOVEA_STATUS_SUCCESS);
         EXPECT_EQ(foveaMetadataSetSequences(metadata, FOVEA_MEMORY_HOST, batch.num_seqs, batch.num_tokens, 0, 0,
                                             batch.query_start_loc.data(), batch.shape.query_lens.data()),
                   FOVEA_STATUS_SUCCESS);
         EXPECT_EQ(foveaMetadataCommit(metadata, nullptr), FOVEA_STATUS_SUCCESS);
         Args args = w.problem.forward_args();
         args.key_cache.data = args.value_cache.data = nullptr;
         const foveaStatus_t status = foveaAttentionForward(attention, metadata, &args);
         foveaMetadataDestroy(metadata);
         foveaAttentionDestroy(attention);
         foveaConfigDestroy(config);
         return status;
       }},
      config_call("encoder-decoder: key given", kInvalid, {"key"},
                  [](foveaConfig_t c) { foveaConfigSetAttentionType(c, FOVEA_ATTENTION_ENCODER_DECODER); },
                  [](Args& a) {
                    a.key = a.value = a.query;
                    a.key.shape[1] = a.value.shape[1] = 2;
                  }),
  });
}

TEST(BadInput, ForwardBatch) {
  expect_all_refused({
      metadata_call("changed but not committed", FOVEA_STATUS_INVALID_STATE, {"commit"},
                    [](World& w, foveaMetadata_t m) {
                      Batch& batch = w.problem.batch;
                      EXPECT_EQ(foveaMetadataSetSequences(m, FOVEA_MEMORY_HOST, 4, 23, 0, 0,
                                                          batch.query_start_loc.data(), batch.shape.seq_lens.data()),
                                FOVEA_STATUS_SUCCESS);
                    }),
      metadata_call("a block id past the cache", kInvalid, {"block_table", "row 1", "9", "9 blocks"},
                    [](World& w, foveaMetadata_t m) {
                      Batch batch = w.problem.batch;
                      batch.block_table[1 * 3 + 1] = 9;
                      EXPECT_EQ(foveaMetadataSetBlockTable(m, FOVEA_MEMORY_HOST, 4, 3, 0, batch.block_table.data()),
                                FOVEA_STATUS_SUCCESS);
                      EXPECT_EQ(foveaMetadataCommit(m, nullptr), FOVEA_STATUS_SUCCESS);
                    }),
      metadata_call("a negative block id", kInvalid, {"block_table", "row 3", "-1"},
                    [](World& w, foveaMetadata_t m) {
                      Batch batch = w.problem.batch;
                      batch.block_table[3 * 3] = -1;
                      EXPECT_EQ(foveaMetadataSetBlockTable(m, FOVEA_MEMORY_HOST, 4, 3, 0, batch.block_table.data()),
                                FOVEA_STATUS_SUCCESS);
                      // Where ids are checked at once, the refusal is the commit's; a forward reads the id otherwise.
                      EXPECT_EQ(foveaMetadataCommit(m, nullptr), FOVEA_STATUS_SUCCESS);
                    }),
      metadata_call("fewer columns than the length needs", kInvalid, {"block_table", "2"},
                    [](World& w, foveaMetadata_t m) {
                      EXPECT_EQ(foveaMetadataSetBlockTable(m, FOVEA_MEMORY_HOST, 4, 2, 3,
                                                           w.problem.batch.block_table.data()),
                                FOVEA_STATUS_SUCCESS);
                      EXPECT_EQ(foveaMetadataCommit(m, nullptr), FOVEA_STATUS_SUCCESS);
                    }),
      metadata_call("no block table", kInvalid, {"block_table"},
                    [](World&, foveaMetadata_t m) {
                      EXPECT_EQ(foveaMetadataSetBlockTable(m, FOVEA_MEMORY_HOST, 0, 0, 0, nullptr),
                                FOVEA_STATUS_SUCCESS);
                      EXPECT_EQ(foveaMetadataCommit(m, nullptr), FOVEA_STATUS_SUCCESS);
                    }),
      metadata_call("flags per sequence not declared", kNotSupported, {"per-sequence"},
                    [](World&, foveaMetadata_t m) {
                      const int32_t flags[4] = {0, 1, 0, 1};
                      EXPECT_EQ(foveaMetadataSetCausalPerSequence(m, FOVEA_MEMORY_HOST, flags), FOVEA_STATUS_SUCCESS);
                      EXPECT_EQ(foveaMetadataCommit(m, nullptr), FOVEA_STATUS_SUCCESS);
                    }),
      metadata_call("prefix ranges not declared", kNotSupported, {"partial multimodal token full attention"},
                    [](World&, foveaMetadata_t m) {
                      const int32_t start[5] = {0, 1, 1, 1, 1}, ranges[2] = {0, 4};
                      EXPECT_EQ(foveaMetadataSetPrefixRanges(m, FOVEA_MEMORY_HOST, 1, start, ranges),
                                FOVEA_STATUS_SUCCESS);
                      EXPECT_EQ(foveaMetadataCommit(m, nullptr), FOVEA_STATUS_SUCCESS);
                    }),
      {"metadata of another context", kInvalid, {"metadata", "context"},
       [](World& w) {
         Problem other;
         EXPECT_EQ(other.status, FOVEA_STATUS_SUCCESS);
         const Args args = w.problem.forward_args();
         return foveaAttentionForward(w.problem.attention, other.metadata, &args);
       }},
  });
}

// Ids that no query can see may be anything: that is no bad input.
TEST(BadInput, StaleBlockIdsAreNotRead) {
  Problem problem;
  ASSERT_EQ(problem.status, FOVEA_STATUS_SUCCESS) << problem.message;
  Batch& batch = problem.batch;
  for (int32_t seq = 0; seq < batch.num_seqs; ++seq) {
    for (int32_t column = (batch.shape.seq_lens[seq] + 15) / 16; column < batch.num_columns; ++column) {
      batch.block_table[seq * batch.num_columns + column] = seq % 2 ? -5 : INT32_MAX;
    }
  }
  // Sequence 2 has no queries: none of its ids is read.
  batch.block_table[2 * batch.num_columns] = 12345;
  ASSERT_EQ(foveaMetadataSetBlockTable(problem.metadata, FOVEA_MEMORY_HOST, batch.num_seqs, batch.num_columns, 0,
                                       batch.block_table.data()),
            FOVEA_STATUS_SUCCESS);
  ASSERT_EQ(foveaMetadataCommit(problem.metadata, nullptr), FOVEA_STATUS_SUCCESS) << foveaGetLastErrorMessage();
  for (bool causal : {true, false}) {
    ASSERT_EQ(problem.forward(causal), FOVEA_STATUS_SUCCESS) << foveaGetLastErrorMessage();
    EXPECT_LT(largest_difference(problem.output, batch.expected(causal)), kTolerance);
  }
}

}  // namespace
}  // namespace fovea_test
