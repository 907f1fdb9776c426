#include "kernels/hip/module/claims.h"

#include <initializer_list>

#include "kernels/hip/module/enumerators.h"

namespace fovea::hip {
namespace {

constexpr uint32_t bits(std::initializer_list<int32_t> numbers) {
  uint32_t mask = 0;
  for (const int32_t number : numbers) mask |= 1u << number;
  return mask;
}

constexpr uint32_t kMatrixTypes = bits({kTypeF16, kTypeBF16, kTypeE4M3FN, kTypeE4M3FNUZ, kTypeE5M2});
constexpr uint32_t kAllTypes = kMatrixTypes | bits({kTypeF32});
constexpr uint64_t kAllCapabilities = (uint64_t{1} << kCapCount) - 1;

// The sizes that have a tile in the unified kernel.
constexpr FoveaModuleBounds kUnifiedHeadSizes = {32, 256, 8, 0, {}};

}  // namespace

constexpr FoveaModuleClaims kModuleClaims[kNumClaims] = {
    {
        .backend = kBackendRocmAttn,
        .reserved = 0,
        .capabilities = kAllCapabilities,
        .data_types = {kAllTypes, kAllTypes, kAllTypes, 0},
        .bounds =
            {
                {8, 256, 8, 0, {}},        // head_size
                {8, 256, 8, 0, {}},        // head_size_v
                {16, 1 << 30, 16, 0, {}},  // block_size
                {1, 65536, 1, 0, {}},      // query heads per KV head
            },
    },
    {
        .backend = kBackendRocmUnifiedAttn,
        .reserved = 0,
        .capabilities = kAllCapabilities & ~kNotUnified,
        .data_types = {kMatrixTypes, kMatrixTypes, kAllTypes, 0},
        .bounds =
            {
                kUnifiedHeadSizes,         // head_size
                kUnifiedHeadSizes,         // head_size_v
                {16, 1 << 30, 16, 0, {}},  // block_size
                {1, 65536, 1, 0, {}},      // query heads per KV head
            },
    },
};

}  // namespace fovea::hip
