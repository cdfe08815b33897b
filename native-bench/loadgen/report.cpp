#include "report.hpp"

#include <cstdio>

namespace loadgen {
namespace {

std::string quoted(const std::string& text) {
  std::string json = "\"";
  for (const char one : text) {
    if (one == '"' || one == '\\') json += '\\';
    json += static_cast<unsigned char>(one) < 0x20 ? ' ' : one;
  }
  return json + '"';
}

std::string number(double value) {
  char text[32];
  std::snprintf(text, sizeof text, "%.6g", value);
  return text;
}

std::string number(uint64_t value) { return std::to_string(value); }

std::string number(const std::optional<double>& value) { return value ? number(*value) : "null"; }

// {"name": value, ...} of pairs that are JSON already.
std::string object(const std::vector<std::pair<std::string, std::string>>& pairs) {
  std::string json;
  for (const auto& [name, value] : pairs) json += (json.empty() ? "" : ", ") + quoted(name) + ": " + value;
  return "{" + json + "}";
}

std::string latency(const Histogram& histogram) {
  if (histogram.count() == 0) return "null";
  return object({
      {"p50", number(histogram.percentile(0.5))},
      {"p90", number(histogram.percentile(0.9))},
      {"p95", number(histogram.percentile(0.95))},
      {"p99", number(histogram.percentile(0.99))},
      {"p999", number(histogram.percentile(0.999))},
      {"max", number(histogram.max())},
      {"mean", number(histogram.mean())},
  });
}

std::string buckets(const Histogram& histogram) {
  std::string json;
  for (const auto& [upper, count] : histogram.buckets()) {
    json += (json.empty() ? "[" : ", [") + number(upper) + ", " + number(count) + "]";
  }
  return "[" + json + "]";
}

std::string per_second(uint64_t count, double seconds) {
  return number(seconds > 0 ? static_cast<double>(count) / seconds : 0.0);
}

std::string published(const Options& options, const Result& result) {
  const Tally& tally = result.tally;
  std::vector<std::pair<std::string, std::string>> errors;
  for (const auto& [code, count] : tally.errors) errors.emplace_back(code, number(count));
  return object({
      {"count", number(tally.published)},
      {"per_s", per_second(tally.published, result.seconds)},
      {"errors", object(errors)},
      {"latency_us", latency(tally.answers)},
      {"corrected", options.rate > 0 ? "true" : "false"},
      {"histogram", buckets(tally.answers)},
  });
}

std::string delivered(const Result& result) {
  const Tally& tally = result.tally;
  return object({
      {"count", number(tally.delivered)},
      {"per_s", per_second(tally.delivered, result.seconds)},
      {"bytes", number(tally.delivered_bytes)},
      {"acked", number(tally.acked)},
      {"gaps", number(tally.gaps)},
      {"duplicates", number(tally.duplicates)},
      {"reorders", number(tally.reorders)},
      {"latency_us", latency(tally.deliveries)},
      {"histogram", buckets(tally.deliveries)},
  });
}

std::string told(const Options& options) {
  return object({
      {"topics", number(options.topics)},
      {"publishers", number(options.publishers)},
      {"window", number(options.window)},
      {"rate", number(options.rate)},
      {"batch", number(options.batch)},
      {"payload", number(options.payload)},
      {"subscribers", number(options.subscribers)},
      {"warmup", number(options.warmup_s)},
      {"duration", number(options.duration_s)},
      {"messages", number(options.messages)},
      {"threads", number(options.threads)},
  });
}

}  // namespace

std::string to_json(const Options& options, const Result& result, const Watch& watch) {
  std::string problems;
  for (const std::string& problem : result.problems) {
    problems += (problems.empty() ? "" : ", ") + quoted(problem);
  }
  std::vector<std::pair<std::string, std::string>> cpu = {{"loadgen", number(watch.own_cpu())}};
  std::vector<std::pair<std::string, std::string>> rss;
  for (const auto& [name, pid] : options.watch) {
    cpu.emplace_back(name, number(watch.cpu_s(name)));
    rss.emplace_back(name, object({{"start", number(watch.rss_before(name))},
                                   {"end", number(watch.rss_after(name))}}));
  }
  return object({
      {"valid", result.problems.empty() ? "true" : "false"},
      {"problems", "[" + problems + "]"},
      {"seconds", number(result.seconds)},
      {"options", told(options)},
      {"published", published(options, result)},
      {"delivered", delivered(result)},
      {"first_delivery_s", number(result.first_delivery_s)},
      {"complete_s", number(result.complete_s)},
      {"cpu_s", object(cpu)},
      {"rss_bytes", object(rss)},
  });
}

}  // namespace loadgen
