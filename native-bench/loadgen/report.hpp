// The result of a run as one JSON object. See README.md for its fields.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "options.hpp"
#include "tally.hpp"
#include "watch.hpp"

namespace loadgen {

struct Result {
  double seconds = 0;
  Tally tally;
  std::vector<std::string> problems;
  // Seconds from the subscribe request; none: nothing was to come, or not all came.
  std::optional<double> first_delivery_s;
  std::optional<double> complete_s;
};

std::string to_json(const Options& options, const Result& result, const Watch& watch);

}  // namespace loadgen
