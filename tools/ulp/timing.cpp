#include "tools/ulp/timing.h"

#include <benchmark/benchmark.h>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <functional>
#include <map>

#include "tools/ulp/functions.h"
#include "tools/ulp/kernels.h"

namespace mlpjit::ulp {
namespace {

constexpr std::size_t kElements = 1024;
constexpr std::size_t kChain = 256;

// Keeps the minimum over the repetitions, in ns.
class Minima : public benchmark::BenchmarkReporter {
 public:
  bool ReportContext(const Context&) override { return true; }
  void ReportRuns(const std::vector<Run>& runs) override {
    for (const Run& run : runs) {
      if (run.run_type == Run::RT_Aggregate) continue;
      const auto [at, added] =
          times_.emplace(run.run_name.function_name, run.GetAdjustedRealTime());
      if (!added) at->second = std::min(at->second, run.GetAdjustedRealTime());
    }
  }
  double of(const std::string& benchmark) const { return times_.at(benchmark); }

 private:
  std::map<std::string, double> times_;
};

std::string name_of(const char* what, const Function& function, const std::string& dtype,
                    const std::string& isa) {
  return fmt::format("{}/{}/{}/{}", what, function.name, dtype, isa);
}

// Apart by half a page more than they are long: a load from the place in its page of a store under
// way would wait for it.
template <class T>
struct Arrays {
  alignas(4096) std::array<T, kElements> x;
  std::array<std::byte, 2048> apart;
  alignas(64) std::array<T, kElements> out;

  Arrays() {
    for (std::size_t i = 0; i < kElements; ++i) {
      x[i] = static_cast<T>(0.5 + 1.5 * static_cast<double>(i * 389 % kElements) / kElements);
    }
  }
};
template <class T>
Arrays<T>& arrays() {
  static Arrays<T> arrays;
  return arrays;
}

template <class T>
void measure_chain(benchmark::State& state, ir::Opcode opcode, const std::string& isa) {
  use_instruction_set(isa);
  auto& [x, apart, out] = arrays<T>();
  for (auto _ : state) {
    chain(opcode, x.data(), x.data(), out.data(), kChain);
    benchmark::DoNotOptimize(out);
  }
}

template <class T>
void measure_loop(benchmark::State& state, ir::Opcode opcode, const std::string& isa) {
  use_instruction_set(isa);
  auto& [x, apart, out] = arrays<T>();
  for (auto _ : state) {
    evaluate(opcode, x.data(), x.data(), out.data(), kElements);
    benchmark::DoNotOptimize(out);
  }
}

// Additions of integers, each waiting for the one before: one cycle each on every x86 there is.
void measure_clock(benchmark::State& state) {
  std::uint64_t sum = 1;
  for (auto _ : state) {
    for (std::size_t i = 0; i < kChain; ++i) {
      sum += i;
      benchmark::DoNotOptimize(sum);
    }
  }
}

void add(const std::string& name, int rounds, const std::function<void(benchmark::State&)>& body) {
  benchmark::RegisterBenchmark(name.c_str(), body)
      ->Repetitions(rounds)
      ->Iterations(200)
      ->UseRealTime()
      ->Unit(benchmark::kNanosecond);
}

void register_all(const TimingOptions& options, const std::vector<Function>& functions) {
  for (const Function& function : functions) {
    for (const std::string& isa : options.isas) {
      for (const std::string& dtype : options.dtypes) {
        const bool single = dtype == "f32";
        const ir::Opcode opcode = function.opcode;
        add(name_of("latency", function, dtype, isa), options.rounds, [=](benchmark::State& state) {
          single ? measure_chain<float>(state, opcode, isa)
                 : measure_chain<double>(state, opcode, isa);
        });
        add(name_of("throughput", function, dtype, isa), options.rounds,
            [=](benchmark::State& state) {
              single ? measure_loop<float>(state, opcode, isa)
                     : measure_loop<double>(state, opcode, isa);
            });
      }
    }
  }
}

}  // namespace

void print_timing(const TimingOptions& wanted) {
  TimingOptions options = wanted;
  std::erase_if(options.isas, [](const std::string& isa) { return !use_instruction_set(isa); });
  std::vector<Function> functions;
  for (const Function& function : kFunctions) {
    const auto& names = options.names;
    if (names.empty() || std::find(names.begin(), names.end(), function.name) != names.end()) {
      functions.push_back(function);
    }
  }
  add("clock", options.rounds, measure_clock);
  register_all(options, functions);

  std::string arguments[] = {"mlpjit-ulp", "--benchmark_enable_random_interleaving=true"};
  char* argv[] = {arguments[0].data(), arguments[1].data()};
  int argc = 2;
  benchmark::Initialize(&argc, argv);
  Minima minima;
  benchmark::RunSpecifiedBenchmarks(&minima);

  const double cycles_per_ns = kChain / minima.of("clock");
  fmt::print("Clock {:.2f} GHz; per vector, the minimum of {} rounds.\n\n", cycles_per_ns,
             options.rounds);
  fmt::print(
      "| function | dtype | vectors | latency, ns | cycles | throughput, ns | cycles |\n"
      "|---|---|---|---|---|---|---|\n");
  for (const Function& function : functions) {
    for (const std::string& dtype : options.dtypes) {
      for (const std::string& isa : options.isas) {
        use_instruction_set(isa);
        const std::size_t lanes = vector_bytes() / (dtype == "f32" ? 4 : 8);
        const double latency = minima.of(name_of("latency", function, dtype, isa)) / kChain;
        const double throughput = minima.of(name_of("throughput", function, dtype, isa)) *
                                  static_cast<double>(lanes) / kElements;
        fmt::print("| {} | {} | {} x {} | {:.2f} | {:.0f} | {:.2f} | {:.1f} |\n", function.name,
                   dtype, isa, lanes, latency, latency * cycles_per_ns, throughput,
                   throughput * cycles_per_ns);
      }
    }
  }
}

}  // namespace mlpjit::ulp
