// The client's end of a WebSocket: the upgrade, then whole messages; pings are answered.
#pragma once

#include <string>
#include <string_view>

#include "failure.hpp"
#include "http.hpp"
#include "websocket.hpp"

namespace loadgen {

class WebSocketStream {
 public:
  bool is_upgraded() const { return is_upgraded_; }

  // Takes what is whole. Calls `upgraded()` once, then `message(payload)` for each message. Throws
  // Failure when the upgrade is refused.
  template <typename Upgraded, typename Message>
  size_t receive(std::string_view bytes, std::string& out, Upgraded upgraded, Message message) {
    size_t taken = 0;
    if (!is_upgraded_) {
      taken = upgrade(bytes);
      if (!is_upgraded_) return 0;
      upgraded();
    }
    for (;;) {
      const websocket::Frame frame = websocket::read_frame(bytes.substr(taken));
      if (frame.bytes == 0) return taken;
      taken += frame.bytes;
      if (frame.opcode == websocket::kText || frame.opcode == websocket::kBinary) {
        message(frame.payload);
      } else if (frame.opcode == websocket::kPing) {
        websocket::put_header(out, websocket::kPong, frame.payload.size());
        out += frame.payload;
      }
    }
  }

 private:
  size_t upgrade(std::string_view bytes) {
    const http::Response response = http::read_response(bytes);
    if (response.bytes == 0) return 0;
    const std::string status = std::to_string(response.status);
    if (response.status == 401 || response.status == 403) {
      throw Failure("the key was refused (" + status + "): --key KEY");
    }
    if (response.status != 101) throw Failure("no WebSocket: the server answered " + status);
    is_upgraded_ = true;
    return response.bytes;
  }

  bool is_upgraded_ = false;
};

}  // namespace loadgen
