// The command line.
#pragma once

#include <cstdint>
#include <string>

#include "fovea/fovea.h"
#include "sampler.h"

namespace generate {

struct Options {
  bool help = false;
  std::string model;  // by default where quickstart.sh puts it
  std::string prompt = "Why does the sea look blue? Answer in a few sentences.";
  std::string system = "You are a helpful AI assistant named SmolLM, trained by Hugging Face";
  bool chat = true;
  int32_t max_tokens = 200;
  int32_t chunk = 256;
  int32_t block_size = 16;
  foveaDataType_t cache_type = FOVEA_DATA_TYPE_F32;
  foveaKvCacheLayout_t layout = FOVEA_KV_CACHE_LAYOUT_STRIDED;
  int32_t threads = 0;  // 0 = all
  SamplerOptions sampler;
};

// Throws UsageError with one sentence.
Options parse_options(int argc, const char* const* argv);

std::string help_text();

}  // namespace generate
