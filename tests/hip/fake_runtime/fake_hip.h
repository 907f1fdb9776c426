// A HIP runtime without a GPU, as a library that takes the place of libamdhip64. Its devices' memory is memory of this
// process that the host cannot touch: pages open only while work of a stream runs, so that a device pointer that the
// host dereferences is a fault at once. Work is done as late as a real device might: when something waits for it.
//
// It reports what a real runtime leaves undefined or what breaks a capture (violations), and fails on request.
#pragma once

#include <stddef.h>

#include <functional>
#include <string>
#include <vector>

namespace fake_hip {

// Where the devices and their memory start anew; open handles become invalid. No device is left if `count` is 0.
void set_devices(int count, const char* architecture);

// Allocation number `n` from now on (from 1; device and pinned memory alike) fails with hipErrorOutOfMemory; 0: none.
void fail_allocation(int n);

struct Counts {
  int live_device_blocks = 0;
  int live_pinned_blocks = 0;
  int live_events = 0;
  int allocations = 0;  // asked for since the last set_devices
  int waits = 0;        // synchronisations likewise
  int calls = 0;        // of any function likewise
  int launches = 0;     // kernels and host work that were put on streams
};
Counts counts();

// What went wrong, in order; empty if nothing did. Writes beyond the end of an allocation are found when it is freed or
// when this is called.
std::vector<std::string> violations();

// Puts work on a stream as a kernel launch would: it runs with the devices' memory open, or is recorded by a capture.
void launch(void* stream, std::function<void()> work);

// From now on launches of kernels are only counted, so that they take no memory of the host.
void discard_launches(bool discard);

// Names of the kernels that were launched through hipLaunchKernel, in order.
std::vector<std::string> launched_kernels();

}  // namespace fake_hip
