// The connections of one thread, and its loop through the phases of a run.
#pragma once

#include <atomic>
#include <barrier>
#include <memory>
#include <vector>

#include "connection.hpp"
#include "course.hpp"
#include "publisher.hpp"
#include "subscriber.hpp"
#include "tally.hpp"
#include "watch.hpp"

namespace loadgen {

// What the crews of a run tell each other.
struct Muster {
  explicit Muster(size_t threads) : gathered(static_cast<std::ptrdiff_t>(threads)) {}

  std::barrier<> gathered;
  // Crews whose publishes are all answered, and whose subscribers have their --messages.
  std::atomic<size_t> settled{0};
  std::atomic<size_t> complete{0};
  std::atomic<int64_t> started_ns{0};
  std::atomic<int64_t> ended_ns{0};
};

class Crew {
 public:
  // Takes every `threads`th connection, from the `index`th on.
  Crew(Course& course, Muster& muster, size_t index);

  // Returns when all its connections are open. Throws Failure.
  void gather();
  // From the first publish to the last delivery. `watch` is the first crew's, else null.
  void run(Watch* watch);

  // Units that wait for their answer.
  size_t unanswered() const {
    size_t units = 0;
    for (const auto& one : publishers_) units += one->outstanding();
    return units;
  }
  const Tally& tally() const { return tally_; }
  const std::vector<std::unique_ptr<Subscriber>>& subscribers() const { return subscribers_; }

 private:
  template <typename Peer, typename Make>
  void open_all(std::vector<std::unique_ptr<Peer>>& peers, size_t count, Make make);

  void publish_due(int64_t now);
  void send_due_acks(int64_t now);
  void check_end(int64_t now, Watch* watch);
  void stop(int64_t now);
  bool is_drained();
  bool has_everything() const;
  void hold(Watch* watch);

  const Options& options_;
  Course& course_;
  Muster& muster_;
  size_t index_;
  Tally tally_;
  Poller poller_;
  std::vector<std::unique_ptr<Publisher>> publishers_;
  std::vector<std::unique_ptr<Subscriber>> subscribers_;
  // Open loop: units sent so far, and when the next is due.
  uint64_t sent_units_ = 0;
  int64_t next_due_ns_ = kNever;
  int64_t next_acks_ns_ = 0;
  bool is_settled_ = false;
  bool is_complete_ = false;
};

}  // namespace loadgen
