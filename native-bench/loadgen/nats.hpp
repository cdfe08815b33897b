// The text protocol of NATS, as much as PUB, SUB and JetStream's acknowledged publish need.
#pragma once

#include <deque>
#include <string>
#include <string_view>

#include "failure.hpp"
#include "json.hpp"
#include "publish_codec.hpp"

namespace loadgen::nats {

// One protocol line, with its payload where it has one.
struct Line {
  std::string_view verb;
  // The second word: the subject of a MSG.
  std::string_view subject;
  std::string_view payload;
  // 0: not whole.
  size_t bytes = 0;
};

inline Line read_line(std::string_view bytes) {
  const size_t end = bytes.find("\r\n");
  if (end == std::string_view::npos) return {};
  const std::string_view line = bytes.substr(0, end);
  const std::string_view verb = line.substr(0, line.find(' '));
  if (verb != "MSG") return {verb, {}, {}, end + 2};
  // Words are parted by one blank or more.
  const std::string_view rest = line.substr(4);
  const size_t length = json::uint_of(rest.substr(rest.rfind(' ') + 1));
  if (bytes.size() < end + 2 + length + 2) return {};
  const std::string_view subject = rest.substr(0, rest.find(' '));
  return {verb, subject, bytes.substr(end + 2, length), end + 2 + length + 2};
}

inline constexpr std::string_view kConnect = "CONNECT {\"verbose\":false}\r\n";

// Publishes; settled by the PONG behind them, or in a JetStream by the message to their inbox.
class Publish : public PublishCodec {
 public:
  Publish(bool is_jetstream, size_t publisher)
      : is_jetstream_(is_jetstream), inbox_("_INBOX.lg" + std::to_string(publisher)) {}

  void open(std::string& out, Settler&) override {
    out += kConnect;
    if (is_jetstream_) out += "SUB " + inbox_ + ".* 1\r\n";
    out += "PING\r\n";
    covered_.push_back(0);
  }

  bool is_in_order() const override { return !is_jetstream_; }

  void unit(std::string& frames, size_t slot, const std::string& topic, Payload& payload,
            int64_t scheduled_ns, size_t count) override {
    const std::string reply = is_jetstream_ ? " " + inbox_ + "." + std::to_string(slot) : "";
    for (size_t message = 0; message < count; message++) {
      frames += "PUB " + topic + reply + " " + std::to_string(payload.size()) + "\r\n";
      frames += payload.next(scheduled_ns);
      frames += "\r\n";
    }
    uncovered_ += count;
  }

  void finish(std::string& out, const std::string& frames) override {
    out += frames;
    if (is_jetstream_) return;
    out += "PING\r\n";
    covered_.push_back(uncovered_);
    uncovered_ = 0;
  }

  size_t answers(std::string_view bytes, std::string& out, Settler& settler) override {
    size_t taken = 0;
    for (;;) {
      const Line line = read_line(bytes.substr(taken));
      if (line.bytes == 0) return taken;
      taken += line.bytes;
      if (line.verb == "PING") out += "PONG\r\n";
      else if (line.verb == "PONG") answered(settler);
      else if (line.verb == "MSG") stored(line, settler);
      else if (line.verb == "-ERR") throw Failure("NATS: " + std::string(bytes.substr(0, 80)));
    }
  }

 private:
  void answered(Settler& settler) {
    if (covered_.empty()) return;
    if (!is_ready_) settler.ready();
    is_ready_ = true;
    for (size_t message = 0; message < covered_.front(); message++) settler.settled_oldest();
    covered_.pop_front();
  }

  static void stored(const Line& line, Settler& settler) {
    const size_t slot = json::uint_of(line.subject.substr(line.subject.rfind('.') + 1));
    if (line.payload.find("\"error\"") == std::string_view::npos) settler.settled(slot);
    else settler.failed(slot, std::string(line.payload.substr(0, 120)));
  }

  bool is_jetstream_;
  std::string inbox_;
  bool is_ready_ = false;
  // Messages written since the last PING, and those that each PING under way covers.
  size_t uncovered_ = 0;
  std::deque<size_t> covered_;
};

}  // namespace loadgen::nats
