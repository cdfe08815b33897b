// What ends the program at once with one line and exit code 2: bad options, no target, a refused key.
#pragma once

#include <stdexcept>

namespace loadgen {

struct Failure : std::runtime_error {
  using std::runtime_error::runtime_error;
};

}  // namespace loadgen
