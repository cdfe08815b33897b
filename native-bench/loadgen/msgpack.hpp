// As much of msgpack as frames need: values are passed over, maps of text keys are walked.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace loadgen::msgpack {

inline uint64_t big_endian(const char* from, size_t bytes) {
  uint64_t value = 0;
  for (size_t at = 0; at < bytes; at++) value = value << 8 | static_cast<uint8_t>(from[at]);
  return value;
}

inline void put_big_endian(char* to, size_t bytes, uint64_t value) {
  for (size_t at = bytes; at-- > 0; value >>= 8) to[at] = static_cast<char>(value);
}

// Bytes of a str's header and of its text; header 0: it is no str.
struct StrHead {
  size_t header = 0;
  size_t text = 0;
};

inline StrHead str_head(const char* at, const char* end) {
  const auto type = static_cast<uint8_t>(*at);
  if ((type & 0xe0) == 0xa0) return {1, static_cast<size_t>(type & 0x1f)};
  if (type < 0xd9 || type > 0xdb) return {};
  const size_t width = size_t{1} << (type - 0xd9);
  if (static_cast<size_t>(end - at) < 1 + width) return {};
  return {1 + width, big_endian(at + 1, width)};
}

// Behind the value at `at`; null: it is cut off, or nothing that frames hold.
const char* skip(const char* at, const char* end);

// Calls `each(key, value, end of value)` for the pairs of the map at `at`; where the map ends, null
// when it is none or cut off.
template <typename Each>
const char* walk_map(const char* at, const char* end, Each each) {
  if (at == end) return nullptr;
  const auto type = static_cast<uint8_t>(*at++);
  size_t pairs = type & 0x0f;
  if (type == 0xde && end - at >= 2) {
    pairs = big_endian(at, 2);
    at += 2;
  } else if ((type & 0xf0) != 0x80) {
    return nullptr;
  }
  for (size_t pair = 0; pair < pairs; pair++) {
    if (at >= end) return nullptr;
    const StrHead key = str_head(at, end);
    const char* value = skip(at, end);
    if (key.header == 0 || value == nullptr || value == end) return nullptr;
    const char* next = skip(value, end);
    if (next == nullptr) return nullptr;
    each(std::string_view(at + key.header, key.text), value, next);
    at = next;
  }
  return at;
}

// The text of a str; empty for anything else.
inline std::string_view text_of(const char* value, const char* end) {
  const StrHead head = str_head(value, end);
  return head.header == 0 ? std::string_view{} : std::string_view(value + head.header, head.text);
}

// An unsigned integer of any width; 0 for anything else.
inline uint64_t uint_of(const char* value) {
  const auto type = static_cast<uint8_t>(*value);
  if (type < 0x80) return type;
  if (type < 0xcc || type > 0xcf) return 0;
  return big_endian(value + 1, size_t{1} << (type - 0xcc));
}

void put_str(std::string& to, std::string_view text);

// As uint32, so that its width does not depend on its value.
inline void put_uint32(std::string& to, uint32_t value) {
  to += static_cast<char>(0xce);
  to.append(4, '\0');
  put_big_endian(to.data() + to.size() - 4, 4, value);
}

inline void put_uint64(std::string& to, uint64_t value) {
  to += static_cast<char>(0xcf);
  to.append(8, '\0');
  put_big_endian(to.data() + to.size() - 8, 8, value);
}

}  // namespace loadgen::msgpack
