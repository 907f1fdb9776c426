#include <algorithm>

#include "impl/arguments.h"
#include "impl/backend/cpu_attn.h"
#include "impl/error.h"

namespace fovea {

foveaStatus_t cpu_merge_states(const Context& context, const foveaMergeArgs_t& args) {
  FOVEA_REQUIRE_ARGUMENT(args.stream == nullptr, "stream: %p, expected NULL on a CPU", args.stream);
  MergeTensors tensors;
  FOVEA_TRY(check_merge_arguments(args, kHostMemory, &tensors));
  if (args.num_tokens == 0) return FOVEA_STATUS_SUCCESS;

  cpu::Merge merge = {};
  merge.num_states = args.num_states;
  merge.num_tokens = args.num_tokens;
  merge.num_query_heads = tensors.num_query_heads;
  merge.head_size_v = tensors.head_size_v;
  std::copy_n(tensors.outputs, args.num_states, merge.outputs);
  std::copy_n(tensors.lses, args.num_states, merge.lses);
  merge.output = tensors.output;
  merge.output_type = static_cast<cpu::DataType>(static_cast<int32_t>(args.output.dtype));
  merge.lse = tensors.lse;
  merge.sinks = args.sinks;
  merge.output_scale = args.output_scale == nullptr ? 1 : *args.output_scale;
  cpu::merge_states(context.kernels(), merge, context.parallel());
  return FOVEA_STATUS_SUCCESS;
}

}  // namespace fovea
