/* dlopen_loop LIBRARY ROUNDS: opens the library, computes with threads of its own, closes it, again and again, from pure
 * C. After each round nothing of it may be left: no mapping, no thread, no file descriptor, no handler of fork. */
#define _POSIX_C_SOURCE 200809L
#include <dirent.h>
#include <dlfcn.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "fovea/fovea.h"

enum { kNumTokens = 3, kNumHeads = 2, kHeadSize = 32, kBlockSize = 16, kNumBlocks = 3, kSeqLen = 40 };

#define FUNCTIONS(X)                                                                                                  \
  X(foveaContextCreate) X(foveaContextDestroy) X(foveaConfigCreate) X(foveaConfigDestroy) X(foveaConfigSetHeads)      \
  X(foveaConfigSetHeadSizes) X(foveaConfigSetDataTypes) X(foveaConfigSetNonCausal) X(foveaAttentionCreate)            \
  X(foveaAttentionDestroy) X(foveaAttentionGetWorkspaceSize) X(foveaAttentionForward) X(foveaMetadataCreate)          \
  X(foveaMetadataDestroy) X(foveaMetadataSetSequences) X(foveaMetadataSetBlockTable) X(foveaMetadataCommit)           \
  X(foveaGetLastErrorMessage) X(foveaGetVersion)

static struct {
#define DECLARE(name) __typeof__(name)* name##_;
  FUNCTIONS(DECLARE)
} fovea;

static int resolve(void* library) {
  void* symbol;
#define RESOLVE(name)                                              \
  symbol = dlsym(library, #name);                                  \
  if (symbol == NULL) return fprintf(stderr, "no %s\n", #name), 0; \
  memcpy(&fovea.name##_, &symbol, sizeof(symbol));
  FUNCTIONS(RESOLVE)
  return 1;
}

static int fail(const char* what) {
  fprintf(stderr, "%s: %s\n", what, fovea.foveaGetLastErrorMessage_());
  return 0;
}

static foveaTensor_t tensor(float* data, int32_t ndim, int64_t a, int64_t b, int64_t c, int64_t d) {
  foveaTensor_t view = FOVEA_TENSOR_INIT;
  view.data = data;
  view.dtype = FOVEA_DATA_TYPE_F32;
  view.ndim = ndim;
  view.shape[0] = a;
  view.shape[1] = b;
  view.shape[2] = c;
  view.shape[3] = d;
  return view;
}

/* All keys are equal, so every query sees the mean of the visible values: that of key t is t. */
static int compute(void) {
  static float query[kNumTokens * kNumHeads * kHeadSize], output[kNumTokens * kNumHeads * kHeadSize];
  static float key_cache[kNumBlocks * kBlockSize * kNumHeads * kHeadSize];
  static float value_cache[kNumBlocks * kBlockSize * kNumHeads * kHeadSize];
  const int32_t query_start_loc[2] = {0, kNumTokens}, seq_lens[1] = {kSeqLen}, block_table[3] = {1, 0, 2};
  foveaContextCreateInfo_t info = FOVEA_CONTEXT_CREATE_INFO_INIT;
  foveaMetadataLimits_t limits = FOVEA_METADATA_LIMITS_INIT;
  foveaForwardArgs_t args = FOVEA_FORWARD_ARGS_INIT;
  foveaContext_t context = NULL;
  foveaConfig_t config = NULL;
  foveaAttention_t attention = NULL;
  foveaMetadata_t metadata = NULL;
  void* workspace = NULL;
  int32_t version = 0;
  int i, t, d, ok = 0;
  for (i = 0; i < kNumTokens * kNumHeads * kHeadSize; ++i) {
    query[i] = 0.5f;
    output[i] = -1;
  }
  for (t = 0; t < kNumBlocks * kBlockSize; ++t) {
    const int slot = block_table[t / kBlockSize] * kBlockSize + t % kBlockSize;
    for (d = 0; d < kNumHeads * kHeadSize; ++d) {
      key_cache[slot * kNumHeads * kHeadSize + d] = t < kSeqLen ? 0.25f : NAN;
      value_cache[slot * kNumHeads * kHeadSize + d] = t < kSeqLen ? (float)t : NAN;
    }
  }
  info.device = FOVEA_DEVICE_CPU;
  info.num_threads = 2;
  limits.max_num_seqs = 1;
  limits.max_num_tokens = kNumTokens;
  limits.max_seq_len = kSeqLen;
  limits.max_blocks_per_seq = 3;
  /* A failing call first: the sentence of the thread must not keep the library in memory. */
  if (fovea.foveaGetVersion_(NULL) != FOVEA_STATUS_INVALID_ARGUMENT) return fail("foveaGetVersion(NULL)");
  if (fovea.foveaGetVersion_(&version) || version != FOVEA_VERSION) return fail("foveaGetVersion");
  if (fovea.foveaContextCreate_(&info, &context)) return fail("foveaContextCreate");
  if (fovea.foveaConfigCreate_(&config) || fovea.foveaConfigSetHeads_(config, kNumHeads, kNumHeads) ||
      fovea.foveaConfigSetHeadSizes_(config, kHeadSize, 0) || fovea.foveaConfigSetNonCausal_(config, 1) ||
      fovea.foveaConfigSetDataTypes_(config, FOVEA_DATA_TYPE_F32, FOVEA_DATA_TYPE_NONE, FOVEA_DATA_TYPE_NONE)) {
    return fail("config");
  }
  if (fovea.foveaAttentionCreate_(context, config, FOVEA_BACKEND_AUTO, &attention)) return fail("foveaAttentionCreate");
  if (fovea.foveaMetadataCreate_(context, &limits, &metadata) ||
      fovea.foveaMetadataSetSequences_(metadata, FOVEA_MEMORY_HOST, 1, kNumTokens, 0, 0, query_start_loc, seq_lens) ||
      fovea.foveaMetadataSetBlockTable_(metadata, FOVEA_MEMORY_HOST, 1, 3, 0, block_table) ||
      fovea.foveaMetadataCommit_(metadata, NULL)) {
    return fail("metadata");
  }
  if (fovea.foveaAttentionGetWorkspaceSize_(attention, &limits, &args.workspace_size)) return fail("workspace size");
  if (posix_memalign(&workspace, 64, args.workspace_size + 64)) return 0;
  args.workspace = workspace;
  args.query = tensor(query, 3, kNumTokens, kNumHeads, kHeadSize, 0);
  args.output = tensor(output, 3, kNumTokens, kNumHeads, kHeadSize, 0);
  args.key_cache = tensor(key_cache, 4, kNumBlocks, kBlockSize, kNumHeads, kHeadSize);
  args.value_cache = tensor(value_cache, 4, kNumBlocks, kBlockSize, kNumHeads, kHeadSize);
  for (args.causal = 1; args.causal <= 2; ++args.causal) {
    if (fovea.foveaAttentionForward_(attention, metadata, &args)) return fail("foveaAttentionForward");
    ok = 1;
    for (i = 0; i < kNumTokens; ++i) {
      const int visible = args.causal == 1 ? kSeqLen - kNumTokens + i + 1 : kSeqLen;
      const float expected = 0.5f * (float)(visible - 1);
      for (d = 0; d < kNumHeads * kHeadSize; ++d) {
        ok = ok && fabsf(output[i * kNumHeads * kHeadSize + d] - expected) < 1e-3f;
      }
    }
    if (!ok) break;
  }
  if (!ok) fprintf(stderr, "wrong result: %g\n", (double)output[0]);
  free(workspace);
  /* In the order that is hardest: what others hold references to goes first. */
  fovea.foveaContextDestroy_(context);
  fovea.foveaConfigDestroy_(config);
  fovea.foveaMetadataDestroy_(metadata);
  fovea.foveaAttentionDestroy_(attention);
  return ok;
}

static int count_entries(const char* folder) {
  int count = 0;
  DIR* dir = opendir(folder);
  if (dir == NULL) return -1;
  while (readdir(dir) != NULL) ++count;
  closedir(dir);
  return count;
}

static int is_mapped(const char* name) {
  char line[4096];
  int found = 0;
  FILE* maps = fopen("/proc/self/maps", "r");
  if (maps == NULL) return -1;
  while (fgets(line, sizeof(line), maps) != NULL) found = found || strstr(line, name) != NULL;
  fclose(maps);
  return found;
}

/* A joined thread's entry may outlive pthread_join by a moment. */
static int threads_settle_at(int expected) {
  const struct timespec pause = {0, 1000000};
  int tries;
  for (tries = 0; tries < 2000 && count_entries("/proc/self/task") != expected; ++tries) nanosleep(&pause, NULL);
  return count_entries("/proc/self/task") == expected;
}

int main(int argc, char** argv) {
  const int rounds = argc > 2 ? atoi(argv[2]) : 0;
  const int threads = count_entries("/proc/self/task");
  int files = 0, round;
  if (rounds < 1) return fprintf(stderr, "usage: dlopen_loop LIBRARY ROUNDS\n"), 2;
  for (round = 0; round < rounds; ++round) {
    int child = 0;
    pid_t pid;
    void* library = dlopen(argv[1], RTLD_NOW | RTLD_LOCAL);
    if (library == NULL) return fprintf(stderr, "%s\n", dlerror()), 1;
    if (!resolve(library) || !compute()) return 1;
    if (!threads_settle_at(threads)) return fprintf(stderr, "round %d: threads are left\n", round), 1;
    if (dlclose(library) != 0) return fprintf(stderr, "%s\n", dlerror()), 1;
    if (is_mapped("libfovea.so") != 0) return fprintf(stderr, "round %d: still mapped after dlclose\n", round), 1;
    if (round == 0) files = count_entries("/proc/self/fd");
    if (count_entries("/proc/self/fd") != files) return fprintf(stderr, "round %d: files are left open\n", round), 1;
    pid = fork();
    if (pid == 0) _exit(0);
    if (pid < 0 || waitpid(pid, &child, 0) != pid || !WIFEXITED(child) || WEXITSTATUS(child) != 0) {
      return fprintf(stderr, "round %d: fork after dlclose failed\n", round), 1;
    }
  }
  printf("%d rounds\n", rounds);
  return 0;
}
