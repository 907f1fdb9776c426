// One small batch, computed by the C API on the fake GPU or on the CPU, whose results are compared.
#pragma once

#include <gtest/gtest.h>
#define __HIP_PLATFORM_AMD__ 1
#include <hip/hip_runtime_api.h>

#include <cmath>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "fovea/fovea.h"
#include "tests/hip/fake_runtime/fake_hip.h"

namespace fovea_test {

#define ASSERT_FOVEA(call) ASSERT_EQ((call), FOVEA_STATUS_SUCCESS) << foveaGetLastErrorMessage()
#define EXPECT_FOVEA(call) EXPECT_EQ((call), FOVEA_STATUS_SUCCESS) << foveaGetLastErrorMessage()

inline void expect_words(std::initializer_list<const char*> words) {
  const std::string sentence = foveaGetLastErrorMessage();
  for (const char* word : words) {
    EXPECT_NE(sentence.find(word), std::string::npos) << "expected \"" << word << "\" in: " << sentence;
  }
}

// An array in a context's memory: of the fake device, or of the host.
template <class T>
class Buffer {
 public:
  Buffer(bool on_device, std::vector<T> values) : host_(std::move(values)) {
    if (!on_device) return;
    void* memory = nullptr;
    EXPECT_EQ(hipMalloc(&memory, std::max<size_t>(bytes(), 1)), hipSuccess);
    device_ = static_cast<T*>(memory);
    send();
  }
  ~Buffer() {
    if (device_ != nullptr) (void)hipFree(device_);
  }
  Buffer(const Buffer&) = delete;
  Buffer& operator=(const Buffer&) = delete;

  T* data() { return device_ != nullptr ? device_ : host_.data(); }
  size_t bytes() const { return host_.size() * sizeof(T); }
  // The host's view, brought up to date; waits for the device.
  std::vector<T>& fetch() {
    if (device_ != nullptr && bytes() > 0) {
      EXPECT_EQ(hipMemcpy(host_.data(), device_, bytes(), hipMemcpyDeviceToHost), hipSuccess);
    }
    return host_;
  }
  void send() {
    if (device_ != nullptr && bytes() > 0) {
      EXPECT_EQ(hipMemcpy(device_, host_.data(), bytes(), hipMemcpyHostToDevice), hipSuccess);
    }
  }
  void set(std::vector<T> values) {
    host_ = std::move(values);
    send();
  }

 private:
  std::vector<T> host_;
  T* device_ = nullptr;
};

struct Deleter {
  void operator()(foveaContext_t object) const { foveaContextDestroy(object); }
  void operator()(foveaConfig_t object) const { foveaConfigDestroy(object); }
  void operator()(foveaMetadata_t object) const { foveaMetadataDestroy(object); }
  void operator()(foveaAttention_t object) const { foveaAttentionDestroy(object); }
};
template <class Handle>
using Owner = std::unique_ptr<std::remove_pointer_t<Handle>, Deleter>;

inline Owner<foveaContext_t> make_context(foveaDevice_t device, int32_t ordinal = 0) {
  foveaContextCreateInfo_t info = FOVEA_CONTEXT_CREATE_INFO_INIT;
  info.device = device;
  info.device_ordinal = ordinal;
  info.num_threads = device == FOVEA_DEVICE_CPU ? 1 : 0;
  foveaContext_t context = nullptr;
  EXPECT_FOVEA(foveaContextCreate(&info, &context));
  return Owner<foveaContext_t>(context);
}

inline std::vector<float> random_floats(size_t count, uint32_t seed) {
  std::mt19937 engine(seed);
  std::normal_distribution<float> normal;
  std::vector<float> values(count);
  for (float& value : values) value = normal(engine);
  return values;
}

inline constexpr int32_t kQueryHeads = 4;
inline constexpr int32_t kKvHeads = 2;
inline constexpr int32_t kHeadSize = 16;
inline constexpr int32_t kBlockSize = 16;
inline constexpr int32_t kBlocks = 12;
inline constexpr int32_t kMaxTokens = 32;
inline constexpr int32_t kMaxSeqs = 6;
inline constexpr int32_t kMaxSeqLen = 64;
inline constexpr int32_t kColumns = kMaxSeqLen / kBlockSize;

struct Batch {
  std::vector<int32_t> query_start_loc = {0, 3, 3, 4, 20};
  std::vector<int32_t> seq_lens = {20, 0, 33, 16};
  std::vector<int32_t> block_table = {7, 2, 99, 99, 99, 99, 99, 99, 5, 0, 3, 99, 9, 99, 99, 99};

  int32_t num_seqs() const { return static_cast<int32_t>(seq_lens.size()); }
  int32_t num_tokens() const { return query_start_loc.back(); }
};

inline foveaMetadataLimits_t small_limits() {
  foveaMetadataLimits_t limits = FOVEA_METADATA_LIMITS_INIT;
  limits.max_num_seqs = kMaxSeqs;
  limits.max_num_tokens = kMaxTokens;
  limits.max_seq_len = kMaxSeqLen;
  limits.max_blocks_per_seq = kColumns;
  limits.max_prefix_ranges = 8;
  return limits;
}

// A context with everything that a forward of one layer needs.
class Layer {
 public:
  explicit Layer(foveaDevice_t device, foveaBackend_t backend = FOVEA_BACKEND_AUTO,
                 Owner<foveaConfig_t> layer = make_config())
      : on_device(device != FOVEA_DEVICE_CPU),
        context(make_context(device)),
        config(std::move(layer)),
        attention(make_attention(backend)),
        metadata(make_metadata()),
        query(on_device, random_floats(kMaxTokens * kQueryHeads * kHeadSize, 1)),
        key_cache(on_device, random_floats(kBlocks * kBlockSize * kKvHeads * kHeadSize, 2)),
        value_cache(on_device, random_floats(kBlocks * kBlockSize * kKvHeads * kHeadSize, 3)),
        output(on_device, std::vector<float>(kMaxTokens * kQueryHeads * kHeadSize, -77)),
        lse(on_device, std::vector<float>(kMaxTokens * kQueryHeads, -77)),
        workspace(on_device, std::vector<float>(size_of(foveaAttentionGetWorkspaceSize) / sizeof(float) + 16, 0)),
        plan(on_device, std::vector<float>(size_of(foveaAttentionGetPlanSize) / sizeof(float) + 16, 0)) {}

  foveaTensor_t tensor(void* data, std::initializer_list<int64_t> shape) const {
    foveaTensor_t t = FOVEA_TENSOR_INIT;
    t.data = data;
    t.dtype = FOVEA_DATA_TYPE_F32;
    for (const int64_t size : shape) t.shape[t.ndim++] = size;
    return t;
  }

  foveaForwardArgs_t forward_args(void* stream = nullptr) {
    foveaForwardArgs_t args = FOVEA_FORWARD_ARGS_INIT;
    args.query = tensor(query.data(), {kMaxTokens, kQueryHeads, kHeadSize});
    args.key_cache = tensor(key_cache.data(), {kBlocks, kBlockSize, kKvHeads, kHeadSize});
    args.value_cache = tensor(value_cache.data(), {kBlocks, kBlockSize, kKvHeads, kHeadSize});
    args.output = tensor(output.data(), {kMaxTokens, kQueryHeads, kHeadSize});
    args.lse = tensor(lse.data(), {kMaxTokens, kQueryHeads});
    args.workspace = aligned(workspace);
    args.workspace_size = workspace.bytes() - 60;
    args.stream = on_device ? stream : nullptr;
    return args;
  }

  foveaPlanArgs_t plan_args(void* stream = nullptr) {
    foveaPlanArgs_t args = FOVEA_PLAN_ARGS_INIT;
    args.plan = aligned(plan);
    args.plan_size = plan.bytes() - 60;
    args.stream = on_device ? stream : nullptr;
    return args;
  }

  // Everything from the host; committed.
  foveaStatus_t set(const Batch& batch, void* stream = nullptr) {
    foveaStatus_t status =
        foveaMetadataSetSequences(metadata.get(), FOVEA_MEMORY_HOST, batch.num_seqs(), batch.num_tokens(), 0, 0,
                                  batch.query_start_loc.data(), batch.seq_lens.data());
    if (status == FOVEA_STATUS_SUCCESS) {
      status = foveaMetadataSetBlockTable(metadata.get(), FOVEA_MEMORY_HOST, batch.num_seqs(), kColumns, 0,
                                          batch.block_table.data());
    }
    return status != FOVEA_STATUS_SUCCESS ? status : foveaMetadataCommit(metadata.get(), on_device ? stream : nullptr);
  }

  foveaStatus_t forward(void* stream = nullptr) {
    const foveaForwardArgs_t args = forward_args(stream);
    return foveaAttentionForward(attention.get(), metadata.get(), &args);
  }

  const bool on_device;
  Owner<foveaContext_t> context;
  Owner<foveaConfig_t> config;
  Owner<foveaAttention_t> attention;
  Owner<foveaMetadata_t> metadata;
  Buffer<float> query, key_cache, value_cache, output, lse, workspace, plan;

  static Owner<foveaConfig_t> make_config() {
    Owner<foveaConfig_t> config = make_causal_config();
    EXPECT_FOVEA(foveaConfigSetNonCausal(config.get(), 1));
    EXPECT_FOVEA(foveaConfigSetPerSequenceCausal(config.get(), 1));
    EXPECT_FOVEA(foveaConfigSetPrefixRanges(config.get(), FOVEA_PREFIX_RANGES_FULL));
    return config;
  }
  // What a causal-only backend takes.
  static Owner<foveaConfig_t> make_causal_config() {
    foveaConfig_t config = nullptr;
    EXPECT_FOVEA(foveaConfigCreate(&config));
    EXPECT_FOVEA(foveaConfigSetHeads(config, kQueryHeads, kKvHeads));
    EXPECT_FOVEA(foveaConfigSetHeadSizes(config, kHeadSize, 0));
    EXPECT_FOVEA(
        foveaConfigSetDataTypes(config, FOVEA_DATA_TYPE_F32, FOVEA_DATA_TYPE_NONE, FOVEA_DATA_TYPE_NONE));
    EXPECT_FOVEA(foveaConfigSetLse(config, 1));
    return Owner<foveaConfig_t>(config);
  }

 private:
  // Vectors are aligned to 16 bytes only, hence the 15 floats more.
  static void* aligned(Buffer<float>& buffer) {
    return reinterpret_cast<void*>((reinterpret_cast<uintptr_t>(buffer.data()) + 63) / 64 * 64);
  }
  Owner<foveaAttention_t> make_attention(foveaBackend_t backend) const {
    foveaAttention_t created = nullptr;
    EXPECT_FOVEA(foveaAttentionCreate(context.get(), config.get(), backend, &created));
    return Owner<foveaAttention_t>(created);
  }
  Owner<foveaMetadata_t> make_metadata() const {
    foveaMetadata_t created = nullptr;
    const foveaMetadataLimits_t limits = small_limits();
    EXPECT_FOVEA(foveaMetadataCreate(context.get(), &limits, &created));
    return Owner<foveaMetadata_t>(created);
  }
  size_t size_of(foveaStatus_t (*query_size)(foveaAttention_t, const foveaMetadataLimits_t*, size_t*)) const {
    const foveaMetadataLimits_t limits = small_limits();
    size_t size = 0;
    EXPECT_FOVEA(query_size(attention.get(), &limits, &size));
    return size;
  }
};

// Rows up to `num_tokens` agree, and the rows behind them are as they were.
inline void expect_same(const std::vector<float>& have, const std::vector<float>& want, const char* what) {
  ASSERT_EQ(have.size(), want.size());
  for (size_t i = 0; i < have.size(); ++i) {
    const bool same = (std::isnan(have[i]) && std::isnan(want[i])) || have[i] == want[i] ||
                      std::abs(have[i] - want[i]) <= 1e-4f * std::max(1.0f, std::abs(want[i]));
    ASSERT_TRUE(same) << what << " element " << i << ": " << have[i] << ", expected " << want[i];
  }
}

inline void expect_same_results(Layer& gpu, Layer& cpu) {
  expect_same(gpu.output.fetch(), cpu.output.fetch(), "output");
  expect_same(gpu.lse.fetch(), cpu.lse.fetch(), "lse");
}

// Each test starts with fresh devices, and the runtime has nothing to complain of after its objects are gone.
class GpuTest : public testing::Test {
 protected:
  GpuTest() { fake_hip::set_devices(2, "gfx90a:sramecc+:xnack-"); }
  ~GpuTest() override {
    for (const std::string& violation : fake_hip::violations()) ADD_FAILURE() << violation;
  }
  // For tests whose objects are all gone.
  static void expect_nothing_left() {
    const fake_hip::Counts counts = fake_hip::counts();
    EXPECT_EQ(counts.live_device_blocks, 0);
    EXPECT_EQ(counts.live_pinned_blocks, 0);
    EXPECT_EQ(counts.live_events, 0);
  }
};

}  // namespace fovea_test
