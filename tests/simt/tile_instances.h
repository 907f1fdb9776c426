// Makes instances of the tile kernels for the host.
#pragma once

#include "kernels/hip/attention/tile_kernel.h"
#include "tests/simt/attention_case.h"

namespace fovea::hip::host {

template <class Type, int kHeadSize, int kKind, bool kFeatures>
TileInstance tile_instance() {
  using Traits = TileTraits<Type, kHeadSize, kKind, false, kFeatures>;
  return {Traits::kThreads, Traits::kLdsBytes,
          [](const ForwardParams& params, const Workgroup& wg) { TileKernel<Traits>(params, wg).run(); }};
}

// A file for each: they are what takes long to compile.
#define FOVEA_HOST_TILES(NAME, TYPE, HEAD_SIZE, FEATURES)                            \
  const TileInstance* NAME(int kind) {                                              \
    static const TileInstance tiles[kNumKinds] = {                                  \
        tile_instance<device::TYPE, HEAD_SIZE, kSmall, FEATURES>(),                 \
        tile_instance<device::TYPE, HEAD_SIZE, kMedium, FEATURES>(),                \
        tile_instance<device::TYPE, HEAD_SIZE, kLarge, FEATURES>()};                \
    return &tiles[kind];                                                            \
  }

const TileInstance* bf16_128(int kind);
const TileInstance* bf16_128_features(int kind);
const TileInstance* f16_64_features(int kind);
const TileInstance* bf16_96(int kind);
const TileInstance* f16_256(int kind);

}  // namespace fovea::hip::host
