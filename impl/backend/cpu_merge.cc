#include <cstdint>
#include <cstdio>

#include "impl/backend/cpu_attn.h"
#include "impl/error.h"
#include "impl/memory.h"
#include "impl/names.h"

namespace fovea {

foveaStatus_t cpu_merge_states(const Context& context, const foveaMergeArgs_t& args) {
  FOVEA_REQUIRE_ARGUMENT(args.stream == nullptr, "stream: %p, expected NULL on a CPU", args.stream);
  FOVEA_REQUIRE_ARGUMENT(args.num_states >= 1 && args.num_states <= cpu::kMaxMergeStates,
                         "num_states: %d, expected 1 to %d", args.num_states, cpu::kMaxMergeStates);
  FOVEA_REQUIRE_ARGUMENT(args.num_tokens >= 0, "num_tokens: %d, expected 0 or more", args.num_tokens);
  if (args.num_tokens == 0) return FOVEA_STATUS_SUCCESS;
  FOVEA_REQUIRE_ARGUMENT(args.outputs != nullptr && is_aligned(args.outputs, alignof(foveaTensor_t)),
                         "outputs: at %p, expected an array of tensors", static_cast<const void*>(args.outputs));
  FOVEA_REQUIRE_ARGUMENT(args.lses != nullptr && is_aligned(args.lses, alignof(foveaTensor_t)),
                         "lses: at %p, expected an array of tensors", static_cast<const void*>(args.lses));

  // The output says how many heads there are and how large; the states must agree.
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

  cpu::Merge merge = {};
  merge.num_states = args.num_states;
  merge.num_tokens = args.num_tokens;
  merge.num_query_heads = static_cast<int32_t>(heads.size);
  merge.head_size_v = static_cast<int32_t>(size.size);
  merge.output_type = static_cast<cpu::DataType>(static_cast<int32_t>(args.output.dtype));
  FOVEA_TRY(check_rows(args.output, "output", args.output.dtype, args.num_tokens, heads, size, Access::kWrite,
                       &merge.output));
  for (int32_t i = 0; i < args.num_states; ++i) {
    char name[32];
    std::snprintf(name, sizeof(name), "outputs[%d]", i);
    FOVEA_TRY(check_rows(args.outputs[i], name, FOVEA_DATA_TYPE_F32, args.num_tokens, heads, size, Access::kRead,
                         &merge.outputs[i]));
    std::snprintf(name, sizeof(name), "lses[%d]", i);
    FOVEA_TRY(check_lse(args.lses[i], name, args.num_tokens, heads.size, Access::kRead, &merge.lses[i]));
  }
  if (!is_absent(args.lse)) {
    FOVEA_TRY(check_lse(args.lse, "lse", args.num_tokens, heads.size, Access::kWrite, &merge.lse));
  }
  if (args.sinks != nullptr) {
    FOVEA_TRY(check_floats(args.sinks, "sinks", true, "", heads.size, Values::kSink));
    merge.sinks = args.sinks;
  }
  merge.output_scale = 1;
  if (args.output_scale != nullptr) {
    FOVEA_TRY(check_floats(args.output_scale, "output_scale", is_fp8(args.output.dtype), "the output is not fp8", 1,
                           Values::kPositive));
    merge.output_scale = *args.output_scale;
  }
  cpu::merge_states(context.kernels(), merge, context.parallel());
  return FOVEA_STATUS_SUCCESS;
}

}  // namespace fovea
