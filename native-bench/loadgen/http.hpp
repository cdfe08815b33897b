// HTTP/1.1 as a client on a kept connection needs it.
#pragma once

#include <string>
#include <string_view>

namespace loadgen::http {

struct Response {
  int status = 0;
  std::string_view body;
  // Of head and body; 0: the bytes hold no whole response.
  size_t bytes = 0;
};

// Takes responses with a Content-Length; without one the body is empty.
Response read_response(std::string_view bytes);

// A POST of JSON without its body; `key` may be empty.
std::string post_head(const std::string& path, const std::string& key);

inline void put_body(std::string& to, const std::string& head, std::string_view body) {
  to += head;
  to += std::to_string(body.size());
  to += "\r\n\r\n";
  to += body;
}

}  // namespace loadgen::http
