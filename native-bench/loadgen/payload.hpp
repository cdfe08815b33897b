// The payload of all messages of one publisher: a JSON object of a fixed size, patched in place.
#pragma once

#include <cstdint>
#include <cstring>
#include <string>

namespace loadgen {

// {"n":<12 digits>,"p":<6 digits>,"t":<19 digits>,"x":"..."}. No number begins with 0, so none
// changes its width: n counts from 10^11, p from 10^5, t is monotonic ns and 10^18 more.
class Payload {
 public:
  static constexpr size_t kBytesMin = 64;
  static constexpr size_t kNumberAt = 5;
  static constexpr size_t kNumberDigits = 12;
  static constexpr size_t kPublisherAt = kNumberAt + kNumberDigits + 5;
  static constexpr size_t kPublisherDigits = 6;
  static constexpr size_t kTimeAt = kPublisherAt + kPublisherDigits + 5;
  static constexpr size_t kTimeDigits = 19;
  static constexpr int64_t kPublisherBase = 100'000;
  static constexpr size_t kPublishersMax = 900'000;
  static constexpr int64_t kTimeBase = 1'000'000'000'000'000'000;

  Payload(size_t bytes, size_t publisher) {
    const size_t shown = static_cast<size_t>(kPublisherBase) + publisher % kPublishersMax;
    text_ = R"({"n":100000000000,"p":)" + std::to_string(shown) +
            R"(,"t":1000000000000000000,"x":")";
    text_.append(bytes - text_.size() - 2, 'x');
    text_ += "\"}";
  }

  // The text of the next message, valid until the following call.
  const std::string& next(int64_t scheduled_ns) {
    write_digits(text_.data() + kNumberAt, kNumberDigits, 100'000'000'000 + number_++);
    write_digits(text_.data() + kTimeAt, kTimeDigits, kTimeBase + scheduled_ns);
    return text_;
  }

  size_t size() const { return text_.size(); }

  static int64_t number_of(const char* payload) {
    return read_digits(payload + kNumberAt, kNumberDigits) - 100'000'000'000;
  }

  // Its index, below 900,000.
  static size_t publisher_of(const char* payload) {
    const int64_t read = read_digits(payload + kPublisherAt, kPublisherDigits) - kPublisherBase;
    return static_cast<size_t>(read);
  }

  // `digits`: of the time, at kTimeAt in a payload.
  static int64_t read_time(const char* digits) {
    return read_digits(digits, kTimeDigits) - kTimeBase;
  }

  // Whether the bytes begin as a payload does.
  static bool is_at(const char* bytes, size_t count) {
    return count >= kBytesMin && std::memcmp(bytes, "{\"n\":1", 6) == 0;
  }

 private:
  static void write_digits(char* to, size_t digits, int64_t value) {
    for (size_t at = digits; at-- > 0; value /= 10) to[at] = static_cast<char>('0' + value % 10);
  }

  static int64_t read_digits(const char* from, size_t digits) {
    int64_t value = 0;
    for (size_t at = 0; at < digits; at++) value = value * 10 + (from[at] - '0');
    return value;
  }

  std::string text_;
  int64_t number_ = 0;
};

}  // namespace loadgen
