// Tiles on AMD. A workgroup has 64 KB of LDS, on gfx950 160 KB, so queries do not stay there beside the tiles, and states pass
// through it in parts.
//
// Copies go through registers: the next tile is on its way while one is computed, so memory is kept busy by what the registers of
// all workgroups of a compute unit hold. Where that is most of the time (few rows), one stage of LDS and more workgroups do better
// than two stages; where products take it, two stages save a barrier.
#pragma once

#include "kernels/hip/device/shapes.h"

namespace fovea::hip {

// gfx90a and gfx942: four SIMDs with 512 registers a lane, 64 KB of LDS for all workgroups of a compute unit.
struct CdnaShapes {
  static constexpr int kWaveSize = 64;

  static constexpr TileShape of(int head_size, int kind, bool) {
    const bool wide = head_size > 128;
    TileShape s = {};
    s.stages = 2;
    s.query_first = true;
    s.workgroups = wide ? 1 : 2;
    if (kind == kSmall) {
      s.wave_rows = 16;
      s.key_waves = wide ? 2 : 4;
      s.tile_keys = wide ? 32 : 64;
      s.stages = 1;
      s.workgroups = head_size > 64 ? 2 : 4;
      s.state_parts = 2;
    } else if (kind == kMedium) {
      // Two waves share the keys: half the reads of LDS that four waves of 16 rows would make.
      s.wave_rows = wide ? 16 : 32;
      s.key_waves = wide ? 1 : 2;
      s.tile_keys = wide ? 32 : 64;
      s.stages = 1;
      s.workgroups = 2;
      s.state_parts = 4;
    } else {
      s.wave_rows = wide ? 16 : 32;
      s.key_waves = 1;
      s.tile_keys = head_size <= 64 ? 64 : 32;
      s.state_parts = 4;
    }
    return s;
  }

  // Of wide heads few rows share no keys: they go where 64 would.
  static constexpr int smallest_unified(int head_size) { return head_size > 128 ? kMedium : kSmall; }
  static constexpr TileShape unified(int head_size, int kind, bool fp8) { return of_four_waves(of(head_size, kind, fp8), kind); }

  // 64 rows at once: the f32 queries of more would take the LDS of a second workgroup.
  static constexpr TileShape of_f32(int head_size, int kind) {
    const bool wide = head_size > 128;
    TileShape s = {};
    s.element_bytes = 4;
    s.query_first = true;
    s.wave_rows = 16;
    if (kind == kSmall) {
      s.stages = 1;
      s.key_waves = wide ? 2 : 4;
      s.tile_keys = s.key_waves * 16;
      s.workgroups = head_size > 64 ? 1 : 2;
      s.state_parts = 2;
      return s;
    }
    s.most_rows = 64;
    s.stages = 2;
    s.key_waves = 1;
    s.tile_keys = head_size <= 64 ? 32 : 16;
    s.workgroups = wide ? 1 : 2;
    s.state_parts = 2;
    return s;
  }
};

// gfx950: as gfx942 with 160 KB of LDS and matrix instructions of twice the depth.
struct Gfx950Shapes {
  static constexpr int kWaveSize = 64;

  static constexpr TileShape of(int head_size, int kind, bool) {
    const bool wide = head_size > 128;
    TileShape s = {};
    s.stages = 2;
    s.query_first = true;
    s.workgroups = wide ? 1 : 2;
    if (kind == kSmall) {
      s.wave_rows = 16;
      s.key_waves = 4;
      s.tile_keys = 64;
      s.stages = 1;
      s.workgroups = wide ? 2 : head_size > 64 ? 3 : 4;
      s.state_parts = 2;
    } else if (kind == kMedium) {
      s.wave_rows = wide ? 16 : 32;
      s.key_waves = wide ? 1 : 2;
      s.tile_keys = wide ? 32 : 64;
      s.state_parts = 2;
    } else {
      s.wave_rows = wide ? 16 : 32;
      s.key_waves = 1;
      s.tile_keys = wide || head_size <= 64 ? 64 : 32;
      s.state_parts = 4;
    }
    return s;
  }

  static constexpr int smallest_unified(int) { return kSmall; }
  static constexpr TileShape unified(int head_size, int kind, bool fp8) { return of_four_waves(of(head_size, kind, fp8), kind); }

  static constexpr TileShape of_f32(int head_size, int kind) {
    TileShape s = CdnaShapes::of_f32(head_size, kind);
    if (kind == kSmall) s.workgroups = 2;
    s.tile_keys = kind == kSmall ? s.key_waves * 16 : 32;
    return s;
  }
};

// gfx12: 256 registers a lane, waves of 32.
struct Rdna4Shapes {
  static constexpr int kWaveSize = 32;

  static constexpr TileShape of(int head_size, int kind, bool fp8) {
    const bool wide = head_size > 128;
    TileShape s = {};
    s.stages = 2;
    s.workgroups = 1;
    s.wave_rows = 16;
    if (wide) {
      // Sums take half of the registers: queries stay in LDS, which has room for those of 64 rows.
      s.most_rows = 64;
      s.query_first = false;
      s.key_waves = kind == kSmall && head_size <= 192 ? 2 : 1;
      s.tile_keys = s.key_waves * 16;
      s.state_parts = kind == kSmall ? 1 : 2;
      // Nor are registers left for the next tile where it is widened, or where few rows share keys: several workgroups have to do.
      s.ahead = kind != kSmall && !fp8;
      if (kind == kSmall) {
        s.stages = 1;
        s.workgroups = 4;
      }
      return s;
    }
    s.query_first = true;
    s.key_waves = kind == kSmall ? 4 : 1;
    s.tile_keys = head_size <= 64 || kind == kSmall ? 64 : 32;
    s.state_parts = kind == kLarge ? 4 : 2;
    if (kind == kSmall) {
      s.stages = 1;
      s.workgroups = 4;
    }
    return s;
  }

  // Of wide heads few rows share no keys: they go where 64 would.
  static constexpr int smallest_unified(int head_size) { return head_size > 128 ? kMedium : kSmall; }
  static constexpr TileShape unified(int head_size, int kind, bool fp8) { return of_four_waves(of(head_size, kind, fp8), kind); }

  // Queries are in registers beside the sums, so waves of wide heads have eight rows.
  static constexpr TileShape of_f32(int head_size, int kind) {
    const bool wide = head_size > 128;
    TileShape s = {};
    s.element_bytes = 4;
    s.query_first = true;
    s.ahead = false;
    s.workgroups = 1;
    s.wave_rows = wide ? 8 : 16;
    if (kind == kSmall) {
      s.stages = 1;
      s.wave_rows = head_size > 64 ? 8 : 16;
      s.key_waves = head_size > 64 ? 2 : 4;
      s.tile_keys = s.key_waves * 16;
      s.state_parts = 1;
      return s;
    }
    s.most_rows = 64;
    s.stages = 2;
    s.key_waves = 1;
    s.tile_keys = head_size <= 64 ? 32 : 16;
    s.state_parts = 2;
    return s;
  }
};

// gfx11: operands are in two lanes, so of long heads no registers are left for the next tile; other workgroups keep memory busy.
struct Rdna3Shapes : Rdna4Shapes {
  static constexpr TileShape of(int head_size, int kind, bool fp8) {
    TileShape s = Rdna4Shapes::of(head_size, kind, fp8);
    if (head_size > 96) s.ahead = false;
    return s;
  }
  static constexpr TileShape unified(int head_size, int kind, bool fp8) { return of_four_waves(of(head_size, kind, fp8), kind); }
};

}  // namespace fovea::hip
