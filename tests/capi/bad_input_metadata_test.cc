// Wrong calls around metadata.
#include "tests/capi/bad_input.h"

namespace fovea_test {
namespace {

constexpr foveaStatus_t kInvalid = FOVEA_STATUS_INVALID_ARGUMENT;
constexpr auto kUnknownMemory = static_cast<foveaMemory_t>(4711);

const int32_t* misaligned(const int32_t* pointer) {
  return reinterpret_cast<const int32_t*>(reinterpret_cast<const char*>(pointer) + 1);
}

// Runs `call` on metadata of its own, empty but with the limits of the problem's batch.
foveaStatus_t with_metadata(World& w, const std::function<foveaStatus_t(foveaMetadata_t)>& call) {
  const foveaMetadataLimits_t limits = limits_of(w.problem.batch);
  foveaMetadata_t metadata = nullptr;
  EXPECT_EQ(foveaMetadataCreate(w.problem.context, &limits, &metadata), FOVEA_STATUS_SUCCESS);
  const foveaStatus_t status = call(metadata);
  foveaMetadataDestroy(metadata);
  return status;
}

BadCall limits_call(const char* name, foveaStatus_t expected, std::vector<std::string> words,
                    const std::function<void(foveaMetadataLimits_t&)>& change) {
  return {name, expected, std::move(words), [change](World& w) {
            foveaMetadataLimits_t limits = limits_of(w.problem.batch);
            change(limits);
            return foveaMetadataCreate(w.problem.context, &limits, &w.out.metadata);
          }};
}

TEST(BadInput, MetadataCreate) {
  expect_all_refused({
      {"context NULL", kInvalid, {"context"},
       [](World& w) {
         const foveaMetadataLimits_t limits = limits_of(w.problem.batch);
         return foveaMetadataCreate(nullptr, &limits, &w.out.metadata);
       }},
      {"limits NULL", kInvalid, {"limits"},
       [](World& w) { return foveaMetadataCreate(w.problem.context, nullptr, &w.out.metadata); }},
      {"metadata NULL", kInvalid, {"metadata"},
       [](World& w) {
         const foveaMetadataLimits_t limits = limits_of(w.problem.batch);
         return foveaMetadataCreate(w.problem.context, &limits, nullptr);
       }},
      limits_call("struct_size 0", kInvalid, {"struct_size"}, [](auto& l) { l.struct_size = 0; }),
      limits_call("no sequences", kInvalid, {"max_num_seqs", "0"}, [](auto& l) { l.max_num_seqs = 0; }),
      limits_call("negative sequences", kInvalid, {"max_num_seqs", "-1"}, [](auto& l) { l.max_num_seqs = -1; }),
      limits_call("no tokens", kInvalid, {"max_num_tokens", "0"}, [](auto& l) { l.max_num_tokens = 0; }),
      limits_call("no length", kInvalid, {"max_seq_len", "0"}, [](auto& l) { l.max_seq_len = 0; }),
      limits_call("negative length", kInvalid, {"max_seq_len", "-7"}, [](auto& l) { l.max_seq_len = -7; }),
      limits_call("negative blocks", kInvalid, {"max_blocks_per_seq", "-1"}, [](auto& l) { l.max_blocks_per_seq = -1; }),
      limits_call("negative ranges", kInvalid, {"max_prefix_ranges", "-1"}, [](auto& l) { l.max_prefix_ranges = -1; }),
      limits_call("more than any machine has", FOVEA_STATUS_OUT_OF_MEMORY, {},
                  [](auto& l) { l.max_num_seqs = l.max_blocks_per_seq = INT32_MAX; }),
  });
}

TEST(BadInput, MetadataCausal) {
  expect_all_refused({
      {"set: NULL", kInvalid, {"metadata"}, [](World&) { return foveaMetadataSetCausal(nullptr, 1); }},
      {"set: 2", kInvalid, {"causal", "2"}, [](World& w) { return foveaMetadataSetCausal(w.problem.metadata, 2); }},
      {"set: -1", kInvalid, {"causal", "-1"}, [](World& w) { return foveaMetadataSetCausal(w.problem.metadata, -1); }},
      {"get: NULL metadata", kInvalid, {"metadata"},
       [](World& w) { return foveaMetadataGetCausal(nullptr, &w.out.number); }},
      {"get: NULL causal", kInvalid, {"causal"},
       [](World& w) { return foveaMetadataGetCausal(w.problem.metadata, nullptr); }},
      {"per sequence: NULL metadata", kInvalid, {"metadata"},
       [](World&) {
         const int32_t flags[4] = {0, 1, 0, 1};
         return foveaMetadataSetCausalPerSequence(nullptr, FOVEA_MEMORY_HOST, flags);
       }},
      {"per sequence: unknown memory", kInvalid, {"memory", "4711"},
       [](World& w) {
         const int32_t flags[4] = {0, 1, 0, 1};
         return foveaMetadataSetCausalPerSequence(w.problem.metadata, kUnknownMemory, flags);
       }},
      {"per sequence: neither 0 nor 1", kInvalid, {"causal", "2", "-5"},
       [](World& w) {
         const int32_t flags[4] = {0, 1, -5, 1};
         return foveaMetadataSetCausalPerSequence(w.problem.metadata, FOVEA_MEMORY_HOST, flags);
       }},
      {"per sequence: misaligned", kInvalid, {"causal", "align"},
       [](World& w) {
         const int32_t flags[6] = {};
         return foveaMetadataSetCausalPerSequence(w.problem.metadata, FOVEA_MEMORY_HOST, misaligned(flags));
       }},
      {"per sequence: no sequences yet", FOVEA_STATUS_INVALID_STATE, {"sequences"},
       [](World& w) {
         return with_metadata(w, [](foveaMetadata_t metadata) {
           const int32_t flags[4] = {0, 1, 0, 1};
           return foveaMetadataSetCausalPerSequence(metadata, FOVEA_MEMORY_HOST, flags);
         });
       }},
  });
}

struct Sequences {
  foveaMemory_t memory = FOVEA_MEMORY_HOST;
  int32_t num_seqs = 4, num_tokens = 23, max_query_len = 0, max_seq_len = 0;
  std::vector<int32_t> query_start_loc = {0, 5, 6, 6, 23}, seq_lens = {37, 20, 9, 17};
  bool start_null = false, lens_null = false, start_misaligned = false, lens_misaligned = false;
};

BadCall sequences_call(const char* name, std::vector<std::string> words,
                       const std::function<void(Sequences&)>& change) {
  return {name, kInvalid, std::move(words), [change](World& w) {
            Sequences s;
            EXPECT_EQ(s.query_start_loc, w.problem.batch.query_start_loc);
            change(s);
            const int32_t* start = s.start_null ? nullptr : s.query_start_loc.data();
            const int32_t* lens = s.lens_null ? nullptr : s.seq_lens.data();
            if (s.start_misaligned) start = misaligned(start);
            if (s.lens_misaligned) lens = misaligned(lens);
            return foveaMetadataSetSequences(w.problem.metadata, s.memory, s.num_seqs, s.num_tokens, s.max_query_len,
                                             s.max_seq_len, start, lens);
          }};
}

TEST(BadInput, MetadataSequences) {
  expect_all_refused({
      {"metadata NULL", kInvalid, {"metadata"},
       [](World&) {
         const int32_t start[2] = {0, 1}, lens[1] = {1};
         return foveaMetadataSetSequences(nullptr, FOVEA_MEMORY_HOST, 1, 1, 0, 0, start, lens);
       }},
      sequences_call("unknown memory", {"memory", "4711"}, [](auto& s) { s.memory = kUnknownMemory; }),
      sequences_call("negative count", {"num_seqs", "-1"}, [](auto& s) { s.num_seqs = -1; }),
      sequences_call("more than the limit", {"num_seqs", "5", "4"},
                     [](auto& s) {
                       s.num_seqs = 5;
                       s.query_start_loc = {0, 5, 6, 6, 23, 23};
                       s.seq_lens = {37, 20, 9, 17, 0};
                     }),
      sequences_call("negative tokens", {"num_tokens", "-1"}, [](auto& s) { s.num_tokens = -1; }),
      sequences_call("more tokens than the limit", {"num_tokens", "24", "23"},
                     [](auto& s) {
                       s.num_tokens = 24;
                       s.query_start_loc.back() = 24;
                     }),
      sequences_call("tokens are not the last start", {"num_tokens", "22", "23"}, [](auto& s) { s.num_tokens = 22; }),
      sequences_call("start NULL", {"query_start_loc"}, [](auto& s) { s.start_null = true; }),
      sequences_call("lengths NULL", {"seq_lens"}, [](auto& s) { s.lens_null = true; }),
      sequences_call("start misaligned", {"query_start_loc", "align"}, [](auto& s) { s.start_misaligned = true; }),
      sequences_call("lengths misaligned", {"seq_lens", "align"}, [](auto& s) { s.lens_misaligned = true; }),
      sequences_call("does not start at 0", {"query_start_loc", "1"}, [](auto& s) { s.query_start_loc[0] = 1; }),
      sequences_call("decreases", {"query_start_loc", "2", "4"}, [](auto& s) { s.query_start_loc[2] = 4; }),
      sequences_call("negative length", {"seq_lens", "1", "-20"}, [](auto& s) { s.seq_lens[1] = -20; }),
      sequences_call("length over the limit", {"seq_lens", "3", "38", "37"}, [](auto& s) { s.seq_lens[3] = 38; }),
      sequences_call("bound of queries too small", {"max_query_len", "16", "17"},
                     [](auto& s) { s.max_query_len = 16; }),
      sequences_call("bound of queries negative", {"max_query_len", "-1"}, [](auto& s) { s.max_query_len = -1; }),
      sequences_call("bound of lengths too small", {"max_seq_len", "36", "37"}, [](auto& s) { s.max_seq_len = 36; }),
      sequences_call("bound of lengths negative", {"max_seq_len", "-1"}, [](auto& s) { s.max_seq_len = -1; }),
      sequences_call("device arrays without bounds", {"max_query_len"},
                     [](auto& s) { s.memory = FOVEA_MEMORY_DEVICE; }),
      sequences_call("device arrays without a bound of lengths", {"max_seq_len"},
                     [](auto& s) {
                       s.memory = FOVEA_MEMORY_DEVICE;
                       s.max_query_len = 17;
                     }),
  });
}

BadCall table_call(const char* name, std::vector<std::string> words, foveaMemory_t memory, int32_t num_seqs,
                   int32_t num_columns, int64_t row_stride, bool is_misaligned = false) {
  return {name, kInvalid, std::move(words), [=](World& w) {
            const int32_t* table = w.problem.batch.block_table.data();
            return foveaMetadataSetBlockTable(w.problem.metadata, memory, num_seqs, num_columns, row_stride,
                                              is_misaligned ? misaligned(table) : table);
          }};
}

TEST(BadInput, MetadataBlockTable) {
  ASSERT_EQ(Batch().num_columns, 3);
  expect_all_refused({
      {"metadata NULL", kInvalid, {"metadata"},
       [](World& w) {
         return foveaMetadataSetBlockTable(nullptr, FOVEA_MEMORY_HOST, 4, 3, 0, w.problem.batch.block_table.data());
       }},
      table_call("unknown memory", {"memory", "4711"}, kUnknownMemory, 4, 3, 0),
      table_call("negative rows", {"num_seqs", "-4"}, FOVEA_MEMORY_HOST, -4, 3, 0),
      table_call("more rows than the limit", {"num_seqs", "5", "4"}, FOVEA_MEMORY_HOST, 5, 3, 0),
      table_call("negative columns", {"num_columns", "-3"}, FOVEA_MEMORY_HOST, 4, -3, 0),
      table_call("more columns than the limit", {"num_columns", "4", "3"}, FOVEA_MEMORY_HOST, 4, 4, 0),
      table_call("stride shorter than a row", {"row_stride", "2"}, FOVEA_MEMORY_HOST, 4, 3, 2),
      table_call("stride negative", {"row_stride", "-3"}, FOVEA_MEMORY_HOST, 4, 3, -3),
      table_call("misaligned", {"block_table", "align"}, FOVEA_MEMORY_HOST, 4, 3, 0, true),
      {"rows without a table row are found by commit", kInvalid, {"block_table", "3", "4"},
       [](World& w) {
         return with_metadata(w, [&w](foveaMetadata_t metadata) {
           const Batch& batch = w.problem.batch;
           EXPECT_EQ(foveaMetadataSetSequences(metadata, FOVEA_MEMORY_HOST, 4, 23, 0, 0, batch.query_start_loc.data(),
                                               batch.shape.seq_lens.data()),
                     FOVEA_STATUS_SUCCESS);
           EXPECT_EQ(foveaMetadataSetBlockTable(metadata, FOVEA_MEMORY_HOST, 3, 3, 0, batch.block_table.data()),
                     FOVEA_STATUS_SUCCESS);
           return foveaMetadataCommit(metadata, nullptr);
         });
       }},
  });
}

struct Ranges {
  foveaMemory_t memory = FOVEA_MEMORY_HOST;
  int32_t num_ranges = 3;
  std::vector<int32_t> start = {0, 2, 2, 3, 3}, ranges = {0, 4, 8, 12, 3, 6};
  bool ranges_null = false, start_misaligned = false, ranges_misaligned = false;
};

BadCall ranges_call(const char* name, std::vector<std::string> words, const std::function<void(Ranges&)>& change) {
  return {name, kInvalid, std::move(words), [change](World& w) {
            Ranges r;
            change(r);
            const int32_t* start = r.start_misaligned ? misaligned(r.start.data()) : r.start.data();
            const int32_t* ranges = r.ranges_misaligned ? misaligned(r.ranges.data()) : r.ranges.data();
            return foveaMetadataSetPrefixRanges(w.problem.metadata, r.memory, r.num_ranges, start,
                                                r.ranges_null ? nullptr : ranges);
          }};
}

TEST(BadInput, MetadataPrefixRanges) {
  expect_all_refused({
      {"metadata NULL", kInvalid, {"metadata"},
       [](World&) {
         const int32_t start[5] = {}, ranges[2] = {};
         return foveaMetadataSetPrefixRanges(nullptr, FOVEA_MEMORY_HOST, 0, start, ranges);
       }},
      ranges_call("unknown memory", {"memory", "4711"}, [](auto& r) { r.memory = kUnknownMemory; }),
      ranges_call("negative count", {"num_ranges", "-1"}, [](auto& r) { r.num_ranges = -1; }),
      ranges_call("more than the limit", {"num_ranges", "9", "8"}, [](auto& r) { r.num_ranges = 9; }),
      ranges_call("ranges NULL", {"ranges"}, [](auto& r) { r.ranges_null = true; }),
      ranges_call("start misaligned", {"range_start_loc", "align"}, [](auto& r) { r.start_misaligned = true; }),
      ranges_call("ranges misaligned", {"ranges", "align"}, [](auto& r) { r.ranges_misaligned = true; }),
      ranges_call("does not start at 0", {"range_start_loc", "1"}, [](auto& r) { r.start[0] = 1; }),
      ranges_call("decreases", {"range_start_loc", "1"}, [](auto& r) { r.start[2] = 1; }),
      ranges_call("past the ranges that are given", {"range_start_loc", "4", "3"},
                  [](auto& r) { r.start[3] = r.start[4] = 4; }),
      ranges_call("unsorted", {"ranges", "1"}, [](auto& r) { r.ranges = {8, 12, 0, 4, 3, 6}; }),
      ranges_call("overlapping", {"ranges", "1"}, [](auto& r) { r.ranges = {0, 8, 8, 12, 3, 6}; }),
      {"no sequences yet", FOVEA_STATUS_INVALID_STATE, {"sequences"},
       [](World& w) {
         return with_metadata(w, [](foveaMetadata_t metadata) {
           const Ranges r;
           return foveaMetadataSetPrefixRanges(metadata, FOVEA_MEMORY_HOST, 3, r.start.data(), r.ranges.data());
         });
       }},
  });
}

TEST(BadInput, MetadataCommitValidate) {
  expect_all_refused({
      {"commit: NULL", kInvalid, {"metadata"}, [](World&) { return foveaMetadataCommit(nullptr, nullptr); }},
      {"commit: nothing set", FOVEA_STATUS_INVALID_STATE, {"sequences"},
       [](World& w) {
         return with_metadata(w, [](foveaMetadata_t metadata) { return foveaMetadataCommit(metadata, nullptr); });
       }},
      {"validate: NULL", kInvalid, {"metadata"},
       [](World& w) { return foveaMetadataValidate(nullptr, w.problem.attention, 0); }},
      {"validate: attention NULL", kInvalid, {"attention"},
       [](World& w) { return foveaMetadataValidate(w.problem.metadata, nullptr, 0); }},
      {"validate: negative blocks", kInvalid, {"num_cache_blocks", "-1"},
       [](World& w) { return foveaMetadataValidate(w.problem.metadata, w.problem.attention, -1); }},
      {"validate: not committed", FOVEA_STATUS_INVALID_STATE, {"commit"},
       [](World& w) {
         return with_metadata(w, [&w](foveaMetadata_t metadata) {
           return foveaMetadataValidate(metadata, w.problem.attention, 0);
         });
       }},
      {"validate: a block id past the cache", kInvalid, {"block_table", "row 0", "7", "3 blocks"},
       [](World& w) {
         Batch& batch = w.problem.batch;
         EXPECT_EQ(batch.num_blocks, 9);
         return foveaMetadataValidate(w.problem.metadata, w.problem.attention, 3);
       }},
      {"async error: NULL", kInvalid, {"metadata"},
       [](World& w) { return foveaMetadataGetAsyncError(nullptr, nullptr, &w.out.number); }},
      {"async error: sequence NULL", kInvalid, {"sequence"},
       [](World& w) { return foveaMetadataGetAsyncError(w.problem.metadata, nullptr, nullptr); }},
  });
}

// Borrowed arrays are read by commit; one that is refused leaves the batch that was current.
TEST(BadInput, RefusedCommitKeepsTheBatch) {
  World world;
  Problem& problem = world.problem;
  ASSERT_EQ(problem.status, FOVEA_STATUS_SUCCESS) << problem.message;
  const int32_t decreasing[5] = {0, 5, 4, 6, 23};
  const int32_t lens[4] = {37, 20, 9, 17};
  ASSERT_EQ(foveaMetadataSetSequences(problem.metadata, FOVEA_MEMORY_DEVICE, 4, 23, 17, 37, decreasing, lens),
            FOVEA_STATUS_SUCCESS)
      << foveaGetLastErrorMessage();
  EXPECT_EQ(foveaMetadataCommit(problem.metadata, nullptr), kInvalid);
  EXPECT_NE(std::string(foveaGetLastErrorMessage()).find("query_start_loc"), std::string::npos)
      << foveaGetLastErrorMessage();
  const int32_t too_long[4] = {37, 20, 9, 38};
  ASSERT_EQ(foveaMetadataSetSequences(problem.metadata, FOVEA_MEMORY_DEVICE, 4, 23, 17, 37,
                                      problem.batch.query_start_loc.data(), too_long),
            FOVEA_STATUS_SUCCESS);
  EXPECT_EQ(foveaMetadataCommit(problem.metadata, nullptr), kInvalid);
  EXPECT_NE(std::string(foveaGetLastErrorMessage()).find("seq_lens"), std::string::npos) << foveaGetLastErrorMessage();
  ASSERT_EQ(foveaMetadataSetSequences(problem.metadata, FOVEA_MEMORY_DEVICE, 4, 23, 17, 37,
                                      problem.batch.query_start_loc.data(), problem.batch.shape.seq_lens.data()),
            FOVEA_STATUS_SUCCESS);
  ASSERT_EQ(foveaMetadataCommit(problem.metadata, nullptr), FOVEA_STATUS_SUCCESS) << foveaGetLastErrorMessage();
  for (bool causal : {true, false}) {
    ASSERT_EQ(problem.forward(causal), FOVEA_STATUS_SUCCESS) << foveaGetLastErrorMessage();
    EXPECT_LT(largest_difference(problem.output, problem.batch.expected(causal)), kTolerance);
  }
  int32_t sequence = 99;
  EXPECT_EQ(foveaMetadataGetAsyncError(problem.metadata, nullptr, &sequence), FOVEA_STATUS_SUCCESS);
  EXPECT_EQ(sequence, -1);
}

}  // namespace
}  // namespace fovea_test
