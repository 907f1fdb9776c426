// Makes instances of the kernel for all kinds for the host, as tile_instances.h does for the others.
#pragma once

#include "kernels/hip/unified/unified_kernel.h"
#include "tests/simt/attention_case.h"

namespace fovea::hip::host {

template <class Type, int kHeadSize, bool kFp8, bool kFeatures>
struct UnifiedInstanceOf {
  UnifiedInstanceOf() {
    using Traits = UnifiedTraits<Type, kHeadSize, kFp8, kFeatures>;
    constexpr DataType kType = std::is_same_v<Type, device::BF16> ? DataType::kBF16 : DataType::kF16;
    add_unified({kType, kHeadSize, 0, kFp8, kFeatures},
                {{Traits::kThreads, Traits::kLdsBytes,
                  [](const ForwardParams& params, const Workgroup& wg) { UnifiedKernel<Traits>(params, wg).run(); }},
                 Traits::kSmallest,
                 Traits::kSizes.large_rows});
  }
};

}  // namespace fovea::hip::host
