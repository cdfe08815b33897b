#include "msgpack.hpp"

namespace loadgen::msgpack {
namespace {

const char* skip_items(const char* at, const char* end, size_t items) {
  for (; items > 0 && at != nullptr; items--) at = skip(at, end);
  return at;
}

const char* forward(const char* at, const char* end, size_t bytes) {
  return static_cast<size_t>(end - at) < bytes ? nullptr : at + bytes;
}

// A value whose length, or number of items, stands in `width` bytes behind its type.
const char* skip_counted(const char* at, const char* end, size_t width, size_t fixed, int items) {
  if (static_cast<size_t>(end - at) < 1 + width) return nullptr;
  const size_t count = big_endian(at + 1, width);
  if (items > 0) return skip_items(at + 1 + width, end, count * static_cast<size_t>(items));
  return forward(at, end, 1 + width + fixed + count);
}

}  // namespace

const char* skip(const char* at, const char* end) {
  if (at >= end) return nullptr;
  const auto type = static_cast<uint8_t>(*at);
  if (type < 0x80 || type >= 0xe0) return at + 1;
  if (type < 0x90) return skip_items(at + 1, end, size_t{2} * (type & 0x0f));
  if (type < 0xa0) return skip_items(at + 1, end, type & 0x0f);
  if (type < 0xc0) return forward(at, end, 1 + size_t{type & 0x1fU});
  switch (type) {
    case 0xc4: case 0xc5: case 0xc6: return skip_counted(at, end, size_t{1} << (type - 0xc4), 0, 0);
    case 0xc7: case 0xc8: case 0xc9: return skip_counted(at, end, size_t{1} << (type - 0xc7), 1, 0);
    case 0xca: return forward(at, end, 5);
    case 0xcb: return forward(at, end, 9);
    case 0xcc: case 0xcd: case 0xce: case 0xcf: return forward(at, end, 1 + (1 << (type - 0xcc)));
    case 0xd0: case 0xd1: case 0xd2: case 0xd3: return forward(at, end, 1 + (1 << (type - 0xd0)));
    case 0xd4: case 0xd5: case 0xd6: case 0xd7: case 0xd8:
      return forward(at, end, 2 + (1 << (type - 0xd4)));
    case 0xd9: case 0xda: case 0xdb: return skip_counted(at, end, size_t{1} << (type - 0xd9), 0, 0);
    case 0xdc: case 0xdd: return skip_counted(at, end, type == 0xdc ? 2 : 4, 0, 1);
    case 0xde: case 0xdf: return skip_counted(at, end, type == 0xde ? 2 : 4, 0, 2);
    default: return at + 1;
  }
}

void put_str(std::string& to, std::string_view text) {
  const size_t size = text.size();
  if (size < 32) {
    to += static_cast<char>(0xa0 | size);
  } else {
    const size_t width = size <= 0xff ? 1 : size <= 0xffff ? 2 : 4;
    to += static_cast<char>(width == 1 ? 0xd9 : width == 2 ? 0xda : 0xdb);
    to.append(width, '\0');
    put_big_endian(to.data() + to.size() - width, width, size);
  }
  to += text;
}

}  // namespace loadgen::msgpack
