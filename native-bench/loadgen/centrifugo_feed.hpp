// A subscription over Centrifugo's WebSocket, in JSON.
#pragma once

#include "centrifugo.hpp"
#include "failure.hpp"
#include "numbered.hpp"
#include "websocket_stream.hpp"

namespace loadgen {

class CentrifugoFeed : public Feed {
 public:
  explicit CentrifugoFeed(const std::string& topic) : topic_(topic) {}

  void open(std::string& out) override {
    out += websocket::upgrade_request("/connection/websocket", "", "");
  }

  size_t received(std::string_view bytes, std::string& out, FeedSink& sink) override {
    return stream_.receive(
        bytes, out, [&] { subscribe(out); },
        [&](std::string_view message) {
          centrifugo::each_line(message, [&](std::string_view line) { take(line, out, sink); });
        });
  }

 private:
  void subscribe(std::string& out) const {
    const std::string channel = R"({"channel":")" + topic_ + R"("})";
    send(out, R"({"id":1,"connect":{}})" "\n" R"({"id":2,"subscribe":)" + channel + "}");
  }

  // All publications of a channel begin alike.
  void take(std::string_view line, std::string& out, FeedSink& sink) {
    const std::string_view rest = line.substr(std::min(head_.size(), line.size()));
    if (!head_.empty() && line.starts_with(head_) && Payload::is_at(rest.data(), rest.size())) {
      return take_numbered(rest, line.size(), sink);
    }
    centrifugo::Reply reply;
    if (!centrifugo::read_reply(line, reply)) return sink.fault("a reply that is no JSON object");
    if (!reply.error.empty()) throw Failure("Centrifugo: " + std::string(reply.error));
    if (reply.is_ping) send(out, "{}");
    else if (reply.is_subscribed) sink.ready();
    else if (!reply.data.empty()) {
      head_ = line.substr(0, static_cast<size_t>(reply.data.data() - line.data()));
      take_numbered(reply.data, line.size(), sink);
    } else if (!reply.pushed.empty()) {
      sink.fault("a subscriber was sent " + std::string(reply.pushed));
    }
  }

  void take_numbered(std::string_view payload, size_t bytes, FeedSink& sink) {
    take_payload(payload, bytes, sink, [&](const char* at) { return row_.number_of(at); });
  }

  static void send(std::string& out, std::string_view text) {
    websocket::put_header(out, websocket::kText, text.size());
    out += text;
  }

  std::string topic_;
  // Of a publication, all before its data.
  std::string head_;
  PublisherRow row_;
  WebSocketStream stream_;
};

}  // namespace loadgen
