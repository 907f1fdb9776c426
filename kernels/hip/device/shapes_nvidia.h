// Tiles on NVIDIA: 255 registers a thread; 163 KB of shared memory in a multiprocessor of sm_80, 99 KB of sm_86 and sm_89, 227 KB
// of sm_90.
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
    s.tile_keys = wide && kind != kSmall ? 32 : 64;
    s.stages = 2;
    s.workgroups = wide ? 1 : 2;
    s.narrow_tiles = true;
    if (fp8) {
      s.stages = 3;
      if (kind == kLarge && !wide) {
        // Two ways to multiply take the registers that 32 rows of a wave would need.
        s.wave_rows = 16;
        s.workgroups = 1;
      }
    }
    s.state_parts = 1;
    s.query_first = false;
    return s;
  }

  static constexpr int smallest_unified(int) { return kSmall; }
  static constexpr TileShape unified(int head_size, int kind, bool fp8) { return of_four_waves(of(head_size, kind, fp8), kind); }

  // Two keys of a tile for each lane and four or eight rows balance reads of shared memory and FMAs. Everything fits the 99 KB of
  // sm_86.
  static constexpr TileShape of_f32(int head_size, int kind) {
    TileShape s = {};
    s.element_bytes = 4;
    s.stages = 2;
    s.workgroups = 1;
    s.state_parts = 1;
    if (kind == kSmall) {
      s.wave_rows = head_size > 128 ? 4 : 8;
      s.key_waves = head_size > 128 ? 1 : 2;
      s.tile_keys = s.key_waves * 16;
    } else if (head_size <= 96) {
      s.wave_rows = 16;
      s.key_waves = kind == kMedium ? 2 : 1;
      s.tile_keys = head_size <= 64 ? 64 : 32;
    } else {
      s.most_rows = head_size > 192 ? 32 : 64;
      s.wave_rows = 8;
      s.key_waves = 1;
      s.tile_keys = head_size > 128 ? 16 : 32;
    }
    return s;
  }
};

// Hopper: many rows by wgmma, in two warpgroups of 64 rows and one that copies for them, of which registers hold one workgroup only.
struct HopperShapes {
  static constexpr int kWaveSize = 32;

  static constexpr TileShape of(int head_size, int kind, bool fp8) {
    TileShape s = NvidiaShapes::of(head_size, kind, fp8);
    const bool wide = head_size > 128;
    if (fp8 && !wide) {
      // Deep stages beat a third workgroup: 221 us against 275 for 64 sequences of 4096 on an H100.
      s.stages = kind == kSmall ? 5 : 4;
    } else if (!wide && kind != kLarge) {
      s.stages = 3;
    }
    if (kind == kLarge && !fp8 && (head_size == 64 || head_size == 128)) {
      s.async = true;
      s.copy_waves = 4;
      s.wave_rows = 16;
      s.tile_keys = 128;
      s.stages = 3;
      s.workgroups = 1;
    }
    return s;
  }

  // For the kernel of all kinds: two workgroups of one warpgroup each keep out of step by themselves, so that one reads or
  // weighs while the other multiplies.
  static constexpr int smallest_unified(int) { return kSmall; }
  static constexpr TileShape unified(int head_size, int kind, bool fp8) {
    if (kind != kLarge) {
      TileShape s = of(head_size, kind, fp8);
      if (kind == kSmall && fp8 && head_size == 128) {
        // Of 256 sequences of 1024 on an H100: 216 us, with tiles of 64 keys 231. ROCM_ATTN's kernel of few rows spills with it.
        s.tile_keys = 128;
        s.stages = 3;
      }
      return s;
    }
    TileShape s = NvidiaShapes::unified(head_size, kind, fp8);
    if (!fp8 && (head_size == 64 || head_size == 128)) {
      s.async = true;
      s.wave_rows = 16;
      s.most_rows = 64;
      s.tile_keys = 64;
      s.stages = 3;
    }
    return s;
  }

  static constexpr TileShape of_f32(int head_size, int kind) {
    TileShape s = NvidiaShapes::of_f32(head_size, kind);
    if (head_size > 128) {
      s.most_rows = 64;
      s.wave_rows = 8;
      s.key_waves = kind == kSmall ? 2 : 1;
      s.tile_keys = 32;
    } else if (kind == kLarge) {
      s.most_rows = 0;
      s.wave_rows = 16;
      s.tile_keys = head_size > 96 ? 32 : 64;
    }
    return s;
  }
};

}  // namespace fovea::hip
