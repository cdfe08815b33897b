#include "subscriber.hpp"

#include "clock.hpp"
#include "failure.hpp"

namespace loadgen {
namespace {

// Above so many deliveries of one thread only every sixteenth latency is recorded.
constexpr uint64_t kAllSampled = 100'000;
constexpr uint64_t kSampleMask = 15;

}  // namespace

Subscriber::Subscriber(Poller& poller, Course& course, Tally& tally, size_t topic, size_t index)
    : course_(course),
      tally_(tally),
      topic_(topic),
      ack_every_ns_(ns_of(course.options.ack_every_ms / 1'000)),
      feed_(make_feed(course.options, course.options.topic_name(topic), index)),
      connection_(poller, *this, course.options.subscribe_target) {}

void Subscriber::connected() {
  asked_ns_ = now_ns();
  feed_->open(connection_.out());
}

size_t Subscriber::received(std::string_view bytes) {
  now_ns_ = now_ns();
  is_counted_ = course_.counts_at(now_ns_);
  const size_t taken = feed_->received(bytes, connection_.out(), *this);
  if (to_ack_ > 0 && acks_due_ns_ <= now_ns_) send_acks();
  return taken;
}

void Subscriber::send_due_acks(int64_t now) {
  if (to_ack_ == 0 || now < acks_due_ns_) return;
  send_acks();
  connection_.flush();
}

void Subscriber::send_acks() {
  if (course_.options.ack == Ack::kCumulative) feed_->ack(connection_.out(), to_ack_);
  to_ack_ = 0;
  feed_->finish_acks(connection_.out());
}

void Subscriber::closed(const std::string& why) {
  const Address& target = course_.options.subscribe_target;
  const std::string where = target.host + ":" + std::to_string(target.port);
  const std::string how = why.empty() ? "it closed the connection" : why;
  if (!is_ready_) throw Failure("cannot subscribe at " + where + ": " + how);
  course_.broken("a subscriber lost " + where + ": " + how);
}

void Subscriber::message(const Delivery& delivery) {
  if (course_.options.ack != Ack::kNone) acknowledge(delivery.number);
  if (!follows(delivery)) return;
  received_++;
  if (first_ns_ == 0) first_ns_ = now_ns_;
  if (received_ == course_.options.messages) complete_ns_ = now_ns_;
  if (!is_counted_) return;
  tally_.delivered++;
  tally_.delivered_bytes += delivery.bytes;
  if (wants_time && delivery.sent_ns > 0) {
    tally_.deliveries.record((now_ns_ - delivery.sent_ns) / 1'000);
  }
  wants_time = tally_.delivered < kAllSampled || (tally_.delivered & kSampleMask) == 0;
}

// False: it was there before.
bool Subscriber::follows(const Delivery& delivery) {
  const uint64_t number = delivery.number;
  if (last_ == 0 || number == last_ + 1) {
    last_ = number;
    return true;
  }
  if (number > last_) {
    tally_.gaps++;
    last_ = number;
    return true;
  }
  if (number == last_ || delivery.attempt > 1) tally_.duplicates++;
  else tally_.reorders++;
  return false;
}

void Subscriber::acknowledge(uint64_t number) {
  if (is_counted_) tally_.acked++;
  if (to_ack_ == 0) acks_due_ns_ = now_ns_ + ack_every_ns_;
  if (course_.options.ack == Ack::kSingle) feed_->ack(connection_.out(), number);
  to_ack_ = std::max(to_ack_, number);
}

}  // namespace loadgen
