// CPU and memory of a process with all its descendants, from /proc.
#pragma once

#include <cstdint>

namespace loadgen {

struct Usage {
  double cpu_s = 0;
  uint64_t rss_bytes = 0;
};

// Of children that ended, what their parents were charged for. Zero when the process is gone.
Usage usage_of_tree(int pid);

// CPU seconds of this program.
double own_cpu_s();

}  // namespace loadgen
