// The load generator: one run, one JSON object on stdout. Exit 2 with one line on stderr when it could
// not run at all.
#include <sys/resource.h>

#include <csignal>
#include <cstdio>
#include <exception>
#include <mutex>
#include <thread>

#include "clock.hpp"
#include "crew.hpp"
#include "failure.hpp"
#include "report.hpp"
#include "topic_maker.hpp"

namespace loadgen {
namespace {

// Besides the connections: epoll, streams, /proc.
constexpr size_t kOtherFiles = 64;

volatile std::sig_atomic_t signalled = 0;

void raise_file_limit(const Options& options) {
  const size_t needed = options.sockets() + kOtherFiles;
  rlimit limit{};
  getrlimit(RLIMIT_NOFILE, &limit);
  if (limit.rlim_max != RLIM_INFINITY && limit.rlim_max < needed) {
    throw Failure("it needs " + std::to_string(needed) + " file descriptors, the limit is " +
                  std::to_string(limit.rlim_max) + ": ulimit -n");
  }
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
}

bool has_topics(const Options& options) {
  if (!options.create) return false;
  return (options.publishers > 0 && is_conduit(options.publish)) ||
         (options.subscribers > 0 && is_conduit(options.subscribe));
}

// One crew a thread. The first failure of any of them is thrown when all have ended.
void run_crews(Course& course, std::vector<std::unique_ptr<Crew>>& crews, Muster& muster,
               Watch& watch) {
  std::mutex mutex;
  std::exception_ptr failure;
  const auto work = [&](size_t index) {
    const auto guarded = [&](auto step) {
      try {
        step();
      } catch (...) {
        const std::lock_guard guard(mutex);
        if (failure == nullptr) failure = std::current_exception();
        course.broken("it could not run");
      }
    };
    guarded([&] { crews[index]->gather(); });
    muster.gathered.arrive_and_wait();
    if (index == 0) {
      const Options& options = course.options;
      muster.started_ns = now_ns();
      const int64_t from = muster.started_ns + ns_of(options.warmup_s);
      if (course.from_ns == kNever) course.from_ns = from;
      course.to_ns = from + ns_of(options.duration_s);
    }
    muster.gathered.arrive_and_wait();
    guarded([&] { crews[index]->run(index == 0 ? &watch : nullptr); });
  };
  std::vector<std::thread> threads;
  for (size_t index = 1; index < crews.size(); index++) threads.emplace_back(work, index);
  std::thread stopper([&course, &muster] {
    while (signalled == 0 && !course.stopped && muster.ended_ns == 0) {
      std::this_thread::sleep_for(std::chrono::milliseconds(50));
    }
    if (signalled != 0) course.broken("it was stopped by a signal");
  });
  work(0);
  for (std::thread& thread : threads) thread.join();
  course.stopped = true;
  stopper.join();
  if (failure != nullptr) std::rethrow_exception(failure);
}

void check_missing(const Course& course, const std::vector<std::unique_ptr<Crew>>& crews,
                   Result& result) {
  uint64_t missing = 0;
  uint64_t waiting = 0;
  for (const auto& crew : crews) {
    waiting += crew->unanswered();
    for (const auto& one : crew->subscribers()) {
      const uint64_t stored = course.options.publishers == 0 ? 0 : course.stored[one->topic()].load();
      missing += stored - std::min(stored, one->received_count());
    }
  }
  const auto tell = [&](uint64_t count, const std::string& what) {
    if (count > 0) result.problems.push_back(std::to_string(count) + " " + what);
  };
  tell(waiting, "publishes were not answered");
  tell(missing, "answered publishes did not reach a subscriber");
  tell(result.tally.gaps, "gaps in a topic's sequence");
  tell(result.tally.duplicates, "messages came twice");
  tell(result.tally.reorders, "messages came out of order");
  for (const auto& [code, count] : result.tally.errors) tell(count, "publishes failed: " + code);
}

void time_deliveries(const Options& options, const std::vector<std::unique_ptr<Crew>>& crews,
                     Result& result) {
  double complete = 0;
  bool is_complete = options.messages > 0;
  for (const auto& crew : crews) {
    for (const auto& one : crew->subscribers()) {
      const auto since = [&](int64_t at) { return static_cast<double>(at - one->asked_ns()) / 1e9; };
      if (one->first_ns() > 0) {
        const double first = since(one->first_ns());
        result.first_delivery_s = std::min(result.first_delivery_s.value_or(first), first);
      }
      if (one->complete_ns() == 0) is_complete = false;
      else complete = std::max(complete, since(one->complete_ns()));
    }
  }
  if (is_complete && options.subscribers > 0) result.complete_s = complete;
}

void run(const Options& options) {
  raise_file_limit(options);
  Watch watch(options);
  if (has_topics(options)) make_topics(options);
  Course course(options);
  // A replay begins with the subscribe request.
  const bool is_replay = options.publishers == 0 && options.messages > 0;
  if (is_replay) course.from_ns = now_ns();
  Muster muster(options.threads);
  std::vector<std::unique_ptr<Crew>> crews;
  for (size_t index = 0; index < options.threads; index++) {
    crews.push_back(std::make_unique<Crew>(course, muster, index));
  }
  run_crews(course, crews, muster, watch);
  Result result;
  for (const auto& crew : crews) result.tally.add(crew->tally());
  const int64_t from = options.hold ? muster.started_ns.load() : course.from_ns.load();
  result.seconds = std::max(0.0, static_cast<double>(muster.ended_ns - from) / 1e9);
  result.problems = course.problems();
  check_missing(course, crews, result);
  time_deliveries(options, crews, result);
  std::printf("%s\n", to_json(options, result, watch).c_str());
}

}  // namespace
}  // namespace loadgen

int main(int argc, char** argv) {
  std::signal(SIGPIPE, SIG_IGN);
  std::signal(SIGINT, [](int) { loadgen::signalled = 1; });
  std::signal(SIGTERM, [](int) { loadgen::signalled = 1; });
  try {
    loadgen::run(loadgen::parse_options(argc, argv));
    return 0;
  } catch (const loadgen::Failure& failure) {
    std::fprintf(stderr, "loadgen: %s\n", failure.what());
    return 2;
  }
}
