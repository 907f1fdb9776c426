// The plan kernel against the definition: what its entries must cover follows from the mask, row by row.
#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <set>

#include "kernels/hip/plan/plan_kernel.h"
#include "tests/simt/attention_case.h"

namespace fovea::hip::host {
namespace {

struct PlanCase {
  std::vector<int32_t> query_start_loc;
  std::vector<int32_t> seq_lens;
  std::vector<int32_t> causal_per_sequence;
  std::vector<int32_t> range_start_loc;
  std::vector<int32_t> ranges;
  int group = 4;
  bool causal = true;
  int window_left = -1;
  int window_right = -1;
  PrefixRanges prefix_ranges = PrefixRanges::kNone;
  int target = 0;
  int rounds = 2;
  bool batch_invariant = false;
  int smallest_kind = kSmall;
  int large_rows = kLargeRows;
  int block_size = 16;
  int32_t num_tokens = 0;      // 0: what query_start_loc ends with
  int32_t max_query_len = 0;   // 0: the longest
  int32_t max_seq_len = 0;
  std::set<int> bad_blocks;    // sequences whose table holds blocks that do not exist
  std::set<int> negative_blocks;
};

// Larger than any block of a cache, in entries that nobody needs; and of those that somebody does.
constexpr int32_t kStaleBlock = 0x7fff0000;
constexpr int32_t kBadBlock = 123456;

void check_plan(const PlanCase& c, uint64_t seed) {
  const int num_seqs = static_cast<int>(c.seq_lens.size());
  fovea_reference::Problem r;
  r.query_start_loc = c.query_start_loc;
  r.seq_lens = c.seq_lens;
  r.causal = c.causal;
  r.causal_per_sequence = c.causal_per_sequence;
  r.window_left = c.window_left;
  r.window_right = c.window_right;
  r.ranges_kind = static_cast<fovea_reference::Ranges>(c.prefix_ranges);
  r.range_start_loc = c.range_start_loc;
  r.ranges = c.ranges;

  Layer layer = {};
  layer.group = c.group;
  layer.num_kv_heads = 1;
  layer.block_size = c.block_size;
  layer.window_left = c.window_left;
  layer.window_right = c.window_right;
  layer.prefix_ranges = c.prefix_ranges;
  Batch batch = {};
  const Array<int32_t> starts("query_start_loc", c.query_start_loc), lens("seq_lens", c.seq_lens);
  const Array<int32_t> flags("causal", c.causal_per_sequence), range_starts("range_start_loc", c.range_start_loc);
  const Array<int32_t> ranges("ranges", c.ranges);
  batch.query_start_loc = starts.data();
  batch.seq_lens = lens.data();
  batch.causal_per_sequence = c.causal_per_sequence.empty() ? nullptr : flags.data();
  batch.range_start_loc = c.range_start_loc.empty() ? nullptr : range_starts.data();
  batch.ranges = ranges.data();
  batch.num_seqs = num_seqs;
  batch.num_tokens = c.num_tokens != 0 ? c.num_tokens : c.query_start_loc.back();
  batch.causal = c.causal;
  for (int s = 0; s < num_seqs; ++s) {
    batch.max_query_len = std::max(batch.max_query_len, c.query_start_loc[s + 1] - c.query_start_loc[s]);
    batch.max_seq_len = std::max(batch.max_seq_len, c.seq_lens[s]);
  }
  if (c.max_query_len != 0) batch.max_query_len = c.max_query_len;
  if (c.max_seq_len != 0) batch.max_seq_len = c.max_seq_len;
  const int columns = batch.max_seq_len / c.block_size + 2;
  // Only blocks with a key that some row sees are ever looked at.
  std::vector<int32_t> table(static_cast<size_t>(num_seqs * columns), kStaleBlock);
  std::vector<int32_t> largest(static_cast<size_t>(2 * num_seqs), -1);  // of the context, and of all keys
  for (int s = 0; s < num_seqs; ++s) {
    const int query_len = c.query_start_loc[s + 1] - c.query_start_loc[s];
    if (c.query_start_loc[s] < 0 || query_len < 0 || query_len > batch.max_query_len) continue;
    if (c.query_start_loc[s + 1] > batch.num_tokens || c.seq_lens[s] > batch.max_seq_len) continue;
    for (int t = 0; t < c.seq_lens[s]; ++t) {
      bool seen = false;
      for (int row = 0; row < query_len && !seen; ++row) seen = fovea_reference::visible(r, s, row, t);
      if (!seen) continue;
      const int column = t / c.block_size;
      int32_t& id = table[static_cast<size_t>(s * columns + column)];
      id = c.bad_blocks.count(s) != 0 ? kBadBlock : c.negative_blocks.count(s) != 0 ? -1 : (s * 31 + column * 7) % 1000;
      const int32_t use = id < 0 ? INT32_MAX : id;
      largest[static_cast<size_t>(2 * s + 1)] = std::max(largest[static_cast<size_t>(2 * s + 1)], use);
      if (t < c.seq_lens[s] - query_len) largest[static_cast<size_t>(2 * s)] = std::max(largest[static_cast<size_t>(2 * s)], use);
    }
  }
  const Array<int32_t> device_table("block table", table);
  batch.block_table = device_table.data();
  batch.block_table_stride = columns;
  batch.block_table_columns = columns;

  PlanMemory plan(layer, batch, c.target, c.rounds, c.batch_invariant);
  plan.block_max->fill(-77);
  plan.add_counters(c.smallest_kind, c.large_rows);
  const Report report = plan.run(seed, false);
  ASSERT_EQ(report.num_errors, 0) << report.errors[0];
  const PlanHeader& header = (*plan.header)[0];

  for (size_t i = 0; i < plan.counters->size(); ++i) ASSERT_EQ((*plan.counters)[i], 0) << "counter " << i;

  uint32_t first_invalid = 0xffffffffu;
  // Rows and keys of a sequence that entries cover: [row] -> intervals.
  struct Piece {
    int begin, end, split, num_splits, first_slot, kind;
  };
  std::vector<std::vector<std::vector<Piece>>> pieces(num_seqs);
  std::vector<int> expected_rows(num_seqs, 0);
  std::vector<char> valid(static_cast<size_t>(num_seqs), 1);
  for (int s = 0; s < num_seqs; ++s) {
    const int64_t begin = c.query_start_loc[s], end = c.query_start_loc[s + 1];
    const bool rows_known = begin >= 0 && end >= begin && end <= batch.num_tokens && end - begin <= batch.max_query_len;
    valid[s] = rows_known && c.seq_lens[s] >= 0 && c.seq_lens[s] <= batch.max_seq_len;
    if (!valid[s]) first_invalid = std::min(first_invalid, static_cast<uint32_t>(s));
    expected_rows[s] = rows_known ? static_cast<int>(end - begin) * c.group : 0;
    pieces[s].resize(static_cast<size_t>(expected_rows[s]));
  }
  EXPECT_EQ((*plan.async_error)[0], first_invalid);

  for (int kind = 0; kind < kNumKinds; ++kind) {
    ASSERT_LE(header.num_entries[kind], plan.params.plan.capacity[kind]);
    int64_t previous = 1ll << 40;
    std::set<int> slots;
    for (int i = 0; i < header.num_entries[kind]; ++i) {
      const WorkEntry& e = (*plan.entries[kind])[static_cast<size_t>(i)];
      const int s = e.seq < 0 ? -1 - e.seq : e.seq;
      ASSERT_GE(s, 0);
      ASSERT_LT(s, num_seqs);
      ASSERT_EQ(e.seq < 0, !valid[s]) << "sequence " << s;
      ASSERT_EQ(kind, std::max(expected_rows[s] <= kSmallRows ? kSmall : expected_rows[s] <= kMediumRows ? kMedium : kLarge,
                               static_cast<WorkKind>(c.smallest_kind)));
      ASSERT_EQ(e.kv_begin % 16, 0);
      ASSERT_LE(e.kv_begin, e.kv_end);
      ASSERT_TRUE(e.num_splits == 1 || e.kv_begin < e.kv_end) << "a split of sequence " << s << " is empty";
      // Longest first, but for a quarter of a power of two.
      ASSERT_LE((e.kv_end - e.kv_begin + kPlanTile - 1) / kPlanTile, previous + previous / 4 + 1) << "entry " << i;
      previous = (e.kv_end - e.kv_begin + kPlanTile - 1) / kPlanTile;
      const int entry_rows = kind == kLarge ? c.large_rows : rows_of_kind(kind);
      ASSERT_EQ(e.row_begin % entry_rows, 0);
      ASSERT_LT(e.row_begin, expected_rows[s]);
      for (int row = e.row_begin; row < std::min(e.row_begin + entry_rows, expected_rows[s]); ++row) {
        pieces[s][static_cast<size_t>(row)].push_back({e.kv_begin, e.kv_end, e.split, e.num_splits, e.first_slot, kind});
      }
      if (e.num_splits > 1) {
        ASSERT_NE(kind, kLarge);
        ASSERT_TRUE(slots.insert(e.first_slot + e.split).second) << "two entries have slot " << e.first_slot + e.split;
        ASSERT_LT(static_cast<size_t>(e.first_slot + e.split), plan.num_slots[kind]);
      }
    }
    // The groups to be merged are those entries, once each.
    if (kind == kLarge) continue;
    size_t grouped = 0;
    for (int i = 0; i < header.num_groups[kind]; ++i) {
      const SplitGroup& g = (*plan.groups[kind])[static_cast<size_t>(i)];
      ASSERT_EQ(g.rows, expected_rows[g.seq]);
      for (int split = 0; split < g.num_splits; ++split) ASSERT_EQ(slots.count(g.first_slot + split), 1u);
      ASSERT_EQ(pieces[g.seq][0][0].first_slot, g.first_slot);
      ASSERT_EQ(pieces[g.seq][0][0].num_splits, g.num_splits);
      grouped += static_cast<size_t>(g.num_splits);
    }
    ASSERT_EQ(grouped, slots.size());
  }

  for (int s = 0; s < num_seqs; ++s) {
    for (int row = 0; row < expected_rows[s]; ++row) {
      std::vector<Piece>& p = pieces[s][static_cast<size_t>(row)];
      ASSERT_FALSE(p.empty()) << "sequence " << s << " row " << row << " is in no entry";
      ASSERT_EQ(static_cast<int>(p.size()), p[0].num_splits) << "sequence " << s << " row " << row;
      std::sort(p.begin(), p.end(), [](const Piece& a, const Piece& b) { return a.split < b.split; });
      for (size_t i = 0; i < p.size(); ++i) {
        ASSERT_EQ(p[i].split, static_cast<int>(i));
        ASSERT_EQ(p[i].first_slot, p[0].first_slot);
        ASSERT_TRUE(i == 0 || p[i].begin == p[i - 1].end) << "sequence " << s << ": keys are lost or taken twice";
      }
      if (!valid[s]) {
        ASSERT_EQ(p[0].begin, p.back().end) << "sequence " << s << " is invalid";
        continue;
      }
      ASSERT_LE(p.back().end, c.seq_lens[s]) << "sequence " << s;
      for (int t = 0; t < c.seq_lens[s]; ++t) {
        if (!fovea_reference::visible(r, s, row / c.group, t)) continue;
        ASSERT_GE(t, p[0].begin) << "sequence " << s << " row " << row << " loses key " << t;
        ASSERT_LT(t, p.back().end) << "sequence " << s << " row " << row << " loses key " << t;
      }
      const auto tiles_of = [](const Piece& piece) { return (piece.end - piece.begin + kPlanTile - 1) / kPlanTile; };
      if (!c.batch_invariant) {
        const auto shorter = [&](const Piece& a, const Piece& b) { return tiles_of(a) < tiles_of(b); };
        const auto [least, most] = std::minmax_element(p.begin(), p.end(), shorter);
        ASSERT_LE(tiles_of(*most), tiles_of(*least) + 1) << "sequence " << s << ": its splits are not balanced";
      } else if (p[0].kind != kLarge) {
        const int chunk = std::max(1024, (c.seq_lens[s] + 2047) / 2048 * 64);
        ASSERT_EQ(static_cast<int>(p.size()), std::max(1, (p.back().end - p[0].begin + chunk - 1) / chunk));
        for (size_t i = 0; i + 1 < p.size(); ++i) ASSERT_EQ(p[i].end - p[i].begin, chunk) << "sequence " << s << " split " << i;
      }
    }
    for (const int all : {0, 1}) {
      ASSERT_EQ((*plan.block_max)[static_cast<size_t>(2 * s + all)], largest[static_cast<size_t>(2 * s + all)])
          << "sequence " << s << (all ? ": all keys" : ": context");
    }
  }
}

PlanCase random_case(uint32_t seed, int num_seqs, int longest_query, int longest_context) {
  std::mt19937 random(seed);
  const auto below = [&](int n) { return static_cast<int>(random() % static_cast<unsigned>(n)); };
  PlanCase c;
  c.query_start_loc = {0};
  for (int s = 0; s < num_seqs; ++s) {
    const int query = below(4) == 0 ? 0 : below(3) == 0 ? 1 : 1 + below(longest_query);
    c.query_start_loc.push_back(c.query_start_loc.back() + query);
    c.seq_lens.push_back(below(8) == 0 ? below(query + 1) : query + below(longest_context));
  }
  return c;
}

TEST(Plan, every_row_and_key_once) {
  for (uint32_t seed = 1; seed <= 24; ++seed) {
    PlanCase c = random_case(seed, 1 + static_cast<int>(seed * 7 % 40), 60, 600);
    c.causal = seed % 2 == 0;
    c.group = seed % 3 == 0 ? 1 : seed % 3 == 1 ? 4 : 7;
    if (seed % 4 == 1) c.window_left = 40;
    if (seed % 5 == 1) c.window_right = 9;
    c.target = static_cast<int>(seed % 6) * 5;
    c.rounds = 1 + static_cast<int>(seed % 4);
    if (seed % 4 == 3) {
      for (size_t s = 0; s < c.seq_lens.size(); ++s) c.causal_per_sequence.push_back(static_cast<int32_t>(s % 2));
    }
    check_plan(c, seed);
    ASSERT_FALSE(HasFatalFailure()) << "seed " << seed;
  }
}

TEST(Plan, prefix_ranges) {
  for (uint32_t seed = 1; seed <= 8; ++seed) {
    PlanCase c = random_case(seed + 50, 12, 50, 300);
    c.prefix_ranges = seed % 2 == 0 ? PrefixRanges::kFull : PrefixRanges::kWindowed;
    c.window_left = seed % 3 == 0 ? -1 : 30;
    c.target = 10;
    std::mt19937 random(seed);
    c.range_start_loc = {0};
    for (const int32_t seq_len : c.seq_lens) {
      int begin = static_cast<int>(random() % 50);
      for (; begin < seq_len + 20 && random() % 4 != 0; begin += 20 + static_cast<int>(random() % 100)) {
        c.ranges.push_back(begin);
        c.ranges.push_back(begin + static_cast<int>(random() % 40));
        begin = c.ranges.back() + 1;
      }
      c.range_start_loc.push_back(static_cast<int32_t>(c.ranges.size() / 2));
    }
    check_plan(c, seed);
    ASSERT_FALSE(HasFatalFailure()) << "seed " << seed;
  }
}

TEST(Plan, more_sequences_than_threads) {
  PlanCase c = random_case(5, 2300, 20, 100);
  c.target = 40;
  check_plan(c, 2);
  c.seq_lens[1500] += 20000;
  check_plan(c, 3);
}

TEST(Plan, as_many_sequences_as_threads) {
  PlanCase c = random_case(6, kPlanThreads, 20, 100);
  check_plan(c, 2);
  // Decode, all of one length.
  for (int s = 0; s < kPlanThreads; ++s) {
    c.query_start_loc[s + 1] = s + 1;
    c.seq_lens[s] = 200;
  }
  c.target = 40;
  check_plan(c, 3);
}

TEST(Plan, fixed_chunks) {
  PlanCase c = random_case(9, 20, 30, 9000);
  c.batch_invariant = true;
  check_plan(c, 2);
  c.seq_lens[3] = 80000;
  check_plan(c, 3);
}

TEST(Plan, empty_batches) {
  PlanCase c;
  c.query_start_loc = {0, 0, 0, 0};
  c.seq_lens = {0, 5, 0};
  c.target = 8;
  check_plan(c, 1);
}

TEST(Plan, lengths_that_make_no_sense) {
  PlanCase c;
  c.query_start_loc = {0, 3, 5, 105, 110, 109, 130, 132};
  c.seq_lens = {10, -1, 200, 4000, 5, 7, 50};
  c.num_tokens = 131;
  c.max_query_len = 100;
  c.max_seq_len = 300;
  c.target = 8;
  check_plan(c, 1);
  c.query_start_loc = {-5, 3, 5};
  c.seq_lens = {10, 20};
  c.num_tokens = 10;
  check_plan(c, 2);
}

TEST(Plan, the_largest_block_of_each_sequence) {
  PlanCase c = random_case(12, 30, 20, 200);
  c.bad_blocks = {1, 7, 29};
  c.negative_blocks = {2, 8};
  check_plan(c, 1);
  c.window_left = 20;
  c.block_size = 32;
  check_plan(c, 1);
  // So few sequences that a team of waves looks at each, up to a whole workgroup.
  for (const int num_seqs : {1, 2, 5, 11}) {
    c = random_case(31 + static_cast<uint32_t>(num_seqs), num_seqs, 20, 60000);
    c.seq_lens[0] += 40000;
    check_plan(c, 1);
    ASSERT_FALSE(HasFatalFailure()) << num_seqs << " sequences";
  }
}

TEST(Plan, splits_are_balanced) {
  for (const int target : {5, 33, 66}) {
    PlanCase c;
    c.query_start_loc = {0, 1, 2, 18};
    c.seq_lens = {6 * 64, 7 * 64 - 3, 40 * 64 + 1};
    c.target = target;
    c.rounds = 4;
    check_plan(c, 1);
    c.query_start_loc = {0, 1};
    c.seq_lens = {target == 33 ? 32768 : 64 * 6};
    check_plan(c, 2);
    ASSERT_FALSE(HasFatalFailure()) << "target " << target;
  }
}

// One sequence with most of the keys of its wave, whose entries all lanes store together.
TEST(Plan, one_long_sequence) {
  for (const int num_seqs : {8, 40}) {
    PlanCase c = random_case(77, num_seqs, 3, 200);
    c.seq_lens[5] += 30000;
    c.target = 40;
    c.rounds = 4;
    check_plan(c, 4);
    ASSERT_FALSE(HasFatalFailure()) << num_seqs << " sequences";
  }
}

TEST(Plan, kinds_that_do_not_exist) {
  for (const int smallest : {kMedium, kLarge}) {
    for (const int num_seqs : {3, 30, 1100}) {
      PlanCase c = random_case(19, num_seqs, smallest == kMedium ? 20 : 3, 500);
      c.smallest_kind = smallest;
      c.target = 12;
      check_plan(c, 2);
      ASSERT_FALSE(HasFatalFailure()) << num_seqs << " sequences";
    }
  }
}

TEST(Plan, large_entries_of_half_the_rows) {
  for (const int num_seqs : {3, 40, 1100}) {
    PlanCase c = random_case(23, num_seqs, 200, 500);
    c.large_rows = kMediumRows;
    c.target = 12;
    check_plan(c, 2);
    ASSERT_FALSE(HasFatalFailure()) << num_seqs << " sequences";
  }
}

TEST(Plan, more_large_entries_than_threads) {
  PlanCase c;
  c.query_start_loc = {0, 1, 901, 902, 932, 1132};
  c.seq_lens = {50, 900, 70, 60, 500};
  c.group = 128;
  c.target = 10;
  check_plan(c, 6);
}

}  // namespace
}  // namespace fovea::hip::host
