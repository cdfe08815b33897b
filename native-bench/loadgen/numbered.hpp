// The number of a message of a server without sequences: its publisher's own counter.
#pragma once

#include <vector>

#include "feed.hpp"
#include "payload.hpp"

namespace loadgen {

// What a message of the only publisher says, counted from 1.
inline uint64_t counter_of(const char* payload) {
  return static_cast<uint64_t>(Payload::number_of(payload) + 1);
}

template <typename NumberOf>
void take_payload(std::string_view payload, size_t bytes, FeedSink& sink, NumberOf number_of) {
  if (!Payload::is_at(payload.data(), payload.size())) {
    return sink.fault("a message that no publisher of this run sent");
  }
  const int64_t sent_ns = Payload::read_time(payload.data() + Payload::kTimeAt);
  sink.message({number_of(payload.data()), sent_ns, bytes, 1});
}

inline void take_payload(std::string_view payload, size_t bytes, FeedSink& sink) {
  take_payload(payload, bytes, sink, counter_of);
}

// One row of numbers for the messages of several publishers: it rises by one where each follows its
// publisher's last, and shows what is missing, twice or back as the counter of that one does.
class PublisherRow {
 public:
  uint64_t number_of(const char* payload) {
    const size_t publisher = Payload::publisher_of(payload);
    if (publisher >= lasts_.size()) lasts_.resize(publisher + 1);
    uint64_t& last = lasts_[publisher];
    const uint64_t counter = counter_of(payload);
    if (counter == last) return row_;
    if (counter < last) return row_ - 1;
    row_ += last == 0 || counter == last + 1 ? 1 : 2;
    last = counter;
    return row_;
  }

 private:
  // By publisher; 0: nothing came of it yet.
  std::vector<uint64_t> lasts_;
  uint64_t row_ = 0;
};

}  // namespace loadgen
