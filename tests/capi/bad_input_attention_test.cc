// Wrong calls around attentions, plans, cache writes and merges.
#include "tests/capi/bad_input.h"

namespace fovea_test {
namespace {

constexpr foveaStatus_t kInvalid = FOVEA_STATUS_INVALID_ARGUMENT;

foveaStatus_t with_attention(World& w, const std::function<void(foveaConfig_t)>& change,
                             const std::function<foveaStatus_t(foveaAttention_t)>& call) {
  foveaConfig_t config = nullptr;
  foveaAttention_t attention = nullptr;
  EXPECT_EQ(make_config(w.problem.batch, &config), FOVEA_STATUS_SUCCESS);
  change(config);
  foveaStatus_t status = foveaAttentionCreate(w.problem.context, config, FOVEA_BACKEND_AUTO, &attention);
  EXPECT_EQ(status, FOVEA_STATUS_SUCCESS) << foveaGetLastErrorMessage();
  if (status == FOVEA_STATUS_SUCCESS) status = call(attention);
  foveaAttentionDestroy(attention);
  foveaConfigDestroy(config);
  return status;
}

TEST(BadInput, AttentionCreate) {
  expect_all_refused({
      {"context NULL", kInvalid, {"context"},
       [](World& w) {
         return foveaAttentionCreate(nullptr, w.problem.config, FOVEA_BACKEND_AUTO, &w.out.attention);
       }},
      {"config NULL", kInvalid, {"config"},
       [](World& w) {
         return foveaAttentionCreate(w.problem.context, nullptr, FOVEA_BACKEND_AUTO, &w.out.attention);
       }},
      {"attention NULL", kInvalid, {"attention"},
       [](World& w) {
         return foveaAttentionCreate(w.problem.context, w.problem.config, FOVEA_BACKEND_AUTO, nullptr);
       }},
      {"unknown backend", kInvalid, {"backend", "4711"},
       [](World& w) {
         return foveaAttentionCreate(w.problem.context, w.problem.config, static_cast<foveaBackend_t>(4711),
                                     &w.out.attention);
       }},
      {"head size that nobody has", FOVEA_STATUS_NOT_SUPPORTED, {"head_size not supported", "7"},
       [](World& w) {
         EXPECT_EQ(foveaConfigSetHeadSizes(w.problem.config, 7, 0), FOVEA_STATUS_SUCCESS);
         return foveaAttentionCreate(w.problem.context, w.problem.config, FOVEA_BACKEND_CPU_ATTN, &w.out.attention);
       }},
      {"window on cross-attention", FOVEA_STATUS_NOT_SUPPORTED, {"window"},
       [](World& w) {
         EXPECT_EQ(foveaConfigSetAttentionType(w.problem.config, FOVEA_ATTENTION_ENCODER_DECODER),
                   FOVEA_STATUS_SUCCESS);
         EXPECT_EQ(foveaConfigSetSlidingWindow(w.problem.config, 4, 4), FOVEA_STATUS_SUCCESS);
         return foveaAttentionCreate(w.problem.context, w.problem.config, FOVEA_BACKEND_CPU_ATTN, &w.out.attention);
       }},
      {"flags per sequence without non-causal", FOVEA_STATUS_NOT_SUPPORTED, {"causal"},
       [](World& w) {
         EXPECT_EQ(foveaConfigSetNonCausal(w.problem.config, 0), FOVEA_STATUS_SUCCESS);
         EXPECT_EQ(foveaConfigSetPerSequenceCausal(w.problem.config, 1), FOVEA_STATUS_SUCCESS);
         return foveaAttentionCreate(w.problem.context, w.problem.config, FOVEA_BACKEND_CPU_ATTN, &w.out.attention);
       }},
      {"backend of NULL", kInvalid, {"attention"},
       [](World& w) { return foveaAttentionGetBackend(nullptr, &w.out.backend); }},
      {"backend NULL", kInvalid, {"backend"},
       [](World& w) { return foveaAttentionGetBackend(w.problem.attention, nullptr); }},
  });
}

TEST(BadInput, AttentionSizes) {
  using Query = foveaStatus_t (*)(foveaAttention_t, const foveaMetadataLimits_t*, size_t*);
  for (Query query : {Query{foveaAttentionGetWorkspaceSize}, Query{foveaAttentionGetPlanSize}}) {
    const auto with_limits = [query](const char* name, std::vector<std::string> words, auto change) {
      return BadCall{name, kInvalid, std::move(words), [=](World& w) {
                       foveaMetadataLimits_t limits = limits_of(w.problem.batch);
                       change(limits);
                       return query(w.problem.attention, &limits, &w.out.size);
                     }};
    };
    expect_all_refused({
        {"attention NULL", kInvalid, {"attention"},
         [query](World& w) {
           const foveaMetadataLimits_t limits = limits_of(w.problem.batch);
           return query(nullptr, &limits, &w.out.size);
         }},
        {"limits NULL", kInvalid, {"limits"},
         [query](World& w) { return query(w.problem.attention, nullptr, &w.out.size); }},
        {"size NULL", kInvalid, {"size"},
         [query](World& w) {
           const foveaMetadataLimits_t limits = limits_of(w.problem.batch);
           return query(w.problem.attention, &limits, nullptr);
         }},
        with_limits("struct_size 0", {"struct_size"}, [](auto& l) { l.struct_size = 0; }),
        with_limits("no sequences", {"max_num_seqs", "0"}, [](auto& l) { l.max_num_seqs = 0; }),
        with_limits("no tokens", {"max_num_tokens", "0"}, [](auto& l) { l.max_num_tokens = 0; }),
        with_limits("negative length", {"max_seq_len", "-1"}, [](auto& l) { l.max_seq_len = -1; }),
    });
  }
}

BadCall plan_call(const char* name, foveaStatus_t expected, std::vector<std::string> words,
                  const std::function<void(foveaPlanArgs_t&)>& change) {
  return {name, expected, std::move(words), [change](World& w) {
            foveaPlanArgs_t args = FOVEA_PLAN_ARGS_INIT;
            args.plan = w.problem.plan.data();
            args.plan_size = w.problem.plan.size();
            change(args);
            return foveaAttentionPlan(w.problem.attention, w.problem.metadata, &args);
          }};
}

TEST(BadInput, Plan) {
  expect_all_refused({
      {"attention NULL", kInvalid, {"attention"},
       [](World& w) {
         foveaPlanArgs_t args = FOVEA_PLAN_ARGS_INIT;
         return foveaAttentionPlan(nullptr, w.problem.metadata, &args);
       }},
      {"metadata NULL", kInvalid, {"metadata"},
       [](World& w) {
         foveaPlanArgs_t args = FOVEA_PLAN_ARGS_INIT;
         return foveaAttentionPlan(w.problem.attention, nullptr, &args);
       }},
      {"args NULL", kInvalid, {"args"},
       [](World& w) { return foveaAttentionPlan(w.problem.attention, w.problem.metadata, nullptr); }},
      plan_call("struct_size 0", kInvalid, {"struct_size"}, [](auto& a) { a.struct_size = 0; }),
      plan_call("plan NULL", kInvalid, {"plan"}, [](auto& a) { a.plan = nullptr; }),
      plan_call("plan misaligned", kInvalid, {"plan", "64"},
                [](auto& a) { a.plan = static_cast<char*>(a.plan) + 8; }),
      plan_call("plan too small", FOVEA_STATUS_WORKSPACE_TOO_SMALL, {"plan_size: 1 ", "foveaAttentionGetPlanSize"}, [](auto& a) { a.plan_size = 1; }),
      plan_call("causal 3", kInvalid, {"causal", "3"}, [](auto& a) { a.causal = 3; }),
      plan_call("causal -1", kInvalid, {"causal", "-1"}, [](auto& a) { a.causal = -1; }),
      plan_call("flags", kInvalid, {"flags"}, [](auto& a) { a.flags = 1; }),
      {"not committed", FOVEA_STATUS_INVALID_STATE, {"commit"},
       [](World& w) {
         const foveaMetadataLimits_t limits = limits_of(w.problem.batch);
         foveaMetadata_t metadata = nullptr;
         EXPECT_EQ(foveaMetadataCreate(w.problem.context, &limits, &metadata), FOVEA_STATUS_SUCCESS);
         foveaPlanArgs_t args = FOVEA_PLAN_ARGS_INIT;
         args.plan = w.problem.plan.data();
         args.plan_size = w.problem.plan.size();
         const foveaStatus_t status = foveaAttentionPlan(w.problem.attention, metadata, &args);
         foveaMetadataDestroy(metadata);
         return status;
       }},
      {"non-causal was not declared", FOVEA_STATUS_NOT_SUPPORTED, {"non-causal attention not supported"},
       [](World& w) {
         return with_attention(
             w, [](foveaConfig_t config) { foveaConfigSetNonCausal(config, 0); },
             [&w](foveaAttention_t attention) {
               foveaPlanArgs_t args = FOVEA_PLAN_ARGS_INIT;
               args.plan = w.problem.plan.data();
               args.plan_size = w.problem.plan.size();
               args.causal = 2;
               return foveaAttentionPlan(attention, w.problem.metadata, &args);
             });
       }},
  });
}

using Write = foveaKvWriteArgs_t;

BadCall write_call(const char* name, std::vector<std::string> words, const std::function<void(Write&)>& change,
                   foveaStatus_t expected = kInvalid) {
  return {name, expected, std::move(words), [change](World& w) {
            std::vector<float> key, value;
            std::vector<int64_t> slots;
            Write args = w.problem.write_args(&key, &value, &slots);
            for (float& x : key) x = 42;  // would be seen in the cache
            change(args);
            return foveaAttentionWriteKvCache(w.problem.attention, &args);
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

TEST(BadInput, WriteKvCache) {
  expect_all_refused({
      {"attention NULL", kInvalid, {"attention"},
       [](World&) {
         const Write args = FOVEA_KV_WRITE_ARGS_INIT;
         return foveaAttentionWriteKvCache(nullptr, &args);
       }},
      {"args NULL", kInvalid, {"args"},
       [](World& w) { return foveaAttentionWriteKvCache(w.problem.attention, nullptr); }},
      write_call("struct_size 0", {"struct_size"}, [](Write& a) { a.struct_size = 0; }),
      write_call("key absent", {"key"}, [](Write& a) { a.key.data = nullptr; }),
      write_call("value absent", {"value"}, [](Write& a) { a.value.data = nullptr; }),
      write_call("key cache absent", {"key_cache"}, [](Write& a) { a.key_cache.data = nullptr; }),
      write_call("value cache absent", {"value_cache"}, [](Write& a) { a.value_cache.data = nullptr; }),
      write_call("slots NULL", {"slot_mapping"}, [](Write& a) { a.slot_mapping = nullptr; }),
      write_call("negative tokens", {"num_tokens", "-1"}, [](Write& a) { a.num_tokens = -1; }),
      write_call("more tokens than keys", {"key", "1000"}, [](Write& a) { a.num_tokens = 1000; }),
      write_call("key of another type", {"key", "bf16", "f32"}, [](Write& a) { a.key.dtype = FOVEA_DATA_TYPE_BF16; }),
      write_call("value of unknown type", {"value", "4711"},
                 [](Write& a) { a.value.dtype = static_cast<foveaDataType_t>(4711); }),
      write_call("key of two axes", {"key", "2", "3"}, [](Write& a) { a.key.ndim = 2; }),
      write_call("key with too many heads", {"key", "3", "2"}, [](Write& a) { a.key.shape[1] = 3; }),
      write_call("value with another head size", {"value", "31", "32"}, [](Write& a) { a.value.shape[2] = 31; }),
      write_call("key with a gap inside", {"key", "stride", "2"}, [](Write& a) { set_strides(a.key, 2); }),
      write_call("key misaligned", {"key", "align"}, [](Write& a) { move_by_a_byte(a.key); }),
      write_call("cache misaligned", {"value_cache", "align"}, [](Write& a) { move_by_a_byte(a.value_cache); }),
      write_call("cache of another type", {"key_cache", "f16", "f32"},
                 [](Write& a) { a.key_cache.dtype = FOVEA_DATA_TYPE_F16; }),
      write_call("cache of other blocks", {"key_cache", "8", "16"}, [](Write& a) { a.key_cache.shape[1] = 8; }),
      write_call("cache of other heads", {"value_cache", "1", "2"}, [](Write& a) { a.value_cache.shape[2] = 1; }),
      write_call("cache of other head size", {"key_cache", "64", "32"}, [](Write& a) { a.key_cache.shape[3] = 64; }),
      write_call("cache of three axes", {"key_cache", "3", "4"}, [](Write& a) { a.key_cache.ndim = 3; }),
      write_call("negative blocks", {"key_cache", "-9"}, [](Write& a) { a.key_cache.shape[0] = -9; }),
      write_call("a slot past the cache", {"slot_mapping", "2", "144"},
                 [](Write& a) { const_cast<int64_t*>(a.slot_mapping)[2] = 144; }),
      write_call("a slot far past the cache", {"slot_mapping", "0"},
                 [](Write& a) { const_cast<int64_t*>(a.slot_mapping)[0] = INT64_MAX; }),
      write_call("slots misaligned", {"slot_mapping", "align"},
                 [](Write& a) {
                   a.slot_mapping = reinterpret_cast<const int64_t*>(reinterpret_cast<const char*>(a.slot_mapping) + 4);
                   a.num_tokens -= 1;
                 }),
      {"scales were declared", kInvalid, {"k_scale"},
       [](World& w) {
         return with_attention(
             w,
             [](foveaConfig_t config) {
               foveaConfigSetDataTypes(config, FOVEA_DATA_TYPE_F32, FOVEA_DATA_TYPE_F8_E4M3FN, FOVEA_DATA_TYPE_F32);
               foveaConfigSetKvScales(config, FOVEA_KV_SCALES_PER_TENSOR);
             },
             [&w](foveaAttention_t attention) {
               std::vector<float> key, value;
               std::vector<int64_t> slots;
               Write args = w.problem.write_args(&key, &value, &slots);
               args.key_cache.dtype = args.value_cache.dtype = FOVEA_DATA_TYPE_F8_E4M3FN;
               return foveaAttentionWriteKvCache(attention, &args);
             });
       }},
      {"encoder attention has no cache", FOVEA_STATUS_NOT_SUPPORTED, {"encoder"},
       [](World& w) {
         return with_attention(
             w, [](foveaConfig_t config) { foveaConfigSetAttentionType(config, FOVEA_ATTENTION_ENCODER); },
             [&w](foveaAttention_t attention) {
               std::vector<float> key, value;
               std::vector<int64_t> slots;
               const Write args = w.problem.write_args(&key, &value, &slots);
               return foveaAttentionWriteKvCache(attention, &args);
             });
       }},
  });
}

struct MergeWorld {
  foveaMergeArgs_t args = FOVEA_MERGE_ARGS_INIT;
  foveaTensor_t outputs[2], lses[2];
};

BadCall merge_call(const char* name, std::vector<std::string> words, const std::function<void(MergeWorld&)>& change) {
  return {name, kInvalid, std::move(words), [change](World& w) {
            MergeWorld m;
            Problem& p = w.problem;
            std::vector<float> states[2] = {p.output, p.output}, lse_states[2] = {p.lse, p.lse};
            for (int i = 0; i < 2; ++i) {
              m.outputs[i] = p.batch.output_tensor(states[i]);
              m.lses[i] = p.batch.lse_tensor(lse_states[i]);
            }
            m.args.num_states = 2;
            m.args.num_tokens = p.batch.num_tokens;
            m.args.outputs = m.outputs;
            m.args.lses = m.lses;
            m.args.output = p.batch.output_tensor(p.output);
            m.args.lse = p.batch.lse_tensor(p.lse);
            change(m);
            return foveaMergeAttentionStates(p.context, &m.args);
          }};
}

TEST(BadInput, Merge) {
  expect_all_refused({
      {"context NULL", kInvalid, {"context"},
       [](World&) {
         const foveaMergeArgs_t args = FOVEA_MERGE_ARGS_INIT;
         return foveaMergeAttentionStates(nullptr, &args);
       }},
      {"args NULL", kInvalid, {"args"}, [](World& w) { return foveaMergeAttentionStates(w.problem.context, nullptr); }},
      merge_call("struct_size 0", {"struct_size"}, [](MergeWorld& m) { m.args.struct_size = 0; }),
      merge_call("no states", {"num_states", "0"}, [](MergeWorld& m) { m.args.num_states = 0; }),
      merge_call("too many states", {"num_states", "65", "64"}, [](MergeWorld& m) { m.args.num_states = 65; }),
      merge_call("negative tokens", {"num_tokens", "-1"}, [](MergeWorld& m) { m.args.num_tokens = -1; }),
      merge_call("outputs NULL", {"outputs"}, [](MergeWorld& m) { m.args.outputs = nullptr; }),
      merge_call("lses NULL", {"lses"}, [](MergeWorld& m) { m.args.lses = nullptr; }),
      merge_call("a state absent", {"outputs[1]"}, [](MergeWorld& m) { m.outputs[1].data = nullptr; }),
      merge_call("a state's lse absent", {"lses[0]"}, [](MergeWorld& m) { m.lses[0].data = nullptr; }),
      merge_call("a state of another type", {"outputs[0]", "bf16"},
                 [](MergeWorld& m) { m.outputs[0].dtype = FOVEA_DATA_TYPE_BF16; }),
      merge_call("an lse of another type", {"lses[1]", "f16"},
                 [](MergeWorld& m) { m.lses[1].dtype = FOVEA_DATA_TYPE_F16; }),
      merge_call("a state with too few rows", {"outputs[1]", "22"}, [](MergeWorld& m) { m.outputs[1].shape[0] = 22; }),
      merge_call("a state with other heads", {"outputs[1]", "3", "4"}, [](MergeWorld& m) { m.outputs[1].shape[1] = 3; }),
      merge_call("an lse with other heads", {"lses[1]", "3", "4"}, [](MergeWorld& m) { m.lses[1].shape[1] = 3; }),
      merge_call("a state misaligned", {"outputs[0]", "align"}, [](MergeWorld& m) { move_by_a_byte(m.outputs[0]); }),
      merge_call("output absent", {"output"}, [](MergeWorld& m) { m.args.output.data = nullptr; }),
      merge_call("output of unknown type", {"output", "4711"},
                 [](MergeWorld& m) { m.args.output.dtype = static_cast<foveaDataType_t>(4711); }),
      merge_call("output of two axes", {"output", "2", "3"}, [](MergeWorld& m) { m.args.output.ndim = 2; }),
      merge_call("output with too few rows", {"output", "22"}, [](MergeWorld& m) { m.args.output.shape[0] = 22; }),
      merge_call("output misaligned", {"output", "align"}, [](MergeWorld& m) { move_by_a_byte(m.args.output); }),
      merge_call("lse of another type", {"lse", "bf16"}, [](MergeWorld& m) { m.args.lse.dtype = FOVEA_DATA_TYPE_BF16; }),
      merge_call("lse of other heads", {"lse", "5", "4"}, [](MergeWorld& m) { m.args.lse.shape[1] = 5; }),
  });
}

}  // namespace
}  // namespace fovea_test
