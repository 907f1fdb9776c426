// KV cache writes: every byte of the cache against the reference's own encoder, and chunks written by the library as an
// engine writes them.
#include <algorithm>
#include <cmath>
#include <cstring>

#include "tests/conformance/checks.h"
#include "tests/conformance/random_data.h"
#include "tests/reference/reference_cache.h"

namespace fovea_test {

using namespace fovea_reference;

namespace {

foveaKvWriteArgs_t write_args(Workload& workload, const DeviceBuffer& slots, int32_t num_tokens) {
  foveaKvWriteArgs_t args = FOVEA_KV_WRITE_ARGS_INIT;
  args.key = workload.key.tensor();
  args.value = workload.value.tensor();
  args.key_cache = workload.key_cache.tensor();
  args.value_cache = workload.value_cache.tensor();
  args.slot_mapping = reinterpret_cast<const int64_t*>(slots.device());
  args.num_tokens = num_tokens;
  args.k_scale = reinterpret_cast<const float*>(workload.k_scale.device());
  args.v_scale = reinterpret_cast<const float*>(workload.v_scale.device());
  args.stream = workload.memory().stream();
  return args;
}

DeviceBuffer upload_slots(Engine& engine, const std::vector<int64_t>& slots) {
  DeviceBuffer buffer(engine.memory(), slots.size() * sizeof(int64_t));
  if (!slots.empty()) std::memcpy(buffer.host(), slots.data(), buffer.size());
  buffer.to_device();
  return buffer;
}

// Values that rounding gets wrong first: infinities, NaN, both zeros, the largest, halfway points, subnormals.
void plant_specials(const View& view, int64_t num_tokens, float scale, Type cache) {
  const double largest = max_finite(cache);
  const double quantum = std::ldexp(1.0, 1 - format_of(cache).bias - format_of(cache).mantissa_bits);
  std::vector<double> specials = {INFINITY,       -INFINITY,        NAN,           0.0,           -0.0,
                                  1e-30,          -1e-30,           largest,       -largest,      largest * 1.01,
                                  largest * 1.04, -largest * 1.5,   quantum,       quantum / 2,   quantum * 1.5,
                                  quantum * 2.5,  -quantum * 0.499, quantum * 0.5001};
  for (int i = 0; i < 24; ++i) specials.push_back(1 + i / 16.0);  // ties of two and three mantissa bits
  size_t next = 0;
  for (int64_t token = 0; token < num_tokens; token += 3) {
    for (int64_t h = 0; h < view.shape[1]; ++h) {
      for (int64_t d = h % 2; d < view.shape[2]; d += 2) {
        const double special = specials[next++ % specials.size()];
        store(view.type, view.host(), token * view.strides[0] + h * view.strides[1] + d,
              static_cast<float>(special) * scale);
      }
    }
  }
}

void require_same_cache(const View& view, const std::vector<uint8_t>& expected, bool copied, const char* name) {
  const uint8_t* actual = view.buffer->host();
  const size_t size = bytes_of(view.type);
  for (size_t at = 0; at + size <= expected.size(); at += size) {
    if (std::memcmp(actual + at, expected.data() + at, size) == 0) continue;
    const auto element = static_cast<int64_t>(at / size);
    const uint32_t got = load_bits(view.type, actual, element);
    const uint32_t want = load_bits(view.type, expected.data(), element);
    // A converted NaN may be any NaN.
    const bool both_nan = std::isnan(decode_bits(view.type, got)) && std::isnan(decode_bits(view.type, want));
    if (!copied && both_nan) continue;
    throw Failure(text("%s: element %lld holds %0*x, expected %0*x", name, static_cast<long long>(element),
                       static_cast<int>(2 * size), got, static_cast<int>(2 * size), want));
  }
}

}  // namespace

void check_write(Run& run, const Case& original) {
  Case c = original;
  c.dense = true;
  if (c.seed % 2 == 0) ++c.seed;  // a cache even where no sequence has context
  Workload workload(c, run.engine.memory());
  if (!workload.has_cache()) throw Failure("a write needs a cache");
  const int32_t tokens = workload.num_tokens();
  plant_specials(workload.key, tokens, c.scales == FOVEA_KV_SCALES_NONE ? 1 : workload.problem().k_scales[0], c.cache);
  plant_specials(workload.value, tokens, c.scales == FOVEA_KV_SCALES_NONE ? 1 : workload.problem().v_scales[0], c.cache);
  workload.key.buffer->to_device();
  workload.value.buffer->to_device();

  CacheWrite write;
  write.num_kv_heads = c.num_kv_heads;
  write.head_size = c.head_size;
  write.head_size_v = c.v_size();
  write.block_size = c.block_size;
  write.layout = c.layout;
  write.key = workload.problem().key;
  write.value = workload.problem().value;
  write.k_scales = workload.problem().k_scales;
  write.v_scales = workload.problem().v_scales;
  // Distinct slots anywhere in the cache, one in six skipped.
  Random random(mix(c.seed, 91));
  std::vector<int64_t> slots(static_cast<size_t>(workload.num_blocks() * c.block_size));
  for (size_t i = 0; i < slots.size(); ++i) slots[i] = static_cast<int64_t>(i);
  for (size_t i = slots.size(); i > 1; --i) std::swap(slots[i - 1], slots[random.next() % i]);
  if (slots.size() < static_cast<size_t>(tokens)) throw Failure("the cache has too few slots for this check");
  slots.resize(static_cast<size_t>(tokens));
  for (size_t i = 0; i < slots.size(); ++i) {
    if (i % 6 == 5) slots[i] = i % 12 == 5 ? -1 : INT64_MIN;
  }
  write.slot_mapping = slots;

  DeviceBuffer slot_buffer = upload_slots(run.engine, slots);
  slot_buffer.remember();
  std::vector<uint8_t> expected_key(workload.key_cache.buffer->host(),
                                    workload.key_cache.buffer->host() + workload.key_cache.buffer->size());
  std::vector<uint8_t> expected_value(workload.value_cache.buffer->host(),
                                      workload.value_cache.buffer->host() + workload.value_cache.buffer->size());
  const bool together = workload.key_cache.buffer == workload.value_cache.buffer;
  const auto at = [](std::vector<uint8_t>& bytes, const View& view) {
    return bytes.data() + view.offset * static_cast<int64_t>(bytes_of(view.type));
  };
  write.key_cache = workload.problem().key_cache;
  write.value_cache = workload.problem().value_cache;
  write.key_cache.data = at(expected_key, workload.key_cache);
  write.value_cache.data = at(together ? expected_key : expected_value, workload.value_cache);
  write_cache(write);

  const Attention attention = make_attention(run.engine, c);
  workload.key.buffer->remember();
  workload.value.buffer->remember();
  foveaKvWriteArgs_t args = write_args(workload, slot_buffer, tokens);
  run.engine.enqueue([&] { FOVEA_OK(foveaAttentionWriteKvCache(attention.get(), &args)); });
  ++run.forwards;
  for (DeviceBuffer* buffer : {workload.key.buffer, workload.value.buffer, workload.key_cache.buffer,
                               workload.value_cache.buffer, &slot_buffer}) {
    buffer->to_host();
    const std::string damage = buffer->guard_damage();
    if (!damage.empty()) throw Failure("a guard zone was hit " + damage);
  }
  if (!workload.key.buffer->unchanged() || !workload.value.buffer->unchanged() || !slot_buffer.unchanged()) {
    throw Failure("a write changed its input");
  }
  const bool copied = c.cache == c.dense_type();
  require_same_cache(workload.key_cache, expected_key, copied, together ? "cache" : "key_cache");
  if (!together) require_same_cache(workload.value_cache, expected_value, copied, "value_cache");
}

// As an engine does it: chunk after chunk is written, then attended to from the cache alone. What the last chunk gives must
// be what the reference makes of the numbers in the cache, and the cache what the reference's encoder makes of the inputs.
void check_write_then_read(Run& run, const Case& original) {
  Case c = original;
  c.dense = false;
  Workload workload(c, run.engine.memory());
  Case source_case = c;
  source_case.dense = true;
  source_case.sequences.clear();
  for (const Sequence& s : c.expanded()) source_case.sequences.push_back({s.seq_len(), 0, s.uid});
  source_case.repeat = 1;
  source_case.fill = 0;
  source_case.padding = 0;
  source_case.seed |= 1;
  source_case.mask = Mask::kCausal;
  source_case.ranges = Ranges::kNone;
  source_case.window_left = source_case.window_right = -1;
  Workload source(source_case, run.engine.memory());
  const Attention attention = make_attention(run.engine, c);
  // The cache starts out unwritten.
  workload.key_cache.buffer->fill(nan_byte(c.cache));
  workload.value_cache.buffer->fill(nan_byte(c.cache));
  workload.key_cache.buffer->to_device();
  workload.value_cache.buffer->to_device();
  const int32_t chunk = 37;
  for (int32_t begin = 0; begin < source.num_tokens(); begin += chunk) {
    const int32_t end = std::min(begin + chunk, source.num_tokens());
    std::vector<int64_t> slots;
    for (int32_t token = begin; token < end; ++token) {
      const auto& starts = source.query_start_loc();
      const auto seq = std::upper_bound(starts.begin(), starts.end(), token) - starts.begin() - 1;
      const int64_t t = token - starts[static_cast<size_t>(seq)];
      const int64_t column = seq * workload.table_stride() + t / c.block_size;
      const int64_t block = workload.block_table()[static_cast<size_t>(column)];
      // A position that no row of this step sees has no block any more.
      const bool evicted = block < 0 || block >= workload.num_blocks();
      slots.push_back(evicted ? -1 : block * c.block_size + t % c.block_size);
    }
    const DeviceBuffer slot_buffer = upload_slots(run.engine, slots);
    foveaKvWriteArgs_t args = write_args(source, slot_buffer, end - begin);
    for (foveaTensor_t* tensor : {&args.key, &args.value}) {
      const View& view = tensor == &args.key ? source.key : source.value;
      tensor->data = static_cast<uint8_t*>(tensor->data) + begin * view.strides[0] * static_cast<int64_t>(bytes_of(view.type));
      tensor->shape[0] -= begin;
    }
    args.key_cache = workload.key_cache.tensor();
    args.value_cache = workload.value_cache.tensor();
    run.engine.enqueue([&] { FOVEA_OK(foveaAttentionWriteKvCache(attention.get(), &args)); });
  }
  workload.key_cache.buffer->to_host();
  workload.value_cache.buffer->to_host();
  run_forward(run.engine, workload);
  ++run.forwards;
  compare_with_reference(run, workload);
}

}  // namespace fovea_test
