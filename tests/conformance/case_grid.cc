#include "tests/conformance/case_grid.h"

#include <algorithm>
#include <array>
#include <set>

#include "tests/conformance/compare.h"
#include "tests/conformance/random_data.h"

namespace fovea_test {

using namespace fovea_reference;

namespace {

enum Axis {
  kHeads, kHeadSize, kValueSize, kBlock, kTypes, kScales, kLayout, kCacheMemory, kRowMemory, kQueryLen, kContextLen, kBatch,
  kMask, kWindow, kSoftCap, kAlibi, kSinks, kRanges, kLse, kDense, kData, kThreads, kOptions, kKind, kAxes
};
using Point = std::array<int, kAxes>;

constexpr std::pair<int, int> kHeadPairs[] = {{32, 8}, {32, 32}, {64, 1}, {5, 1}, {9, 3}, {28, 4}};
constexpr int kHeadSizes[] = {24, 32, 64, 80, 96, 128, 160, 192, 256, 8, 40, 72, 120};
constexpr int kValueSizes[] = {0, 0, 0, 64, 128, 24};  // 0: as the head size
constexpr int kBlocks[] = {16, 32, 48, 64, 544};
struct Types {
  Type query, cache, output;
};
constexpr Types kTypeSets[] = {
    {Type::kF32, Type::kF32, Type::kF32},           {Type::kF16, Type::kF16, Type::kF16},
    {Type::kBF16, Type::kBF16, Type::kBF16},        {Type::kBF16, Type::kBF16, Type::kBF16},
    {Type::kF32, Type::kE4M3FN, Type::kF32},        {Type::kF16, Type::kE4M3FN, Type::kF16},
    {Type::kBF16, Type::kE4M3FN, Type::kBF16},      {Type::kBF16, Type::kE4M3FNUZ, Type::kBF16},
    {Type::kF16, Type::kE5M2, Type::kF16},          {Type::kF32, Type::kE5M2, Type::kE5M2},
    {Type::kE4M3FN, Type::kE4M3FN, Type::kBF16},    {Type::kE4M3FNUZ, Type::kE4M3FNUZ, Type::kE4M3FNUZ},
    {Type::kE5M2, Type::kBF16, Type::kF16},         {Type::kBF16, Type::kBF16, Type::kE4M3FN},
    {Type::kF32, Type::kBF16, Type::kF32},          {Type::kBF16, Type::kF32, Type::kF32},
};
constexpr int kQueryLens[] = {0, 1, 2, 5, 16, 17, 129, 1000};
constexpr int kContextLens[] = {0, 1, 15, 16, 17, 1000, 33000};
constexpr int kBatches[] = {1, 7, 300};
constexpr std::pair<int, int> kWindows[] = {{-1, -1}, {-1, -1}, {0, 0}, {15, 0}, {255, 0}, {127, 127}, {-1, 0}};
constexpr float kSoftCaps[] = {0, 0, 50, 4};
constexpr int kThreadCounts[] = {1, 2, 5};

constexpr int kSizes[kAxes] = {
    std::size(kHeadPairs), std::size(kHeadSizes), std::size(kValueSizes), std::size(kBlocks), std::size(kTypeSets),
    3 /* scales */, 2 /* layout */, 4 /* cache memory */, 3 /* row memory */, std::size(kQueryLens),
    std::size(kContextLens), std::size(kBatches), 3 /* mask */, std::size(kWindows), std::size(kSoftCaps), 3 /* alibi */,
    2 /* sinks */, 4 /* ranges: none twice */, 2 /* lse */, 2 /* dense */, 3 /* data */, std::size(kThreadCounts),
    4 /* options */, 8 /* kind: decoder but for two */};

// A point as a case. What cannot stand together is resolved here, in the same way every time, so that a point always has
// a case; the pairs it covers are counted from the point as resolved.
Case case_of(Point& p, uint64_t seed) {
  Case c;
  c.seed = seed;
  std::tie(c.num_query_heads, c.num_kv_heads) = kHeadPairs[p[kHeads]];
  c.head_size = kHeadSizes[p[kHeadSize]];
  c.head_size_v = kValueSizes[p[kValueSize]];
  c.block_size = kBlocks[p[kBlock]];
  c.query = kTypeSets[p[kTypes]].query;
  c.cache = kTypeSets[p[kTypes]].cache;
  c.output = kTypeSets[p[kTypes]].output;
  c.type = p[kKind] == 7 ? Kind::kEncoder : p[kKind] == 6 ? Kind::kEncoderDecoder : Kind::kDecoder;
  if (!is_fp8(c.cache) || c.type == Kind::kEncoder) p[kScales] = 0;
  c.scales = static_cast<foveaKvScales_t>(p[kScales]);
  const int x = 16 / static_cast<int>(bytes_of(c.cache));
  if (c.head_size % x) p[kLayout] = 0;
  c.layout = static_cast<Layout>(p[kLayout]);
  c.cache_memory = static_cast<CacheMemory>(p[kCacheMemory]);
  c.query_memory = static_cast<RowMemory>(p[kRowMemory]);
  c.output_memory = p[kRowMemory] == 1 ? RowMemory::kPadded : RowMemory::kPlain;
  if (c.type != Kind::kDecoder) p[kMask] = 0;
  c.mask = static_cast<Mask>(p[kMask]);
  if (c.type == Kind::kEncoderDecoder) p[kWindow] = p[kAlibi] = p[kRanges] = 0;
  std::tie(c.window_left, c.window_right) = kWindows[p[kWindow]];
  c.softcap = kSoftCaps[p[kSoftCap]];
  c.alibi = static_cast<Alibi>(p[kAlibi]);
  c.sinks = p[kSinks] == 1;
  c.ranges = p[kRanges] < 2 ? Ranges::kNone : static_cast<Ranges>(p[kRanges] - 1);
  c.lse = p[kLse] == 1;
  if (c.type != Kind::kDecoder) p[kDense] = 0;
  c.dense = p[kDense] == 1;
  c.data = p[kData] == 0 ? Data::kNormal : p[kData] == 1 ? Data::kLarge : Data::kRising;
  c.threads = kThreadCounts[p[kThreads]];
  // Options that no result depends on, four settings of them.
  c.plan = p[kOptions] % 2 == 1;
  c.device_arrays = p[kOptions] >= 2;
  c.element_aligned = p[kOptions] == 1;
  c.loose_limits = p[kOptions] == 3;
  c.batch_invariant = p[kOptions] == 2;
  c.flag_by_call = p[kOptions] == 0 && c.mask == Mask::kNonCausal;

  Random random(mix(seed, 111));
  const auto sequence = [&](int query_len, int context_len) {
    if (c.type == Kind::kEncoder) context_len = 0;
    // Cross attention: now and then fewer encoder tokens than decoder tokens.
    if (c.type == Kind::kEncoderDecoder && random.below(3) == 0) context_len = -random.below(query_len + 1);
    Sequence s = {query_len, context_len, static_cast<int32_t>(c.sequences.size())};
    c.sequences.push_back(s);
  };
  const int query_len = kQueryLens[p[kQueryLen]];
  const int context_len = kContextLens[p[kContextLen]];
  const int batch = kBatches[p[kBatch]];
  static constexpr int kSmallQueries[] = {1, 0, 2, 1, 5, 0, 17, 1};
  static constexpr int kSmallContexts[] = {17, 0, 100, 15, 1, 16, 33, 250};
  for (int i = 0; i < std::min(batch, 7); ++i) {
    if (i == 3 % batch) {
      sequence(query_len, context_len);
    } else if (i == 1) {
      sequence(0, 0);  // an empty one in the middle
    } else {
      sequence(kSmallQueries[random.below(8)], kSmallContexts[random.below(8)]);
    }
  }
  if (batch == 300) c.fill = 293;
  return c;
}

double bytes_of_case(const Case& c) {
  double tokens = 0, rows = 0;
  for (const Sequence& s : c.expanded()) {
    tokens += s.seq_len() + c.block_size;
    rows += s.query_len;
  }
  const double cache = tokens * c.num_kv_heads * (c.head_size + c.v_size()) * static_cast<double>(bytes_of(c.cache));
  return cache + rows * c.num_query_heads * (c.head_size + c.v_size()) * 4;
}

class Pairs {
 public:
  Pairs() {
    int next = 0;
    for (int a = 0; a < kAxes; ++a) {
      for (int b = 0; b < a; ++b) {
        base_[a][b] = next;
        next += kSizes[a] * kSizes[b];
      }
    }
    seen_.assign(static_cast<size_t>(next), 0);
  }
  int fresh(const Point& p) const {
    int count = 0;
    for (int a = 0; a < kAxes; ++a) {
      for (int b = 0; b < a; ++b) count += !seen_[index(p, a, b)];
    }
    return count;
  }
  void add(const Point& p) {
    for (int a = 0; a < kAxes; ++a) {
      for (int b = 0; b < a; ++b) seen_[index(p, a, b)] = 1;
    }
  }
  int64_t covered() const { return std::count(seen_.begin(), seen_.end(), 1); }
  int64_t total() const { return static_cast<int64_t>(seen_.size()); }

 private:
  size_t index(const Point& p, int a, int b) const { return static_cast<size_t>(base_[a][b] + p[a] * kSizes[b] + p[b]); }
  int base_[kAxes][kAxes] = {};
  std::vector<uint8_t> seen_;
};

Point draw(Random& random) {
  Point p;
  for (int a = 0; a < kAxes; ++a) p[a] = random.below(kSizes[a]);
  // The features that mask most of the keys or all tiles alike would hide the rest if they were as frequent as the others.
  if (random.below(3) != 0) p[kData] = 0;
  return p;
}

}  // namespace

double case_cost(const Case& c) {
  // A forward runs at several multiply-adds per nanosecond, the reference at about one, on a bounded number of rows; numbers
  // that are not drawn from a table cost more.
  const double work = work_of(c);
  const double per_byte = c.data == Data::kNormal || c.data == Data::kLarge ? 1.5 : 15;
  return work / 8 + std::min(work, 3e8) + bytes_of_case(c) * per_byte + 2e5;
}

GridSample sample_grid(uint64_t seed, int32_t count, double max_cost) {
  GridSample sample;
  Pairs pairs, possible;
  Random random(mix(seed, 121));
  for (int32_t i = 0; i < count; ++i) {
    Point best = {};
    int best_fresh = -1;
    Case best_case;
    for (int attempt = 0, candidates = 0; candidates < 12 && attempt < 400; ++attempt) {
      Point p = draw(random);
      const Case c = case_of(p, mix(seed, static_cast<uint64_t>(i)) % 1000000007);
      if (case_cost(c) > max_cost) continue;
      ++candidates;
      possible.add(p);
      const int fresh = pairs.fresh(p);
      if (fresh <= best_fresh) continue;
      best_fresh = fresh;
      best = p;
      best_case = c;
    }
    if (best_fresh < 0) break;
    pairs.add(best);
    sample.cases.push_back(best_case);
  }
  // What can occur at all is known from many more draws than were taken.
  for (int i = 0; i < 20000; ++i) {
    Point p = draw(random);
    if (case_cost(case_of(p, 1)) <= max_cost) possible.add(p);
  }
  sample.pairs_covered = pairs.covered();
  sample.pairs_total = possible.covered();
  return sample;
}

GridSample whole_grid(uint64_t seed, double max_cost) {
  GridSample sample;
  Pairs pairs;
  Random random(mix(seed, 131));
  std::vector<std::vector<Axis>> groups = {{kHeads, kHeadSize, kBlock, kTypes}, {kQueryLen, kContextLen, kBatch, kMask, kWindow}};
  uint64_t number = 0;
  for (const std::vector<Axis>& group : groups) {
    std::vector<int> at(group.size(), 0);
    for (bool more = true; more;) {
      for (int attempt = 0; attempt < 60; ++attempt) {
        Point p = draw(random);
        for (size_t i = 0; i < group.size(); ++i) p[group[i]] = at[i];
        const Case c = case_of(p, mix(seed, 7, ++number) % 1000000007);
        if (case_cost(c) > max_cost) continue;
        pairs.add(p);
        sample.cases.push_back(c);
        break;
      }
      more = false;
      for (size_t i = 0; i < group.size() && !more; ++i) {
        more = ++at[i] < kSizes[group[i]];
        if (!more) at[i] = 0;
      }
    }
  }
  sample.pairs_covered = pairs.covered();
  sample.pairs_total = pairs.total();
  return sample;
}

}  // namespace fovea_test
