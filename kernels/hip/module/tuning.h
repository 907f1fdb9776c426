// Where ROCM_UNIFIED_ATTN is the faster of the two backends: what AUTO goes by.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <span>

#include "kernels/hip/module/enumerators.h"
#include "kernels/hip/module/module_abi.h"

namespace fovea::hip {

enum class TypeClass : int32_t { k16Bit, kFp8 };

// One case that was measured: on the architecture, as a device names itself ("gfx942", "sm_90"), layers of these types whose
// larger head size lies between the two, both included.
struct TuningLine {
  const char* architecture;
  TypeClass query;
  TypeClass cache;
  int32_t min_head_size;
  int32_t max_head_size;

  bool covers(const char* device, const FoveaModuleLayer& layer) const {
    const int32_t head_size = std::max(layer.head_size, layer.head_size_v);
    return std::strcmp(architecture, device) == 0 && is_of(query, layer.query_type) && is_of(cache, layer.cache_type) &&
           min_head_size <= head_size && head_size <= max_head_size;
  }

 private:
  static bool is_of(TypeClass wanted, int32_t type) {
    switch (type) {
      case kTypeF16:
      case kTypeBF16: return wanted == TypeClass::k16Bit;
      case kTypeE4M3FN:
      case kTypeE4M3FNUZ:
      case kTypeE5M2: return wanted == TypeClass::kFp8;
      default: return false;
    }
  }
};

extern const std::span<const TuningLine> kTuning;

// The table's function of the same name, see module_abi.h.
inline int32_t preferred(const char* architecture, const FoveaModuleLayer& layer) {
  if (layer.backend != kBackendRocmUnifiedAttn) return 0;
  const auto covers = [&](const TuningLine& line) { return line.covers(architecture, layer); };
  return std::ranges::any_of(kTuning, covers) ? 1 : 0;
}

}  // namespace fovea::hip
