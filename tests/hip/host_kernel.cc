// The layers' side of a module whose kernels are the tests' own reference, run as work of a stream: everything around
// the kernels is the real thing, and results are right only if every address and number arrives where it should.
#include "kernels/hip/module/kernel.h"

#include <cmath>
#include <cstddef>
#include <cstring>
#include <limits>
#include <vector>

#include "kernels/hip/module/claims.h"
#include "kernels/hip/module/report.h"
#include "kernels/hip/module/tuning.h"
#include "tests/hip/fake_runtime/fake_hip.h"
#include "tests/reference/reference_attention.h"
#include "tests/reference/reference_cache.h"

namespace ref = fovea_reference;

struct FoveaModuleKernel {
  FoveaModuleLayer layer;
  uint64_t plan_key;
  void* constants;  // device memory, so that creating a kernel can run out of it
};

namespace fovea::hip {

namespace {

constexpr FoveaModuleClaims claims_of(int32_t backend, uint64_t capabilities) {
  return {
      .backend = backend,
      .reserved = 0,
      .capabilities = capabilities,
      .data_types = {0x7e, 0x7e, 0x7e, 0},
      .bounds = {{8, 256, 8, 0, {}}, {8, 256, 8, 0, {}}, {16, 1 << 30, 16, 0, {}}, {1, 65536, 1, 0, {}}},
  };
}
constexpr uint64_t kAllCapabilities = (uint64_t{1} << kCapCount) - 1;

constexpr TuningLine kTuningLines[] = {
    {"gfx90a", TypeClass::k16Bit, TypeClass::kFp8, 64, 128},
    {"gfx942", TypeClass::k16Bit, TypeClass::k16Bit, 128, 128},
};

}  // namespace

// The reference computes everything; the second backend leaves out what the shipped one does.
constexpr FoveaModuleClaims kModuleClaims[kNumClaims] = {
    claims_of(kBackendRocmAttn, kAllCapabilities),
    claims_of(kBackendRocmUnifiedAttn, kAllCapabilities & ~kNotUnified),
};

constexpr std::span<const TuningLine> kTuning = kTuningLines;

namespace {

constexpr uint32_t kMagic = 0x504c414e;

// Plan memory: this, then one flag per sequence.
struct PlanHeader {
  uint32_t magic;
  int32_t num_seqs;
  int32_t causal;
  int32_t next_seq;  // counted by forwards of the persistent kernel, which leave 0 behind
  uint64_t plan_key;
};

ref::Type type_of(int32_t type) {
  switch (type) {
    case kTypeF16: return ref::Type::kF16;
    case kTypeBF16: return ref::Type::kBF16;
    case kTypeE4M3FN: return ref::Type::kE4M3FN;
    case kTypeE4M3FNUZ: return ref::Type::kE4M3FNUZ;
    case kTypeE5M2: return ref::Type::kE5M2;
    default: return ref::Type::kF32;
  }
}

ref::Rows rows_of(const FoveaModuleRows& rows, int32_t type) {
  return {rows.data, type_of(type), rows.row_stride, rows.head_stride};
}

ref::Cache cache_of(const FoveaModuleCache& cache, const FoveaModuleLayer& layer, bool is_key) {
  ref::Cache out = {cache.data, type_of(layer.cache_type), {}};
  if (layer.cache_layout == kLayoutStrided) {
    const int64_t strides[] = {cache.block_stride, cache.row_stride, cache.head_stride, 1, 0};
    std::copy(std::begin(strides), std::end(strides), out.strides);
  } else {
    const int64_t of_key[] = {cache.block_stride, cache.head_stride, cache.group_stride, cache.row_stride, 1};
    const int64_t of_value[] = {cache.block_stride, cache.head_stride, cache.group_stride, 1, 0};
    std::copy_n(is_key ? of_key : of_value, 5, out.strides);
  }
  return out;
}

std::vector<float> scales_of(const float* scales, const FoveaModuleLayer& layer) {
  if (scales == nullptr) return {};
  return {scales, scales + (layer.kv_scales == kScalesPerHead ? layer.num_kv_heads : 1)};
}

// Whether a sequence's lengths are as the contract has them.
bool has_good_lengths(const FoveaModuleLayer& layer, const FoveaModuleBatch& batch, int32_t s) {
  const int32_t begin = batch.query_start_loc[s];
  const int32_t end = batch.query_start_loc[s + 1];
  const int32_t seq_len = batch.seq_lens[s];
  if (begin < 0 || end < begin || end > batch.num_tokens || end - begin > batch.max_query_len) return false;
  if (seq_len < 0 || seq_len > batch.max_seq_len) return false;
  return layer.attention_type != kEncoder || seq_len == end - begin;
}

// Whether every block that a row of the sequence sees a key in is one of the cache.
bool has_good_blocks(const ref::Problem& problem, const FoveaModuleBatch& batch, int32_t s, int64_t num_blocks) {
  if (problem.kind == ref::Kind::kEncoder) return true;
  const auto is_read = [&](int64_t t) {
    if (problem.is_dense(s, t)) return false;
    for (int64_t i = 0; i < problem.query_len(s); ++i) {
      if (ref::visible(problem, s, i, t)) return true;
    }
    return false;
  };
  int64_t checked = -1;  // the column before it is known to be good
  for (int64_t t = 0; t < problem.seq_lens[s]; ++t) {
    const int64_t column = t / problem.block_size;
    if (column == checked || !is_read(t)) continue;
    if (batch.block_table == nullptr || column >= batch.block_table_columns) return false;
    const int32_t block = batch.block_table[s * batch.block_table_stride + column];
    if (block < 0 || block >= num_blocks) return false;
    checked = column;
  }
  return true;
}

void offend(const FoveaModuleBatch& batch, int32_t s) {
  *batch.async_error = std::min(*batch.async_error, static_cast<uint32_t>(s));
}

void make_plan(const FoveaModuleKernel& kernel, const FoveaModuleBatch& batch, void* memory) {
  const PlanHeader header = {kMagic, batch.num_seqs, batch.causal, 0, kernel.plan_key};
  std::memcpy(memory, &header, sizeof(header));
  auto* flags = reinterpret_cast<int32_t*>(static_cast<char*>(memory) + sizeof(header));
  for (int32_t s = 0; s < batch.num_seqs; ++s) flags[s] = has_good_lengths(kernel.layer, batch, s) ? 1 : 0;
}

void count_seqs(char* plan, int32_t next_seq) {
  std::memcpy(plan + offsetof(PlanHeader, next_seq), &next_seq, sizeof(next_seq));
}

size_t plan_bytes(int32_t num_seqs) {
  return sizeof(PlanHeader) + static_cast<size_t>(num_seqs) * sizeof(int32_t);
}

void compute(const FoveaModuleKernel& kernel, const FoveaModuleBatch& batch, const FoveaModuleForward& forward) {
  const FoveaModuleLayer& layer = kernel.layer;
  if (forward.plan == nullptr) make_plan(kernel, batch, forward.workspace);
  auto* plan = static_cast<char*>(forward.plan == nullptr ? forward.workspace : const_cast<void*>(forward.plan));
  PlanHeader header;
  std::memcpy(&header, plan, sizeof(header));
  const auto* planned = reinterpret_cast<const int32_t*>(plan + sizeof(header));
  const bool plan_fits = header.magic == kMagic && header.num_seqs == batch.num_seqs && header.next_seq == 0 &&
                         header.causal == batch.causal && header.plan_key == kernel.plan_key;

  ref::Problem problem;
  problem.kind = static_cast<ref::Kind>(layer.attention_type);
  problem.num_query_heads = layer.num_query_heads;
  problem.num_kv_heads = layer.num_kv_heads;
  problem.head_size = layer.head_size;
  problem.head_size_v = layer.head_size_v;
  problem.scale = layer.scale;
  problem.softcap = layer.softcap;
  problem.window_left = layer.window_left;
  problem.window_right = layer.window_right;
  problem.alibi = static_cast<ref::Alibi>(layer.alibi);
  problem.ranges_kind = static_cast<ref::Ranges>(layer.prefix_ranges);
  problem.partial = (forward.flags & kFlagPartialState) != 0;
  problem.output_type = type_of(forward.output_type);
  problem.causal = batch.causal != 0;
  problem.block_table = batch.block_table;
  problem.block_table_stride = batch.block_table_stride;
  problem.block_size = layer.block_size;
  problem.layout = static_cast<ref::Layout>(layer.cache_layout);
  problem.query = rows_of(forward.query, layer.query_type);
  problem.key = rows_of(forward.key, layer.dense_type);
  problem.value = rows_of(forward.value, layer.dense_type);
  problem.key_cache = cache_of(forward.key_cache, layer, true);
  problem.value_cache = cache_of(forward.value_cache, layer, false);
  if (forward.q_scale != nullptr) problem.q_scale = *forward.q_scale;
  if (forward.output_scale != nullptr) problem.output_scale = *forward.output_scale;
  problem.k_scales = scales_of(forward.k_scale, layer);
  problem.v_scales = scales_of(forward.v_scale, layer);
  if (forward.alibi_slopes != nullptr) {
    problem.alibi_slopes.assign(forward.alibi_slopes, forward.alibi_slopes + layer.num_query_heads);
  }
  if (forward.sinks != nullptr) problem.sinks.assign(forward.sinks, forward.sinks + layer.num_query_heads);

  // Sequences that offend keep their place, with nothing to see and NaN for a result.
  std::vector<uint8_t> bad(static_cast<size_t>(batch.num_seqs), 0);
  problem.query_start_loc.assign(1, 0);
  if (batch.range_start_loc != nullptr) {
    problem.range_start_loc.assign(batch.range_start_loc, batch.range_start_loc + batch.num_seqs + 1);
    problem.ranges.assign(batch.ranges, batch.ranges + 2 * problem.range_start_loc.back());
  }
  for (int32_t s = 0; s < batch.num_seqs; ++s) {
    bool good = plan_fits && planned[s] == 1 && has_good_lengths(layer, batch, s);
    const int32_t end = std::max(batch.query_start_loc[s + 1], problem.query_start_loc.back());
    problem.query_start_loc.push_back(std::min(end, batch.num_tokens));
    problem.seq_lens.push_back(good ? batch.seq_lens[s] : 0);
    if (batch.causal_per_sequence != nullptr) problem.causal_per_sequence.push_back(batch.causal_per_sequence[s]);
    good = good && has_good_blocks(problem, batch, s, forward.key_cache.num_blocks);
    if (!good) offend(batch, s);
    if (!good) problem.seq_lens.back() = 0;
    bad[s] = good ? 0 : 1;
    if (layer.backend == kBackendRocmUnifiedAttn) count_seqs(plan, s + 1);
  }

  if (layer.backend == kBackendRocmUnifiedAttn) count_seqs(plan, 0);

  const ref::Result result = ref::attention(problem);
  const double nan = std::numeric_limits<double>::quiet_NaN();
  for (int32_t s = 0; s < batch.num_seqs; ++s) {
    for (int64_t i = problem.query_start_loc[s]; i < problem.query_start_loc[s + 1]; ++i) {
      for (int32_t h = 0; h < layer.num_query_heads; ++h) {
        const int64_t row = i * layer.num_query_heads + h;
        for (int32_t d = 0; d < layer.head_size_v; ++d) {
          const int64_t to = i * forward.output.row_stride + h * forward.output.head_stride + d;
          const double value = bad[s] != 0 ? nan : result.out[row * layer.head_size_v + d] / problem.output_scale;
          ref::store(problem.output_type, forward.output.data, to, value);
        }
        if (forward.lse.data != nullptr) {
          const int64_t to = i * forward.lse.row_stride + h * forward.lse.head_stride;
          ref::store(ref::Type::kF32, forward.lse.data, to, bad[s] != 0 ? nan : result.lse[row]);
        }
      }
    }
  }
}

void combine(const FoveaModuleMerge& merge, const std::vector<FoveaModuleRows>& outputs,
             const std::vector<FoveaModuleRows>& lses) {
  const int64_t rows = merge.num_tokens;
  std::vector<ref::State> states(outputs.size());
  for (size_t n = 0; n < states.size(); ++n) {
    for (int64_t i = 0; i < rows; ++i) {
      for (int32_t h = 0; h < merge.num_query_heads; ++h) {
        const int64_t at = i * lses[n].row_stride + h * lses[n].head_stride;
        states[n].lse.push_back(ref::load(ref::Type::kF32, lses[n].data, at));
        for (int32_t d = 0; d < merge.head_size_v; ++d) {
          const int64_t from = i * outputs[n].row_stride + h * outputs[n].head_stride + d;
          states[n].out.push_back(ref::load(ref::Type::kF32, outputs[n].data, from));
        }
      }
    }
  }
  std::vector<float> sinks;
  if (merge.sinks != nullptr) sinks.assign(merge.sinks, merge.sinks + merge.num_query_heads);
  const ref::State merged = ref::merge(states, rows, merge.num_query_heads, merge.head_size_v, sinks);
  const double scale = merge.output_scale == nullptr ? 1 : *merge.output_scale;
  for (int64_t i = 0; i < rows; ++i) {
    for (int32_t h = 0; h < merge.num_query_heads; ++h) {
      const int64_t row = i * merge.num_query_heads + h;
      for (int32_t d = 0; d < merge.head_size_v; ++d) {
        ref::store(type_of(merge.output_type), merge.output.data,
                   i * merge.output.row_stride + h * merge.output.head_stride + d,
                   merged.out[row * merge.head_size_v + d] / scale);
      }
      if (merge.lse.data != nullptr) {
        ref::store(ref::Type::kF32, merge.lse.data, i * merge.lse.row_stride + h * merge.lse.head_stride,
                   merged.lse[row]);
      }
    }
  }
}

}  // namespace

void check_layer(const char* architecture, const FoveaModuleLayer& layer, FoveaModuleReasons reasons) {
  if (std::strcmp(architecture, "gfx90a") != 0) return;
  if (layer.query_type >= kTypeE4M3FN) {
    reasons.add(reasons.user, kReasonDataType, "dtype not supported: fp8 query on gfx90a");
  }
  if (layer.head_size > 128 && layer.query_type == kTypeF32) {
    reasons.add(reasons.user, kReasonHeadSize, "head_size not supported: f32 above 128");
  }
}

int32_t kernel_create(FoveaModuleContext&, const FoveaModuleLayer& layer, FoveaModuleKernel** kernel,
                      FoveaModuleMessage message) {
  void* constants = nullptr;
  FOVEA_HIP_TRY(hipMalloc(&constants, 64));
  // The scale and the types are no part of a plan.
  uint64_t key = 0;
  for (const int32_t part : {layer.num_query_heads, layer.num_kv_heads, layer.window_left, layer.attention_type}) {
    key = key * 65599 + static_cast<uint32_t>(part);
  }
  *kernel = new FoveaModuleKernel{layer, key, constants};
  return kSuccess;
}

void kernel_destroy(FoveaModuleContext&, FoveaModuleKernel* kernel) {
  (void)hipFree(kernel->constants);
  delete kernel;
}

uint64_t plan_key(const FoveaModuleKernel& kernel) { return kernel.plan_key; }

int32_t workspace_size(const FoveaModuleKernel&, const FoveaModuleLimits& limits, size_t* size, FoveaModuleMessage) {
  *size = plan_bytes(limits.max_num_seqs) + 64 * static_cast<size_t>(limits.max_num_tokens);
  return kSuccess;
}

int32_t plan_size(const FoveaModuleKernel&, const FoveaModuleLimits& limits, size_t* size, FoveaModuleMessage) {
  *size = plan_bytes(limits.max_num_seqs);
  return kSuccess;
}

int32_t plan(const FoveaModuleContext&, const FoveaModuleKernel& kernel, const FoveaModuleBatch& batch, void* plan,
             size_t, hipStream_t stream, FoveaModuleMessage) {
  fake_hip::launch(stream, [=] { make_plan(kernel, batch, plan); });
  return kSuccess;
}

int32_t write(const FoveaModuleContext&, const FoveaModuleKernel& kernel, const FoveaModuleWrite& write,
              hipStream_t stream, FoveaModuleMessage) {
  const FoveaModuleLayer& layer = kernel.layer;
  fake_hip::launch(stream, [=] {
    ref::CacheWrite cache;
    cache.num_kv_heads = layer.num_kv_heads;
    cache.head_size = layer.head_size;
    cache.head_size_v = layer.head_size_v;
    cache.block_size = layer.block_size;
    cache.layout = static_cast<ref::Layout>(layer.cache_layout);
    cache.key = rows_of(write.key, layer.dense_type);
    cache.value = rows_of(write.value, layer.dense_type);
    cache.key_cache = cache_of(write.key_cache, layer, true);
    cache.value_cache = cache_of(write.value_cache, layer, false);
    for (int32_t i = 0; i < write.num_tokens; ++i) {
      const int64_t slot = write.slot_mapping[i];
      cache.slot_mapping.push_back(slot / layer.block_size < write.key_cache.num_blocks ? slot : -1);
    }
    cache.k_scales = scales_of(write.k_scale, layer);
    cache.v_scales = scales_of(write.v_scale, layer);
    ref::write_cache(cache);
  });
  return kSuccess;
}

int32_t forward(const FoveaModuleContext&, const FoveaModuleKernel& kernel, const FoveaModuleBatch& batch,
                const FoveaModuleForward& forward, hipStream_t stream, FoveaModuleMessage) {
  fake_hip::launch(stream, [=] { compute(kernel, batch, forward); });
  return kSuccess;
}

int32_t merge(const FoveaModuleContext&, const FoveaModuleMerge& merge, hipStream_t stream, FoveaModuleMessage) {
  // The arrays of the call end with it.
  const std::vector<FoveaModuleRows> outputs(merge.outputs, merge.outputs + merge.num_states);
  const std::vector<FoveaModuleRows> lses(merge.lses, merge.lses + merge.num_states);
  fake_hip::launch(stream, [=] { combine(merge, outputs, lses); });
  return kSuccess;
}

}  // namespace fovea::hip
