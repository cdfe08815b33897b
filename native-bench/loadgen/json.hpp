// As much of JSON as frames need: the pairs of an object are walked, their values are not parsed.
#pragma once

#include <cstdint>
#include <string_view>

namespace loadgen::json {

inline const char* skip_space(const char* at, const char* end) {
  while (at < end && (*at == ' ' || *at == '\n' || *at == '\t' || *at == '\r')) at++;
  return at;
}

// Behind the string whose first quote is at `at`; null: it is cut off.
inline const char* skip_string(const char* at, const char* end) {
  for (at++; at < end; at++) {
    if (*at == '\\') at++;
    else if (*at == '"') return at + 1;
  }
  return nullptr;
}

// Behind the value at `at`; null: it is cut off.
inline const char* skip(const char* at, const char* end) {
  int depth = 0;
  while (at < end) {
    if (*at == '"') {
      at = skip_string(at, end);
      if (at == nullptr || depth == 0) return at;
      continue;
    }
    const bool closes = *at == '}' || *at == ']';
    if (depth == 0 && (closes || *at == ',' || *at == ' ')) return at;
    if (*at == '{' || *at == '[') depth++;
    at++;
    if (closes && --depth == 0) return at;
  }
  return depth == 0 ? at : nullptr;
}

// Calls `each(key, value)` for the pairs of the object at `at`; false: it is none or cut off.
template <typename Each>
bool walk_object(const char* at, const char* end, Each each) {
  at = skip_space(at, end);
  if (at == end || *at++ != '{') return false;
  for (;;) {
    at = skip_space(at, end);
    if (at < end && *at == '}') return true;
    if (at == end || *at != '"') return false;
    const char* behind = skip_string(at, end);
    if (behind == nullptr) return false;
    const std::string_view key(at + 1, static_cast<size_t>(behind - at - 2));
    at = skip_space(behind, end);
    if (at == end || *at++ != ':') return false;
    at = skip_space(at, end);
    const char* next = skip(at, end);
    if (next == nullptr) return false;
    each(key, std::string_view(at, static_cast<size_t>(next - at)));
    at = skip_space(next, end);
    if (at < end && *at == ',') at++;
  }
}

// The digits of an integer from 0 on; 0 for anything else.
inline uint64_t uint_of(std::string_view value) {
  uint64_t number = 0;
  for (const char digit : value) {
    if (digit < '0' || digit > '9') return 0;
    number = number * 10 + static_cast<uint64_t>(digit - '0');
  }
  return number;
}

// The text between the quotes, escapes as they are.
inline std::string_view text_of(std::string_view value) {
  const bool quoted = value.size() >= 2 && value.front() == '"';
  return quoted ? value.substr(1, value.size() - 2) : std::string_view{};
}

}  // namespace loadgen::json
