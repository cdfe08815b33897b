// Where the values of a topic's msgpack message frames stand. Their widths seldom change (a sequence
// gains a byte or two at 2^7, 2^8 and 2^16), so one frame tells of all that follow; each is checked by
// its keys, and read anew when one does not stand where it stood.
#pragma once

#include <cstring>
#include <string>
#include <string_view>

#include "conduit_frames.hpp"
#include "feed.hpp"
#include "payload.hpp"

namespace loadgen {

class FrameShape {
 public:
  // Takes the frame as the pattern of the next ones.
  void learn(std::string_view bytes, const ServerFrame& frame) {
    length_ = 0;
    const size_t sequence = bytes.find(kSequence);
    const size_t attempt = bytes.find(kAttempt);
    if (sequence == std::string_view::npos || attempt == std::string_view::npos) return;
    sequence_at_ = sequence;
    attempt_at_ = attempt;
    first_ = bytes[0];
    learn_time(bytes, frame.payload);
    length_ = bytes.size();
  }

  bool fits(std::string_view bytes) const {
    return length_ > 0 && bytes.size() >= length_ && bytes[0] == first_ &&
           bytes.substr(sequence_at_, kSequence.size()) == kSequence &&
           bytes.substr(attempt_at_, kAttempt.size()) == kAttempt;
  }

  // Of a frame that fits.
  Delivery read(const char* bytes, bool with_time) const {
    Delivery delivery;
    delivery.number = msgpack::uint_of(bytes + sequence_at_ + kSequence.size());
    delivery.attempt = msgpack::uint_of(bytes + attempt_at_ + kAttempt.size());
    delivery.bytes = length_;
    if (!with_time) return delivery;
    if (time_ == Time::kDigits) delivery.sent_ns = Payload::read_time(bytes + time_at_);
    else if (time_ == Time::kInteger) {
      delivery.sent_ns =
          static_cast<int64_t>(msgpack::big_endian(bytes + time_at_, 8)) - Payload::kTimeBase;
    }
    return delivery;
  }

  size_t length() const { return length_; }

 private:
  static constexpr std::string_view kSequence = "\xa8sequence";
  static constexpr std::string_view kAttempt = "\xa7" "attempt";

  enum class Time { kNone, kDigits, kInteger };

  // The payload is the publisher's text as a str; or the same object as a map, when it was JSON.
  void learn_time(std::string_view bytes, std::string_view payload) {
    time_ = Time::kNone;
    if (payload.empty()) return;
    const char* end = payload.data() + payload.size();
    const std::string_view text = msgpack::text_of(payload.data(), end);
    if (Payload::is_at(text.data(), text.size())) {
      time_ = Time::kDigits;
      time_at_ = static_cast<size_t>(text.data() - bytes.data()) + Payload::kTimeAt;
      return;
    }
    const auto each = [&](std::string_view key, const char* value, const char*) {
      if (key != "t" || static_cast<uint8_t>(*value) != 0xcf) return;
      time_ = Time::kInteger;
      time_at_ = static_cast<size_t>(value + 1 - bytes.data());
    };
    msgpack::walk_map(payload.data(), end, each);
  }

  size_t length_ = 0;
  size_t sequence_at_ = 0;
  size_t attempt_at_ = 0;
  size_t time_at_ = 0;
  Time time_ = Time::kNone;
  char first_ = 0;
};

}  // namespace loadgen
