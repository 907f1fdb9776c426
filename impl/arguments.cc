#include "impl/arguments.h"

#include <cstdio>

#include "impl/error.h"
#include "impl/memory.h"
#include "impl/names.h"

namespace fovea {
namespace {

// What is not known here, the device finds: without a cache every block is beyond it.
bool has_known_context(const CommittedBatch& batch) {
  if (batch.host_seq_lens == nullptr) return false;
  for (int32_t s = 0; s < batch.num_seqs; ++s) {
    const int32_t query_len = batch.host_query_start_loc[s + 1] - batch.host_query_start_loc[s];
    if (query_len > 0 && batch.host_seq_lens[s] > query_len) return true;
  }
  return false;
}

foveaStatus_t check_kv_scales(const LayerConfig& layer, const float* k_scale, const float* v_scale,
                              const MemoryRules& rules) {
  const bool scaled = layer.kv_scales != FOVEA_KV_SCALES_NONE;
  const char* why =
      scaled ? "the config declared KV scales" : "the config declared no KV scales (foveaConfigSetKvScales)";
  const int64_t count = !rules.readable                                 ? 0
                        : layer.kv_scales == FOVEA_KV_SCALES_PER_HEAD ? layer.num_kv_heads
                                                                      : 1;
  FOVEA_TRY(check_floats(k_scale, "k_scale", scaled, why, count, Values::kPositive));
  return check_floats(v_scale, "v_scale", scaled, why, count, Values::kPositive);
}

}  // namespace

foveaStatus_t check_forward_tensors(const LayerConfig& layer, const CommittedBatch& batch,
                                    const foveaForwardArgs_t& args, const MemoryRules& rules,
                                    ForwardTensors* tensors) {
  const int64_t num_tokens = batch.num_tokens;
  const size_t alignment = rules.alignment;
  const Axis query_heads = {layer.num_query_heads, "num_query_heads"};
  const Axis kv_heads = {layer.num_kv_heads, "num_kv_heads"};
  const Axis size = {layer.head_size, "head_size"};
  const Axis size_v = {layer.value_size(), "head_size_v"};

  FOVEA_TRY(check_rows(args.query, "query", layer.query_type, num_tokens, query_heads, size, Access::kRead,
                       &tensors->query, alignment));

  const bool has_dense = !is_absent(args.key);
  FOVEA_REQUIRE_ARGUMENT(has_dense == !is_absent(args.value), "%s: absent, but %s is given; give both or none",
                         has_dense ? "value" : "key", has_dense ? "key" : "value");
  switch (layer.attention_type) {
    case FOVEA_ATTENTION_ENCODER:
      FOVEA_REQUIRE_ARGUMENT(has_dense, "key: absent, but encoder attention reads nothing else");
      FOVEA_REQUIRE_ARGUMENT(is_absent(args.key_cache) && is_absent(args.value_cache),
                             "%s: given, but encoder attention has no cache",
                             is_absent(args.key_cache) ? "value_cache" : "key_cache");
      break;
    case FOVEA_ATTENTION_ENCODER_DECODER:
      FOVEA_REQUIRE_ARGUMENT(!has_dense, "key: given, but encoder-decoder attention reads its keys from the cache");
      break;
    default:
      break;
  }
  if (has_dense) {
    FOVEA_TRY(check_rows(args.key, "key", layer.dense_type(), num_tokens, kv_heads, size, Access::kRead, &tensors->key,
                         alignment));
    FOVEA_TRY(check_rows(args.value, "value", layer.dense_type(), num_tokens, kv_heads, size_v, Access::kRead,
                         &tensors->value, alignment));
  }

  if (layer.has_cache()) {
    const bool has_cache = !is_absent(args.key_cache) || !is_absent(args.value_cache);
    FOVEA_REQUIRE_ARGUMENT(has_cache || has_dense, "key_cache: absent, but key is absent too");
    if (has_cache) {
      FOVEA_TRY(check_caches(layer, args.key_cache, args.value_cache, Access::kRead, &tensors->key_cache,
                             &tensors->value_cache, alignment));
    } else {
      FOVEA_REQUIRE_ARGUMENT(!has_known_context(batch),
                             "key_cache: absent, but there are sequences with a context to read");
    }
  }

  const bool partial = is_partial(args);
  tensors->output_type = partial ? FOVEA_DATA_TYPE_F32 : layer.result_type();
  FOVEA_TRY(check_rows(args.output, "output", tensors->output_type, num_tokens, query_heads, size_v, Access::kWrite,
                       &tensors->output, alignment));

  const bool has_lse = !is_absent(args.lse);
  FOVEA_REQUIRE_ARGUMENT(!has_lse || layer.lse, "lse: given, but the config did not declare it (foveaConfigSetLse)");
  FOVEA_REQUIRE_ARGUMENT(!partial || layer.lse,
                         "flags: FOVEA_FORWARD_PARTIAL_STATE, but the config did not declare lse (foveaConfigSetLse)");
  FOVEA_REQUIRE_ARGUMENT(!partial || has_lse, "lse: absent, but FOVEA_FORWARD_PARTIAL_STATE needs it");
  if (has_lse) {
    FOVEA_TRY(
        check_lse(args.lse, "lse", num_tokens, layer.num_query_heads, Access::kWrite, &tensors->lse, alignment));
  }
  return FOVEA_STATUS_SUCCESS;
}

foveaStatus_t check_forward_parameters(const LayerConfig& layer, const foveaForwardArgs_t& args,
                                       const MemoryRules& rules) {
  const bool partial = is_partial(args);
  const int64_t one = rules.readable ? 1 : 0;
  const int64_t per_head = rules.readable ? layer.num_query_heads : 0;

  if (args.q_scale != nullptr) {
    FOVEA_TRY(check_floats(args.q_scale, "q_scale", is_fp8(layer.query_type), "the query is not fp8", one,
                           Values::kPositive));
  }
  if (args.output_scale != nullptr) {
    FOVEA_TRY(check_floats(args.output_scale, "output_scale", !partial && is_fp8(layer.result_type()),
                           partial ? "a partial state has no output scale" : "the output is not fp8", one,
                           Values::kPositive));
  }
  FOVEA_TRY(check_kv_scales(layer, args.k_scale, args.v_scale, rules));

  const bool alibi = layer.alibi != FOVEA_ALIBI_NONE;
  FOVEA_TRY(check_floats(args.alibi_slopes, "alibi_slopes", alibi,
                         alibi ? "the config declared alibi" : "the config declared no alibi (foveaConfigSetAlibi)",
                         per_head, Values::kFinite));

  const bool sinks = layer.sinks && !partial;
  return check_floats(args.sinks, "sinks", sinks,
                      sinks     ? "the config declared sinks"
                      : partial ? "a partial state leaves them to foveaMergeAttentionStates"
                                : "the config declared no sinks (foveaConfigSetSinks)",
                      per_head, Values::kSink);
}

foveaStatus_t check_write_arguments(const LayerConfig& layer, const foveaKvWriteArgs_t& args, const MemoryRules& rules,
                                    WriteTensors* tensors) {
  const Axis heads = {layer.num_kv_heads, "num_kv_heads"};
  FOVEA_TRY(check_rows(args.key, "key", layer.dense_type(), args.num_tokens, heads, {layer.head_size, "head_size"},
                       Access::kRead, &tensors->key, rules.alignment));
  FOVEA_TRY(check_rows(args.value, "value", layer.dense_type(), args.num_tokens, heads,
                       {layer.value_size(), "head_size_v"}, Access::kRead, &tensors->value, rules.alignment));
  FOVEA_TRY(check_caches(layer, args.key_cache, args.value_cache, Access::kWrite, &tensors->key_cache,
                         &tensors->value_cache, rules.alignment));

  FOVEA_REQUIRE_ARGUMENT(args.slot_mapping != nullptr, "slot_mapping: NULL, expected an array");
  FOVEA_REQUIRE_ARGUMENT(is_aligned(args.slot_mapping, alignof(int64_t)),
                         "slot_mapping: %p is not aligned to %zu bytes", static_cast<const void*>(args.slot_mapping),
                         alignof(int64_t));
  const int64_t num_blocks = tensors->key_cache.num_blocks;
  for (int32_t i = 0; rules.readable && i < args.num_tokens; ++i) {
    const int64_t slot = args.slot_mapping[i];
    FOVEA_REQUIRE_ARGUMENT(slot < 0 || slot / layer.block_size < num_blocks,
                           "slot_mapping: row %d is %lld (block %lld), but the cache has %lld blocks of %d", i,
                           static_cast<long long>(slot), static_cast<long long>(slot / layer.block_size),
                           static_cast<long long>(num_blocks), layer.block_size);
  }
  return check_kv_scales(layer, args.k_scale, args.v_scale, rules);
}

foveaStatus_t check_merge_arguments(const foveaMergeArgs_t& args, const MemoryRules& rules, MergeTensors* tensors) {
  FOVEA_REQUIRE_ARGUMENT(args.num_states >= 1 && args.num_states <= cpu::kMaxMergeStates,
                         "num_states: %d, expected 1 to %d", args.num_states, cpu::kMaxMergeStates);
  FOVEA_REQUIRE_ARGUMENT(args.num_tokens >= 0, "num_tokens: %d, expected 0 or more", args.num_tokens);
  if (args.num_tokens == 0) return FOVEA_STATUS_SUCCESS;
  FOVEA_REQUIRE_ARGUMENT(args.outputs != nullptr && is_aligned(args.outputs, alignof(foveaTensor_t)),
                         "outputs: at %p, expected an array of tensors", static_cast<const void*>(args.outputs));
  FOVEA_REQUIRE_ARGUMENT(args.lses != nullptr && is_aligned(args.lses, alignof(foveaTensor_t)),
                         "lses: at %p, expected an array of tensors", static_cast<const void*>(args.lses));

  // The output says how many heads there are and how large; the states must agree.
  const size_t alignment = rules.alignment;
  FOVEA_REQUIRE_ARGUMENT(!is_absent(args.output), "output: absent (data is NULL), expected a tensor");
  FOVEA_REQUIRE_ARGUMENT(is_data_type(args.output.dtype) && args.output.dtype != FOVEA_DATA_TYPE_NONE,
                         "output: dtype is %d, expected a data type", static_cast<int>(args.output.dtype));
  FOVEA_REQUIRE_ARGUMENT(args.output.ndim == 3, "output: ndim is %d, expected 3", args.output.ndim);
  const Axis heads = {args.output.shape[1], "num_query_heads"};
  const Axis size = {args.output.shape[2], "head_size_v"};
  FOVEA_REQUIRE_ARGUMENT(heads.size >= 1 && heads.size <= INT32_MAX,
                         "output: shape[1] is %lld, expected num_query_heads 1 or more",
                         static_cast<long long>(heads.size));
  FOVEA_REQUIRE_ARGUMENT(size.size >= 1 && size.size <= INT32_MAX,
                         "output: shape[2] is %lld, expected head_size_v 1 or more", static_cast<long long>(size.size));

  tensors->num_query_heads = static_cast<int32_t>(heads.size);
  tensors->head_size_v = static_cast<int32_t>(size.size);
  FOVEA_TRY(check_rows(args.output, "output", args.output.dtype, args.num_tokens, heads, size, Access::kWrite,
                       &tensors->output, alignment));
  for (int32_t i = 0; i < args.num_states; ++i) {
    char name[32];
    std::snprintf(name, sizeof(name), "outputs[%d]", i);
    FOVEA_TRY(check_rows(args.outputs[i], name, FOVEA_DATA_TYPE_F32, args.num_tokens, heads, size, Access::kRead,
                         &tensors->outputs[i], alignment));
    std::snprintf(name, sizeof(name), "lses[%d]", i);
    FOVEA_TRY(check_lse(args.lses[i], name, args.num_tokens, heads.size, Access::kRead, &tensors->lses[i], alignment));
  }
  if (!is_absent(args.lse)) {
    FOVEA_TRY(check_lse(args.lse, "lse", args.num_tokens, heads.size, Access::kWrite, &tensors->lse, alignment));
  }
  if (args.sinks != nullptr) {
    FOVEA_TRY(check_floats(args.sinks, "sinks", true, "", rules.readable ? heads.size : 0, Values::kSink));
  }
  if (args.output_scale != nullptr) {
    FOVEA_TRY(check_floats(args.output_scale, "output_scale", is_fp8(args.output.dtype), "the output is not fp8",
                           rules.readable ? 1 : 0, Values::kPositive));
  }
  return FOVEA_STATUS_SUCCESS;
}

foveaStatus_t check_workspace(const void* workspace, size_t size, size_t needed) {
  FOVEA_REQUIRE_ARGUMENT(workspace != nullptr, "workspace: NULL, expected %zu bytes", needed);
  FOVEA_REQUIRE_ARGUMENT(is_aligned(workspace, kAlignment), "workspace: %p is not aligned to %zu bytes", workspace,
                         kAlignment);
  FOVEA_REQUIRE(size >= needed, FOVEA_STATUS_WORKSPACE_TOO_SMALL,
                "workspace_size: %zu is too small, this batch needs %zu bytes (foveaAttentionGetWorkspaceSize)", size,
                needed);
  return FOVEA_STATUS_SUCCESS;
}

foveaStatus_t check_plan_memory(const void* plan, size_t size, size_t needed) {
  FOVEA_REQUIRE_ARGUMENT(plan != nullptr, "plan: NULL, expected %zu bytes", needed);
  FOVEA_REQUIRE_ARGUMENT(is_aligned(plan, kAlignment), "plan: %p is not aligned to %zu bytes", plan, kAlignment);
  FOVEA_REQUIRE(size >= needed, FOVEA_STATUS_WORKSPACE_TOO_SMALL,
                "plan_size: %zu is too small, this batch needs %zu bytes (foveaAttentionGetPlanSize)", size, needed);
  return FOVEA_STATUS_SUCCESS;
}

}  // namespace fovea
