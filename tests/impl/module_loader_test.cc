// The loader of GPU modules, against modules that are right and wrong in one way each.
#include "impl/backend/module_loader.h"

#include <gtest/gtest.h>
#include <stdlib.h>

#include <algorithm>

#include "impl/backend/rocm_attn.h"
#include "impl/context.h"
#include "impl/error.h"

namespace fovea {
namespace {

constexpr char kFile[] = "libfovea_hip_amd.so";

std::string folder(const char* kind) { return std::string(FOVEA_TEST_MODULE_DIR) + "/" + kind; }

void expect_words(const std::string& sentence, const std::vector<std::string>& words) {
  for (const std::string& word : words) {
    EXPECT_NE(sentence.find(word), std::string::npos) << "expected \"" << word << "\" in: " << sentence;
  }
}

void expect_refused(const char* kind, const std::vector<std::string>& words) {
  SCOPED_TRACE(kind);
  const Module module = load_module(kFile, {folder(kind)});
  EXPECT_EQ(module.table, nullptr);
  EXPECT_EQ(module.path, "");
  expect_words(module.reason, words);
  const ModuleDevice device = probe_module(kFile, module, 0);
  EXPECT_EQ(device.status, FOVEA_STATUS_NO_DEVICE);
  EXPECT_EQ(device.reason, module.reason);
}

TEST(ModuleLoader, TakesAModuleOfThisBuild) {
  const Module module = load_module(kFile, {folder("good")});
  ASSERT_NE(module.table, nullptr) << module.reason;
  EXPECT_EQ(module.path, folder("good") + "/" + kFile);
  EXPECT_EQ(module.reason, "");
  EXPECT_STREQ(module.table->architectures, "gfx90a gfx942");
}

TEST(ModuleLoader, AbsenceNamesWhereItLooked) {
  expect_refused("empty", {kFile, "not found in", folder("empty")});
  const Module module = load_module(kFile, {folder("empty"), folder("nowhere")});
  expect_words(module.reason, {folder("empty"), folder("nowhere")});
  expect_words(load_module(kFile, {}).reason, {kFile, "nowhere to look"});
}

TEST(ModuleLoader, WrongModulesAreRefusedWithTheReason) {
  expect_refused("wrong_abi", {"ABI 77", "expected " + std::to_string(FOVEA_MODULE_ABI_VERSION)});
  expect_refused("wrong_size", {"24 bytes", std::to_string(sizeof(FoveaModuleTable))});
  expect_refused("wrong_build", {"of some other day", build_id()});
  expect_refused("no_symbol", {"does not export", FOVEA_MODULE_SYMBOL});
  expect_refused("no_functions", {"without functions"});
  expect_refused("one_missing", {"without functions"});
  expect_refused("not_elf", {"cannot be loaded", kFile});
}

TEST(ModuleLoader, LooksFurtherAfterAWrongModule) {
  const Module module = load_module(kFile, {folder("empty"), folder("wrong_abi"), folder("not_elf"), folder("good")});
  ASSERT_NE(module.table, nullptr) << module.reason;
  EXPECT_EQ(module.path, folder("good") + "/" + kFile);

  const Module none = load_module(kFile, {folder("wrong_abi"), folder("empty"), folder("not_elf")});
  EXPECT_EQ(none.table, nullptr);
  expect_words(none.reason, {folder("wrong_abi"), "ABI 77", folder("not_elf"), "cannot be loaded", folder("empty")});
}

TEST(ModuleLoader, DevicesAreJudgedWithTheReason) {
  const auto probe = [](const char* kind, int32_t ordinal) {
    return probe_module(kFile, load_module(kFile, {folder(kind)}), ordinal);
  };
  ModuleDevice device = probe("good", 0);
  EXPECT_EQ(device.status, FOVEA_STATUS_NO_DEVICE);
  expect_words(device.reason, {kFile, "no device"});

  device = probe("one_device", 3);
  EXPECT_EQ(device.status, FOVEA_STATUS_NO_DEVICE);
  expect_words(device.reason, {"1 devices", "ordinal 3"});

  device = probe("other_arch", 0);
  EXPECT_EQ(device.status, FOVEA_STATUS_ARCH_MISMATCH);
  expect_words(device.reason, {"compute capability not supported", "Fake Instinct", "gfx000", "gfx90a gfx942"});

  device = probe("broken_driver", 0);
  EXPECT_EQ(device.status, FOVEA_STATUS_NO_DEVICE);
  expect_words(device.reason, {"cannot count devices", "the driver is older than the runtime"});

  for (const int32_t ordinal : {0, kAnyOrdinal}) {
    device = probe("one_device", ordinal);
    EXPECT_EQ(device.status, FOVEA_STATUS_SUCCESS);
    EXPECT_EQ(device.reason, "");
    EXPECT_NE(device.table, nullptr);
    EXPECT_EQ(device.ordinal, 0);
    EXPECT_STREQ(device.info.architecture, "gfx000");
  }
}

// Exit code of a process in which the only GPU can be found but not used.
int use_a_device_on_paper() {
  setenv("FOVEA_BACKEND_PATH", folder("one_device").c_str(), 1);
  foveaContextCreateInfo_t info = FOVEA_CONTEXT_CREATE_INFO_INIT;
  Context* context = nullptr;
  info.device = FOVEA_DEVICE_GPU;
  if (Context::create(&info, &context) != FOVEA_STATUS_DEVICE_ERROR) return 1;
  const std::string sentence = last_error_message();
  for (const char* word : {"Fake Instinct", "gfx000", "only exists on paper", "libfovea_hip_nvidia.so"}) {
    if (sentence.find(word) == std::string::npos) return 2;
  }
  info.device = FOVEA_DEVICE_AUTO;
  if (Context::create(&info, &context) != FOVEA_STATUS_SUCCESS) return 3;
  if (context->device() != FOVEA_DEVICE_CPU) return 4;
  context->release();

  // What the claims allow, the module may still refuse.
  LayerConfig config;
  config.num_query_heads = config.num_kv_heads = 2;
  config.head_size = 64;
  config.query_type = FOVEA_DATA_TYPE_BF16;
  Reasons of_module;
  check_support(kRocmAttn, nullptr, config, &of_module);
  if (of_module.joined("; ") != "number of heads not supported: on paper there are none") return 5;
  config.head_size = 65;
  Reasons of_claims;
  check_support(kRocmAttn, nullptr, config, &of_claims);
  if (of_claims.joined("; ") != "head_size not supported: head_size 65 is not a multiple of 8") return 6;
  return 0;
}

// In a process of its own, because modules are loaded once per process.
TEST(ModuleLoader, ADeviceThatCannotBeUsedIsNamedWithTheReason) {
  EXPECT_EXIT(exit(use_a_device_on_paper()), testing::ExitedWithCode(0), "");
}

TEST(ModuleLoader, DirectoriesComeFromTheLibraryAndTheEnvironment) {
  unsetenv("FOVEA_BACKEND_PATH");
  const std::vector<std::string> own = module_directories();
  ASSERT_EQ(own.size(), 1u);
  EXPECT_NE(own[0], "");

  setenv("FOVEA_BACKEND_PATH", ":/one::/two/three:", 1);
  const std::vector<std::string> all = module_directories();
  unsetenv("FOVEA_BACKEND_PATH");
  ASSERT_EQ(all.size(), 3u);
  EXPECT_EQ(all[0], own[0]);
  EXPECT_EQ(all[1], "/one");
  EXPECT_EQ(all[2], "/two/three");
}

// In a process of its own, because modules are loaded once per process.
TEST(ModuleLoader, GpuContextsAreRefusedWithWhatWasTried) {
  const auto in_child = [](const char* kind, foveaDevice_t asked, foveaStatus_t status,
                           const std::vector<std::string>& words) {
    EXPECT_EXIT(
        {
          setenv("FOVEA_BACKEND_PATH", folder(kind).c_str(), 1);
          const ModuleDevice device = find_gpu(asked, 0);
          bool good = device.status == status;
          for (const std::string& word : words) good &= device.reason.find(word) != std::string::npos;
          if (!good) fprintf(stderr, "status %d, %s\n", device.status, device.reason.c_str());
          // Once decided, it stays: the environment of a running process is not read again.
          setenv("FOVEA_BACKEND_PATH", "/elsewhere", 1);
          good &= find_gpu(asked, 0).reason == device.reason;
          exit(good ? 0 : 1);
        },
        testing::ExitedWithCode(0), "");
  };
  in_child("empty", FOVEA_DEVICE_GPU, FOVEA_STATUS_NO_DEVICE,
           {"libfovea_hip_amd.so not found", "libfovea_hip_nvidia.so not found"});
  in_child("one_device", FOVEA_DEVICE_GPU, FOVEA_STATUS_SUCCESS, {});
  in_child("one_device", FOVEA_DEVICE_NVIDIA, FOVEA_STATUS_NO_DEVICE, {"libfovea_hip_nvidia.so not found"});
  in_child("other_arch", FOVEA_DEVICE_AMD, FOVEA_STATUS_ARCH_MISMATCH, {"gfx000"});
}

}  // namespace
}  // namespace fovea
