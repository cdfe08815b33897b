// Publishes as frames of Conduit's WebSocket protocol, joined in one message, answered by ref.
#pragma once

#include "conduit_frames.hpp"
#include "publish_codec.hpp"
#include "websocket_stream.hpp"

namespace loadgen {

class ConduitPublish : public PublishCodec {
 public:
  explicit ConduitPublish(const Options& options)
      : is_msgpack_(options.publish == Protocol::kWsMsgpack),
        key_(options.key),
        subprotocol_(subprotocol_of(options.publish)) {}

  void open(std::string& out, Settler&) override {
    out += websocket::upgrade_request("/ws", subprotocol_, key_);
  }

  bool is_in_order() const override { return false; }

  void unit(std::string& frames, size_t slot, const std::string& topic, Payload& payload,
            int64_t scheduled_ns, size_t count) override {
    for (size_t message = 0; message < count; message++) {
      const std::string& text = payload.next(scheduled_ns);
      if (is_msgpack_) put_msgpack(frames, slot, topic, text);
      else put_json(frames, slot, topic, text);
    }
  }

  void finish(std::string& out, const std::string& frames) override {
    const char opcode = is_msgpack_ ? websocket::kBinary : websocket::kText;
    websocket::put_header(out, opcode, frames.size());
    out += frames;
  }

  size_t answers(std::string_view bytes, std::string& out, Settler& settler) override {
    return stream_.receive(
        bytes, out, [&] { settler.ready(); },
        [&](std::string_view message) {
          if (is_msgpack_) each_msgpack(message, settler);
          else each_json_frame(message, [&](std::string_view one) {
            settle(read_json_frame(one), settler);
          });
        });
  }

 private:
  // Of the first ref, so that all have the same width.
  static constexpr uint32_t kRefBase = 1'000'000'000;
  static constexpr std::string_view kTail = "\xacpublished_at\xb8";

  void put_msgpack(std::string& to, size_t slot, const std::string& topic,
                   const std::string& payload) const {
    constexpr std::string_view kHead = "\x84\xa4type\xa7publish\xa5topic";
    to += kHead;
    msgpack::put_str(to, topic);
    constexpr std::string_view kPayload = "\xa7payload";
    to += kPayload;
    msgpack::put_str(to, payload);
    constexpr std::string_view kRef = "\xa3ref";
    to += kRef;
    msgpack::put_uint32(to, kRefBase + static_cast<uint32_t>(slot));
  }

  void put_json(std::string& to, size_t slot, const std::string& topic,
                const std::string& payload) const {
    if (!to.empty()) to += kFrameSeparator;
    to += "{\"type\":\"publish\",\"topic\":\"";
    to += topic;
    to += "\",\"payload\":";
    to += payload;
    to += ",\"ref\":";
    to += std::to_string(kRefBase + slot);
    to += '}';
  }

  // Frames of one batch have one length: where the ref stands is learned from the first.
  void each_msgpack(std::string_view message, Settler& settler) {
    while (!message.empty()) {
      if (is_like_last(message)) {
        const uint64_t ref = msgpack::big_endian(message.data() + ref_at_ + 5, 4);
        settler.settled(ref - kRefBase);
        message.remove_prefix(length_);
        continue;
      }
      const ServerFrame frame = read_msgpack_frame(message);
      if (frame.bytes == 0) return settler.failed(SIZE_MAX, "unreadable frame");
      learn(message.substr(0, frame.bytes), frame);
      settle(frame, settler);
      message.remove_prefix(frame.bytes);
    }
  }

  bool is_like_last(std::string_view message) const {
    return length_ > 0 && message.size() >= length_ &&
           message.substr(0, ref_at_ + 5) == head_ &&
           message.substr(tail_at_, kTail.size()) == kTail;
  }

  void learn(std::string_view bytes, const ServerFrame& frame) {
    length_ = 0;
    constexpr std::string_view kRef = "\xa3ref\xce";
    ref_at_ = bytes.find(kRef);
    tail_at_ = bytes.find(kTail);
    const size_t none = std::string_view::npos;
    if (frame.type != "published" || ref_at_ == none || tail_at_ == none) return;
    head_ = bytes.substr(0, ref_at_ + kRef.size());
    length_ = bytes.size();
  }

  static void settle(const ServerFrame& frame, Settler& settler) {
    if (frame.type == "published") settler.settled(frame.ref - kRefBase);
    else if (frame.type == "error") settler.failed(slot_of(frame.ref), std::string(frame.code));
    else if (frame.type == "disconnect") settler.failed(SIZE_MAX, "disconnect");
  }

  static size_t slot_of(uint64_t ref) { return ref < kRefBase ? SIZE_MAX : ref - kRefBase; }

  bool is_msgpack_;
  std::string key_;
  std::string subprotocol_;
  WebSocketStream stream_;
  // Of the last `published` frame: all before the value of its ref, where its last field stands
  // (its topic may be longer the next time), and its length.
  std::string head_;
  size_t ref_at_ = 0;
  size_t tail_at_ = 0;
  size_t length_ = 0;
};

}  // namespace loadgen
