// Wrong lengths and block ids in the memory of the device, where the host cannot see them: the sequence that holds one gives
// NaN, every other is right, nothing else is touched, and the first offender is named.
#include <algorithm>
#include <climits>
#include <cmath>
#include <cstring>
#include <functional>

#include "tests/conformance/checks.h"

namespace fovea_test {

using namespace fovea_reference;

namespace {

struct Numbers {
  int32_t* query_start_loc;
  int32_t* seq_lens;
  int32_t* block_table;
};

struct Damage {
  std::string name;
  std::function<void(const Numbers&)> apply;
  std::vector<int> nan;      // sequences that must be NaN
  std::vector<int> unknown;  // sequences whose rows follow from no sound boundaries
  int first = 0;             // the offender that is reported
};

constexpr int kOffender = 1, kSecondOffender = 3;

std::vector<Damage> damages_for(const Workload& workload) {
  const Case& c = workload.test_case();
  const int32_t longest = workload.limits().max_seq_len;
  const int last = workload.num_seqs() - 1;
  const std::vector<int32_t>& starts = workload.query_start_loc();
  std::vector<Damage> all;
  const auto lengths = [&](int32_t a, int32_t b) {
    all.push_back({text("seq_lens %d and %d", a, b),
                   [=](const Numbers& n) {
                     n.seq_lens[kOffender] = a;
                     n.seq_lens[kSecondOffender] = b;
                   },
                   {kOffender, kSecondOffender}, {}, kOffender});
  };
  lengths(-1, INT_MIN);
  lengths(longest + 1, INT_MAX);
  if (c.type == Kind::kEncoder) lengths(workload.seq_lens()[kOffender] - 1, workload.seq_lens()[kSecondOffender] + 1);
  if (workload.has_cache()) {
    // The last block that the context reaches, which every row needs.
    const auto entry = [&](int seq) {
      const Sequence& s = workload.sequences()[static_cast<size_t>(seq)];
      const int32_t position = (c.dense ? s.context_len : s.seq_len()) - 1;
      return seq * workload.table_stride() + position / c.block_size;
    };
    for (const int64_t block : {int64_t{-1}, workload.num_blocks(), int64_t{INT_MAX}, int64_t{INT_MIN}}) {
      const int64_t a = entry(kOffender), b = entry(kSecondOffender);
      all.push_back({text("block %lld", static_cast<long long>(block)),
                     [=](const Numbers& n) { n.block_table[a] = n.block_table[b] = static_cast<int32_t>(block); },
                     {kOffender, kSecondOffender}, {}, kOffender});
    }
    const int64_t b = entry(kSecondOffender);
    all.push_back({"one block only", [=](const Numbers& n) { n.block_table[b] = 1 << 30; }, {kSecondOffender}, {}, kSecondOffender});
  }
  all.push_back({"query_start_loc beyond num_tokens", [=](const Numbers& n) { n.query_start_loc[last + 1] += 5; }, {}, {last}, last});
  all.push_back({"query_start_loc beyond all memory", [=](const Numbers& n) { n.query_start_loc[last + 1] = INT_MAX; }, {}, {last}, last});
  // Its neighbour begins too early and may compute rows that are not its own, or be refused as too long.
  all.push_back({"query_start_loc decreasing", [=](const Numbers& n) { n.query_start_loc[2] = starts[1] - 1; }, {}, {0, 1, 2}, 1});
  all.push_back({"query_start_loc negative", [](const Numbers& n) { n.query_start_loc[2] = INT_MIN; }, {}, {1, 2}, 1});
  return all;
}

// Numbers where NaN is expected, so that NaN is not what was there before.
void fill_rows(Workload& workload, int seq) {
  for (const View* view : {&workload.output, &workload.lse}) {
    if (!view->present()) continue;
    const size_t size = bytes_of(view->type);
    const int64_t width = view->ndim == 3 ? view->shape[2] : 1;
    for (int64_t token = workload.query_start_loc()[static_cast<size_t>(seq)];
         token < workload.query_start_loc()[static_cast<size_t>(seq) + 1]; ++token) {
      for (int64_t h = 0; h < view->shape[1]; ++h) {
        const auto first = static_cast<size_t>(token * view->strides[0] + h * view->strides[1]);
        std::memset(view->buffer->host() + first * size, 0, static_cast<size_t>(width) * size);
      }
    }
  }
}

void require_nan(const Workload& workload, int seq) {
  const Case& c = workload.test_case();
  for (int64_t token = workload.query_start_loc()[static_cast<size_t>(seq)];
       token < workload.query_start_loc()[static_cast<size_t>(seq) + 1]; ++token) {
    for (int h = 0; h < c.num_query_heads; ++h) {
      for (int64_t d = 0; d < c.v_size(); ++d) {
        if (!std::isnan(workload.output_at(token, h, d))) {
          throw Failure(text("sequence %d: output[%lld] of token %lld, head %d is %g, expected NaN", seq, static_cast<long long>(d),
                             static_cast<long long>(token), h, workload.output_at(token, h, d)));
        }
      }
      if (workload.lse.present() && !std::isnan(workload.lse_at(token, h))) {
        throw Failure(text("sequence %d: lse of token %lld, head %d is %g, expected NaN", seq, static_cast<long long>(token), h,
                           static_cast<double>(workload.lse_at(token, h))));
      }
    }
  }
}

void forward(Run& run, Workload& workload, foveaAttention_t attention, foveaMetadata_t metadata) {
  foveaForwardArgs_t args = workload.forward_args();
  if (workload.test_case().plan) {
    DeviceBuffer plan = make_plan(run.engine, attention, workload.limits(), metadata, args.causal);
    args.plan = plan.device();
    args.plan_size = plan.size();
    run_forward(run.engine, attention, metadata, workload.limits(), args);
  } else {
    run_forward(run.engine, attention, metadata, workload.limits(), args);
  }
  ++run.forwards;
}

void require_no_error(Run& run, foveaMetadata_t metadata) {
  int32_t sequence = 0;
  FOVEA_OK(foveaMetadataGetAsyncError(metadata, run.engine.stream(), &sequence));
  if (sequence != -1) throw Failure(text("sequence %d is reported without reason", sequence));
}

}  // namespace

void check_device_errors(Run& run, const Case& original) {
  Case c = original;
  c.seed |= 1;  // a cache in any case
  c.device_arrays = true;
  Workload workload(c, run.engine.memory());
  const Attention attention = make_attention(run.engine, c);
  const Metadata metadata = make_metadata(run.engine, workload, c.threads);
  const std::vector<uint8_t> wanted = choose_rows(workload, run.reference_budget);
  const Result reference = fovea_reference::attention(workload.problem(), run.reference_threads, wanted);
  const Numbers numbers = {reinterpret_cast<int32_t*>(workload.arrays.query_start_loc.host()),
                           reinterpret_cast<int32_t*>(workload.arrays.seq_lens.host()),
                           reinterpret_cast<int32_t*>(workload.arrays.block_table.host())};
  const auto restore = [&] {
    std::copy(workload.query_start_loc().begin(), workload.query_start_loc().end(), numbers.query_start_loc);
    std::copy(workload.seq_lens().begin(), workload.seq_lens().end(), numbers.seq_lens);
    std::copy(workload.block_table().begin(), workload.block_table().end(), numbers.block_table);
  };
  const auto try_damage = [&](const Damage& damage, foveaMetadata_t of_batch) {
    std::vector<uint8_t> left_out(static_cast<size_t>(workload.num_seqs()), 0);
    workload.prepare();
    for (const std::vector<int>* list : {&damage.nan, &damage.unknown}) {
      for (const int seq : *list) {
        left_out[static_cast<size_t>(seq)] = 1;
        fill_rows(workload, seq);
      }
    }
    workload.output.buffer->to_device();
    if (workload.lse.present()) workload.lse.buffer->to_device();
    forward(run, workload, attention.get(), of_batch);
    workload.check_memory();
    for (const int seq : damage.nan) require_nan(workload, seq);
    compare(workload, reference, wanted, left_out);
    int32_t sequence = -2;
    require_refusal(foveaMetadataGetAsyncError(of_batch, run.engine.stream(), &sequence), FOVEA_STATUS_INVALID_ARGUMENT,
                    text("sequence %d", damage.first), "foveaMetadataGetAsyncError");
    if (sequence != damage.first) throw Failure(text("the offender is %d, reported is %d", damage.first, sequence));
    require_no_error(run, of_batch);
    // Asked for, the host looks at everything itself.
    require_refusal(foveaMetadataValidate(of_batch, attention.get(), workload.num_blocks()), FOVEA_STATUS_INVALID_ARGUMENT, "",
                    "foveaMetadataValidate");
  };
  for (const Damage& damage : damages_for(workload)) {
    damage.apply(numbers);
    try {
      try_damage(damage, metadata.get());
      // A block table that the host handed over is no different: only the call knows how many blocks there are.
      if (damage.name.rfind("block ", 0) == 0) {
        const Metadata given = make_metadata(run.engine, workload, c.threads);
        FOVEA_OK(foveaMetadataSetBlockTable(given.get(), FOVEA_MEMORY_HOST, workload.num_seqs(), workload.table_columns(),
                                            workload.table_stride(), numbers.block_table));
        FOVEA_OK(foveaMetadataCommit(given.get(), run.engine.stream()));
        try_damage(damage, given.get());
      }
    } catch (const Failure& failure) {
      throw Failure(damage.name + ": " + failure.what());
    }
    restore();
  }
  // What was wrong leaves no trace.
  workload.prepare();
  forward(run, workload, attention.get(), metadata.get());
  workload.check_memory();
  compare(workload, reference, wanted);
  require_no_error(run, metadata.get());
  FOVEA_OK(foveaMetadataValidate(metadata.get(), attention.get(), workload.num_blocks()));
}

}  // namespace fovea_test
