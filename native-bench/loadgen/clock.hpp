// The machine's monotonic clock, the same in all processes: publishers write it into payloads.
#pragma once

#include <cstdint>
#include <ctime>

namespace loadgen {

inline int64_t now_ns() {
  timespec time{};
  clock_gettime(CLOCK_MONOTONIC, &time);
  return int64_t{time.tv_sec} * 1'000'000'000 + time.tv_nsec;
}

inline int64_t ns_of(double seconds) { return static_cast<int64_t>(seconds * 1e9); }

}  // namespace loadgen
