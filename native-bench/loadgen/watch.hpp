// CPU of the watched processes and of this one over the counted window, and their memory.
#pragma once

#include <map>
#include <string>

#include "options.hpp"
#include "usage.hpp"

namespace loadgen {

class Watch {
 public:
  explicit Watch(const Options& options) : options_(options) {
    for (const auto& [name, pid] : options.watch) before_[name] = usage_of_tree(pid);
  }

  void begin() {
    own_from_ = own_cpu_s();
    for (const auto& [name, pid] : options_.watch) from_[name] = usage_of_tree(pid);
    has_begun_ = true;
  }

  void end() {
    if (!has_begun_) return;
    own_cpu_s_ = own_cpu_s() - own_from_;
    for (const auto& [name, pid] : options_.watch) to_[name] = usage_of_tree(pid);
  }

  bool has_begun() const { return has_begun_; }
  double own_cpu() const { return own_cpu_s_; }
  double cpu_s(const std::string& name) const {
    return has_begun_ ? to_.at(name).cpu_s - from_.at(name).cpu_s : 0;
  }
  // Before the first connection, and at the end of the window.
  uint64_t rss_before(const std::string& name) const { return before_.at(name).rss_bytes; }
  uint64_t rss_after(const std::string& name) const {
    return has_begun_ ? to_.at(name).rss_bytes : 0;
  }

 private:
  const Options& options_;
  bool has_begun_ = false;
  double own_from_ = 0;
  double own_cpu_s_ = 0;
  std::map<std::string, Usage> before_, from_, to_;
};

}  // namespace loadgen
