// The command line. See README.md for what each option means.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace loadgen {

enum class Protocol {
  kHttp,
  kWsJson,
  kWsMsgpack,
  kWsSeed,
  kWsRaw,
  kRedisPubsub,
  kRedisStream,
  kNats,
  kJetstream,
  kCentrifugo,
};

enum class Ack { kNone, kCumulative, kSingle };

struct Address {
  std::string host;
  uint16_t port = 0;
};

struct Options {
  Address target;
  // Port 0: there is none.
  Address second_target;
  Address subscribe_target;
  Protocol publish = Protocol::kHttp;
  Protocol subscribe = Protocol::kWsMsgpack;
  std::string key;
  std::string topic = "bench";
  size_t topics = 1;
  bool create = true;
  size_t publishers = 0;
  bool turn = false;
  size_t window = 1;
  double rate = 0;
  size_t batch = 1;
  std::string path = "/api/publish";
  std::string batch_path = "/api/publish/batch";
  bool bare_body = false;
  size_t payload = 150;
  // For each topic.
  size_t subscribers = 0;
  Ack ack = Ack::kNone;
  // How long acks are gathered; 0: until the read is over.
  double ack_every_ms = 0;
  std::string subscription;
  size_t max_in_flight = 0;
  bool from_earliest = false;
  double warmup_s = 1;
  double duration_s = 5;
  size_t messages = 0;
  double drain_s = 5;
  bool hold = false;
  bool announce = false;
  size_t threads = 1;
  // Name and process id.
  std::vector<std::pair<std::string, int>> watch;

  std::string topic_name(size_t topic_index) const {
    return topics == 1 ? topic : topic + "." + std::to_string(topic_index);
  }
  const Address& publish_target(size_t publisher) const {
    return second_target.port > 0 && publisher % 2 == 1 ? second_target : target;
  }
  size_t sockets() const { return publishers + subscribers * topics; }
};

// Throws Failure, one line that names the option, what it got and what it takes.
Options parse_options(int argc, char** argv);

// Conduit's protocols have topics to make, frames with sequences, and acks.
bool is_conduit(Protocol protocol);

}  // namespace loadgen
