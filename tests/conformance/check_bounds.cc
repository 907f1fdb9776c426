// Bounds: what is inside works, what is outside is refused in the words that engines know.
#include <algorithm>
#include <set>

#include "tests/conformance/checks.h"

namespace fovea_test {

using namespace fovea_reference;

namespace {

struct Quantity {
  const char* name;
  foveaBoundsAttribute_t attribute;
  foveaReason_t reason;
  const char* words;
  std::vector<int32_t> tried;  // if they are inside the bounds; empty: all that are
  void (*set)(Case&, int32_t);
};

const Quantity kQuantities[] = {
    {"head_size", FOVEA_BOUNDS_HEAD_SIZE, FOVEA_REASON_HEAD_SIZE, "head_size not supported", {},
     [](Case& c, int32_t value) { c.head_size = c.head_size_v = value; }},
    {"head_size_v", FOVEA_BOUNDS_HEAD_SIZE_V, FOVEA_REASON_HEAD_SIZE, "head_size not supported", {},
     [](Case& c, int32_t value) { c.head_size_v = value; }},
    {"block_size", FOVEA_BOUNDS_BLOCK_SIZE, FOVEA_REASON_BLOCK_SIZE, "block_size not supported",
     {16, 32, 48, 64, 80, 128, 256, 272, 544, 784, 1056, 4096},
     [](Case& c, int32_t value) { c.block_size = value; }},
    {"query_heads_per_kv_head", FOVEA_BOUNDS_QUERY_HEADS_PER_KV_HEAD, FOVEA_REASON_HEADS, "number of heads not supported",
     {1, 2, 3, 4, 5, 6, 7, 8, 9, 12, 16, 17, 32, 33, 64, 71, 128},
     [](Case& c, int32_t value) {
       c.num_kv_heads = 2;
       c.num_query_heads = 2 * value;
     }},
};

bool inside(const foveaBounds_t& bounds, int32_t value) {
  if (value < bounds.min || value > bounds.max || value % bounds.multiple_of) return false;
  return bounds.count == 0 || std::find(bounds.values, bounds.values + bounds.count, value) != bounds.values + bounds.count;
}

void require_refused(Run& run, const Quantity& quantity, const Case& c, int32_t value) {
  const Config config = make_config(c);
  foveaReport_t raw = nullptr;
  const foveaStatus_t status = foveaConfigCheck(config.get(), run.engine.backend(), &raw);
  const Report report(raw, {foveaReportDestroy});
  require_refusal(status, FOVEA_STATUS_NOT_SUPPORTED, quantity.words, text("%s = %d", quantity.name, value));
  int32_t count = 0;
  FOVEA_OK(foveaReportGetCount(report.get(), &count));
  for (int32_t i = 0; i < count; ++i) {
    foveaReason_t code = FOVEA_REASON_NONE;
    const char* sentence = nullptr;
    FOVEA_OK(foveaReportGetReason(report.get(), i, &code, &sentence));
    if (code != quantity.reason) continue;
    if (std::string(sentence).rfind(quantity.words, 0) != 0) {
      throw Failure(text("%s = %d: the sentence '%s' does not begin with '%s'", quantity.name, value, sentence, quantity.words));
    }
    if (std::string(sentence).find(std::to_string(value)) == std::string::npos) {
      throw Failure(text("%s = %d: the sentence '%s' does not name the value", quantity.name, value, sentence));
    }
    return;
  }
  throw Failure(text("%s = %d is refused without its reason's code", quantity.name, value));
}

}  // namespace

void check_bounds(Run& run, const Case& base) {
  for (const Quantity& quantity : kQuantities) {
    if (base.claim != quantity.name) continue;
    foveaBounds_t bounds = {};
    bounds.struct_size = sizeof(bounds);
    FOVEA_OK(foveaBackendGetBounds(run.engine.backend(), quantity.attribute, &bounds));
    if (bounds.min < 1 || bounds.max < bounds.min || bounds.multiple_of < 1 || bounds.count < 0 || bounds.count > 32) {
      throw Failure(text("the bounds of %s make no sense", quantity.name));
    }
    std::vector<int32_t> values;
    if (quantity.tried.empty()) {
      for (int32_t v = bounds.min; v <= bounds.max; ++v) values.push_back(v);
    } else {
      values = quantity.tried;
    }
    int worked = 0;
    for (const int32_t value : values) {
      if (!inside(bounds, value)) continue;
      Case c = base;
      quantity.set(c, value);
      Workload workload(c, run.engine.memory());
      try {
        run_forward(run.engine, workload);
        compare_with_reference(run, workload);
      } catch (const Failure& failure) {
        throw Failure(text("%s = %d: %s", quantity.name, value, failure.what()));
      }
      ++run.forwards;
      ++worked;
    }
    if (worked < 2) throw Failure(text("only %d values of %s were tried", worked, quantity.name));
    // Just below, just above, and between two multiples.
    for (const int64_t value : {int64_t{bounds.min} - 1, int64_t{bounds.min} - bounds.multiple_of / 2,
                                int64_t{bounds.min} + bounds.multiple_of / 2, int64_t{bounds.min} + 1,
                                int64_t{bounds.max} + bounds.multiple_of}) {
      // 65536 query heads are the most that a config can hold at all, so that their bound may be out of reach.
      if (value < 1 || value > 65536 || inside(bounds, static_cast<int32_t>(value))) continue;
      if (quantity.attribute == FOVEA_BOUNDS_QUERY_HEADS_PER_KV_HEAD && value > 32768) continue;
      Case c = base;
      quantity.set(c, static_cast<int32_t>(value));
      require_refused(run, quantity, c, static_cast<int32_t>(value));
    }
    return;
  }
  throw Failure("no such quantity: " + base.claim);
}

}  // namespace fovea_test
