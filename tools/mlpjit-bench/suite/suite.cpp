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
#include "tools/mlpjit-bench/suite/core_to_core.h"
#include "tools/mlpjit-bench/suite/timing.h"

namespace mlpjit::bench {
namespace {

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
    for (const auto& peer : peers_) add_peer(peer.get(), expected, ways_, result_);
  }

  CaseResult measure(const SuiteSettings& settings, const Machine& machine) {
    result_.timings = time_interleaved(ways_, settings.quick ? 3 : settings.rounds, settings.quick);
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

}  // namespace

bool SuiteResult::same_bits() const {
  const auto same = [](const Measured& one) { return one.same_bits; };
  return std::ranges::all_of(cases, same) && std::ranges::all_of(kernels, same);
}

SuiteResult run_suite(const SuiteSettings& settings) {
  std::vector<Case> cases;
  for (const Case& one : all_cases()) {
    if ((one.quick || !settings.quick) && one.name().find(settings.filter) != std::string::npos)
      cases.push_back(one);
  }
  std::vector<KernelCase> kernels;
  for (const KernelCase& one : kernel_cases()) {
    if ((one.quick || !settings.quick) && one.name.find(settings.filter) != std::string::npos)
      kernels.push_back(one);
  }
  if (cases.empty() && kernels.empty())
    throw UserError(fmt::format("no case has '{}' in its name", settings.filter));
  std::vector<CompileTimes> compile;  // before this process compiles anything
  for (const Case& one : cases) compile.push_back(compile_times(one, settings.quick ? 1 : 5));
  initialize_benchmark();
  SuiteResult result;
  result.processor = processor_name();
  result.isa = to_string(current_isa());
  result.peers = peers_text();
  result.machine = measure_machine();
  measure_calls(result);
  for (const int lines : {0, 12, 24}) result.round_trips.push_back({lines, round_trip_ns(lines)});
  for (std::size_t i = 0; i < cases.size(); ++i) {
    std::cerr << cases[i].name() << "\n";
    result.cases.push_back(CaseRun(cases[i], compile[i]).measure(settings, result.machine));
  }
  for (const KernelCase& one : kernels) {
    std::cerr << one.name << "\n";
    result.kernels.push_back(
        measure_kernel(one, settings.quick ? 3 : settings.rounds, settings.quick, result.machine));
  }
  return result;
}

}  // namespace mlpjit::bench
