// Makes instances of the tile kernels for the host. Each file of instances adds itself to those that find_tile finds, so a
// test program has those that are linked into it.
#pragma once

#include "kernels/hip/attention/tile_kernel.h"
#include "tests/simt/attention_case.h"

namespace fovea::hip::host {

template <class Type, int kHeadSize, bool kFp8, bool kFeatures>
struct TileInstances {
  TileInstances() {
    add<kSmall>();
    add<kMedium>();
    add<kLarge>();
  }
  template <int kKind>
  static void add() {
    using Traits = TileTraits<Type, kHeadSize, kKind, kFp8, kFeatures>;
    constexpr DataType kType = std::is_same_v<Type, device::F32>    ? DataType::kF32
                               : std::is_same_v<Type, device::BF16> ? DataType::kBF16
                                                                    : DataType::kF16;
    add_tile({kType, kHeadSize, kKind, kFp8, kFeatures},
             {Traits::kThreads, Traits::kLdsBytes,
              [](const ForwardParams& params, const Workgroup& wg) { TileKernel<Traits>(params, wg).run(); }});
  }
};

}  // namespace fovea::hip::host
