#include "conduit_feed.hpp"

#include "json.hpp"

namespace loadgen {
namespace {

std::string map_head(size_t pairs) { return std::string(1, static_cast<char>(0x80 | pairs)); }

// The payload is the publisher's object, or its text as a string, with a backslash before each quote.
int64_t json_time(std::string_view payload) {
  const size_t key = payload.find("\"t");
  const size_t digits = payload.find_first_of("0123456789", key);
  if (key == std::string_view::npos || digits + Payload::kTimeDigits > payload.size()) return 0;
  return Payload::read_time(payload.data() + digits);
}

}  // namespace

ConduitFeed::ConduitFeed(const Options& options, const std::string& topic, size_t subscriber)
    : options_(options),
      topic_(topic),
      name_(options.subscription.empty() ? ""
                                         : options.subscription + "." + std::to_string(subscriber)),
      is_msgpack_(options.subscribe == Protocol::kWsMsgpack) {
  const bool is_cumulative = options.ack == Ack::kCumulative;
  if (!is_msgpack_) {
    ack_head_ = R"({"type":"ack","topic":")" + topic + '"';
    if (!name_.empty()) ack_head_ += R"(,"subscription":")" + name_ + '"';
    if (is_cumulative) ack_head_ += R"(,"cumulative":true)";
    ack_head_ += R"(,"sequence":)";
    return;
  }
  ack_head_ = map_head(3 + !name_.empty() + is_cumulative);
  for (const std::string_view text : {"type", "ack", "topic"}) msgpack::put_str(ack_head_, text);
  msgpack::put_str(ack_head_, topic);
  if (!name_.empty()) {
    msgpack::put_str(ack_head_, "subscription");
    msgpack::put_str(ack_head_, name_);
  }
  if (is_cumulative) {
    msgpack::put_str(ack_head_, "cumulative");
    ack_head_ += '\xc3';
  }
  msgpack::put_str(ack_head_, "sequence");
}

void ConduitFeed::open(std::string& out) {
  out += websocket::upgrade_request("/ws", subprotocol_of(options_.subscribe), options_.key);
}

size_t ConduitFeed::received(std::string_view bytes, std::string& out, FeedSink& sink) {
  return stream_.receive(
      bytes, out, [&] { subscribe(out); },
      [&](std::string_view message) {
        if (is_msgpack_) each_msgpack(message, sink);
        else each_json_frame(message, [&](std::string_view one) { json_frame(one, sink); });
      });
}

void ConduitFeed::subscribe(std::string& out) const {
  const std::string ack = options_.ack == Ack::kNone ? "none" : "explicit";
  std::string frame;
  if (is_msgpack_) {
    const bool has_window = options_.max_in_flight > 0;
    frame = map_head(3 + !name_.empty() + has_window + options_.from_earliest);
    for (const std::string_view text : {"type", "subscribe", "topic"}) msgpack::put_str(frame, text);
    for (const std::string& text : {topic_, std::string("ack"), ack}) msgpack::put_str(frame, text);
    if (!name_.empty()) {
      msgpack::put_str(frame, "subscription");
      msgpack::put_str(frame, name_);
    }
    if (has_window) {
      msgpack::put_str(frame, "max_in_flight");
      msgpack::put_uint32(frame, static_cast<uint32_t>(options_.max_in_flight));
    }
    if (options_.from_earliest) {
      msgpack::put_str(frame, "start");
      frame += map_head(1);
      msgpack::put_str(frame, "from");
      msgpack::put_str(frame, "earliest");
    }
  } else {
    frame = R"({"type":"subscribe","topic":")" + topic_ + R"(","ack":")" + ack + '"';
    if (!name_.empty()) frame += R"(,"subscription":")" + name_ + '"';
    if (options_.max_in_flight > 0) {
      frame += R"(,"max_in_flight":)" + std::to_string(options_.max_in_flight);
    }
    if (options_.from_earliest) frame += R"(,"start":{"from":"earliest"})";
    frame += '}';
  }
  const char opcode = is_msgpack_ ? websocket::kBinary : websocket::kText;
  websocket::put_header(out, opcode, frame.size());
  out += frame;
}

void ConduitFeed::each_msgpack(std::string_view message, FeedSink& sink) {
  while (!message.empty()) {
    if (shape_.fits(message)) {
      sink.message(shape_.read(message.data(), sink.wants_time));
      message.remove_prefix(shape_.length());
      continue;
    }
    const ServerFrame frame = read_msgpack_frame(message);
    if (frame.bytes == 0) return sink.fault("a frame that is no msgpack map");
    const std::string_view bytes = message.substr(0, frame.bytes);
    message.remove_prefix(frame.bytes);
    if (frame.type != "message") {
      take(frame, sink);
      continue;
    }
    shape_.learn(bytes, frame);
    if (shape_.fits(bytes)) sink.message(shape_.read(bytes.data(), sink.wants_time));
    else sink.message({frame.sequence, 0, bytes.size(), frame.attempt});
  }
}

void ConduitFeed::json_frame(std::string_view bytes, FeedSink& sink) {
  const ServerFrame frame = read_json_frame(bytes);
  if (frame.bytes == 0) return sink.fault("a frame that is no JSON object");
  if (frame.type != "message") return take(frame, sink);
  sink.message({frame.sequence, json_time(frame.payload), bytes.size(), frame.attempt});
}

void ConduitFeed::take(const ServerFrame& frame, FeedSink& sink) {
  if (frame.type == "subscribed") {
    is_ready_ = true;
    sink.ready();
  } else if (frame.type == "error") {
    const std::string what = std::string(frame.code) + ": " + std::string(frame.message);
    if (!is_ready_) throw Failure("cannot subscribe: " + what);
    sink.fault("error frame " + what);
  } else if (frame.type == "disconnect" || frame.type == "unsubscribed") {
    sink.fault("a subscriber was sent " + std::string(frame.type));
  }
}

void ConduitFeed::ack(std::string&, uint64_t number) {
  if (is_msgpack_) {
    acks_ += ack_head_;
    msgpack::put_uint64(acks_, number);
    return;
  }
  if (!acks_.empty()) acks_ += kFrameSeparator;
  acks_ += ack_head_;
  acks_ += std::to_string(number);
  acks_ += '}';
}

void ConduitFeed::finish_acks(std::string& out) {
  if (acks_.empty()) return;
  const char opcode = is_msgpack_ ? websocket::kBinary : websocket::kText;
  websocket::put_header(out, opcode, acks_.size());
  out += acks_;
  acks_.clear();
}

}  // namespace loadgen
