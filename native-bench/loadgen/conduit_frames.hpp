// The frames of Conduit's WebSocket protocol, read and written in both encodings.
#pragma once

#include <string>
#include <string_view>

#include "options.hpp"
#include "websocket.hpp"

namespace loadgen {

constexpr char kFrameSeparator = 0x1e;

// What a frame says, as far as the load generator needs it; views are of its bytes.
struct ServerFrame {
  std::string_view type;
  std::string_view code;
  std::string_view message;
  uint64_t ref = 0;
  uint64_t sequence = 0;
  uint64_t attempt = 1;
  // The payload as it stands in the frame.
  std::string_view payload;
  // Where in the frame the value of `sequence` begins.
  size_t sequence_at = 0;
  // Of the whole frame; 0: it cannot be read.
  size_t bytes = 0;
};

ServerFrame read_msgpack_frame(std::string_view bytes);
// `bytes` is exactly one frame.
ServerFrame read_json_frame(std::string_view bytes);


std::string subprotocol_of(Protocol protocol);

// Calls `each(frame bytes)` for the text frames that one message joins.
template <typename Each>
void each_json_frame(std::string_view message, Each each) {
  while (!message.empty()) {
    const std::string_view frame = message.substr(0, message.find(kFrameSeparator));
    if (!frame.empty()) each(frame);
    message.remove_prefix(std::min(message.size(), frame.size() + 1));
  }
}

}  // namespace loadgen
