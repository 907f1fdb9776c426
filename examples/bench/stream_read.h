// The yardstick of everything that is bound by memory: how fast all threads together can read a buffer once.
#pragma once

#include <cstddef>

// Bytes of the last-level cache as the kernel reports it, 32 MiB if it does not.
size_t last_level_cache_bytes();

// Bytes per second of the best of several passes over a buffer of `bytes`.
double stream_read_bandwidth(size_t bytes, int threads);
