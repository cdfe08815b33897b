#include "usage.hpp"

#include <dirent.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>
#include <sstream>
#include <string>
#include <unordered_map>
#include <vector>

namespace loadgen {
namespace {

struct Process {
  int parent = 0;
  Usage usage;
};

// "pid (name) state ppid ...", and the name may have any character. Ticks and pages: proc(5).
bool read_process(int pid, Process& to) {
  std::ifstream file("/proc/" + std::to_string(pid) + "/stat");
  std::string text;
  if (!std::getline(file, text)) return false;
  std::istringstream fields(text.substr(text.rfind(')') + 2));
  constexpr int kParent = 1, kUserTicks = 11, kReapedSystemTicks = 14, kPages = 21;
  std::string field;
  double ticks = 0;
  for (int at = 0; at <= kPages && fields >> field; at++) {
    if (at == kParent) to.parent = std::atoi(field.c_str());
    if (at >= kUserTicks && at <= kReapedSystemTicks) ticks += std::atof(field.c_str());
    if (at == kPages) {
      to.usage.rss_bytes = std::strtoull(field.c_str(), nullptr, 10) *
                           static_cast<uint64_t>(sysconf(_SC_PAGESIZE));
    }
  }
  to.usage.cpu_s = ticks / static_cast<double>(sysconf(_SC_CLK_TCK));
  return true;
}

std::unordered_map<int, Process> read_all() {
  std::unordered_map<int, Process> processes;
  DIR* folder = opendir("/proc");
  if (folder == nullptr) return processes;
  while (const dirent* entry = readdir(folder)) {
    const int pid = std::atoi(entry->d_name);
    Process process;
    if (pid > 0 && read_process(pid, process)) processes[pid] = process;
  }
  closedir(folder);
  return processes;
}

bool descends(int pid, int from, const std::unordered_map<int, Process>& processes) {
  while (pid != from) {
    const auto found = processes.find(pid);
    if (found == processes.end() || found->second.parent == 0) return false;
    pid = found->second.parent;
  }
  return true;
}

}  // namespace

Usage usage_of_tree(int pid) {
  const auto processes = read_all();
  Usage sum;
  for (const auto& [one, process] : processes) {
    if (!descends(one, pid, processes)) continue;
    sum.cpu_s += process.usage.cpu_s;
    sum.rss_bytes += process.usage.rss_bytes;
  }
  return sum;
}

double own_cpu_s() {
  rusage own{};
  getrusage(RUSAGE_SELF, &own);
  const auto seconds = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
  };
  return seconds(own.ru_utime) + seconds(own.ru_stime);
}

}  // namespace loadgen
