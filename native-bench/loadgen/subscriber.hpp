// One subscribing connection: checks that the numbers of its topic come without gap, twice or back.
#pragma once

#include <memory>
#include <string>

#include "connection.hpp"
#include "course.hpp"
#include "feed.hpp"
#include "tally.hpp"

namespace loadgen {

class Subscriber : public Speaker, private FeedSink {
 public:
  // `index`: among the subscribers of its topic.
  Subscriber(Poller& poller, Course& course, Tally& tally, size_t topic, size_t index);

  bool is_ready() const { return is_ready_; }
  size_t topic() const { return topic_; }
  // Messages in order, since it subscribed.
  uint64_t received_count() const { return received_; }
  // Monotonic ns of the subscribe request, the first message, and the --messages'th one; 0: not yet.
  int64_t asked_ns() const { return asked_ns_; }
  int64_t first_ns() const { return first_ns_; }
  int64_t complete_ns() const { return complete_ns_; }

  // Sends the acks that have been gathered for long enough.
  void send_due_acks(int64_t now);

  void connected() override;
  size_t received(std::string_view bytes) override;
  void closed(const std::string& why) override;

 private:
  void ready() override { is_ready_ = true; }
  void message(const Delivery& delivery) override;
  void fault(const std::string& problem) override { course_.fault(problem); }

  bool follows(const Delivery& delivery);
  void acknowledge(uint64_t number);
  void send_acks();

  Course& course_;
  Tally& tally_;
  size_t topic_;
  int64_t ack_every_ns_;
  std::unique_ptr<Feed> feed_;
  bool is_ready_ = false;
  uint64_t last_ = 0;
  uint64_t received_ = 0;
  // Highest of those gathered; 0: none.
  uint64_t to_ack_ = 0;
  // When they must be sent.
  int64_t acks_due_ns_ = 0;
  // Of the read under way.
  int64_t now_ns_ = 0;
  bool is_counted_ = false;
  int64_t asked_ns_ = 0;
  int64_t first_ns_ = 0;
  int64_t complete_ns_ = 0;
  Connection connection_;
};

}  // namespace loadgen
