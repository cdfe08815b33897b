// How one protocol writes publishes and reads their answers.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "options.hpp"
#include "payload.hpp"

namespace loadgen {

// Who is told of answers. Slots number the units (one publish, or one batch) under way.
class Settler {
 public:
  virtual ~Settler() = default;
  // The conversation is open: publishes may be sent.
  virtual void ready() = 0;
  // One message of the unit is answered.
  virtual void settled(size_t slot) = 0;
  virtual void failed(size_t slot, const std::string& code) = 0;
  // The same for the oldest message under way, where answers come in order.
  virtual void settled_oldest() = 0;
  virtual void failed_oldest(const std::string& code) = 0;
};

class PublishCodec {
 public:
  virtual ~PublishCodec() = default;
  // What opens the conversation; protocols that need no answer to it call `ready` at once.
  virtual void open(std::string& out, Settler& settler) = 0;
  // Writes one unit of `count` messages to one topic.
  virtual void unit(std::string& frames, size_t slot, const std::string& topic, Payload& payload,
                    int64_t scheduled_ns, size_t count) = 0;
  // Ends what is sent at once: where several frames go in one message, its header.
  virtual void finish(std::string& out, const std::string& frames) { out += frames; }
  // Whether answers come in the order of the publishes.
  virtual bool is_in_order() const { return true; }
  // Reads answers; gives how many bytes it took. It may write to `out`.
  virtual size_t answers(std::string_view bytes, std::string& out, Settler& settler) = 0;
};

std::unique_ptr<PublishCodec> make_publish_codec(const Options& options, size_t publisher);

}  // namespace loadgen
