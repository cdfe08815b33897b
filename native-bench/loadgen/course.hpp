// What the threads of a run share: when is counted, what is stored by topic, and why a run is broken.
#pragma once

#include <atomic>
#include <cstdint>
#include <limits>
#include <mutex>
#include <set>
#include <string>
#include <vector>

#include "options.hpp"

namespace loadgen {

constexpr int64_t kNever = std::numeric_limits<int64_t>::max();

class Course {
 public:
  explicit Course(const Options& options)
      : options(options), stored(options.topics), left(options.messages) {}

  const Options& options;
  // The counted window.
  std::atomic<int64_t> from_ns{kNever};
  std::atomic<int64_t> to_ns{kNever};
  // No more publishes.
  std::atomic<bool> stopped{false};
  // Answered publishes of each topic, the warm-up's too.
  std::vector<std::atomic<uint64_t>> stored;
  // With --messages: what may still be sent.
  std::atomic<int64_t> left;

  bool counts_at(int64_t at_ns) const {
    return at_ns >= from_ns.load(std::memory_order_relaxed) &&
           at_ns < to_ns.load(std::memory_order_relaxed);
  }

  // Whether one more unit may be sent; with --messages it is taken from what is left.
  bool take(size_t messages) {
    if (stopped.load(std::memory_order_relaxed)) return false;
    if (options.messages == 0) return true;
    return left.fetch_sub(static_cast<int64_t>(messages)) > 0;
  }

  bool is_all_sent() const { return options.messages > 0 && left.load() <= 0; }

  // A fault that makes the result invalid; told once each.
  void fault(const std::string& problem) {
    const std::lock_guard guard(mutex_);
    if (problems_.size() < kProblemsMax) problems_.insert(problem);
  }

  // A fault after which there is nothing to go on with.
  void broken(const std::string& problem) {
    fault(problem);
    is_broken_ = true;
    stopped = true;
  }

  bool is_broken() const { return is_broken_; }

  std::vector<std::string> problems() const {
    const std::lock_guard guard(mutex_);
    return {problems_.begin(), problems_.end()};
  }

 private:
  static constexpr size_t kProblemsMax = 20;

  mutable std::mutex mutex_;
  std::set<std::string> problems_;
  std::atomic<bool> is_broken_{false};
};

}  // namespace loadgen
