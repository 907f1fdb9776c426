// Tiles on NVIDIA: up to 227 KB of shared memory in a multiprocessor, 255 registers a thread.
#pragma once

#include "kernels/hip/device/shapes.h"

namespace fovea::hip {

struct NvidiaShapes {
  static constexpr int kWaveSize = 32;

  static constexpr TileShape of(int head_size, int kind, bool fp8) {
    const bool wide = head_size > 128;
    TileShape s = {};
    s.wave_rows = kind == kLarge && !wide ? 32 : 16;
    s.key_waves = kind == kSmall ? 4 : 1;
    s.tile_keys = (wide && kind != kSmall) || (fp8 && kind == kLarge) ? 32 : 64;
    s.stages = kind == kLarge || wide || fp8 ? 2 : 3;
    s.wide_tiles = 2;
    s.workgroups = wide ? 1 : 2;
    s.state_parts = 1;
    s.query_first = false;
    return s;
  }
};

}  // namespace fovea::hip
