#include "http.hpp"

#include <strings.h>

#include "json.hpp"

namespace loadgen::http {
namespace {

constexpr std::string_view kEnd = "\r\n\r\n";
constexpr std::string_view kLength = "\r\ncontent-length:";

size_t content_length(std::string_view head) {
  for (size_t at = head.find("\r\n"); at != std::string_view::npos; at = head.find("\r\n", at + 2)) {
    if (head.size() - at < kLength.size()) return 0;
    if (strncasecmp(head.data() + at, kLength.data(), kLength.size()) != 0) continue;
    size_t from = at + kLength.size();
    while (from < head.size() && head[from] == ' ') from++;
    return json::uint_of(head.substr(from, head.find("\r\n", from) - from));
  }
  return 0;
}

}  // namespace

Response read_response(std::string_view bytes) {
  const size_t end = bytes.find(kEnd);
  if (end == std::string_view::npos) return {};
  const std::string_view head = bytes.substr(0, end + 2);
  const size_t length = content_length(head);
  const size_t total = end + kEnd.size() + length;
  if (bytes.size() < total || head.size() < 12) return {};
  const int status = static_cast<int>(json::uint_of(head.substr(9, 3)));
  return {status, bytes.substr(end + kEnd.size(), length), total};
}

std::string post_head(const std::string& path, const std::string& key) {
  const std::string auth = key.empty() ? "" : "X-API-Key: " + key + "\r\n";
  return "POST " + path + " HTTP/1.1\r\nHost: loadgen\r\nContent-Type: application/json\r\n" + auth +
         "Content-Length: ";
}

}  // namespace loadgen::http
