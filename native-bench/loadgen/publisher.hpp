// One publishing connection: keeps its window full (closed loop), or sends what is due (open loop).
#pragma once

#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "connection.hpp"
#include "course.hpp"
#include "payload.hpp"
#include "publish_codec.hpp"
#include "tally.hpp"

namespace loadgen {

class Publisher : public Speaker, private Settler {
 public:
  Publisher(Poller& poller, Course& course, Tally& tally, size_t index);

  bool is_ready() const { return is_ready_; }
  // Units that wait for their answer.
  size_t outstanding() const { return slots_.size() - free_.size(); }
  // Closed loop: fills the window.
  void start();
  // Open loop: a unit is due. When the window is full it waits, its time stays.
  void due(int64_t scheduled_ns);

  void connected() override;
  size_t received(std::string_view bytes) override;
  void closed(const std::string& why) override;

 private:
  struct Slot {
    int64_t scheduled_ns = 0;
    size_t topic = 0;
    // Messages without an answer.
    size_t left = 0;
  };

  void ready() override { is_ready_ = true; }
  void settled(size_t slot) override;
  void failed(size_t slot, const std::string& code) override;
  void settled_oldest() override;
  void failed_oldest(const std::string& code) override;

  void pump();
  void send_unit(int64_t scheduled_ns);
  void one_less(size_t slot);

  Course& course_;
  Tally& tally_;
  size_t index_;
  size_t next_topic_;
  Payload payload_;
  std::unique_ptr<PublishCodec> codec_;
  std::vector<Slot> slots_;
  std::vector<size_t> free_;
  // Slots as they were sent, where answers come in that order.
  std::deque<size_t> sent_;
  std::deque<int64_t> due_;
  std::string frames_;
  bool is_ready_ = false;
  bool is_started_ = false;
  Connection connection_;
};

}  // namespace loadgen
