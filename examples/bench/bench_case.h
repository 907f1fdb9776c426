// One benchmark case: a batch of equal sequences, or of two kinds of them, with random data on a paged cache, run through the
// public API.
#pragma once

#include <cstdint>
#include <string>

#include <vector>

#include "fovea/fovea.h"
#include "gpu_runtime.h"

struct BenchCase {
  std::string name;
  int32_t num_seqs = 1;
  int32_t query_len = 1;
  int32_t context_len = 0;
  // Behind these, sequences of a second kind.
  int32_t second_num_seqs = 0;
  int32_t second_query_len = 0;
  int32_t second_context_len = 0;
  foveaBackend_t backend = FOVEA_BACKEND_AUTO;
  int32_t num_query_heads = 32;
  int32_t num_kv_heads = 8;
  int32_t head_size = 128;
  int32_t block_size = 16;
  int32_t window_left = -1;
  bool causal = true;
  bool dense = false;  // this step's keys and values are given instead of read from the cache
  bool batch_invariant = false;
  bool graph = false;  // GPU: forwards are launched as one graph, as a decoder's layers are
  bool warm = false;   // one data set, which caches may hold
  foveaDataType_t dtype = FOVEA_DATA_TYPE_BF16;
  foveaDataType_t cache_dtype = FOVEA_DATA_TYPE_NONE;
};

// N(0,1) numbers as a type stores them, 16 MiB of them, for a GPU's memory to be filled with.
std::vector<char> random_values(foveaDataType_t dtype);

struct BenchResult {
  double median_seconds;
  double min_seconds;
  double flops;  // of visible (query, key) pairs only
  double bytes;  // keys and values that are visible, read once per KV head; queries and outputs
  double plan_seconds;  // GPU: of the plan that forwards share
};

// Runs a case `repeats` times after a warm-up. The caches of `copies` data sets are used in turn, so that their total is
// larger than `cold_bytes` and every run reads memory rather than a processor's cache. Throws std::runtime_error with the
// library's sentence if a call fails. With `gpu` the context is one of that GPU; times are between its events, each over
// several forwards in a row.
BenchResult run_case(foveaContext_t context, const BenchCase& bench, int repeats, double cold_bytes,
                     const GpuRuntime* gpu = nullptr);
