// How one protocol subscribes and brings messages.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "options.hpp"

namespace loadgen {

struct Delivery {
  // From 1; rises by one from message to message of the topic.
  uint64_t number = 0;
  // Monotonic; 0: not known.
  int64_t sent_ns = 0;
  // Of its frame.
  size_t bytes = 0;
  // Above 1 the server says that it gives it again.
  uint64_t attempt = 1;
};

// Who gets what a feed reads.
class FeedSink {
 public:
  virtual ~FeedSink() = default;
  // Subscribed: no message from now on is missed.
  virtual void ready() = 0;
  virtual void message(const Delivery& delivery) = 0;
  // Whether the next message's time is wanted: reading it costs as much as all the rest.
  bool wants_time = true;
  virtual void fault(const std::string& problem) = 0;
};

class Feed {
 public:
  virtual ~Feed() = default;
  virtual void open(std::string& out) = 0;
  // Gives how many bytes it took. It may write to `out`.
  virtual size_t received(std::string_view bytes, std::string& out, FeedSink& sink) = 0;
  // Acknowledges up to this number, or this number alone. Protocols without acks do nothing.
  virtual void ack(std::string&, uint64_t) {}
  // Ends what `ack` wrote since the last call: where several go in one message, its header.
  virtual void finish_acks(std::string&) {}
};

std::unique_ptr<Feed> make_feed(const Options& options, const std::string& topic, size_t subscriber);

}  // namespace loadgen
