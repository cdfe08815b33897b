#include "publisher.hpp"

#include "clock.hpp"
#include "failure.hpp"

namespace loadgen {
namespace {

// A WebSocket message that joins more frames than this is cut in several.
constexpr size_t kJoinedBytesMax = 512 * 1024;

}  // namespace

Publisher::Publisher(Poller& poller, Course& course, Tally& tally, size_t index)
    : course_(course),
      tally_(tally),
      index_(index),
      next_topic_(index % course.options.topics),
      payload_(course.options.payload, index),
      codec_(make_publish_codec(course.options, index)),
      slots_(course.options.window),
      connection_(poller, *this, course.options.publish_target(index)) {
  for (size_t slot = slots_.size(); slot-- > 0;) free_.push_back(slot);
}

void Publisher::start() {
  is_started_ = true;
  pump();
}

void Publisher::due(int64_t scheduled_ns) {
  due_.push_back(scheduled_ns);
  is_started_ = true;
  pump();
}

void Publisher::connected() { codec_->open(connection_.out(), *this); }

size_t Publisher::received(std::string_view bytes) {
  const size_t taken = codec_->answers(bytes, connection_.out(), *this);
  pump();
  return taken;
}

void Publisher::closed(const std::string& why) {
  const Address& target = course_.options.publish_target(index_);
  const std::string where = target.host + ":" + std::to_string(target.port);
  const std::string how = why.empty() ? "it closed the connection" : why;
  if (!is_ready_) throw Failure("cannot publish to " + where + ": " + how);
  course_.broken("a publisher lost " + where + ": " + how);
}

void Publisher::pump() {
  if (!is_started_ || !is_ready_) return;
  const bool is_open_loop = course_.options.rate > 0;
  int64_t now = 0;
  while (!free_.empty()) {
    if (is_open_loop && due_.empty()) break;
    if (!course_.take(course_.options.batch)) {
      due_.clear();
      break;
    }
    if (now == 0) now = now_ns();
    send_unit(is_open_loop ? due_.front() : now);
    if (is_open_loop) due_.pop_front();
    if (frames_.size() < kJoinedBytesMax) continue;
    codec_->finish(connection_.out(), frames_);
    frames_.clear();
  }
  if (!frames_.empty()) codec_->finish(connection_.out(), frames_);
  frames_.clear();
  connection_.flush();
}

void Publisher::send_unit(int64_t scheduled_ns) {
  const Options& options = course_.options;
  const size_t slot = free_.back();
  free_.pop_back();
  slots_[slot] = {scheduled_ns, next_topic_, options.batch};
  if (codec_->is_in_order()) sent_.push_back(slot);
  const std::string topic = options.topic_name(next_topic_);
  codec_->unit(frames_, slot, topic, payload_, scheduled_ns, options.batch);
  if (options.turn) next_topic_ = (next_topic_ + options.publishers) % options.topics;
}

void Publisher::settled(size_t slot) {
  if (slot >= slots_.size() || slots_[slot].left == 0) {
    course_.fault("an answer came for no publish");
    return;
  }
  course_.stored[slots_[slot].topic].fetch_add(1, std::memory_order_relaxed);
  const int64_t now = now_ns();
  if (course_.counts_at(now)) {
    tally_.published++;
    if (slots_[slot].left == 1) tally_.answers.record((now - slots_[slot].scheduled_ns) / 1'000);
  }
  one_less(slot);
}

void Publisher::failed(size_t slot, const std::string& code) {
  tally_.errors[code]++;
  if (slot < slots_.size() && slots_[slot].left > 0) one_less(slot);
}

void Publisher::settled_oldest() {
  if (sent_.empty()) course_.fault("an answer came for no publish");
  else settled(sent_.front());
}

void Publisher::failed_oldest(const std::string& code) {
  failed(sent_.empty() ? slots_.size() : sent_.front(), code);
}

void Publisher::one_less(size_t slot) {
  if (--slots_[slot].left > 0) return;
  free_.push_back(slot);
  while (!sent_.empty() && slots_[sent_.front()].left == 0) sent_.pop_front();
}

}  // namespace loadgen
