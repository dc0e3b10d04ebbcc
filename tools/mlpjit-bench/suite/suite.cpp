#include "tools/mlpjit-bench/suite/suite.h"

#include <benchmark/benchmark.h>
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <fstream>
#include <functional>
#include <iostream>
#include <thread>

#include "tools/mlpjit-bench/network.h"
#include "tools/mlpjit-bench/peers/peer.h"
#include "tools/mlpjit-bench/report.h"

namespace mlpjit::bench {
namespace {

using Call = std::function<void()>;

// A way to run a case.
struct Way {
  std::string name;
  bool peer = false;
  Call call;
};

double seconds_of(const Call& call) {
  const auto start = std::chrono::steady_clock::now();
  call();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

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

std::vector<Timing> time_interleaved(const std::vector<Way>& ways, const SuiteSettings& settings) {
  const int rounds = settings.quick ? 3 : settings.rounds;
  benchmark::ClearRegisteredBenchmarks();
  for (const Way& way : ways) {
    benchmark::RegisterBenchmark(way.name.c_str(),
                                 [&way](benchmark::State& state) {
                                   for (auto _ : state) way.call();
                                 })
        ->Iterations(calls_of_a_round(way.call, settings.quick))
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

// One input and one output of a bound call, whose memory stays where it is.
template <class T>
Call bound_call(nn::HybridSequential& net, const Tensor& x, Tensor& y) {
  auto call = std::make_shared<BoundCall>(net.bind({TensorSpec{x.dtype(), x.shape()}}));
  const BoundInput from(x.data<T>());
  const BoundOutput to(y.mutable_data<T>());
  return [call, from, to, x, y] {
    if (call->run(&from, 1, &to, 1) != Status::ok) throw Error("the bound call failed");
  };
}

// Whether a peer gives what the network gives, but for rounding.
bool agrees(const Tensor& found, const Tensor& expected) {
  const double error = max(abs(found - expected)).item<double>(),
               size = max(abs(expected)).item<double>();
  return error <= 1e-3 * (1 + size);  // NaN is not
}

// The networks of a case, and the ways to call them.
class CaseRun {
 public:
  CaseRun(const Case& one, const CompileTimes& compile) : case_(one) {
    result_.measured = one;
    result_.compile = compile;
    compiled_.hybridize();
    threaded_.hybridize({.threads = 2});
    x_ = make_input(one.network, one.batch);
    const Tensor expected = imperative_(x_);
    add(compiled_, "net(x)", expected);
    if (one.batch <= 64) add_bound(expected);
    if (std::thread::hardware_concurrency() > 1) add(threaded_, "net(x), 2 threads", expected);
    peers_ = make_peers(one.network, compiled_, x_);
    for (const auto& peer : peers_) {
      peer->run();
      if (agrees(peer->output(), expected))
        ways_.push_back({peer->name(), true, [p = peer.get()] { p->run(); }});
      else
        result_.refused.push_back(peer->name());
    }
  }

  CaseResult measure(const SuiteSettings& settings, const Machine& machine) {
    result_.timings = time_interleaved(ways_, settings);
    result_.limit = limit_of(case_, machine);
    return std::move(result_);
  }

 private:
  void add(nn::HybridSequential& net, const std::string& name, const Tensor& expected) {
    result_.same_bits = result_.same_bits && identical(net(x_), expected);
    ways_.push_back({name, false, [&net, this] { benchmark::DoNotOptimize(net(x_)); }});
  }

  void add_bound(const Tensor& expected) {
    y_ = zeros(expected.shape(), expected.dtype());
    Call call = case_.network.dtype == DType::f32 ? bound_call<float>(compiled_, x_, y_)
                                                  : bound_call<double>(compiled_, x_, y_);
    call();
    result_.same_bits = result_.same_bits && identical(y_, expected);
    ways_.push_back({"bound call", false, std::move(call)});
  }

  const Case& case_;
  CaseResult result_;
  nn::HybridSequential imperative_ = make_network(case_.network),
                       compiled_ = make_network(case_.network),
                       threaded_ = make_network(case_.network);
  Tensor x_, y_;
  std::vector<std::unique_ptr<Peer>> peers_;
  std::vector<Way> ways_;
};

// Nanoseconds of a call of a network of one multiplication.
void measure_calls(SuiteResult& result) {
  nn::HybridSequential net;
  net.add(nn::Dense(1, {.in_units = 1}));
  net.initialize();
  net.hybridize();
  const Tensor x = ones({1, 1});
  Tensor y = ones({1, 1});
  net(x);
  const Call bound = bound_call<float>(net, x, y);
  const auto least = [](const Call& call) {
    double best = 1e300;
    for (int round = 0; round < 40; ++round) {
      constexpr int kCalls = 2000;
      best = std::min(best, seconds_of([&] {
                              for (int i = 0; i < kCalls; ++i) call();
                            }) / kCalls);
    }
    return best * 1e9;
  };
  result.call_ns = least([&] { benchmark::DoNotOptimize(net(x)); });
  result.bound_call_ns = least(bound);
}

std::string processor_name() {
  std::ifstream info("/proc/cpuinfo");
  for (std::string line; std::getline(info, line);) {
    if (line.starts_with("model name")) return line.substr(line.find(':') + 2);
  }
  return "unknown processor";
}

void initialize_benchmark() {
  std::string arguments[] = {"mlpjit-bench", "--benchmark_enable_random_interleaving=true"};
  char* argv[] = {arguments[0].data(), arguments[1].data()};
  int argc = 2;
  benchmark::Initialize(&argc, argv);
}

}  // namespace

const Timing* CaseResult::find(const std::string& name) const {
  const auto found = std::find_if(timings.begin(), timings.end(),
                                  [&](const Timing& timing) { return timing.name == name; });
  return found == timings.end() ? nullptr : &*found;
}

const Timing* CaseResult::best_peer() const {
  const Timing* best = nullptr;
  for (const Timing& timing : timings) {
    if (timing.peer && (best == nullptr || timing.minimum < best->minimum)) best = &timing;
  }
  return best;
}

bool SuiteResult::same_bits() const {
  return std::all_of(cases.begin(), cases.end(), [](const CaseResult& c) { return c.same_bits; });
}

SuiteResult run_suite(const SuiteSettings& settings) {
  std::vector<Case> cases;
  for (const Case& one : all_cases()) {
    if ((one.quick || !settings.quick) && one.name().find(settings.filter) != std::string::npos)
      cases.push_back(one);
  }
  if (cases.empty()) throw UserError(fmt::format("no case has '{}' in its name", settings.filter));
  std::vector<CompileTimes> compile;  // before this process compiles anything
  for (const Case& one : cases) compile.push_back(compile_times(one, settings.quick ? 1 : 5));
  initialize_benchmark();
  SuiteResult result;
  result.processor = processor_name();
  result.isa = to_string(current_isa());
  result.peers = peers_text();
  result.machine = measure_machine();
  measure_calls(result);
  for (std::size_t i = 0; i < cases.size(); ++i) {
    std::cerr << cases[i].name() << "\n";
    result.cases.push_back(CaseRun(cases[i], compile[i]).measure(settings, result.machine));
  }
  return result;
}

}  // namespace mlpjit::bench
