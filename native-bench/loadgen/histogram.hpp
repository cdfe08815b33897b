// Log-linear histogram of microseconds, as HdrHistogram's: 128 buckets to a power of two, so that a
// value is told with an error below 1 %, whatever its size.
#pragma once

#include <algorithm>
#include <bit>
#include <cstdint>
#include <utility>
#include <vector>

namespace loadgen {

class Histogram {
 public:
  void record(int64_t us, uint64_t times = 1) {
    const auto value = static_cast<uint64_t>(std::max<int64_t>(us, 0));
    const size_t at = std::min(index_of(value), kBuckets - 1);
    counts_[at] += times;
    count_ += times;
    sum_ += value * times;
    max_ = std::max(max_, value);
  }

  void add(const Histogram& other) {
    for (size_t at = 0; at < kBuckets; at++) counts_[at] += other.counts_[at];
    count_ += other.count_;
    sum_ += other.sum_;
    max_ = std::max(max_, other.max_);
  }

  uint64_t count() const { return count_; }
  uint64_t max() const { return max_; }
  double mean() const { return count_ == 0 ? 0 : static_cast<double>(sum_) / count_; }

  // The smallest upper bound below which lies this share (0 to 1) of the values.
  uint64_t percentile(double share) const {
    const auto wanted = static_cast<uint64_t>(share * static_cast<double>(count_) + 0.5);
    uint64_t seen = 0;
    for (size_t at = 0; at < kBuckets; at++) {
      seen += counts_[at];
      if (seen >= std::max<uint64_t>(wanted, 1)) return std::min(upper_of(at), max_);
    }
    return max_;
  }

  // [upper bound, count] of the buckets that have any.
  std::vector<std::pair<uint64_t, uint64_t>> buckets() const {
    std::vector<std::pair<uint64_t, uint64_t>> filled;
    for (size_t at = 0; at < kBuckets; at++) {
      if (counts_[at] > 0) filled.emplace_back(upper_of(at), counts_[at]);
    }
    return filled;
  }

 private:
  static constexpr int kBits = 7;
  static constexpr uint64_t kLinear = 2ULL << kBits;
  static constexpr size_t kBuckets = kLinear + (uint64_t{32} << kBits);

  // Below 256 each value has its bucket; above, the seven bits behind the leading one.
  static size_t index_of(uint64_t value) {
    if (value < kLinear) return value;
    const int shift = std::bit_width(value) - kBits - 1;
    return kLinear + (static_cast<size_t>(shift - 1) << kBits) + (value >> shift) - (1 << kBits);
  }

  static uint64_t upper_of(size_t at) {
    if (at < kLinear) return at;
    const size_t above = at - kLinear;
    const size_t shift = (above >> kBits) + 1;
    const uint64_t bits = (above & ((1 << kBits) - 1)) + (1 << kBits);
    return ((bits + 1) << shift) - 1;
  }

  std::vector<uint64_t> counts_ = std::vector<uint64_t>(kBuckets);
  uint64_t count_ = 0;
  uint64_t sum_ = 0;
  uint64_t max_ = 0;
};

}  // namespace loadgen
