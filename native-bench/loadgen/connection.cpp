#include "connection.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

#include "clock.hpp"
#include "failure.hpp"

namespace loadgen {
namespace {

constexpr size_t kReadBytes = 256 * 1024;
constexpr int kEventsMax = 512;

sockaddr_in address_of(const Address& address) {
  sockaddr_in to{};
  to.sin_family = AF_INET;
  to.sin_port = htons(address.port);
  if (inet_pton(AF_INET, address.host.c_str(), &to.sin_addr) != 1) {
    throw Failure("--target takes an IPv4 address or localhost, not \"" + address.host + "\"");
  }
  return to;
}

std::string said(int error) { return std::strerror(error); }

}  // namespace

Connection::Connection(Poller& poller, Speaker& speaker, const Address& address)
    : poller_(poller), speaker_(speaker) {
  const sockaddr_in to = address_of(address);
  fd_ = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd_ < 0) throw Failure("no socket: " + said(errno) + " (ulimit -n)");
  const int on = 1;
  setsockopt(fd_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  if (connect(fd_, reinterpret_cast<const sockaddr*>(&to), sizeof to) != 0 &&
      errno != EINPROGRESS) {
    throw Failure("cannot connect to " + address.host + ":" + std::to_string(address.port) + ": " +
                  said(errno));
  }
  epoll_event event{};
  event.events = EPOLLIN | EPOLLOUT;
  event.data.ptr = this;
  epoll_ctl(poller_.fd(), EPOLL_CTL_ADD, fd_, &event);
}

Connection::~Connection() {
  if (fd_ >= 0) ::close(fd_);
}

void Connection::ready(uint32_t events) {
  if (state_ == State::kConnecting) finish_connect();
  else if ((events & EPOLLOUT) != 0) flush();
  if (state_ == State::kOpen && (events & (EPOLLIN | EPOLLHUP | EPOLLERR)) != 0) read_all();
}

void Connection::finish_connect() {
  int error = 0;
  socklen_t size = sizeof error;
  getsockopt(fd_, SOL_SOCKET, SO_ERROR, &error, &size);
  if (error != 0) {
    close(said(error));
    return;
  }
  state_ = State::kOpen;
  speaker_.connected();
  flush();
}

void Connection::read_all() {
  std::vector<char>& buffer = poller_.buffer();
  while (state_ == State::kOpen) {
    const size_t kept = kept_.size();
    if (buffer.size() < kept + kReadBytes) buffer.resize(2 * (kept + kReadBytes));
    std::copy(kept_.begin(), kept_.end(), buffer.begin());
    const ssize_t got = read(fd_, buffer.data() + kept, buffer.size() - kept);
    if (got <= 0) {
      if (got < 0 && (errno == EAGAIN || errno == EINTR)) return;
      close(got == 0 ? "" : said(errno));
      return;
    }
    const std::string_view bytes(buffer.data(), kept + static_cast<size_t>(got));
    const size_t taken = speaker_.received(bytes);
    kept_.assign(bytes.substr(taken));
    flush();
    // A read that did not fill the buffer took all there was.
    if (static_cast<size_t>(got) < buffer.size() - kept) return;
  }
}

void Connection::flush() {
  while (state_ == State::kOpen && sent_ < out_.size()) {
    const ssize_t wrote = send(fd_, out_.data() + sent_, out_.size() - sent_, MSG_NOSIGNAL);
    if (wrote < 0) {
      if (errno == EINTR) continue;
      if (errno == EAGAIN) break;
      close(said(errno));
      return;
    }
    sent_ += static_cast<size_t>(wrote);
  }
  const bool waits = sent_ < out_.size();
  if (!waits) {
    out_.clear();
    sent_ = 0;
  }
  if (state_ == State::kOpen) watch_writes(waits);
}

void Connection::watch_writes(bool wanted) {
  if (wanted == writes_watched_) return;
  writes_watched_ = wanted;
  epoll_event event{};
  event.events = wanted ? EPOLLIN | EPOLLOUT : EPOLLIN;
  event.data.ptr = this;
  epoll_ctl(poller_.fd(), EPOLL_CTL_MOD, fd_, &event);
}

void Connection::close(const std::string& why) {
  state_ = State::kClosed;
  ::close(fd_);
  fd_ = -1;
  speaker_.closed(why);
}

Poller::Poller() : fd_(epoll_create1(EPOLL_CLOEXEC)), buffer_(2 * kReadBytes) {
  if (fd_ < 0) throw Failure("no epoll: " + said(errno));
}

Poller::~Poller() { ::close(fd_); }

void Poller::poll(int64_t until_ns) {
  const int64_t wait_ns = std::clamp<int64_t>(until_ns - now_ns(), 0, 100'000'000);
  const timespec timeout{wait_ns / 1'000'000'000, wait_ns % 1'000'000'000};
  std::array<epoll_event, kEventsMax> events;
  const int count = epoll_pwait2(fd_, events.data(), kEventsMax, &timeout, nullptr);
  for (int at = 0; at < count; at++) {
    static_cast<Connection*>(events[at].data.ptr)->ready(events[at].events);
  }
}

}  // namespace loadgen
