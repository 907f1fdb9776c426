// The module is looked for once per process, so its place is set before anything else.
#include <gtest/gtest.h>
#include <stdlib.h>

int main(int argc, char** argv) {
  setenv("FOVEA_BACKEND_PATH", FOVEA_TEST_MODULE_DIR, 1);
  unsetenv("FOVEA_BACKEND");
  testing::InitGoogleTest(&argc, argv);
  return RUN_ALL_TESTS();
}
