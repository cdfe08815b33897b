// RESP2, as much as PUBLISH, XADD and SUBSCRIBE need.
#pragma once

#include <string>
#include <string_view>

#include "json.hpp"
#include "publish_codec.hpp"

namespace loadgen::redis {

inline void put_bulk(std::string& to, std::string_view text) {
  to += '$';
  to += std::to_string(text.size());
  to += "\r\n";
  to += text;
  to += "\r\n";
}

// One reply that is no array: its type, its text, and its bytes (0: not whole).
struct Reply {
  char type = 0;
  std::string_view text;
  size_t bytes = 0;
};

inline Reply read_reply(std::string_view bytes) {
  const size_t end = bytes.find("\r\n");
  if (end == std::string_view::npos) return {};
  const std::string_view line = bytes.substr(1, end - 1);
  if (bytes[0] != '$') return {bytes[0], line, end + 2};
  const size_t length = json::uint_of(line);
  if (bytes.size() < end + 2 + length + 2) return {};
  return {'$', bytes.substr(end + 2, length), end + 2 + length + 2};
}

class Publish : public PublishCodec {
 public:
  explicit Publish(bool is_stream) : is_stream_(is_stream) {}

  void open(std::string&, Settler& settler) override { settler.ready(); }

  void unit(std::string& frames, size_t, const std::string& topic, Payload& payload,
            int64_t scheduled_ns, size_t count) override {
    for (size_t message = 0; message < count; message++) {
      frames += is_stream_ ? "*5\r\n$4\r\nXADD\r\n" : "*3\r\n$7\r\nPUBLISH\r\n";
      put_bulk(frames, topic);
      if (is_stream_) frames += "$1\r\n*\r\n$1\r\np\r\n";
      put_bulk(frames, payload.next(scheduled_ns));
    }
  }

  size_t answers(std::string_view bytes, std::string&, Settler& settler) override {
    size_t taken = 0;
    for (;;) {
      const Reply reply = read_reply(bytes.substr(taken));
      if (reply.bytes == 0) return taken;
      taken += reply.bytes;
      if (reply.type == '-') settler.failed_oldest(std::string(reply.text));
      else settler.settled_oldest();
    }
  }

 private:
  bool is_stream_;
};

}  // namespace loadgen::redis
