#include "tests/conformance/smaller_type.h"

#include <functional>

namespace fovea_test {

Case with_smaller_type(Case c, const std::string& f32_as) {
  if (c.query != Type::kF32 || c.claim == "query:f32" || c.claim == "cache:f32") return c;
  // Claims are proven with the type of the smaller errors, refusals name bf16 as the wrong one.
  const bool must_be_f16 = c.check == "claim" || c.check == "refusal";
  const bool in_turn = std::hash<std::string>()(format_case(c)) % 2 == 0;
  Type type = must_be_f16 || f32_as == "f16" || (f32_as == "both" && in_turn) ? Type::kF16 : Type::kBF16;
  if (c.cache == Type::kF16 || c.cache == Type::kBF16) type = c.cache;
  c.query = type;
  if (c.cache == Type::kF32) c.cache = type;
  if (c.output == Type::kF32 && c.claim != "output:f32" && c.check != "merge_states" && c.check != "refusal") {
    c.output = type;
  }
  return c;
}

}  // namespace fovea_test
