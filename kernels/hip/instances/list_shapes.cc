// Prints, as JSON, what the tile kernels of each AMD architecture are launched with: by architecture; head size, kind and fp8 cache
// or f32.
#include <cstdio>
#include <initializer_list>

#include "kernels/hip/device/shapes_amd.h"

namespace {

using namespace fovea::hip;

constexpr int kHeadSizes[] = {64, 96, 128, 192, 256};
constexpr int kUnifiedHeadSizes[] = {64, 128, 256};
constexpr const char* kKindNames[] = {"small", "medium", "large"};
enum Numbers { kSixteenBits, kFp8Cache, kF32 };
constexpr const char* kNumbersNames[] = {"", "_fp8", "_f32"};

template <class Shapes>
void list(const char* architecture, bool last) {
  std::printf("  \"%s\": {\n", architecture);
  for (const int head_size : kHeadSizes) {
    for (int kind = 0; kind < kNumKinds; ++kind) {
      for (const Numbers numbers : {kSixteenBits, kFp8Cache, kF32}) {
        const bool fp8 = numbers == kFp8Cache, f32 = numbers == kF32;
        const TileShape shape = f32 ? Shapes::of_f32(head_size, kind) : Shapes::of(head_size, kind, fp8);
        const TileSizes sizes = tile_sizes(shape, Shapes::kWaveSize, head_size, kind, fp8);
        std::printf("    \"%d_%s%s\": {\"threads\": %d, \"dynamic_lds\": %d, \"wave_rows\": %d, \"rows\": %d, \"key_waves\": %d, "
                    "\"tile_keys\": %d, \"stages\": %d, \"workgroups\": %d, \"query_first\": %s, \"ahead\": %s},\n",
                    head_size, kKindNames[kind], kNumbersNames[numbers], sizes.threads, sizes.lds_bytes, shape.wave_rows, sizes.rows,
                    shape.key_waves, shape.tile_keys, shape.stages, shape.workgroups, shape.query_first ? "true" : "false",
                    shape.ahead ? "true" : "false");
      }
    }
  }
  for (const int head_size : kUnifiedHeadSizes) {
    for (const bool fp8 : {false, true}) {
      const UnifiedSizes sizes = unified_sizes<Shapes>(head_size, fp8);
      std::printf("    \"%d_unified%s\": {\"threads\": %d, \"dynamic_lds\": %d, \"smallest_kind\": \"%s\", "
                  "\"large_rows\": %d}%s\n",
                  head_size, fp8 ? "_fp8" : "", sizes.threads, sizes.lds_bytes, kKindNames[sizes.smallest_kind], sizes.large_rows,
                  head_size == 256 && fp8 ? "" : ",");
    }
  }
  std::printf("  }%s\n", last ? "" : ",");
}

}  // namespace

int main() {
  std::printf("{\n");
  list<CdnaShapes>("gfx90a", false);
  list<CdnaShapes>("gfx942", false);
  list<Gfx950Shapes>("gfx950", false);
  list<Rdna3Shapes>("gfx11", false);
  list<Rdna4Shapes>("gfx12", true);
  std::printf("}\n");
  return 0;
}
