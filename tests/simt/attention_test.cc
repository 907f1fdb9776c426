#include <gtest/gtest.h>

#include "tests/simt/attention_case.h"

namespace fovea::hip::host {
namespace {

TEST(Attention, decode) {
  AttentionCase c;
  c.sequences = {{1, 40}, {1, 1}, {0, 0}, {1, 130}};
  check_case(c);
}

}  // namespace
}  // namespace fovea::hip::host
