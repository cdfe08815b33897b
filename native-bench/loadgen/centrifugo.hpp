// Centrifugo: publishes by its HTTP API, and the JSON its WebSocket joins by newlines.
#pragma once

#include <algorithm>
#include <string>
#include <string_view>

#include "http.hpp"
#include "json.hpp"
#include "publish_codec.hpp"

namespace loadgen::centrifugo {

// One reply or push of the server.
struct Reply {
  std::string_view error;
  // Of a publication; empty: it is something else.
  std::string_view data;
  bool is_subscribed = false;
  // It asks whether the client is there: an empty object.
  bool is_ping = false;
  // What else was pushed: `unsubscribe`, `disconnect` ...
  std::string_view pushed;
};

// `line` is exactly one reply; false: it is no JSON object.
inline bool read_reply(std::string_view line, Reply& reply) {
  const auto walk = [](std::string_view object, auto each) {
    return json::walk_object(object.data(), object.data() + object.size(), each);
  };
  reply.is_ping = true;
  return walk(line, [&](std::string_view key, std::string_view value) {
    reply.is_ping = false;
    if (key == "error") reply.error = value;
    else if (key == "subscribe") reply.is_subscribed = true;
    else if (key == "push") walk(value, [&](std::string_view kind, std::string_view push) {
      if (kind == "channel") return;
      reply.pushed = kind;
      if (kind != "pub") return;
      walk(push, [&](std::string_view field, std::string_view text) {
        if (field == "data") reply.data = text;
      });
    });
  });
}

// Calls `each(line)` for the replies that one message joins.
template <typename Each>
void each_line(std::string_view message, Each each) {
  while (!message.empty()) {
    const std::string_view line = message.substr(0, message.find('\n'));
    if (!line.empty()) each(line);
    message.remove_prefix(std::min(message.size(), line.size() + 1));
  }
}

// Requests of one connection may be under way together: they are answered in their order.
class Publish : public PublishCodec {
 public:
  explicit Publish(const Options& options) : head_(http::post_head(options.path, options.key)) {}

  void open(std::string&, Settler& settler) override { settler.ready(); }

  void unit(std::string& frames, size_t, const std::string& topic, Payload& payload,
            int64_t scheduled_ns, size_t count) override {
    for (size_t message = 0; message < count; message++) {
      body_ = "{\"channel\":\"";
      body_ += topic;
      body_ += "\",\"data\":";
      body_ += payload.next(scheduled_ns);
      body_ += '}';
      http::put_body(frames, head_, body_);
    }
  }

  size_t answers(std::string_view bytes, std::string&, Settler& settler) override {
    size_t taken = 0;
    for (;;) {
      const http::Response response = http::read_response(bytes.substr(taken));
      if (response.bytes == 0) return taken;
      taken += response.bytes;
      // A refusal of the publish itself is answered 200, too.
      if (response.status != 200) settler.failed_oldest(std::to_string(response.status));
      else if (response.body.starts_with("{\"result\":")) settler.settled_oldest();
      else settler.failed_oldest(std::string(response.body.substr(0, 120)));
    }
  }

 private:
  std::string head_;
  std::string body_;
};

}  // namespace loadgen::centrifugo
