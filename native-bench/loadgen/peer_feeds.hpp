// Subscriptions at servers without sequences: the publisher's own counter is checked instead.
#pragma once

#include "feed.hpp"
#include "nats.hpp"
#include "numbered.hpp"
#include "redis.hpp"
#include "websocket_stream.hpp"

namespace loadgen {

// Every message of a bare WebSocket server.
class RawFeed : public Feed {
 public:
  void open(std::string& out) override { out += websocket::upgrade_request("/sub", "", ""); }

  size_t received(std::string_view bytes, std::string& out, FeedSink& sink) override {
    return stream_.receive(
        bytes, out, [&] { sink.ready(); },
        [&](std::string_view message) { take_payload(message, message.size(), sink); });
  }

 private:
  WebSocketStream stream_;
};

class RedisFeed : public Feed {
 public:
  explicit RedisFeed(const std::string& topic) : topic_(topic) {}

  void open(std::string& out) override {
    out += "*2\r\n$9\r\nSUBSCRIBE\r\n";
    redis::put_bulk(out, topic_);
  }

  // A message is an array of three: its kind, its channel, its text.
  size_t received(std::string_view bytes, std::string&, FeedSink& sink) override {
    constexpr size_t kItems = 3;
    size_t taken = 0;
    for (;;) {
      const redis::Reply head = redis::read_reply(bytes.substr(taken));
      if (head.bytes == 0) return taken;
      if (head.type == '-') throw Failure("Redis: " + std::string(head.text));
      size_t at = taken + head.bytes;
      redis::Reply items[kItems];
      for (redis::Reply& item : items) {
        item = redis::read_reply(bytes.substr(at));
        if (item.bytes == 0) return taken;
        at += item.bytes;
      }
      if (items[0].text == "subscribe") sink.ready();
      else take_payload(items[2].text, at - taken, sink);
      taken = at;
    }
  }

 private:
  std::string topic_;
};

class NatsFeed : public Feed {
 public:
  explicit NatsFeed(const std::string& topic) : topic_(topic) {}

  void open(std::string& out) override {
    out += nats::kConnect;
    out += "SUB " + topic_ + " 1\r\nPING\r\n";
  }

  size_t received(std::string_view bytes, std::string& out, FeedSink& sink) override {
    size_t taken = 0;
    for (;;) {
      const nats::Line line = nats::read_line(bytes.substr(taken));
      if (line.bytes == 0) return taken;
      taken += line.bytes;
      if (line.verb == "PING") out += "PONG\r\n";
      else if (line.verb == "PONG") sink.ready();
      else if (line.verb == "MSG") take_payload(line.payload, line.bytes, sink);
      else if (line.verb == "-ERR") throw Failure("NATS: " + std::string(bytes.substr(0, 80)));
    }
  }

 private:
  std::string topic_;
};

}  // namespace loadgen
