// Payloads as WebSocket messages to a server without a protocol, which answers one byte for each.
#pragma once

#include "publish_codec.hpp"
#include "websocket_stream.hpp"

namespace loadgen {

class RawPublish : public PublishCodec {
 public:
  void open(std::string& out, Settler&) override {
    out += websocket::upgrade_request("/pub", "", "");
  }

  void unit(std::string& frames, size_t, const std::string&, Payload& payload,
            int64_t scheduled_ns, size_t count) override {
    for (size_t message = 0; message < count; message++) {
      websocket::put_header(frames, websocket::kBinary, payload.size());
      frames += payload.next(scheduled_ns);
    }
  }

  size_t answers(std::string_view bytes, std::string& out, Settler& settler) override {
    return stream_.receive(
        bytes, out, [&] { settler.ready(); },
        [&](std::string_view message) {
          for (size_t byte = 0; byte < message.size(); byte++) settler.settled_oldest();
        });
  }

 private:
  WebSocketStream stream_;
};

}  // namespace loadgen
