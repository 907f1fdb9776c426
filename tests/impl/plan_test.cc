// Work lists: complete, bounded, balanced.
#include "impl/plan/plan.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <cstring>
#include <map>
#include <queue>

#include "tests/impl/batch_fixture.h"

namespace fovea {
namespace {

constexpr unsigned char kGuard = 0xa5;

// Plan memory of exactly the size that was asked for, with guards behind it.
struct PlanMemory {
  explicit PlanMemory(size_t size) : size(size) {
    EXPECT_EQ(posix_memalign(&data, kAlignment, align_up(size) + 4096), 0);
    std::memset(data, kGuard, align_up(size) + 4096);
  }
  ~PlanMemory() { std::free(data); }
  bool guards_intact() const {
    const auto* bytes = static_cast<const unsigned char*>(data);
    for (size_t i = size; i < align_up(size) + 4096; ++i) {
      if (bytes[i] != kGuard) return false;
    }
    return true;
  }
  size_t size;
  void* data = nullptr;
};

double cost_of(const cpu::WorkItem& item) {
  return (item.row_end - item.row_begin + 8.0) * (item.chunk_end - item.chunk_begin + 1e-3);
}

struct TileId {
  int32_t seq, kv_head, row_begin;
  auto operator<=>(const TileId&) const = default;
};

// Everything a kernel relies on.
void check_work(const PlanKey& key, const CommittedBatch& batch, CausalMode mode, const PlanBounds& bounds,
                const PlanMemory& memory) {
  const cpu::WorkList work = work_list(memory.data);
  const PlanHeader& header = plan_header(memory.data);
  ASSERT_LE(work.num_items, bounds.num_items);
  ASSERT_LE(work.num_groups, bounds.num_groups);
  ASSERT_LE(header.state_floats, bounds.state_floats);
  ASSERT_LE(header.groups_offset + work.num_groups * sizeof(cpu::SplitGroup), memory.size);
  ASSERT_TRUE(memory.guards_intact());

  const int32_t group = key.group();
  std::map<TileId, std::vector<cpu::WorkItem>> tiles;
  for (int32_t i = 0; i < work.num_items; ++i) {
    const cpu::WorkItem& item = work.items[i];
    ASSERT_GE(item.seq, 0);
    ASSERT_LT(item.seq, batch.num_seqs);
    ASSERT_GE(item.kv_head, 0);
    ASSERT_LT(item.kv_head, key.num_kv_heads);
    ASSERT_LT(item.row_begin, item.row_end);
    ASSERT_LE(item.row_end - item.row_begin, key.max_rows_per_item);
    ASSERT_GE(item.group, -1);
    ASSERT_LT(item.group, work.num_groups);
    if (group <= key.max_rows_per_item) {
      ASSERT_EQ(item.row_begin % group, 0);
      ASSERT_EQ(item.row_end % group, 0);
    }
    tiles[{item.seq, item.kv_head, item.row_begin}].push_back(item);
  }

  std::vector<int32_t> users(work.num_groups, 0);
  std::vector<std::pair<int64_t, int64_t>> states;  // begin, end
  for (int32_t s = 0; s < batch.num_seqs; ++s) {
    const SequenceView view = view_sequence(key, batch, mode, s);
    for (int32_t head = 0; head < key.num_kv_heads; ++head) {
      int32_t row = 0;
      while (row < view.query_len * group) {
        const auto found = tiles.find({s, head, row});
        ASSERT_NE(found, tiles.end()) << "sequence " << s << ", head " << head << ": row " << row << " is in no tile";
        std::vector<cpu::WorkItem> units = found->second;
        tiles.erase(found);
        std::sort(units.begin(), units.end(),
                  [](const auto& a, const auto& b) { return a.chunk_begin < b.chunk_begin; });
        const cpu::WorkItem first = units.front(), last = units.back();
        const KeyRange keys = visible_keys(key, batch, view, row / group, (first.row_end - 1) / group + 1);
        const int32_t chunk_begin = keys.size() == 0 ? 0 : keys.begin / cpu::kKvChunk;
        const int32_t chunk_end = keys.size() == 0 ? 0 : (keys.end + cpu::kKvChunk - 1) / cpu::kKvChunk;
        ASSERT_EQ(first.chunk_begin, chunk_begin);
        ASSERT_EQ(last.chunk_end, chunk_end);
        for (size_t u = 0; u < units.size(); ++u) {
          ASSERT_EQ(units[u].row_end, first.row_end);
          ASSERT_EQ(units[u].group, first.group);
          if (u > 0) {
            ASSERT_EQ(units[u].chunk_begin, units[u - 1].chunk_end);
          }
          if (units.size() > 1) {
            ASSERT_LT(units[u].chunk_begin, units[u].chunk_end);
          }
        }
        ASSERT_EQ(first.group >= 0, units.size() > 1);
        if (first.group >= 0) {
          const cpu::SplitGroup& split = work.groups[first.group];
          users[first.group] += 1;
          ASSERT_EQ(split.num_items, static_cast<int32_t>(units.size()));
          ASSERT_EQ(split.chunk_begin, chunk_begin);
          ASSERT_EQ(split.chunk_end, chunk_end);
          const int64_t floats =
              (chunk_end - chunk_begin) * cpu::state_floats(first.row_end - first.row_begin, key.head_size_v);
          states.push_back({split.state_offset, split.state_offset + floats});
        }
        row = first.row_end;
      }
      ASSERT_EQ(row, view.query_len * group);
    }
  }
  ASSERT_TRUE(tiles.empty()) << "a tile beyond the rows of its sequence, or twice";
  for (int32_t count : users) ASSERT_EQ(count, 1);
  std::sort(states.begin(), states.end());
  int64_t end = 0;
  for (const auto& state : states) {
    ASSERT_GE(state.first, end) << "states of two groups overlap";
    end = state.second;
  }
  ASSERT_LE(end, header.state_floats);
}

PlanBounds bounds_of(const PlanKey& key, const BatchSize& size) {
  PlanBounds bounds;
  EXPECT_EQ(bound_plan(key, size, &bounds), FOVEA_STATUS_SUCCESS) << last_error_message();
  return bounds;
}

TEST(Plan, CoversEveryRowAndChunkOnceWithinItsBounds) {
  const Owner<Context> context = make_context(1);
  Random random(7);
  int32_t with_splits = 0;
  for (int32_t round = 0; round < 500; ++round) {
    SCOPED_TRACE("round " + std::to_string(round));
    PlanKey key = random_key(random);
    TestBatch batch = random_batch(random, random.chance(80) ? 3 : 40, random.chance(30) ? 700 : 20000);
    // Few rows against many keys are what is split.
    if (random.chance(50)) {
      for (int32_t& query_len : batch.query_lens) query_len = std::min(query_len, 2);
      key.max_rows_per_item = 64;
    }
    if (random.chance(20)) key.attention_type = cpu::AttentionType::kEncoderDecoder;
    const auto mode = static_cast<CausalMode>(random.between(0, 1));
    const CommittedTestBatch committed(context.get(), batch);
    const BatchSize size = {batch.num_seqs(), batch.num_tokens(), batch.max_seq_len()};
    const PlanBounds bounds = bounds_of(key, size);
    const PlanMemory memory(bounds.plan_bytes);
    make_plan(key, *committed.metadata, *committed.view, mode, bounds, memory.data);
    check_work(key, *committed.view, mode, bounds, memory);
    if (HasFatalFailure()) return;
    with_splits += work_list(memory.data).num_groups > 0;

    // Limits that hold this batch never give less.
    const BatchSize larger = {size.num_seqs + random.between(0, 50), size.num_tokens + random.between(0, 500),
                              size.max_seq_len + random.between(0, 3000)};
    const PlanBounds more = bounds_of(key, larger);
    ASSERT_GE(more.num_items, bounds.num_items);
    ASSERT_GE(more.num_groups, bounds.num_groups);
    ASSERT_GE(more.state_floats, bounds.state_floats);
    ASSERT_GE(more.plan_bytes, bounds.plan_bytes);
  }
  // Otherwise nothing above was about splitting.
  EXPECT_GT(with_splits, 80);
}

TEST(Plan, TheSameBatchGivesTheSameBytes) {
  const Owner<Context> context = make_context(1);
  Random random(99);
  const PlanKey key = {32, 8, 128, 16, cpu::AttentionType::kDecoder, cpu::PrefixRanges::kNone, -1, -1, 64, 16};
  const TestBatch batch = random_batch(random, 20, 5000);
  const CommittedTestBatch committed(context.get(), batch);
  const PlanBounds bounds = bounds_of(key, {batch.num_seqs(), batch.num_tokens(), batch.max_seq_len()});
  const PlanMemory first(bounds.plan_bytes), second(bounds.plan_bytes);
  make_plan(key, *committed.metadata, *committed.view, CausalMode::kCausal, bounds, first.data);
  make_plan(key, *committed.metadata, *committed.view, CausalMode::kCausal, bounds, second.data);
  EXPECT_EQ(std::memcmp(first.data, second.data, bounds.plan_bytes), 0);
}

// Threads take units from the queue in order: how long until the last is done, against a perfect division.
double makespan_over_ideal(const cpu::WorkList& work, int32_t num_threads) {
  std::priority_queue<double, std::vector<double>, std::greater<>> threads;
  for (int32_t i = 0; i < num_threads; ++i) threads.push(0);
  double total = 0;
  for (int32_t i = 0; i < work.num_items; ++i) {
    const double done = threads.top() + cost_of(work.items[i]);
    total += cost_of(work.items[i]);
    threads.pop();
    threads.push(done);
  }
  double end = 0;
  for (; !threads.empty(); threads.pop()) end = threads.top();
  return end / (total / num_threads);
}

TEST(Plan, FillsAndBalancesTheThreads) {
  const Owner<Context> context = make_context(1);
  struct Case {
    const char* name;
    std::vector<int32_t> query_lens, seq_lens;
    CausalMode mode;
  };
  std::vector<Case> cases = {
      {"decode 1 x 32768", {1}, {32768}, CausalMode::kCausal},
      {"decode 8 x 4096", std::vector<int32_t>(8, 1), std::vector<int32_t>(8, 4096), CausalMode::kCausal},
      {"block of 16 drafts 8 x 4096", std::vector<int32_t>(8, 16), std::vector<int32_t>(8, 4096),
       CausalMode::kNonCausal},
      {"block of 16 drafts 1 x 32768", {16}, {32768}, CausalMode::kNonCausal},
      {"prefill 2048", {2048}, {2048}, CausalMode::kCausal},
      {"prefill 2048 non-causal", {2048}, {2048}, CausalMode::kNonCausal},
      {"a long one among short ones", {1, 1, 1, 1, 1}, {60000, 600, 600, 600, 600}, CausalMode::kCausal},
      {"prefill with decodes", {512, 1, 1, 1}, {4096, 20000, 3000, 3000}, CausalMode::kCausal},
  };
  for (const Case& c : cases) {
    for (int32_t threads : {1, 2, 16}) {
      SCOPED_TRACE(std::string(c.name) + ", threads " + std::to_string(threads));
      const PlanKey key = {32, 8, 128, 16, cpu::AttentionType::kDecoder, cpu::PrefixRanges::kNone, -1, -1, 64, threads};
      TestBatch batch;
      batch.query_lens = c.query_lens;
      batch.seq_lens = c.seq_lens;
      const CommittedTestBatch committed(context.get(), batch);
      const PlanBounds bounds = bounds_of(key, {batch.num_seqs(), batch.num_tokens(), batch.max_seq_len()});
      const PlanMemory memory(bounds.plan_bytes);
      make_plan(key, *committed.metadata, *committed.view, c.mode, bounds, memory.data);
      check_work(key, *committed.view, c.mode, bounds, memory);
      const cpu::WorkList work = work_list(memory.data);
      EXPECT_LT(makespan_over_ideal(work, threads), 1.3);
      if (threads == 1) {
        EXPECT_EQ(work.num_groups, 0) << "nothing to gain from splitting";
        EXPECT_EQ(bounds.state_floats, 0);
      }
      // Longest first, within a class of an eighth of an octave and a partial chunk.
      for (int32_t i = 1; i < work.num_items; ++i) {
        EXPECT_LE(cost_of(work.items[i]) - 80, cost_of(work.items[i - 1]) * 1.13);
      }
    }
  }
}

TEST(Plan, SplitsOnlyAsFarAsTheStateAreaReaches) {
  const Owner<Context> context = make_context(1);
  // 64 rows per KV head against half a million keys: 1000 chunks of 33 kB, for eight heads.
  const PlanKey key = {32, 8, 128, 16, cpu::AttentionType::kDecoder, cpu::PrefixRanges::kNone, -1, -1, 64, 16};
  TestBatch batch;
  batch.query_lens = {16};
  batch.seq_lens = {500000};
  const CommittedTestBatch committed(context.get(), batch);
  const PlanBounds bounds = bounds_of(key, {1, 16, 500000});
  EXPECT_EQ(bounds.state_floats, kMaxStateFloats);
  const PlanMemory memory(bounds.plan_bytes);
  make_plan(key, *committed.metadata, *committed.view, CausalMode::kNonCausal, bounds, memory.data);
  check_work(key, *committed.view, CausalMode::kNonCausal, bounds, memory);
  const cpu::WorkList work = work_list(memory.data);
  EXPECT_GT(work.num_groups, 0);
  EXPECT_LT(work.num_groups, 8);
}

TEST(Plan, RowsThatSeeNothingHaveAUnitWithoutChunks) {
  const Owner<Context> context = make_context(1);
  const PlanKey key = {4, 2, 64, 16, cpu::AttentionType::kDecoder, cpu::PrefixRanges::kNone, -1, -1, 64, 2};
  TestBatch batch;
  batch.query_lens = {3, 0, 5};
  batch.seq_lens = {0, 10, 0};
  const CommittedTestBatch committed(context.get(), batch);
  const PlanBounds bounds = bounds_of(key, {3, 8, 10});
  const PlanMemory memory(bounds.plan_bytes);
  make_plan(key, *committed.metadata, *committed.view, CausalMode::kCausal, bounds, memory.data);
  check_work(key, *committed.view, CausalMode::kCausal, bounds, memory);
  const cpu::WorkList work = work_list(memory.data);
  ASSERT_EQ(work.num_items, 4);
  for (int32_t i = 0; i < work.num_items; ++i) EXPECT_EQ(work.items[i].chunk_begin, work.items[i].chunk_end);
}

TEST(Plan, SizesBeyondCountingAreRefused) {
  const PlanKey key = {65536, 1, 64, 16, cpu::AttentionType::kDecoder, cpu::PrefixRanges::kNone, -1, -1, 1, 16};
  PlanBounds bounds;
  EXPECT_EQ(bound_plan(key, {1, INT32_MAX, INT32_MAX}, &bounds), FOVEA_STATUS_INVALID_ARGUMENT);
  EXPECT_NE(std::string(last_error_message()).find("num_tokens: 2147483647"), std::string::npos)
      << last_error_message();
  PlanKey heads = key;
  heads.num_kv_heads = 65536;
  EXPECT_EQ(bound_plan(heads, {INT32_MAX, INT32_MAX, INT32_MAX}, &bounds), FOVEA_STATUS_INVALID_ARGUMENT);
  EXPECT_EQ(bound_plan(key, {1, 1, INT32_MAX}, &bounds), FOVEA_STATUS_SUCCESS);
}

}  // namespace
}  // namespace fovea
