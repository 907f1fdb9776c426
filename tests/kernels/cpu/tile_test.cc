// The tile path (units of many packed rows) against the definition in double precision, for every table of kernels that
// this processor can run and for the AMX and bf16-pair paths with their instructions emulated.
#include "tests/kernels/cpu/attention_problem.h"

namespace fovea::cpu {
const KernelTable& kernels_amx_emulated();
const KernelTable& kernels_bf16_pairs_emulated();

namespace testing {
namespace {

std::vector<const KernelTable*> all_tables() {
  std::vector<const KernelTable*> all = tables();
  all.push_back(&kernels_amx_emulated());
  all.push_back(&kernels_bf16_pairs_emulated());
  return all;
}

class Tile : public CpuKernels {};

// Weights are rounded to bf16 where products are those of bf16 pairs; values are N(0, 1).
double tolerance_of(const KernelTable& table, const ProblemShape& shape) {
  const std::string name = table.name;
  const bool has_pairs = name.find("bf16") != std::string::npos || name.find("amx") != std::string::npos;
  const bool is_f32 = shape.query_type == DataType::kF32 || shape.query_type == DataType::kF16;
  return has_pairs && !is_f32 ? 2e-2 : 2e-5;
}

// Runs a shape as the batch-invariant layer it is here: whole, split by chunks, and cut into units of other sizes. The first
// is compared with the definition, the others bit by bit with the first.
void check(const KernelTable& table, ProblemShape shape) {
  std::vector<float> output;
  std::vector<float> lse;
  const Layer layer = plain_layer(shape.num_query_heads, shape.num_kv_heads, shape.head_size, shape.head_size_v, shape.block_size);
  const int32_t most = table.traits(layer).max_rows_per_item;
  for (const int32_t rows_per_item : {most, 1, most / 2 + 1, 7}) {
    shape.rows_per_item = rows_per_item;
    Problem problem(shape);
    problem.params().layer.batch_invariant = 1;
    for (const int32_t chunks_per_item : {1 << 20, 1, 2}) {
      if (rows_per_item != most && chunks_per_item == 2) continue;
      ASSERT_NO_FATAL_FAILURE(problem.run(table, chunks_per_item, chunks_per_item == 1 ? 3 : 1));
      if (output.empty()) {
        ASSERT_NO_FATAL_FAILURE(problem.check(tolerance_of(table, shape)));
        output = problem.output();
        lse = problem.lse();
      } else {
        ASSERT_EQ(std::memcmp(output.data(), problem.output().data(), output.size() * sizeof(float)), 0)
            << "units of " << rows_per_item << " rows and " << chunks_per_item << " chunks give other bits";
        ASSERT_EQ(std::memcmp(lse.data(), problem.lse().data(), lse.size() * sizeof(float)), 0);
      }
    }
  }
}

std::vector<ProblemShape> shapes_of(DataType type) {
  ProblemShape base;
  base.query_type = base.dense_type = base.cache_type = type;
  std::vector<ProblemShape> shapes;
  const auto add = [&](auto change) {
    ProblemShape shape = base;
    shape.seed = static_cast<unsigned>(shapes.size() + 11);
    change(&shape);
    shapes.push_back(shape);
  };
  add([](ProblemShape* s) { s->sequences = {{70, 70}, {0, 5}, {33, 600}, {1, 17}, {3, 0}}; });
  add([](ProblemShape* s) { s->sequences = {{40, 90, 0}, {20, 12, 0}, {16, 530, 0}}; });
  add([](ProblemShape* s) {
    s->sequences = {{45, 120}, {45, 120, 0}};
    s->num_query_heads = 5;
    s->num_kv_heads = 1;
    s->head_size = 80;
    s->head_size_v = 24;
    s->dense = true;
    s->sinks = true;
  });
  add([](ProblemShape* s) {
    s->sequences = {{65, 700}, {65, 1100, 0}};
    s->window_left = 20;
    s->window_right = 7;
    s->num_query_heads = 3;
    s->num_kv_heads = 3;
    s->block_size = 48;
  });
  add([](ProblemShape* s) {
    s->sequences = {{80, 80, 1, {{3, 20}, {30, 31}, {50, 200}}}, {30, 560, 1, {{0, 40}, {533, 533}, {540, 558}}}};
    s->prefix_ranges = PrefixRanges::kFull;
    s->window_left = 4;
  });
  add([](ProblemShape* s) {
    s->sequences = {{80, 80, 1, {{3, 20}, {30, 31}, {50, 200}}}};
    s->prefix_ranges = PrefixRanges::kWindowed;
    s->window_left = 6;
    s->head_size_v = 136;
  });
  add([](ProblemShape* s) {
    s->sequences = {{50, 100}, {20, 40, 0}};
    s->softcap = 4.0f;
    s->alibi = Alibi::kSqrt;
    s->query_factor = 3.0f;
  });
  add([](ProblemShape* s) {
    s->sequences = {{37, 300}};
    s->alibi = Alibi::kLinear;
    s->head_size = 256;
    s->head_size_v = 256;
  });
  add([](ProblemShape* s) {
    s->sequences = {{29, 29}, {7, 7}};
    s->attention_type = AttentionType::kEncoder;
    s->dense = true;
  });
  add([](ProblemShape* s) {
    s->sequences = {{40, 21}, {3, 90}};
    s->attention_type = AttentionType::kEncoderDecoder;
  });
  add([](ProblemShape* s) {
    s->sequences = {{40, 200}};
    s->layout = CacheLayout::kVectorized;
    s->head_size = 32;
    s->head_size_v = 40;
  });
  add([](ProblemShape* s) {
    s->sequences = {{30, 600}};
    s->rising = 0.01f;
  });
  return shapes;
}

TEST_P(Tile, ShapesInF32) {
  for (const ProblemShape& shape : shapes_of(DataType::kF32)) {
    SCOPED_TRACE("shape " + std::to_string(shape.seed - 11));
    ASSERT_NO_FATAL_FAILURE(check(table(), shape));
  }
}

TEST_P(Tile, ShapesInBf16) {
  for (const ProblemShape& shape : shapes_of(DataType::kBF16)) {
    SCOPED_TRACE("shape " + std::to_string(shape.seed - 11));
    ASSERT_NO_FATAL_FAILURE(check(table(), shape));
  }
}

TEST_P(Tile, CacheTypesAndScales) {
  for (const DataType query : {DataType::kF32, DataType::kF16, DataType::kBF16, DataType::kE4M3FN}) {
    for (const DataType cache : {DataType::kF16, DataType::kE4M3FN, DataType::kE4M3FNUZ, DataType::kE5M2}) {
      for (const bool dense : {false, true}) {
        ProblemShape shape;
        shape.sequences = {{19, 77}, {21, 21}};
        shape.query_type = query;
        shape.dense_type = size_of(query) == 1 ? DataType::kBF16 : query;
        shape.cache_type = cache;
        shape.kv_scales = cache == DataType::kF16 ? KvScales::kNone : dense ? KvScales::kPerTensor : KvScales::kPerHead;
        shape.head_size = 40;
        shape.dense = dense;
        shape.rows_per_item = 16;
        SCOPED_TRACE(std::string(name_of(query)) + " query, " + name_of(cache) + " cache");
        Problem problem(shape);
        problem.params().layer.batch_invariant = 1;
        ASSERT_NO_FATAL_FAILURE(problem.run(table(), 1 << 20, 1));

        ASSERT_NO_FATAL_FAILURE(problem.check(tolerance_of(table(), shape) * 2));
      }
    }
  }
}

INSTANTIATE_TEST_SUITE_P(AllTables, Tile, ::testing::ValuesIn(all_tables()), table_name);

}  // namespace
}  // namespace testing
}  // namespace fovea::cpu
