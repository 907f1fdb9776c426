#include "tests/simt/tile_instances.h"

namespace fovea::hip::host {

const TileInstance* find_tile(DataType type, int head_size, int kind, bool features) {
  if (type == DataType::kBF16 && head_size > 96 && head_size <= 128) return features ? bf16_128_features(kind) : bf16_128(kind);
  if (type == DataType::kBF16 && head_size > 64 && head_size <= 96 && !features) return bf16_96(kind);
  if (type == DataType::kF16 && head_size <= 64) return f16_64_features(kind);
  if (type == DataType::kF16 && head_size > 192 && head_size <= 256 && !features) return f16_256(kind);
  return nullptr;
}

}  // namespace fovea::hip::host
