#include "conduit_frames.hpp"

#include "json.hpp"

namespace loadgen {

ServerFrame read_msgpack_frame(std::string_view bytes) {
  ServerFrame frame;
  const char* begin = bytes.data();
  const char* end = begin + bytes.size();
  const auto each = [&](std::string_view key, const char* value, const char* next) {
    if (key == "type") frame.type = msgpack::text_of(value, next);
    else if (key == "code") frame.code = msgpack::text_of(value, next);
    else if (key == "message") frame.message = msgpack::text_of(value, next);
    else if (key == "ref") frame.ref = msgpack::uint_of(value);
    else if (key == "attempt") frame.attempt = msgpack::uint_of(value);
    else if (key == "payload") frame.payload = {value, static_cast<size_t>(next - value)};
    else if (key == "sequence") {
      frame.sequence = msgpack::uint_of(value);
      frame.sequence_at = static_cast<size_t>(value - begin);
    }
  };
  const char* behind = msgpack::walk_map(begin, end, each);
  if (behind != nullptr) frame.bytes = static_cast<size_t>(behind - begin);
  return frame;
}

ServerFrame read_json_frame(std::string_view bytes) {
  ServerFrame frame;
  const auto each = [&](std::string_view key, std::string_view value) {
    if (key == "type") frame.type = json::text_of(value);
    else if (key == "code") frame.code = json::text_of(value);
    else if (key == "message") frame.message = json::text_of(value);
    else if (key == "ref") frame.ref = json::uint_of(value);
    else if (key == "attempt") frame.attempt = json::uint_of(value);
    else if (key == "payload") frame.payload = value;
    else if (key == "sequence") {
      frame.sequence = json::uint_of(value);
      frame.sequence_at = static_cast<size_t>(value.data() - bytes.data());
    }
  };
  if (json::walk_object(bytes.data(), bytes.data() + bytes.size(), each)) frame.bytes = bytes.size();
  return frame;
}

std::string subprotocol_of(Protocol protocol) {
  if (protocol == Protocol::kWsMsgpack) return "conduit.msgpack.v1";
  return protocol == Protocol::kWsJson ? "conduit.json.v1" : "";
}

}  // namespace loadgen
