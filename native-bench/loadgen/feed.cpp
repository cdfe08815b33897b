#include "feed.hpp"

#include "centrifugo_feed.hpp"
#include "conduit_feed.hpp"
#include "peer_feeds.hpp"

namespace loadgen {

std::unique_ptr<Feed> make_feed(const Options& options, const std::string& topic,
                                size_t subscriber) {
  switch (options.subscribe) {
    case Protocol::kWsRaw:
      return std::make_unique<RawFeed>();
    case Protocol::kRedisPubsub:
      return std::make_unique<RedisFeed>(topic);
    case Protocol::kNats:
      return std::make_unique<NatsFeed>(topic);
    case Protocol::kCentrifugo:
      return std::make_unique<CentrifugoFeed>(topic);
    default:
      return std::make_unique<ConduitFeed>(options, topic, subscriber);
  }
}

}  // namespace loadgen
