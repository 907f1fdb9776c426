// Which processor's slot maps the kernels are run with: FOVEA_HOST_MAP is nvidia, gfx90a (gfx942 too), gfx950, gfx11 or gfx12.
#pragma once

#ifndef FOVEA_HOST_MAP
#error "FOVEA_HOST_MAP names the processor whose slot maps are used"
#endif

#define FOVEA_HOST_MAP_nvidia 1
#define FOVEA_HOST_MAP_gfx90a 2
#define FOVEA_HOST_MAP_gfx950 3
#define FOVEA_HOST_MAP_gfx11 4
#define FOVEA_HOST_MAP_gfx12 5
#define FOVEA_HOST_JOIN(a, b) a##b
#define FOVEA_HOST_NUMBER(map) FOVEA_HOST_JOIN(FOVEA_HOST_MAP_, map)
#define FOVEA_HOST_IS(map) (FOVEA_HOST_NUMBER(FOVEA_HOST_MAP) == FOVEA_HOST_MAP_##map)

namespace fovea::hip::host {

#if FOVEA_HOST_IS(gfx90a) || FOVEA_HOST_IS(gfx950)
inline constexpr int kWaveSize = 64;
#else
inline constexpr int kWaveSize = 32;
#endif

}  // namespace fovea::hip::host
