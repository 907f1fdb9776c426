#include "impl/plan/plan.h"

#include <algorithm>
#include <cstring>
#include <type_traits>

#include "impl/error.h"
#include "impl/memory.h"

namespace fovea {
namespace {

using cpu::kKvChunk;
using cpu::SplitGroup;
using cpu::WorkItem;

constexpr uint64_t kMagic = 0x314e414c50414556;  // "VEAPLAN1"

// With eight units each, the last of them to end leaves the threads at most an eighth of their work apart.
constexpr int32_t kUnitsPerThread = 8;

// A key costs its load besides the arithmetic of each row; the load weighs about as much as this many rows.
constexpr int64_t kRowsPerLoad = 8;

// Units are sorted by cost in classes an eighth of an octave wide, so that a few counters replace a sort.
constexpr int32_t kCostClasses = 512;

uint64_t cost_of(int64_t rows, int64_t keys) {
  return static_cast<uint64_t>(rows + kRowsPerLoad) * static_cast<uint64_t>(keys + 1);
}

int32_t cost_class(uint64_t cost) {
  if (cost < 8) return static_cast<int32_t>(cost);
  const int32_t exponent = 63 - __builtin_clzll(cost);
  return (exponent - 2) * 8 + static_cast<int32_t>((cost >> (exponent - 3)) & 7);
}
static_assert((63 - 2) * 8 + 7 < kCostClasses);

struct Tile {
  int32_t row_begin;
  int32_t row_end;
  KeyRange keys;
  int32_t chunk_begin;
  int32_t chunk_end;

  int64_t rows() const { return row_end - row_begin; }
  int32_t chunks() const { return chunk_end - chunk_begin; }
  uint64_t cost() const { return cost_of(rows(), keys.size()); }
};

// Calls visit(sequence, tile) for the tiles of one KV head of each sequence; all heads have the same.
template <class Visit>
void for_each_tile(const PlanKey& key, const CommittedBatch& batch, CausalMode mode, Visit visit) {
  const int32_t group = key.group();
  for (int32_t s = 0; s < batch.num_seqs; ++s) {
    const SequenceView sequence = view_sequence(key, batch, mode, s);
    if (sequence.query_len == 0) continue;
    const TileCut cut(key, sequence.query_len);
    for (int32_t i = 0; i < cut.count(); ++i) {
      Tile tile;
      tile.row_begin = cut.row_begin(i);
      tile.row_end = cut.row_end(i);
      tile.keys = visible_keys(key, batch, sequence, tile.row_begin / group, (tile.row_end - 1) / group + 1);
      tile.chunk_begin = tile.keys.size() == 0 ? 0 : tile.keys.begin / kKvChunk;
      tile.chunk_end = tile.keys.size() == 0 ? 0 : (tile.keys.end - 1) / kKvChunk + 1;
      visit(sequence, tile);
    }
  }
}

// Decides how tiles are shared out. The decisions of a second walk over the same tiles are those of the first.
class Splitter {
 public:
  Splitter(const PlanKey& key, const PlanBounds& bounds, double total_cost)
      : key_(key),
        groups_left_(bounds.num_groups),
        floats_left_(bounds.state_floats),
        unit_cost_(total_cost / (static_cast<double>(key.num_threads) * kUnitsPerThread)) {}

  // How many units a tile becomes, and for how many of the KV heads (the first ones) memory allows it.
  struct Decision {
    int32_t units;
    int32_t heads;
    int64_t floats;  // of one group
  };

  Decision decide(const Tile& tile) {
    const Decision whole = {1, 0, 0};
    if (groups_left_ == 0 || tile.chunks() < 2) return whole;
    const double wanted = static_cast<double>(tile.cost()) / unit_cost_ + 0.5;
    const auto units = static_cast<int32_t>(std::min<double>(wanted, tile.chunks()));
    if (units < 2) return whole;
    const int64_t floats = tile.chunks() * cpu::state_floats(tile.rows(), key_.head_size_v);
    const int64_t heads = std::min({int64_t{key_.num_kv_heads}, groups_left_, floats_left_ / floats});
    if (heads == 0) return whole;
    groups_left_ -= heads;
    floats_left_ -= heads * floats;
    return {units, static_cast<int32_t>(heads), floats};
  }

 private:
  PlanKey key_;
  int64_t groups_left_;
  int64_t floats_left_;
  double unit_cost_;
};

struct Unit {
  int32_t chunk_begin;
  int32_t chunk_end;
  uint64_t cost;
};

Unit unit_of(const Tile& tile, int32_t units, int32_t index) {
  const auto at = [&](int32_t i) {
    return tile.chunk_begin + static_cast<int32_t>(int64_t{tile.chunks()} * i / units);
  };
  Unit unit = {at(index), at(index + 1), 0};
  const int64_t begin = std::max<int64_t>(tile.keys.begin, int64_t{unit.chunk_begin} * kKvChunk);
  const int64_t end = std::min<int64_t>(tile.keys.end, int64_t{unit.chunk_end} * kKvChunk);
  unit.cost = cost_of(tile.rows(), std::max<int64_t>(end - begin, 0));
  return unit;
}

uint64_t checksum(const PlanHeader& header) {
  static_assert(std::has_unique_object_representations_v<PlanKey>);
  // FNV-1a: enough to tell a plan from memory that was overwritten.
  uint64_t hash = 0xcbf29ce484222325;
  const auto* bytes = reinterpret_cast<const unsigned char*>(&header);
  for (size_t i = 0; i < offsetof(PlanHeader, check); ++i) hash = (hash ^ bytes[i]) * 0x100000001b3;
  return hash;
}

}  // namespace

foveaStatus_t bound_plan(const PlanKey& key, const BatchSize& size, PlanBounds* bounds) {
  // Rows of a KV head, items and groups are counted in 32 bits.
  const int64_t rows = int64_t{size.num_tokens} * key.group();
  FOVEA_REQUIRE_ARGUMENT(rows <= INT32_MAX, "num_tokens: %d with %d query heads per KV head is more than %d rows",
                         size.num_tokens, key.group(), INT32_MAX);
  const int64_t tiles = TileCut::max_count(key, size.num_seqs, size.num_tokens);
  int64_t all_tiles = 0;
  const bool wraps = __builtin_mul_overflow(tiles, int64_t{key.num_kv_heads}, &all_tiles);
  FOVEA_REQUIRE_ARGUMENT(!wraps && all_tiles <= INT32_MAX / 2,
                         "num_tokens: %d with %d KV heads is too much work to plan", size.num_tokens, key.num_kv_heads);

  const int64_t chunks = (int64_t{size.max_seq_len} + kKvChunk - 1) / kKvChunk;
  const bool may_split = key.num_threads > 1 && chunks > 1;
  // Units of 1.5 times the average and more are split, each into at most as many as its share of the total: see
  // Splitter.
  const int64_t splits = may_split ? int64_t{key.num_threads} * kUnitsPerThread : 0;
  bounds->num_groups = std::min(all_tiles, splits);
  bounds->num_items = all_tiles + splits;
  if (bounds->num_groups > 0) {
    const int64_t tile_rows = std::min<int64_t>(rows, key.max_rows_per_item);
    const int64_t of_tiles = bounds->num_groups * cpu::state_floats(tile_rows, key.head_size_v);
    const int64_t of_rows = cpu::state_floats(rows, key.head_size_v) * key.num_kv_heads;
    int64_t floats = 0;
    const bool beyond = __builtin_mul_overflow(std::min(of_tiles, of_rows), chunks, &floats);
    bounds->state_floats = beyond ? kMaxStateFloats : std::min(floats, kMaxStateFloats);
  } else {
    bounds->state_floats = 0;
  }

  SizeSum sum;
  sum.add(1, sizeof(PlanHeader));
  sum.add(static_cast<size_t>(bounds->num_items), sizeof(WorkItem));
  sum.add(static_cast<size_t>(bounds->num_groups), sizeof(SplitGroup));
  FOVEA_REQUIRE_ARGUMENT(!sum.overflow(), "num_tokens: %d is too much work to plan", size.num_tokens);
  bounds->plan_bytes = sum.total();
  return FOVEA_STATUS_SUCCESS;
}

void make_plan(const PlanKey& key, const Metadata& metadata, const CommittedBatch& batch, CausalMode mode,
               const PlanBounds& bounds, void* memory) {
  BlockUse all_blocks;
  BlockUse context_blocks;
  if (key.attention_type != cpu::AttentionType::kEncoder) {
    for (int32_t s = 0; s < batch.num_seqs; ++s) {
      const SequenceView sequence = view_sequence(key, batch, mode, s);
      const KeyRange visible = visible_keys(key, batch, sequence, 0, sequence.query_len);
      add_block_use(key, batch, sequence, visible, &all_blocks, &context_blocks);
    }
  }

  double total_cost = 0;
  for_each_tile(key, batch, mode, [&](const SequenceView&, const Tile& tile) {
    total_cost += static_cast<double>(tile.cost()) * key.num_kv_heads;
  });

  // First walk: how many units each class of cost has; then each class knows its place, longest first.
  int32_t place[kCostClasses] = {};
  int64_t num_groups = 0;
  int64_t state_floats = 0;
  Splitter counting(key, bounds, total_cost);
  for_each_tile(key, batch, mode, [&](const SequenceView&, const Tile& tile) {
    const Splitter::Decision split = counting.decide(tile);
    for (int32_t u = 0; split.heads > 0 && u < split.units; ++u) {
      place[cost_class(unit_of(tile, split.units, u).cost)] += split.heads;
    }
    place[cost_class(tile.cost())] += key.num_kv_heads - split.heads;
    num_groups += split.heads;
    state_floats += split.heads * split.floats;
  });
  int32_t num_items = 0;
  for (int32_t c = kCostClasses - 1; c >= 0; --c) {
    const int32_t count = place[c];
    place[c] = num_items;
    num_items += count;
  }

  SizeSum sum;
  PlanHeader header;
  std::memset(static_cast<void*>(&header), 0, sizeof(header));
  sum.add(1, sizeof(PlanHeader));
  header.items_offset = sum.add(static_cast<size_t>(num_items), sizeof(WorkItem));
  header.groups_offset = sum.add(static_cast<size_t>(num_groups), sizeof(SplitGroup));
  auto* const items = reinterpret_cast<WorkItem*>(static_cast<char*>(memory) + header.items_offset);
  auto* const groups = reinterpret_cast<SplitGroup*>(static_cast<char*>(memory) + header.groups_offset);

  // Second walk: the units themselves.
  int32_t next_group = 0;
  int64_t next_float = 0;
  Splitter placing(key, bounds, total_cost);
  for_each_tile(key, batch, mode, [&](const SequenceView& sequence, const Tile& tile) {
    const Splitter::Decision split = placing.decide(tile);
    const auto place_unit = [&](const Unit& unit, uint64_t cost, int32_t head, int32_t group) {
      items[place[cost_class(cost)]++] = {sequence.index,   head,           tile.row_begin, tile.row_end,
                                          unit.chunk_begin, unit.chunk_end, group,          0};
    };
    // The heads of one unit stand side by side: their rows lie in the same pages of the cache.
    for (int32_t u = 0; split.heads > 0 && u < split.units; ++u) {
      const Unit unit = unit_of(tile, split.units, u);
      for (int32_t head = 0; head < split.heads; ++head) place_unit(unit, unit.cost, head, next_group + head);
    }
    for (int32_t head = split.heads; head < key.num_kv_heads; ++head) {
      place_unit(unit_of(tile, 1, 0), tile.cost(), head, -1);
    }
    for (int32_t head = 0; head < split.heads; ++head) {
      groups[next_group++] = {next_float, tile.chunk_begin, tile.chunk_end, split.units, 0};
      next_float += split.floats;
    }
  });

  header.magic = kMagic;
  header.metadata_id = metadata.id();
  header.generation = metadata.generation();
  header.key = key;
  header.mode = mode;
  header.num_items = num_items;
  header.num_groups = static_cast<int32_t>(num_groups);
  header.state_floats = state_floats;
  header.all_blocks = all_blocks;
  header.context_blocks = context_blocks;
  header.check = checksum(header);
  std::memcpy(memory, &header, sizeof(header));
}

foveaStatus_t check_plan(const void* memory, size_t size, const PlanKey& key, const Metadata& metadata,
                         CausalMode mode) {
  FOVEA_REQUIRE_ARGUMENT(is_aligned(memory, kAlignment), "plan: %p is not aligned to %zu bytes", memory, kAlignment);
  FOVEA_REQUIRE(size >= sizeof(PlanHeader), FOVEA_STATUS_WORKSPACE_TOO_SMALL,
                "plan_size: %zu, expected the size that was planned into", size);
  const PlanHeader& header = plan_header(memory);
  FOVEA_REQUIRE_ARGUMENT(header.magic == kMagic && header.check == checksum(header),
                         "plan: the memory does not hold a plan (foveaAttentionPlan), or was overwritten");
  FOVEA_REQUIRE(size >= header.groups_offset + static_cast<size_t>(header.num_groups) * sizeof(SplitGroup),
                FOVEA_STATUS_WORKSPACE_TOO_SMALL, "plan_size: %zu, but the plan is %zu bytes long", size,
                static_cast<size_t>(header.groups_offset + header.num_groups * sizeof(SplitGroup)));

  const PlanKey& made = header.key;
  const struct {
    const char* name;
    int64_t made;
    int64_t have;
  } fields[] = {
      {"num_query_heads", made.num_query_heads, key.num_query_heads},
      {"num_kv_heads", made.num_kv_heads, key.num_kv_heads},
      {"head_size_v", made.head_size_v, key.head_size_v},
      {"block_size", made.block_size, key.block_size},
      {"attention type", static_cast<int64_t>(made.attention_type), static_cast<int64_t>(key.attention_type)},
      {"prefix ranges", static_cast<int64_t>(made.prefix_ranges), static_cast<int64_t>(key.prefix_ranges)},
      {"left window", made.window_left, key.window_left},
      {"right window", made.window_right, key.window_right},
      {"number of threads", made.num_threads, key.num_threads},
      {"rows per tile", made.max_rows_per_item, key.max_rows_per_item},
  };
  for (const auto& field : fields) {
    FOVEA_REQUIRE_ARGUMENT(field.made == field.have, "plan: made for an attention with %s %lld, but this one has %lld",
                           field.name, static_cast<long long>(field.made), static_cast<long long>(field.have));
  }
  FOVEA_REQUIRE_ARGUMENT(header.metadata_id == metadata.id(), "plan: made for other metadata");
  FOVEA_REQUIRE_ARGUMENT(header.generation == metadata.generation(),
                         "plan: made for an earlier batch of this metadata (commit %llu, now %llu)",
                         static_cast<unsigned long long>(header.generation),
                         static_cast<unsigned long long>(metadata.generation()));
  static constexpr const char* kModes[] = {"non-causal", "causal", "per-sequence causal"};
  FOVEA_REQUIRE_ARGUMENT(header.mode == mode, "plan: made for %s attention, but this forward is %s",
                         kModes[static_cast<int>(header.mode)], kModes[static_cast<int>(mode)]);
  return FOVEA_STATUS_SUCCESS;
}

cpu::WorkList work_list(const void* memory) {
  const PlanHeader& header = plan_header(memory);
  const auto* base = static_cast<const char*>(memory);
  return {reinterpret_cast<const WorkItem*>(base + header.items_offset),
          reinterpret_cast<const SplitGroup*>(base + header.groups_offset), header.num_items, header.num_groups};
}

}  // namespace fovea
