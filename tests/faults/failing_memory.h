// Host memory that fails on request, and counts what is alive. The definitions replace those of the C library for the
// whole process; they act only on the thread that armed them, and only while it is armed.
#pragma once

#include <cstddef>

namespace fovea_test {

enum class Fault {
  kNone,       // only count
  kOnce,       // the n-th allocation fails
  kFromThenOn  // the n-th and all later ones fail
};

// Starts counting on this thread; allocation number `n` (from 1) fails as `fault` says.
void arm_memory(Fault fault, int n);
// Stops; returns how many allocations were asked for since.
int disarm_memory();
// Blocks that were allocated by an armed thread and are not freed yet.
int live_blocks();
void forget_live_blocks();

// The n-th pthread_create of this thread and all later ones fail with EAGAIN; 0: none.
void arm_threads(int n);
// Stops; returns how many were asked for since.
int disarm_threads();

}  // namespace fovea_test
