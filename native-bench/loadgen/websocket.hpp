// RFC 6455 as a client speaks it to a server on the same machine: no fragments, no compression, and
// a mask of zero, which leaves the payload as it is.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "msgpack.hpp"

namespace loadgen::websocket {

constexpr char kText = 1;
constexpr char kBinary = 2;
constexpr char kClose = 8;
constexpr char kPing = 9;
constexpr char kPong = 10;

inline std::string upgrade_request(const std::string& path, const std::string& subprotocol,
                                   const std::string& key) {
  std::string request = "GET " + path +
                        " HTTP/1.1\r\nHost: loadgen\r\nUpgrade: websocket\r\n"
                        "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
                        "Sec-WebSocket-Key: bG9hZGdlbiBvZiBDb25kdQ==\r\n";
  if (!subprotocol.empty()) request += "Sec-WebSocket-Protocol: " + subprotocol + "\r\n";
  if (!key.empty()) request += "X-API-Key: " + key + "\r\n";
  return request + "\r\n";
}

// Header of a message of `bytes`, masked by zero.
inline void put_header(std::string& to, char opcode, size_t bytes) {
  to += static_cast<char>(0x80 | opcode);
  const size_t width = bytes < 126 ? 0 : bytes <= 0xffff ? 2 : 8;
  to += static_cast<char>(0x80 | (width == 0 ? bytes : width == 2 ? 126 : 127));
  to.append(width + 4, '\0');
  if (width > 0) msgpack::put_big_endian(to.data() + to.size() - width - 4, width, bytes);
}

struct Frame {
  char opcode = 0;
  std::string_view payload;
  // Of header and payload; 0: the bytes hold no whole frame.
  size_t bytes = 0;
};

// The frame of a server at the beginning of the bytes.
inline Frame read_frame(std::string_view bytes) {
  if (bytes.size() < 2) return {};
  const size_t length = static_cast<uint8_t>(bytes[1]) & 0x7f;
  const size_t width = length < 126 ? 0 : length == 126 ? 2 : 8;
  const size_t header = 2 + width;
  if (bytes.size() < header) return {};
  const size_t size = width == 0 ? length : msgpack::big_endian(bytes.data() + 2, width);
  if (bytes.size() - header < size) return {};
  return {static_cast<char>(bytes[0] & 0x0f), bytes.substr(header, size), header + size};
}

}  // namespace loadgen::websocket
