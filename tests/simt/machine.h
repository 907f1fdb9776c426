// A GPU for tests: workgroups run one after another in a shuffled order, each wave is a fiber that switches only at barriers,
// and every access to memory is checked. What is wrong is collected with kernel, workgroup, wave, lane and place.
//
// Shared memory has a shadow for every byte: who wrote it last and who read it, and when (a count of barriers, and within a
// wave a count of its own synchronisations). Global memory is made of registered regions; bytes that a launch has written
// have a shadow too: a workgroup may not touch what another wrote, but for atomic operations and what was released to it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <functional>
#include <memory>
#include <new>
#include <string>
#include <vector>

#include "tests/simt/lane.h"

namespace fovea::hip::host {

struct Workgroup;

struct Launch {
  std::string kernel;
  int grid_x = 1;
  int grid_y = 1;
  int grid_z = 1;
  int num_threads = kWaveSize;
  int lds_bytes = 0;
  uint64_t seed = 1;            // of the order of waves and workgroups
  bool deliver_at_wait = false; // asynchronous copies arrive when they are waited for, not when they are issued
};

// What the accesses of a launch cost. Cycles of shared memory as on 32 banks of 4 bytes.
struct Counters {
  int64_t lds_accesses = 0;    // groups of lanes that could be served in one cycle if no bank were hit twice
  int64_t lds_cycles = 0;
  int64_t global_bytes = 0;    // that lanes asked for
  int64_t global_segments = 0; // of 64 bytes that they touched, counted for each instruction
};

struct Report {
  int64_t num_errors = 0;
  std::vector<std::string> errors;  // the first few
  Counters counters;
};

// Runs a kernel on all workgroups of a grid.
Report run(const Launch& launch, const std::function<void(const Workgroup&)>& kernel);

enum class Access { kRead, kReadWrite };

// Global memory that kernels may touch. It is aligned like memory of a GPU and surrounded by memory that they may not.
class Region {
 public:
  Region(std::string name, size_t bytes, Access access);
  ~Region();
  Region(const Region&) = delete;
  Region& operator=(const Region&) = delete;
  char* data() const { return data_; }
  size_t size() const { return bytes_; }

 private:
  char* data_;
  size_t bytes_;
};

template <class T>
class Array {
 public:
  Array(const char* name, size_t count, Access access) : region_(name, count * sizeof(T), access), count_(count) {}
  Array(const char* name, const std::vector<T>& values) : Array(name, values.size(), Access::kRead) {
    if (!values.empty()) std::memcpy(region_.data(), values.data(), values.size() * sizeof(T));
  }
  T* data() const { return reinterpret_cast<T*>(region_.data()); }
  size_t size() const { return count_; }
  T& operator[](size_t i) const { return data()[i]; }
  void fill(const T& value) const {
    for (size_t i = 0; i < count_; ++i) data()[i] = value;
  }

 private:
  Region region_;
  size_t count_;
};

// --- what the device layer calls, for the wave that runs ---------------------------------------------------------------

// Places of LDS that may be touched; nullptr after an error. `lane` < 0: the whole wave.
const char* lds_for_read(int lane, int64_t at, int bytes, int alignment);
char* lds_for_write(int lane, int64_t at, int bytes, int alignment, bool atomic);

enum class GlobalUse { kLoad, kStore, kAtomic };
// Whether a global access is allowed.
bool check_global(int lane, const void* at, int bytes, int alignment, GlobalUse use);

// from is nullptr where zeros are to be written.
void start_copy(int lane, int64_t to, const char* from, int bytes);
void commit_copies();
void wait_for_copies(int pending);

// What a workgroup lets others see: stores that their wave released, made known by a barrier or by the wave itself, when some
// wave then counts. A wave sees others' once it has acquired, after it or, with a barrier between, a wave of its workgroup counted.
void release_stores();
void note_count();
void acquire_stores();

void reach_barrier();
void synchronize_wave();

void report_error(int lane, const std::string& what);

// For the counters. Lanes with mask unset take no part.
void count_lds(const Int& at, int bytes, const Bool& mask);
void count_global(const Pointer& at, int bytes, const Bool& mask);

}  // namespace fovea::hip::host
