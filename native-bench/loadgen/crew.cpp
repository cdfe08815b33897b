#include "crew.hpp"

#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>

#include "clock.hpp"
#include "failure.hpp"

namespace loadgen {
namespace {

// More handshakes at once would overflow a server's queue of connections.
constexpr size_t kHandshakesMax = 128;
constexpr double kGatherS = 60;
constexpr int64_t kTickNs = 5'000'000;

size_t share_of(size_t count, size_t threads, size_t index) {
  return count / threads + (index < count % threads ? 1 : 0);
}

// Whether whoever started the program has closed its stdin.
bool is_released() {
  pollfd input{STDIN_FILENO, POLLIN, 0};
  if (::poll(&input, 1, 0) <= 0) return false;
  char byte;
  return read(STDIN_FILENO, &byte, 1) <= 0;
}

}  // namespace

Crew::Crew(Course& course, Muster& muster, size_t index)
    : options_(course.options), course_(course), muster_(muster), index_(index) {}

template <typename Peer, typename Make>
void Crew::open_all(std::vector<std::unique_ptr<Peer>>& peers, size_t count, Make make) {
  const int64_t until = now_ns() + ns_of(kGatherS);
  size_t ready = 0;
  while (ready < count) {
    while (peers.size() < count && peers.size() < ready + kHandshakesMax) {
      peers.push_back(make(peers.size()));
    }
    poller_.poll(now_ns() + kTickNs);
    while (ready < peers.size() && peers[ready]->is_ready()) ready++;
    if (course_.is_broken()) return;
    if (now_ns() < until) continue;
    throw Failure("only " + std::to_string(ready) + " of " + std::to_string(count) +
                  " connections were open within 60 s");
  }
}

void Crew::gather() {
  const size_t threads = options_.threads;
  const size_t all = options_.subscribers * options_.topics;
  open_all(subscribers_, share_of(all, threads, index_), [&](size_t one) {
    const size_t place = one * threads + index_;
    return std::make_unique<Subscriber>(poller_, course_, tally_, place % options_.topics,
                                        place / options_.topics);
  });
  open_all(publishers_, share_of(options_.publishers, threads, index_), [&](size_t one) {
    return std::make_unique<Publisher>(poller_, course_, tally_, one * threads + index_);
  });
}

void Crew::run(Watch* watch) {
  if (watch != nullptr && (options_.announce || options_.hold)) {
    std::printf("{\"ready\":%zu}\n", options_.sockets());
    std::fflush(stdout);
  }
  if (options_.hold) return hold(watch);
  const int64_t start = muster_.started_ns;
  if (options_.rate > 0) {
    if (!publishers_.empty()) next_due_ns_ = start;
  } else {
    for (const auto& publisher : publishers_) publisher->start();
  }
  const int64_t drain_ns = ns_of(options_.drain_s);
  while (!course_.is_broken()) {
    poller_.poll(std::min(next_due_ns_, now_ns() + kTickNs));
    const int64_t now = now_ns();
    publish_due(now);
    send_due_acks(now);
    check_end(now, watch);
    if (!course_.stopped) continue;
    if (is_drained() || now > muster_.ended_ns + drain_ns) break;
  }
  if (watch != nullptr && muster_.ended_ns == 0) stop(now_ns());
  if (watch != nullptr && course_.is_broken()) watch->end();
}

void Crew::publish_due(int64_t now) {
  const double share = static_cast<double>(publishers_.size()) /
                       static_cast<double>(std::max<size_t>(options_.publishers, 1));
  const double units_per_ns =
      options_.rate * share / static_cast<double>(options_.batch) / 1e9;
  while (next_due_ns_ <= now) {
    if (course_.stopped || now >= course_.to_ns) {
      next_due_ns_ = kNever;
      return;
    }
    publishers_[sent_units_ % publishers_.size()]->due(next_due_ns_);
    sent_units_++;
    next_due_ns_ = muster_.started_ns +
                   static_cast<int64_t>(static_cast<double>(sent_units_) / units_per_ns);
  }
}

void Crew::send_due_acks(int64_t now) {
  if (options_.ack_every_ms == 0 || now < next_acks_ns_) return;
  next_acks_ns_ = now + kTickNs;
  for (const auto& one : subscribers_) one->send_due_acks(now);
}

void Crew::check_end(int64_t now, Watch* watch) {
  if (watch != nullptr && !watch->has_begun() && now >= course_.from_ns) watch->begin();
  if (course_.stopped) return;
  const bool awaits_messages = options_.messages > 0 && !subscribers_.empty();
  if (awaits_messages && !is_complete_) {
    is_complete_ = std::ranges::all_of(
        subscribers_, [](const auto& one) { return one->complete_ns() > 0; });
    if (is_complete_) muster_.complete++;
  } else if (options_.messages > 0 && subscribers_.empty() && !is_complete_) {
    is_complete_ = true;
    muster_.complete++;
  }
  if (watch == nullptr) return;
  const bool is_all_here = muster_.complete == options_.threads;
  const bool is_all_sent = options_.publishers == 0 || course_.is_all_sent();
  if (options_.messages > 0 && is_all_here && is_all_sent) {
    stop(now);
    watch->end();
  } else if (now >= course_.to_ns) {
    if (options_.messages > 0) course_.fault("--messages did not come within --duration");
    stop(now);
    watch->end();
  }
}

void Crew::stop(int64_t now) {
  muster_.ended_ns = now;
  course_.stopped = true;
}

// Everything that was sent is answered, and everything that was answered has arrived.
bool Crew::is_drained() {
  if (!is_settled_) {
    is_settled_ = std::ranges::all_of(
        publishers_, [](const auto& one) { return one->outstanding() == 0; });
    if (is_settled_) muster_.settled++;
  }
  return muster_.settled == options_.threads && has_everything();
}

bool Crew::has_everything() const {
  if (options_.publishers == 0) return true;
  return std::ranges::all_of(subscribers_, [&](const auto& one) {
    return one->received_count() >= course_.stored[one->topic()];
  });
}

void Crew::hold(Watch* watch) {
  const int64_t until = now_ns() + ns_of(options_.duration_s);
  if (watch != nullptr) watch->begin();
  while (!course_.stopped) {
    poller_.poll(now_ns() + 20 * kTickNs);
    if (watch == nullptr || (!is_released() && now_ns() < until)) continue;
    stop(now_ns());
    watch->end();
  }
}

}  // namespace loadgen
