#include "publish_codec.hpp"

#include "centrifugo.hpp"
#include "conduit_publish.hpp"
#include "http_publish.hpp"
#include "nats.hpp"
#include "raw_publish.hpp"
#include "redis.hpp"

namespace loadgen {

std::unique_ptr<PublishCodec> make_publish_codec(const Options& options, size_t publisher) {
  switch (options.publish) {
    case Protocol::kHttp:
      return std::make_unique<HttpPublish>(options);
    case Protocol::kWsJson:
    case Protocol::kWsMsgpack:
    case Protocol::kWsSeed:
      return std::make_unique<ConduitPublish>(options);
    case Protocol::kWsRaw:
      return std::make_unique<RawPublish>();
    case Protocol::kRedisPubsub:
    case Protocol::kRedisStream:
      return std::make_unique<redis::Publish>(options.publish == Protocol::kRedisStream);
    case Protocol::kNats:
    case Protocol::kJetstream:
      return std::make_unique<nats::Publish>(options.publish == Protocol::kJetstream, publisher);
    case Protocol::kCentrifugo:
      return std::make_unique<centrifugo::Publish>(options);
  }
  return nullptr;
}

}  // namespace loadgen
