// What one thread has counted.
#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "histogram.hpp"

namespace loadgen {

struct Tally {
  uint64_t published = 0;
  std::map<std::string, uint64_t> errors;
  Histogram answers;
  uint64_t delivered = 0;
  uint64_t delivered_bytes = 0;
  uint64_t acked = 0;
  uint64_t gaps = 0;
  uint64_t duplicates = 0;
  uint64_t reorders = 0;
  Histogram deliveries;

  void add(const Tally& other) {
    published += other.published;
    for (const auto& [code, count] : other.errors) errors[code] += count;
    answers.add(other.answers);
    delivered += other.delivered;
    delivered_bytes += other.delivered_bytes;
    acked += other.acked;
    gaps += other.gaps;
    duplicates += other.duplicates;
    reorders += other.reorders;
    deliveries.add(other.deliveries);
  }
};

}  // namespace loadgen
