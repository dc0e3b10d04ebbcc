#include "tools/mlpjit-bench/suite/timing.h"

#include <benchmark/benchmark.h>

#include <algorithm>
#include <chrono>
#include <cmath>

#include "tools/mlpjit-bench/report.h"

namespace mlpjit::bench {

double seconds_of(const Call& call) {
  const auto start = std::chrono::steady_clock::now();
  call();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

namespace {

// So many that a round is longer than what the clock and a cold cache cost.
std::int64_t calls_of_a_round(const Call& call, bool quick) {
  call();
  double one = seconds_of(call);
  for (int i = 0; i < 5; ++i) one = std::min(one, seconds_of(call));
  const double round = quick ? 1e-4 : 1.5e-3;
  return std::clamp<std::int64_t>(static_cast<std::int64_t>(round / std::max(one, 1e-8)), 2,
                                  1'000'000);
}

double quantile(std::vector<double> values, double part) {
  std::sort(values.begin(), values.end());
  const auto last = static_cast<double>(values.size() - 1);
  return values[static_cast<std::size_t>(std::lround(part * last))];
}

}  // namespace

std::vector<Timing> time_interleaved(const std::vector<Way>& ways, int rounds, bool quick) {
  benchmark::ClearRegisteredBenchmarks();
  for (const Way& way : ways) {
    benchmark::RegisterBenchmark(way.name.c_str(),
                                 [&way](benchmark::State& state) {
                                   for (auto _ : state) way.call();
                                 })
        ->Iterations(calls_of_a_round(way.call, quick))
        ->Repetitions(rounds)
        ->UseRealTime()
        ->Unit(benchmark::kMicrosecond)
        ->ComputeStatistics("min", [](const std::vector<double>& v) { return quantile(v, 0); })
        ->ComputeStatistics("p50", [](const std::vector<double>& v) { return quantile(v, 0.5); })
        ->ComputeStatistics("p99", [](const std::vector<double>& v) { return quantile(v, 0.99); });
  }
  Collector collector;
  benchmark::RunSpecifiedBenchmarks(&collector);
  std::vector<Timing> timings;
  for (const Way& way : ways) {
    const auto time = [&](const char* statistic) { return collector.time(way.name, statistic); };
    timings.push_back({way.name, way.peer, time("min"), time("p50"), time("p99")});
  }
  benchmark::ClearRegisteredBenchmarks();
  return timings;
}

void initialize_benchmark() {
  std::string arguments[] = {"mlpjit-bench", "--benchmark_enable_random_interleaving=true"};
  char* argv[] = {arguments[0].data(), arguments[1].data()};
  int argc = 2;
  benchmark::Initialize(&argc, argv);
}

const Timing* Measured::find(const std::string& name) const {
  const auto found = std::find_if(timings.begin(), timings.end(),
                                  [&](const Timing& timing) { return timing.name == name; });
  return found == timings.end() ? nullptr : &*found;
}

const Timing* Measured::best_peer() const {
  const Timing* best = nullptr;
  for (const Timing& timing : timings) {
    if (timing.peer && (best == nullptr || timing.minimum < best->minimum)) best = &timing;
  }
  return best;
}

bool agrees(const Tensor& found, const Tensor& expected) {
  const double error = max(abs(found - expected)).item<double>(),
               size = max(abs(expected)).item<double>();
  return error <= 1e-3 * (1 + size);  // NaN is not
}

void add_peer(Peer* peer, const Tensor& expected, std::vector<Way>& ways, Measured& result) {
  peer->run();
  if (agrees(peer->output(), expected))
    ways.push_back({peer->name(), true, [peer] { peer->run(); }});
  else
    result.refused.push_back(peer->name());
}

}  // namespace mlpjit::bench
