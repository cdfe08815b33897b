// Makes the topics of a run, each connection one after another. A topic that is there is fine.
#pragma once

#include <algorithm>
#include <memory>
#include <string>

#include "clock.hpp"
#include "connection.hpp"
#include "failure.hpp"
#include "http.hpp"

namespace loadgen {

class TopicMaker : public Speaker {
 public:
  // `next`: the first topic that no connection has taken.
  TopicMaker(Poller& poller, const Options& options, size_t& next)
      : options_(options),
        next_(next),
        head_(http::post_head("/api/topics", options.key)),
        connection_(poller, *this, options.target) {}

  bool is_done() const { return is_done_; }

  void connected() override { make_next(); }

  size_t received(std::string_view bytes) override {
    const http::Response response = http::read_response(bytes);
    if (response.bytes == 0) return 0;
    const std::string status = std::to_string(response.status);
    if (response.status == 401 || response.status == 403) {
      throw Failure("the key was refused (" + status + "): --key KEY");
    }
    const bool is_there = response.status / 100 == 2 || response.status == 409;
    if (!is_there) {
      throw Failure("topic not made, answered " + status + ": " +
                    std::string(response.body.substr(0, 200)));
    }
    make_next();
    return response.bytes;
  }

  void closed(const std::string& why) override {
    const std::string where = options_.target.host + ":" + std::to_string(options_.target.port);
    throw Failure("cannot reach " + where + ": " + (why.empty() ? "it closed the connection" : why));
  }

 private:
  void make_next() {
    if (next_ == options_.topics) {
      is_done_ = true;
      return;
    }
    http::put_body(connection_.out(), head_, "{\"name\":\"" + options_.topic_name(next_++) + "\"}");
  }

  const Options& options_;
  size_t& next_;
  std::string head_;
  bool is_done_ = false;
  Connection connection_;
};

// Returns when all are there; throws Failure.
inline void make_topics(const Options& options) {
  constexpr size_t kConnections = 16;
  Poller poller;
  size_t next = 0;
  std::vector<std::unique_ptr<TopicMaker>> makers;
  for (size_t one = 0; one < std::min(kConnections, options.topics); one++) {
    makers.push_back(std::make_unique<TopicMaker>(poller, options, next));
  }
  const int64_t until = now_ns() + ns_of(60);
  while (!std::ranges::all_of(makers, [](const auto& maker) { return maker->is_done(); })) {
    if (now_ns() > until) throw Failure("the topics were not made within 60 s");
    poller.poll(until);
  }
}

}  // namespace loadgen
