/*
 * quickstart [LIBRARY]: attention on a paged KV cache, causal and non-causal, from pure C99.
 *
 * The library is opened at run time (libfovea.so.1 by default), so this program needs nothing but the header to compile:
 *   cc -std=c99 quickstart.c -I include -ldl -lm -o quickstart
 *
 * The value of key t is a vector with a single 1 at place t. Attention sums values by weight, so element t of an output
 * row is the weight that this query gave to key t: the output is a picture of what each query saw.
 *
 * Exits with 0 only if the pictures are as they must be.
 */
#define _POSIX_C_SOURCE 200112L
#include <dlfcn.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fovea/fovea.h"

/* The functions used here: return type, name without its prefix, parameters. */
#define FUNCTIONS(X)                                                                                                   \
  X(const char*, GetVersionString, (void))                                                                             \
  X(const char*, GetLastErrorMessage, (void))                                                                          \
  X(const char*, StatusName, (foveaStatus_t))                                                                          \
  X(foveaStatus_t, GetBackendCount, (int32_t*))                                                                        \
  X(foveaStatus_t, GetBackend, (int32_t, foveaBackend_t*))                                                             \
  X(const char*, BackendGetName, (foveaBackend_t))                                                                     \
  X(foveaStatus_t, BackendIsAvailable, (foveaBackend_t, int32_t*, char*, size_t))                                      \
  X(foveaStatus_t, BackendSupports, (foveaBackend_t, foveaCapability_t, int32_t*))                                     \
  X(const char*, CapabilityName, (foveaCapability_t))                                                                  \
  X(foveaStatus_t, ContextCreate, (const foveaContextCreateInfo_t*, foveaContext_t*))                                  \
  X(void, ContextDestroy, (foveaContext_t))                                                                            \
  X(foveaStatus_t, ContextGetInfo, (foveaContext_t, foveaContextInfo_t*))                                              \
  X(foveaStatus_t, ConfigCreate, (foveaConfig_t*))                                                                     \
  X(void, ConfigDestroy, (foveaConfig_t))                                                                              \
  X(foveaStatus_t, ConfigSetHeads, (foveaConfig_t, int32_t, int32_t))                                                  \
  X(foveaStatus_t, ConfigSetHeadSizes, (foveaConfig_t, int32_t, int32_t))                                              \
  X(foveaStatus_t, ConfigSetDataTypes, (foveaConfig_t, foveaDataType_t, foveaDataType_t, foveaDataType_t))             \
  X(foveaStatus_t, ConfigSetKvCacheLayout, (foveaConfig_t, foveaKvCacheLayout_t, int32_t))                             \
  X(foveaStatus_t, ConfigSetNonCausal, (foveaConfig_t, int32_t))                                                       \
  X(foveaStatus_t, AttentionCreate, (foveaContext_t, foveaConfig_t, foveaBackend_t, foveaAttention_t*))                \
  X(void, AttentionDestroy, (foveaAttention_t))                                                                        \
  X(foveaStatus_t, AttentionGetBackend, (foveaAttention_t, foveaBackend_t*))                                           \
  X(foveaStatus_t, AttentionGetWorkspaceSize, (foveaAttention_t, const foveaMetadataLimits_t*, size_t*))               \
  X(foveaStatus_t, AttentionWriteKvCache, (foveaAttention_t, const foveaKvWriteArgs_t*))                               \
  X(foveaStatus_t, AttentionForward, (foveaAttention_t, foveaMetadata_t, const foveaForwardArgs_t*))                   \
  X(foveaStatus_t, MetadataCreate, (foveaContext_t, const foveaMetadataLimits_t*, foveaMetadata_t*))                   \
  X(void, MetadataDestroy, (foveaMetadata_t))                                                                          \
  X(foveaStatus_t, MetadataSetSequences,                                                                               \
    (foveaMetadata_t, foveaMemory_t, int32_t, int32_t, int32_t, int32_t, const int32_t*, const int32_t*))              \
  X(foveaStatus_t, MetadataSetBlockTable, (foveaMetadata_t, foveaMemory_t, int32_t, int32_t, int64_t, const int32_t*)) \
  X(foveaStatus_t, MetadataSetCausal, (foveaMetadata_t, int32_t))                                                      \
  X(foveaStatus_t, MetadataCommit, (foveaMetadata_t, void*))

static struct {
#define DECLARE(type, name, parameters) type(*name) parameters;
  FUNCTIONS(DECLARE)
} fovea;

static int load(const char* path) {
  void* symbol = NULL;
  void* library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
  if (library == NULL) {
    fprintf(stderr, "cannot open %s: %s\nGive the library's path as the first argument.\n", path, dlerror());
    return 0;
  }
#define RESOLVE(type, name, parameters)                               \
  symbol = dlsym(library, "fovea" #name);                             \
  if (symbol == NULL) {                                               \
    fprintf(stderr, "%s has no function fovea%s\n", path, #name);     \
    return 0;                                                         \
  }                                                                   \
  memcpy(&fovea.name, &symbol, sizeof(symbol));
  FUNCTIONS(RESOLVE)
  return 1;
}

/* Every call returns a status; the sentence that goes with a failure is the thread's last error message. */
#define TRY(call)                                                                                                  \
  do {                                                                                                             \
    const foveaStatus_t status_ = (call);                                                                          \
    if (status_ != FOVEA_STATUS_SUCCESS) {                                                                         \
      fprintf(stderr, "%s\n  %s: %s\n", #call, fovea.StatusName(status_), fovea.GetLastErrorMessage());            \
      return 1;                                                                                                    \
    }                                                                                                              \
  } while (0)

enum {
  kNumQueryHeads = 4,
  kNumKvHeads = 2,
  kHeadSize = 32, /* at least as large as the longest sequence, so that every key has a place in the picture */
  kBlockSize = 16,
  kNumBlocks = 5,
  kNumSeqs = 2,
  kNumTokens = 7,
  kColumns = 2
};

/* Two sequences share one call: a block of four queries after 18 tokens of context, and three queries with none. */
static const int32_t query_start_loc[kNumSeqs + 1] = {0, 4, kNumTokens};
static const int32_t seq_lens[kNumSeqs] = {22, 3};
/* Their blocks lie scattered in the cache; the entry past the end of the second sequence is never read. */
static const int32_t block_table[kNumSeqs * kColumns] = {3, 1, 4, -1};

static float query[kNumTokens][kNumQueryHeads][kHeadSize];
static float key_cache[kNumBlocks][kBlockSize][kNumKvHeads][kHeadSize];
static float value_cache[kNumBlocks][kBlockSize][kNumKvHeads][kHeadSize];
static float causal_output[kNumTokens][kNumQueryHeads][kHeadSize];
static float non_causal_output[kNumTokens][kNumQueryHeads][kHeadSize];

static float random_number(void) {
  static uint32_t state = 12345;
  state = state * 1664525u + 1013904223u;
  return (float)(state >> 8) / 8388608.0f - 1.0f; /* [-1, 1) */
}

static foveaTensor_t tensor_of(void* data, int32_t ndim, int64_t a, int64_t b, int64_t c, int64_t d) {
  foveaTensor_t tensor = FOVEA_TENSOR_INIT; /* all strides 0: contiguous */
  tensor.data = data;
  tensor.dtype = FOVEA_DATA_TYPE_F32;
  tensor.ndim = ndim;
  tensor.shape[0] = a;
  tensor.shape[1] = b;
  tensor.shape[2] = c;
  tensor.shape[3] = d;
  return tensor;
}

static int list_backends(void) {
  int32_t count = 0, i, c;
  TRY(fovea.GetBackendCount(&count));
  printf("Backends, in order of preference:\n");
  for (i = 0; i < count; ++i) {
    foveaBackend_t backend = FOVEA_BACKEND_AUTO;
    int32_t available = 0;
    char reason[512];
    TRY(fovea.GetBackend(i, &backend));
    TRY(fovea.BackendIsAvailable(backend, &available, reason, sizeof(reason)));
    printf("  %-10s %s%s\n", fovea.BackendGetName(backend), available ? "available" : "not available: ", reason);
    if (!available) continue;
    printf("             supports");
    for (c = 0; c < FOVEA_CAPABILITY_COUNT; ++c) {
      int32_t supported = 0;
      TRY(fovea.BackendSupports(backend, (foveaCapability_t)c, &supported));
      if (supported) printf(" %s", fovea.CapabilityName((foveaCapability_t)c));
    }
    printf("\n");
  }
  return 0;
}

/* Puts every token's key and value into its row of the cache. */
static int fill_cache(foveaAttention_t attention) {
  static float key[32][kNumKvHeads][kHeadSize], value[32][kNumKvHeads][kHeadSize];
  int64_t slots[32];
  foveaKvWriteArgs_t args = FOVEA_KV_WRITE_ARGS_INIT;
  int32_t seq, t, head, d, n = 0;
  for (d = 0; d < kNumBlocks * kBlockSize * kNumKvHeads * kHeadSize; ++d) {
    (&key_cache[0][0][0][0])[d] = (&value_cache[0][0][0][0])[d] = (float)NAN; /* what is not written must not matter */
  }
  for (seq = 0; seq < kNumSeqs; ++seq) {
    for (t = 0; t < seq_lens[seq]; ++t, ++n) {
      slots[n] = (int64_t)block_table[seq * kColumns + t / kBlockSize] * kBlockSize + t % kBlockSize;
      for (head = 0; head < kNumKvHeads; ++head) {
        for (d = 0; d < kHeadSize; ++d) {
          key[n][head][d] = random_number();
          value[n][head][d] = d == t ? 1.0f : 0.0f;
        }
      }
    }
  }
  args.key = tensor_of(key, 3, n, kNumKvHeads, kHeadSize, 0);
  args.value = tensor_of(value, 3, n, kNumKvHeads, kHeadSize, 0);
  args.key_cache = tensor_of(key_cache, 4, kNumBlocks, kBlockSize, kNumKvHeads, kHeadSize);
  args.value_cache = tensor_of(value_cache, 4, kNumBlocks, kBlockSize, kNumKvHeads, kHeadSize);
  args.slot_mapping = slots;
  args.num_tokens = n;
  TRY(fovea.AttentionWriteKvCache(attention, &args));
  return 0;
}

/* Computes both kinds; the causal flag belongs to the batch. */
static int run(void) {
  foveaContextCreateInfo_t create = FOVEA_CONTEXT_CREATE_INFO_INIT;
  foveaContextInfo_t info = FOVEA_CONTEXT_INFO_INIT;
  foveaMetadataLimits_t limits = FOVEA_METADATA_LIMITS_INIT;
  foveaForwardArgs_t args = FOVEA_FORWARD_ARGS_INIT;
  foveaContext_t context = NULL;
  foveaConfig_t config = NULL;
  foveaAttention_t attention = NULL;
  foveaMetadata_t metadata = NULL;
  foveaBackend_t backend = FOVEA_BACKEND_AUTO;
  char* memory;
  int32_t i;

  /* A device. */
  create.device = FOVEA_DEVICE_CPU;
  TRY(fovea.ContextCreate(&create, &context));
  TRY(fovea.ContextGetInfo(context, &info));
  printf("\nContext: %s, %s, %d threads\n", info.device_name, info.architecture, (int)info.num_threads);

  /* What the layer needs, and the backend that serves it. */
  TRY(fovea.ConfigCreate(&config));
  TRY(fovea.ConfigSetHeads(config, kNumQueryHeads, kNumKvHeads));
  TRY(fovea.ConfigSetHeadSizes(config, kHeadSize, 0));
  TRY(fovea.ConfigSetDataTypes(config, FOVEA_DATA_TYPE_F32, FOVEA_DATA_TYPE_NONE, FOVEA_DATA_TYPE_NONE));
  TRY(fovea.ConfigSetKvCacheLayout(config, FOVEA_KV_CACHE_LAYOUT_STRIDED, kBlockSize));
  TRY(fovea.ConfigSetNonCausal(config, 1)); /* without this, non-causal batches are refused */
  TRY(fovea.AttentionCreate(context, config, FOVEA_BACKEND_AUTO, &attention));
  TRY(fovea.AttentionGetBackend(attention, &backend));
  printf("Attention: %s, %d query heads on %d KV heads of %d, blocks of %d\n", fovea.BackendGetName(backend),
         kNumQueryHeads, kNumKvHeads, kHeadSize, kBlockSize);

  /* The batch. */
  limits.max_num_seqs = kNumSeqs;
  limits.max_num_tokens = kNumTokens;
  limits.max_seq_len = kHeadSize;
  limits.max_blocks_per_seq = kColumns;
  TRY(fovea.MetadataCreate(context, &limits, &metadata));
  TRY(fovea.MetadataSetSequences(metadata, FOVEA_MEMORY_HOST, kNumSeqs, kNumTokens, 0, 0, query_start_loc, seq_lens));
  TRY(fovea.MetadataSetBlockTable(metadata, FOVEA_MEMORY_HOST, kNumSeqs, kColumns, 0, block_table));
  TRY(fovea.MetadataCommit(metadata, NULL));

  if (fill_cache(attention) != 0) return 1;
  for (i = 0; i < kNumTokens * kNumQueryHeads * kHeadSize; ++i) (&query[0][0][0])[i] = 4.0f * random_number();

  TRY(fovea.AttentionGetWorkspaceSize(attention, &limits, &args.workspace_size));
  memory = malloc(args.workspace_size + 64);
  if (memory == NULL) return 1;
  args.workspace = memory + (64 - (uintptr_t)memory % 64);
  args.query = tensor_of(query, 3, kNumTokens, kNumQueryHeads, kHeadSize, 0);
  args.key_cache = tensor_of(key_cache, 4, kNumBlocks, kBlockSize, kNumKvHeads, kHeadSize);
  args.value_cache = tensor_of(value_cache, 4, kNumBlocks, kBlockSize, kNumKvHeads, kHeadSize);

  args.output = tensor_of(causal_output, 3, kNumTokens, kNumQueryHeads, kHeadSize, 0);
  TRY(fovea.AttentionForward(attention, metadata, &args)); /* causal is the default */

  TRY(fovea.MetadataSetCausal(metadata, 0));
  args.output = tensor_of(non_causal_output, 3, kNumTokens, kNumQueryHeads, kHeadSize, 0);
  TRY(fovea.AttentionForward(attention, metadata, &args));

  free(memory);
  fovea.AttentionDestroy(attention);
  fovea.MetadataDestroy(metadata);
  fovea.ConfigDestroy(config);
  fovea.ContextDestroy(context);
  return 0;
}

static void print_weights(const float* weights, int32_t seq_len) {
  int32_t t;
  putchar('|');
  for (t = 0; t < seq_len; ++t) {
    putchar(weights[t] == 0.0f ? ' ' : " .:+#"[1 + (weights[t] > 0.02f) + (weights[t] > 0.05f) + (weights[t] > 0.1f)]);
  }
  putchar('|');
}

static void show(void) {
  int32_t seq, i;
  for (seq = 0; seq < kNumSeqs; ++seq) {
    const int32_t query_len = query_start_loc[seq + 1] - query_start_loc[seq];
    const int32_t width = seq_lens[seq] + 2 < 10 ? 10 : seq_lens[seq] + 2;
    printf("\nSequence %d: %d queries, %d keys. Weights of head 0, one column per key; blank = not seen\n", (int)seq,
           (int)query_len, (int)seq_lens[seq]);
    printf("                     %-*s   %s\n", (int)width, "causal", "non-causal");
    for (i = 0; i < query_len; ++i) {
      const int32_t row = query_start_loc[seq] + i;
      printf("  query at position %2d ", (int)(seq_lens[seq] - query_len + i));
      print_weights(causal_output[row][0], seq_lens[seq]);
      printf("%*s", (int)(width - seq_lens[seq] - 2 + 2), "");
      print_weights(non_causal_output[row][0], seq_lens[seq]);
      printf("\n");
    }
  }
}

/* The weights of a row by the definition, in double precision. */
static int row_is_right(const float* weights, int32_t seq, int32_t row, int32_t head, int32_t visible) {
  const int32_t kv_head = head / (kNumQueryHeads / kNumKvHeads);
  double scores[kHeadSize], sum = 0;
  int32_t t, d;
  for (t = 0; t < visible; ++t) {
    const int32_t block = block_table[seq * kColumns + t / kBlockSize];
    scores[t] = 0;
    for (d = 0; d < kHeadSize; ++d) {
      scores[t] += (double)query[row][head][d] * (double)key_cache[block][t % kBlockSize][kv_head][d];
    }
    scores[t] = exp(scores[t] / sqrt((double)kHeadSize));
    sum += scores[t];
  }
  for (t = 0; t < kHeadSize; ++t) {
    if (t >= visible && weights[t] != 0.0f) return 0; /* what is not seen has no weight at all */
    if (t < visible && !(fabs((double)weights[t] - scores[t] / sum) < 1e-5)) return 0;
  }
  return 1;
}

static int check(void) {
  int32_t seq, i, head, wrong = 0;
  for (seq = 0; seq < kNumSeqs; ++seq) {
    const int32_t query_len = query_start_loc[seq + 1] - query_start_loc[seq];
    for (i = 0; i < query_len; ++i) {
      const int32_t row = query_start_loc[seq] + i;
      const int32_t position = seq_lens[seq] - query_len + i;
      for (head = 0; head < kNumQueryHeads; ++head) {
        wrong += !row_is_right(causal_output[row][head], seq, row, head, position + 1);
        wrong += !row_is_right(non_causal_output[row][head], seq, row, head, seq_lens[seq]);
      }
    }
  }
  if (wrong != 0) {
    fprintf(stderr, "\n%d rows are not what the definition of attention says\n", (int)wrong);
    return 1;
  }
  printf("\nCausal: a query at position p sees the keys 0 to p. Non-causal: every key of its own sequence, later queries\n"
         "included; the last query sees the same either way. All %d rows agree with the definition.\n",
         2 * kNumTokens * kNumQueryHeads);
  return 0;
}

int main(int argc, char** argv) {
  if (!load(argc > 1 ? argv[1] : "libfovea.so.1")) return 1;
  printf("libfovea %s\n\n", fovea.GetVersionString());
  if (list_backends() != 0 || run() != 0) return 1;
  show();
  return check();
}
