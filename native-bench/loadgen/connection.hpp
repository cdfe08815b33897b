// A TCP connection of an epoll loop: what it reads goes to its owner, what it cannot write waits.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "options.hpp"

namespace loadgen {

class Poller;

// Whoever speaks over a connection.
class Speaker {
 public:
  virtual ~Speaker() = default;
  // The connection is there: what opens the conversation is to be sent.
  virtual void connected() = 0;
  // Gives how many of the bytes it took; the rest comes again with more behind it.
  virtual size_t received(std::string_view bytes) = 0;
  // The server closed it, or it broke. `why` is empty for an orderly end.
  virtual void closed(const std::string& why) = 0;
};

class Connection {
 public:
  Connection(Poller& poller, Speaker& speaker, const Address& address);
  ~Connection();
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  // What is to be sent; `flush` sends it.
  std::string& out() { return out_; }
  void flush();
  bool is_open() const { return state_ == State::kOpen; }

 private:
  friend class Poller;
  enum class State { kConnecting, kOpen, kClosed };

  void ready(uint32_t events);
  void read_all();
  void finish_connect();
  void close(const std::string& why);
  void watch_writes(bool wanted);

  Poller& poller_;
  Speaker& speaker_;
  int fd_ = -1;
  State state_ = State::kConnecting;
  std::string out_;
  // Bytes of `out_` that are sent already.
  size_t sent_ = 0;
  bool writes_watched_ = true;
  // Bytes of the last read that the speaker did not take.
  std::string kept_;
};

class Poller {
 public:
  Poller();
  ~Poller();
  Poller(const Poller&) = delete;
  Poller& operator=(const Poller&) = delete;

  // Handles what is there, waiting at most until then.
  void poll(int64_t until_ns);
  int fd() const { return fd_; }
  // Where a read goes; shared, since one connection is read at a time.
  std::vector<char>& buffer() { return buffer_; }

 private:
  int fd_;
  std::vector<char> buffer_;
};

}  // namespace loadgen
