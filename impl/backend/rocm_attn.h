// ROCM_ATTN: the HIP kernels of a GPU module.
#pragma once

#include "impl/backend/registry.h"

namespace fovea {

extern const Backend kRocmAttn;

}  // namespace fovea
