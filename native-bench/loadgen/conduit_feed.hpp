// A subscription by Conduit's WebSocket protocol.
#pragma once

#include "conduit_frames.hpp"
#include "feed.hpp"
#include "frame_shape.hpp"
#include "websocket_stream.hpp"

namespace loadgen {

class ConduitFeed : public Feed {
 public:
  ConduitFeed(const Options& options, const std::string& topic, size_t subscriber);

  void open(std::string& out) override;
  size_t received(std::string_view bytes, std::string& out, FeedSink& sink) override;
  void ack(std::string& out, uint64_t number) override;
  void finish_acks(std::string& out) override;

 private:
  void subscribe(std::string& out) const;
  void each_msgpack(std::string_view message, FeedSink& sink);
  void json_frame(std::string_view bytes, FeedSink& sink);
  void take(const ServerFrame& frame, FeedSink& sink);

  const Options& options_;
  std::string topic_;
  std::string name_;
  bool is_msgpack_;
  bool is_ready_ = false;
  WebSocketStream stream_;
  FrameShape shape_;
  // An ack but for its sequence, and what stands behind it.
  std::string ack_head_;
  std::string acks_;
};

}  // namespace loadgen
