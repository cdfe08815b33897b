#include "options.hpp"

#include <charconv>
#include <functional>
#include <map>

#include "failure.hpp"
#include "payload.hpp"

namespace loadgen {
namespace {

const std::map<std::string, Protocol> kPublish = {
    {"http", Protocol::kHttp},
    {"ws-json", Protocol::kWsJson},
    {"ws-msgpack", Protocol::kWsMsgpack},
    {"ws-raw", Protocol::kWsRaw},
    {"redis-pubsub", Protocol::kRedisPubsub},
    {"redis-stream", Protocol::kRedisStream},
    {"nats", Protocol::kNats},
    {"jetstream", Protocol::kJetstream},
    {"centrifugo", Protocol::kCentrifugo},
};
const std::map<std::string, Protocol> kSubscribe = {
    {"ws-msgpack", Protocol::kWsMsgpack}, {"ws-json", Protocol::kWsJson},
    {"ws-seed", Protocol::kWsSeed},       {"ws-raw", Protocol::kWsRaw},
    {"redis-pubsub", Protocol::kRedisPubsub}, {"nats", Protocol::kNats},
    {"centrifugo", Protocol::kCentrifugo},
};
const std::map<std::string, Ack> kAck = {
    {"none", Ack::kNone},
    {"cumulative", Ack::kCumulative},
    {"single", Ack::kSingle},
};

[[noreturn]] void refuse(const std::string& option, const std::string& got,
                         const std::string& takes) {
  throw Failure("--" + option + " takes " + takes + ", not \"" + got + "\"");
}

template <typename Value>
Value choose(const std::string& option, const std::string& got,
             const std::map<std::string, Value>& choices) {
  const auto found = choices.find(got);
  if (found != choices.end()) return found->second;
  std::string names;
  for (const auto& [name, value] : choices) names += (names.empty() ? "" : ", ") + name;
  refuse(option, got, names);
}

double number(const std::string& option, const std::string& got, double from, double to) {
  double value = 0;
  const auto [end, error] = std::from_chars(got.data(), got.data() + got.size(), value);
  const bool whole = error == std::errc{} && end == got.data() + got.size();
  if (!whole || value < from || value > to) {
    refuse(option, got, "a number from " + std::to_string(static_cast<int64_t>(from)) + " to " +
                            std::to_string(static_cast<int64_t>(to)));
  }
  return value;
}

size_t count(const std::string& option, const std::string& got, size_t from, size_t to) {
  const double value = number(option, got, static_cast<double>(from), static_cast<double>(to));
  if (value != static_cast<double>(static_cast<size_t>(value))) refuse(option, got, "an integer");
  return static_cast<size_t>(value);
}

Address address(const std::string& option, const std::string& got) {
  const size_t colon = got.rfind(':');
  if (colon == std::string::npos) refuse(option, got, "HOST:PORT");
  std::string host = got.substr(0, colon);
  if (host == "localhost") host = "127.0.0.1";
  return {host, static_cast<uint16_t>(count(option, got.substr(colon + 1), 1, 65'535))};
}

std::pair<std::string, int> watched(const std::string& got) {
  const size_t equals = got.find('=');
  if (equals == std::string::npos || equals == 0) refuse("watch", got, "NAME=PID");
  const size_t pid = count("watch", got.substr(equals + 1), 1, 1 << 22);
  return {got.substr(0, equals), static_cast<int>(pid)};
}

using Setter = std::function<void(const std::string& option, const std::string& value)>;

std::map<std::string, Setter> value_options(Options& to, bool& has_subscribe_target) {
  constexpr size_t kMany = 1'000'000'000;
  using Text = const std::string&;
  return {
      {"target", [&](Text o, Text v) { to.target = address(o, v); }},
      {"second-target", [&](Text o, Text v) { to.second_target = address(o, v); }},
      {"subscribe-target",
       [&](Text o, Text v) {
         to.subscribe_target = address(o, v);
         has_subscribe_target = true;
       }},
      {"publish", [&](Text o, Text v) { to.publish = choose(o, v, kPublish); }},
      {"subscribe", [&](Text o, Text v) { to.subscribe = choose(o, v, kSubscribe); }},
      {"key", [&](Text, Text v) { to.key = v; }},
      {"topic", [&](Text, Text v) { to.topic = v; }},
      {"topics", [&](Text o, Text v) { to.topics = count(o, v, 1, 1'000'000); }},
      {"publishers", [&](Text o, Text v) { to.publishers = count(o, v, 0, 100'000); }},
      {"window", [&](Text o, Text v) { to.window = count(o, v, 1, 65'536); }},
      {"rate", [&](Text o, Text v) { to.rate = number(o, v, 0, 1e8); }},
      {"batch", [&](Text o, Text v) { to.batch = count(o, v, 1, 1'000); }},
      {"path", [&](Text, Text v) { to.path = v; }},
      {"batch-path", [&](Text, Text v) { to.batch_path = v; }},
      {"body",
       [&](Text o, Text v) {
         to.bare_body = choose<bool>(o, v, {{"conduit", false}, {"payload", true}});
       }},
      {"payload",
       [&](Text o, Text v) { to.payload = count(o, v, Payload::kBytesMin, 16 << 20); }},
      {"subscribers", [&](Text o, Text v) { to.subscribers = count(o, v, 0, 1'000'000); }},
      {"ack", [&](Text o, Text v) { to.ack = choose(o, v, kAck); }},
      {"ack-every-ms", [&](Text o, Text v) { to.ack_every_ms = number(o, v, 0, 60'000); }},
      {"subscription", [&](Text, Text v) { to.subscription = v; }},
      {"max-in-flight", [&](Text o, Text v) { to.max_in_flight = count(o, v, 1, 1'000'000); }},
      {"from",
       [&](Text o, Text v) {
         to.from_earliest = choose<bool>(o, v, {{"latest", false}, {"earliest", true}});
       }},
      {"warmup", [&](Text o, Text v) { to.warmup_s = number(o, v, 0, 3'600); }},
      {"duration", [&](Text o, Text v) { to.duration_s = number(o, v, 0, 86'400); }},
      {"messages", [&](Text o, Text v) { to.messages = count(o, v, 0, kMany); }},
      {"drain", [&](Text o, Text v) { to.drain_s = number(o, v, 0, 3'600); }},
      {"threads", [&](Text o, Text v) { to.threads = count(o, v, 1, 64); }},
      {"watch", [&](Text, Text v) { to.watch.push_back(watched(v)); }},
  };
}

void check(const Options& options) {
  if (options.target.port == 0) throw Failure("--target HOST:PORT is missing");
  if (options.publishers == 0 && options.subscribers == 0) {
    throw Failure("--publishers or --subscribers must be at least 1");
  }
  if (options.publish == Protocol::kHttp && options.window > 1 && options.publishers > 0) {
    throw Failure("--window of http is 1: more connections have more outstanding");
  }
  if (options.turn && options.publish == Protocol::kWsRaw) {
    throw Failure("--turn needs topics, which ws-raw has not");
  }
}

}  // namespace

Options parse_options(int argc, char** argv) {
  Options options;
  bool has_subscribe_target = false;
  const auto setters = value_options(options, has_subscribe_target);
  const std::map<std::string, std::function<void()>> flags = {
      {"no-create", [&] { options.create = false; }},
      {"turn", [&] { options.turn = true; }},
      {"hold", [&] { options.hold = true; }},
      {"announce", [&] { options.announce = true; }},
  };
  for (int at = 1; at < argc; at++) {
    const std::string given = argv[at];
    const std::string name = given.starts_with("--") ? given.substr(2) : "";
    if (const auto flag = flags.find(name); flag != flags.end()) {
      flag->second();
      continue;
    }
    const auto setter = setters.find(name);
    if (setter == setters.end()) throw Failure("unknown option " + given + ": see README.md");
    if (at + 1 == argc) throw Failure(given + " needs a value");
    setter->second(name, argv[++at]);
  }
  check(options);
  if (!has_subscribe_target) options.subscribe_target = options.target;
  return options;
}

bool is_conduit(Protocol protocol) {
  return protocol == Protocol::kHttp || protocol == Protocol::kWsJson ||
         protocol == Protocol::kWsMsgpack || protocol == Protocol::kWsSeed;
}

}  // namespace loadgen
