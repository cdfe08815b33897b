// Publishes by POST, one request at a time on a connection.
#pragma once

#include "http.hpp"
#include "publish_codec.hpp"

namespace loadgen {

class HttpPublish : public PublishCodec {
 public:
  explicit HttpPublish(const Options& options)
      : is_batch_(options.batch > 1),
        is_bare_(options.bare_body),
        batch_(options.batch),
        head_(http::post_head(is_batch_ ? options.batch_path : options.path, options.key)) {}

  void open(std::string&, Settler& settler) override { settler.ready(); }

  void unit(std::string& frames, size_t, const std::string& topic, Payload& payload,
            int64_t scheduled_ns, size_t count) override {
    body_.clear();
    if (is_batch_) body_ += "{\"messages\":[";
    for (size_t message = 0; message < count; message++) {
      if (message > 0) body_ += ',';
      put_message(topic, payload.next(scheduled_ns));
    }
    if (is_batch_) body_ += "]}";
    http::put_body(frames, head_, body_);
  }

  size_t answers(std::string_view bytes, std::string&, Settler& settler) override {
    size_t taken = 0;
    for (;;) {
      const http::Response response = http::read_response(bytes.substr(taken));
      if (response.bytes == 0) return taken;
      taken += response.bytes;
      settle(response, settler);
    }
  }

 private:
  void put_message(const std::string& topic, const std::string& payload) {
    if (is_bare_) {
      body_ += payload;
      return;
    }
    body_ += "{\"topic\":\"";
    body_ += topic;
    body_ += "\",\"payload\":";
    body_ += payload;
    body_ += '}';
  }

  // A batch is answered 200 when a part of it was stored: each other part has its error.
  void settle(const http::Response& response, Settler& settler) const {
    size_t refused = 0;
    if (is_batch_ && response.status == 200) {
      constexpr std::string_view kError = "{\"error\":";
      for (size_t at = 0; (at = response.body.find(kError, at)) != std::string_view::npos; at++) {
        refused++;
      }
    }
    for (size_t message = 0; message < batch_; message++) {
      if (response.status != 200) settler.failed_oldest(std::to_string(response.status));
      else if (message < refused) settler.failed_oldest("refused in its batch");
      else settler.settled_oldest();
    }
  }

  bool is_batch_;
  bool is_bare_;
  size_t batch_;
  std::string head_;
  std::string body_;
};

}  // namespace loadgen
