// The memory of a workload: shapes and strides of its tensors, how they are filled, and what must not have been touched.
#include <algorithm>
#include <cmath>
#include <cstring>

#include "tests/conformance/random_data.h"
#include "tests/conformance/workload.h"

namespace fovea_test {

using namespace fovea_reference;

namespace {

constexpr int64_t kExtraTokens = 2;  // rows beyond num_tokens that every token tensor has

// Elements up to the last one that a view addresses.
int64_t extent(const View& view) {
  int64_t last = 0;
  for (int32_t i = 0; i < view.ndim; ++i) {
    if (view.shape[i] == 0) return 0;
    last += (view.shape[i] - 1) * view.strides[i];
  }
  return last + 1;
}

View rows_view(Type type, int64_t tokens, int64_t heads, int64_t size, int64_t token_stride, int64_t head_stride) {
  View view;
  view.type = type;
  view.ndim = 3;
  view.shape[0] = tokens;
  view.shape[1] = heads;
  view.shape[2] = size;
  view.strides[0] = token_stride;
  view.strides[1] = head_stride;
  view.strides[2] = 1;
  return view;
}

void fill_nan(DeviceBuffer* buffer, Type type) { buffer->fill(nan_byte(type)); }

}  // namespace

void* View::host() const { return buffer->host() + offset * static_cast<int64_t>(bytes_of(type)); }

foveaTensor_t View::tensor() const {
  foveaTensor_t tensor = {};
  if (!present()) return tensor;
  tensor.data = buffer->device() + offset * static_cast<int64_t>(bytes_of(type));
  tensor.dtype = fovea_type(type);
  tensor.ndim = ndim;
  for (int32_t i = 0; i < ndim; ++i) {
    tensor.shape[i] = shape[i];
    tensor.strides[i] = contiguous_by_zeros ? 0 : strides[i];
  }
  return tensor;
}

DeviceBuffer* Workload::new_buffer(int64_t elements, Type type) {
  const size_t size = bytes_of(type);
  // A GPU asks for 16 bytes.
  const size_t misalignment = !case_.element_aligned ? 0 : memory_->host_visible() ? size * 3 : 16;
  buffers_.push_back(std::make_unique<DeviceBuffer>(*memory_, static_cast<size_t>(elements) * size, misalignment));
  fill_nan(buffers_.back().get(), type);
  return buffers_.back().get();
}

std::vector<DeviceBuffer*> Workload::all_buffers() {
  std::vector<DeviceBuffer*> all = {&q_scale, &k_scale, &v_scale, &output_scale, &alibi_slopes, &sinks,
                                    &arrays.query_start_loc, &arrays.seq_lens, &arrays.block_table,
                                    &arrays.causal_per_sequence, &arrays.range_start_loc, &arrays.ranges};
  for (const auto& buffer : buffers_) all.push_back(buffer.get());
  return all;
}

void Workload::make_rows() {
  const Case& c = case_;
  const int64_t tokens = num_tokens() + kExtraTokens;
  // On a device whose loads are wide, padding keeps rows aligned; a CPU takes any.
  const int64_t unit = memory_->host_visible() ? 1 : 16;
  const auto make = [&](Type type, int64_t heads, int64_t size, RowMemory kind) {
    const int64_t head_stride = kind == RowMemory::kPadded ? size + 5 * unit : size;
    const int64_t token_stride = heads * head_stride + (kind == RowMemory::kPadded ? 3 * unit : 0);
    View view = rows_view(type, tokens, heads, size, token_stride, head_stride);
    view.contiguous_by_zeros = kind == RowMemory::kPlain && c.seed % 2 == 0;
    view.buffer = new_buffer(extent(view), type);
    return view;
  };
  RowMemory kind = c.query_memory;
  if (kind == RowMemory::kPacked && (c.query != c.dense_type() || c.type == Kind::kEncoderDecoder)) kind = RowMemory::kPadded;
  const int64_t size = c.head_size, size_v = c.v_size(), hq = c.num_query_heads, hk = c.num_kv_heads;
  const bool dense = c.dense || c.type == Kind::kEncoder;
  if (kind == RowMemory::kPacked) {
    const int64_t row = hq * size + hk * size + hk * size_v;
    query = rows_view(c.query, tokens, hq, size, row, size);
    key = rows_view(c.query, tokens, hk, size, row, size);
    value = rows_view(c.query, tokens, hk, size_v, row, size_v);
    key.offset = hq * size;
    value.offset = key.offset + hk * size;
    query.buffer = key.buffer = value.buffer = new_buffer(tokens * row, c.query);
    if (!dense) key.buffer = value.buffer = nullptr;
  } else {
    query = make(c.query, hq, size, kind);
    if (dense) {
      key = make(c.dense_type(), hk, size, kind);
      value = make(c.dense_type(), hk, size_v, kind);
    }
  }
  output = make(c.partial ? Type::kF32 : c.output, hq, size_v, c.output_memory);
  if (c.lse || c.partial) {
    const int64_t stride = c.output_memory == RowMemory::kPadded ? 2 : 1;
    lse.type = Type::kF32;
    lse.ndim = 2;
    lse.shape[0] = tokens;
    lse.shape[1] = hq;
    lse.strides[0] = hq * stride + (stride - 1) * 3;
    lse.strides[1] = 1;
    lse.buffer = new_buffer(extent(lse), Type::kF32);
  }
}

void Workload::make_cache() {
  if (num_blocks_ == 0) return;
  const Case& c = case_;
  const int64_t blocks = num_blocks_, block = c.block_size, heads = c.num_kv_heads;
  const int64_t x = 16 / static_cast<int64_t>(bytes_of(c.cache));
  const int64_t unit = memory_->host_visible() ? 1 : x;
  const bool vectorized = c.layout == Layout::kVectorized;
  const auto shape_of = [&](View& view, std::vector<int64_t> shape, std::vector<int64_t> strides) {
    view.type = c.cache;
    view.ndim = static_cast<int32_t>(shape.size());
    std::copy(shape.begin(), shape.end(), view.shape);
    std::copy(strides.begin(), strides.end(), view.strides);
  };
  const int64_t sizes[2] = {c.head_size, c.v_size()};
  View* const views[2] = {&key_cache, &value_cache};
  for (int i = 0; i < 2; ++i) {
    const int64_t size = sizes[i];
    const int64_t pad = c.cache_memory == CacheMemory::kPadded ? 3 * unit : 0;
    if (vectorized) {
      // Key: vectors of x along the head, tokens between them. Value: tokens innermost.
      const int64_t inner = i == 0 ? x : 1;
      const int64_t group = block * inner + pad;
      const int64_t groups = i == 0 ? size / x : size;
      int64_t head_stride = groups * group + pad;
      int64_t block_stride = heads * head_stride + pad;
      if (c.cache_memory == CacheMemory::kHnd) {  // heads outermost
        block_stride = head_stride;
        head_stride = blocks * block_stride;
      } else if (c.cache_memory == CacheMemory::kInterleaved) {  // a block's values follow its keys
        block_stride = heads * block * (sizes[0] + sizes[1]);
        if (i == 1) value_cache.offset = heads * block * sizes[0];
      }
      if (i == 0) shape_of(*views[i], {blocks, heads, groups, block, x}, {block_stride, head_stride, group, x, 1});
      if (i == 1) shape_of(*views[i], {blocks, heads, size, block}, {block_stride, head_stride, group, 1});
      continue;
    }
    int64_t head_stride = size + pad;
    int64_t row_stride = heads * head_stride + pad;
    int64_t block_stride = block * row_stride + pad;
    if (c.cache_memory == CacheMemory::kHnd) {
      row_stride = size;
      head_stride = block * size;
      block_stride = heads * head_stride;
    } else if (c.cache_memory == CacheMemory::kInterleaved) {  // [.., heads, key then value]
      const int64_t value_at = (sizes[0] + unit - 1) / unit * unit;
      head_stride = value_at + (sizes[1] + unit - 1) / unit * unit;
      row_stride = heads * head_stride;
      block_stride = block * row_stride;
      if (i == 1) value_cache.offset = value_at;
    }
    shape_of(*views[i], {blocks, block, heads, size}, {block_stride, row_stride, head_stride, 1});
  }
  if (c.cache_memory == CacheMemory::kInterleaved) {
    const int64_t elements = std::max(extent(key_cache), value_cache.offset + extent(value_cache));
    key_cache.buffer = value_cache.buffer = new_buffer(elements, c.cache);
    return;
  }
  for (View* view : views) {
    view->contiguous_by_zeros = c.cache_memory == CacheMemory::kNhd && c.seed % 2 == 1;
    view->buffer = new_buffer(extent(*view), c.cache);
  }
}

void Workload::bind_reference() {
  Problem& p = problem_;
  const auto rows = [](const View& view) {
    return view.present() ? Rows{view.host(), view.type, view.strides[0], view.strides[1]} : Rows{};
  };
  p.query = rows(query);
  p.key = rows(key);
  p.value = rows(value);
  p.block_table = block_table_.data();
  p.block_table_stride = table_stride_;
  if (!has_cache()) return;
  p.key_cache = {key_cache.host(), key_cache.type, {}};
  p.value_cache = {value_cache.host(), value_cache.type, {}};
  std::copy(key_cache.strides, key_cache.strides + 5, p.key_cache.strides);
  std::copy(value_cache.strides, value_cache.strides + 5, p.value_cache.strides);
}

void Workload::vector_bits(Part part, const Sequence& sequence, int64_t position, int head, Type type, float scale,
                           int64_t size, uint32_t* bits) const {
  const bool in_shared = part != Part::kQuery && position < case_.shared_prefix;
  const uint64_t owner = in_shared ? 0xffffffffu : static_cast<uint64_t>(sequence.uid);
  const uint64_t seed = mix(case_.seed, static_cast<uint64_t>(part), owner, static_cast<uint64_t>(position + (1 << 20)),
                            static_cast<uint64_t>(head));
  const bool normal = case_.data == Data::kNormal || part == Part::kValue ||
                      (case_.data == Data::kLarge && part == Part::kKey) ||
                      (case_.data == Data::kNeedle && part == Part::kKey) ||
                      (case_.data == Data::kFlat && part == Part::kQuery);
  if (normal) return encoded_normals(type, 1 / scale, seed, size, bits);
  if (case_.data == Data::kLarge) return encoded_normals(type, 8 / scale, seed, size, bits);
  std::vector<float> noise(static_cast<size_t>(size));
  normals(seed, size, noise.data());
  const double root = std::sqrt(static_cast<double>(size));
  for (int64_t d = 0; d < size; ++d) {
    double x = noise[static_cast<size_t>(d)];
    switch (case_.data) {
      case Data::kRising:
      case Data::kFalling:
        // Scores climb (or fall) by about 20 over the sequence, so that every tile has a new maximum.
        if (part == Part::kQuery) {
          x = direction(d) + 0.2 * x;
        } else {
          double along = static_cast<double>(position) / std::max(1, sequence.seq_len());
          if (case_.data == Data::kFalling) along = 1 - along;
          x = direction(d) * along * 20 / root + 0.1 * x;
        }
        break;
      case Data::kFlat: x = 0; break;
      default: x += 3 * direction(d); break;  // queries of needle data
    }
    bits[d] = encode_bits(type, x / scale);
  }
}

void Workload::fill_rows() {
  const Case& c = case_;
  const Type dense_type = c.dense_type();
  std::vector<uint32_t> bits(static_cast<size_t>(std::max(c.head_size, c.v_size())));
  const auto put = [&](const View& view, int64_t token, int head) {
    for (int64_t d = 0; d < view.shape[2]; ++d) {
      store_bits(view.type, view.host(), token * view.strides[0] + head * view.strides[1] + d, bits[static_cast<size_t>(d)]);
    }
  };
  for (size_t seq = 0; seq < sequences_.size(); ++seq) {
    const Sequence& s = sequences_[seq];
    for (int64_t i = 0; i < s.query_len; ++i) {
      const int64_t token = query_start_loc_[seq] + i;
      const int64_t position = s.context_len + i;
      for (int h = 0; h < c.num_query_heads; ++h) {
        vector_bits(Part::kQuery, s, position, h, c.query, static_cast<float>(problem_.q_scale), c.head_size, bits.data());
        put(query, token, h);
      }
      // Rows before position 0 are no keys; they stay NaN.
      if (!key.present() || position < 0) continue;
      for (int h = 0; h < c.num_kv_heads; ++h) {
        vector_bits(Part::kKey, s, position, h, dense_type, 1, c.head_size, bits.data());
        put(key, token, h);
        vector_bits(Part::kValue, s, position, h, dense_type, 1, c.v_size(), bits.data());
        put(value, token, h);
      }
    }
  }
}

void Workload::fill_cache() {
  const Case& c = case_;
  std::vector<uint32_t> bits(static_cast<size_t>(std::max(c.head_size, c.v_size())));
  for (size_t seq = 0; seq < sequences_.size(); ++seq) {
    const Sequence& s = sequences_[seq];
    for (int64_t t = 0; t < s.seq_len(); ++t) {
      if (!cached(static_cast<int>(seq), t)) continue;
      bool seen = false;
      for (int64_t i = s.query_len - 1; i >= 0 && !seen; --i) seen = visible(problem_, static_cast<int>(seq), i, t);
      if (!seen) continue;
      const int64_t block = block_table_[seq * static_cast<size_t>(table_stride_) + static_cast<size_t>(t / c.block_size)];
      const int64_t row = t % c.block_size;
      for (int h = 0; h < c.num_kv_heads; ++h) {
        const size_t at = k_scales_.size() > 1 ? static_cast<size_t>(h) : 0;
        vector_bits(Part::kKey, s, t, h, c.cache, k_scales_.empty() ? 1 : k_scales_[at], c.head_size, bits.data());
        for (int64_t d = 0; d < c.head_size; ++d) {
          store_bits(c.cache, key_cache.host(), key_element(problem_.key_cache, c.layout, block, row, h, d),
                     bits[static_cast<size_t>(d)]);
        }
        vector_bits(Part::kValue, s, t, h, c.cache, v_scales_.empty() ? 1 : v_scales_[at], c.v_size(), bits.data());
        for (int64_t d = 0; d < c.v_size(); ++d) {
          store_bits(c.cache, value_cache.host(), value_element(problem_.value_cache, c.layout, block, row, h, d),
                     bits[static_cast<size_t>(d)]);
        }
      }
    }
  }
}

void Workload::prepare() {
  fill_nan(output.buffer, output.type);
  if (lse.present()) fill_nan(lse.buffer, lse.type);
  for (DeviceBuffer* buffer : all_buffers()) {
    buffer->remember();
    buffer->to_device();
  }
}

void Workload::check_memory() {
  for (DeviceBuffer* buffer : all_buffers()) buffer->to_host();
  for (const auto& [name, buffer] : {std::pair<const char*, DeviceBuffer*>{"query", query.buffer},
                                    {"key", key.buffer},
                                    {"value", value.buffer},
                                    {"key_cache", key_cache.buffer},
                                    {"value_cache", value_cache.buffer},
                                    {"q_scale", &q_scale},
                                    {"k_scale", &k_scale},
                                    {"v_scale", &v_scale},
                                    {"output_scale", &output_scale},
                                    {"alibi_slopes", &alibi_slopes},
                                    {"sinks", &sinks},
                                    {"query_start_loc", &arrays.query_start_loc},
                                    {"seq_lens", &arrays.seq_lens},
                                    {"block_table", &arrays.block_table},
                                    {"causal_per_sequence", &arrays.causal_per_sequence},
                                    {"range_start_loc", &arrays.range_start_loc},
                                    {"ranges", &arrays.ranges},
                                    {"output", output.buffer},
                                    {"lse", lse.buffer}}) {
    if (!buffer) continue;
    const std::string damage = buffer->guard_damage();
    if (!damage.empty()) throw Failure(text("the guard zone of %s was hit %s", name, damage.c_str()));
    const bool written = buffer == output.buffer || buffer == lse.buffer;
    if (!written && !buffer->unchanged()) throw Failure(text("the input %s was changed", name));
  }
  // Everything in the outputs that is no element of a row of the batch must still be poison.
  for (const View* view : {&output, &lse}) {
    if (!view->present()) continue;
    const int64_t size = view->ndim == 3 ? view->shape[2] : 1;
    const size_t bytes = bytes_of(view->type);
    std::vector<uint8_t> touched(view->buffer->size(), 0);
    for (int64_t token = 0; token < num_tokens(); ++token) {
      for (int64_t h = 0; h < view->shape[1]; ++h) {
        const int64_t first = token * view->strides[0] + h * view->strides[1];
        std::memset(touched.data() + static_cast<size_t>(first) * bytes, 1, static_cast<size_t>(size) * bytes);
      }
    }
    for (size_t i = 0; i < touched.size(); ++i) {
      if (!touched[i] && view->buffer->host()[i] != nan_byte(view->type)) {
        throw Failure(text("%s was written at byte %zu, which belongs to no row of the batch",
                           view == &output ? "output" : "lse", i));
      }
    }
  }
}

bool Workload::has_memory(int seq, int64_t t) const {
  if (t < 0) return false;
  const Sequence& s = sequences_[static_cast<size_t>(seq)];
  if (key.present() && t >= s.context_len) return t - s.context_len + query_start_loc_[static_cast<size_t>(seq)] < key.shape[0];
  if (!has_cache()) return false;
  const int64_t column = t / case_.block_size;
  if (column >= table_columns_) return false;
  const int32_t block = block_table_[static_cast<size_t>(seq * table_stride_ + column)];
  return block >= 0 && block < num_blocks_;
}

template <typename Visit>
void Workload::visit_cells(int seq, int64_t t, Visit visit) {
  const Sequence& s = sequences_[static_cast<size_t>(seq)];
  const bool dense = key.present() && t >= s.context_len;
  const int64_t token = query_start_loc_[static_cast<size_t>(seq)] + t - s.context_len;
  const int64_t block = dense ? 0 : block_table_[static_cast<size_t>(seq * table_stride_ + t / case_.block_size)];
  const int64_t row = t % case_.block_size;
  for (int h = 0; h < case_.num_kv_heads; ++h) {
    const size_t at = k_scales_.size() > 1 ? static_cast<size_t>(h) : 0;
    for (int64_t d = 0; d < case_.head_size; ++d) {
      const int64_t element = dense ? token * key.strides[0] + h * key.strides[1] + d
                                    : key_element(problem_.key_cache, case_.layout, block, row, h, d);
      visit(dense ? key : key_cache, element, true, d, dense || k_scales_.empty() ? 1.0f : k_scales_[at]);
    }
    for (int64_t d = 0; d < case_.v_size(); ++d) {
      const int64_t element = dense ? token * value.strides[0] + h * value.strides[1] + d
                                    : value_element(problem_.value_cache, case_.layout, block, row, h, d);
      visit(dense ? value : value_cache, element, false, d, dense || v_scales_.empty() ? 1.0f : v_scales_[at]);
    }
  }
}

void Workload::plant(int seq, int64_t t, const std::vector<float>& key_vector, const std::vector<float>& value_vector) {
  visit_cells(seq, t, [&](const View& view, int64_t element, bool is_key, int64_t d, float scale) {
    const float x = is_key ? key_vector[static_cast<size_t>(d)] : value_vector[static_cast<size_t>(d)];
    store_bits(view.type, view.host(), element, encode_scaled(view.type, x, scale));
  });
}

std::vector<uint32_t> Workload::save(int seq, int64_t t) {
  std::vector<uint32_t> cells;
  visit_cells(seq, t, [&](const View& view, int64_t element, bool, int64_t, float) {
    cells.push_back(load_bits(view.type, view.host(), element));
  });
  return cells;
}

void Workload::restore(int seq, int64_t t, const std::vector<uint32_t>& cells) {
  size_t next = 0;
  visit_cells(seq, t, [&](const View& view, int64_t element, bool, int64_t, float) {
    store_bits(view.type, view.host(), element, cells[next++]);
  });
}

uint32_t Workload::output_bits(int64_t token, int head, int64_t d) const {
  return load_bits(output.type, output.host(), token * output.strides[0] + head * output.strides[1] + d);
}

double Workload::output_at(int64_t token, int head, int64_t d) const {
  return decode_bits(output.type, output_bits(token, head, d)) * (is_fp8(output.type) ? problem_.output_scale : 1);
}

float Workload::lse_at(int64_t token, int head) const {
  return static_cast<float>(load(Type::kF32, lse.host(), token * lse.strides[0] + head * lse.strides[1]));
}

std::vector<uint32_t> Workload::row_bits(int64_t first_token, int64_t count) const {
  std::vector<uint32_t> bits;
  for (int64_t token = first_token; token < first_token + count; ++token) {
    for (int h = 0; h < case_.num_query_heads; ++h) {
      for (int64_t d = 0; d < case_.v_size(); ++d) bits.push_back(output_bits(token, h, d));
      if (lse.present()) bits.push_back(load_bits(Type::kF32, lse.host(), token * lse.strides[0] + h * lse.strides[1]));
    }
  }
  return bits;
}

}  // namespace fovea_test
