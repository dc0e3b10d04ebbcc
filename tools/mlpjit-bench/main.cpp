// mlpjit-bench: times a network imperatively, as a graph, compiled, and by the peers that are
// here, interleaved in one run.

#include <benchmark/benchmark.h>
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <fstream>
#include <functional>
#include <iostream>
#include <memory>
#include <new>

#include "tools/mlpjit-bench/latency.h"
#include "tools/mlpjit-bench/network.h"
#include "tools/mlpjit-bench/peers/peer.h"
#include "tools/mlpjit-bench/report.h"
#include "tools/mlpjit-bench/subject.h"
#include "tools/mlpjit-bench/suite/suite.h"
#include "tools/network.h"

namespace mlpjit::bench {
namespace {

enum ExitCode : int { kDone = 0, kFailed = 1, kBadCommand = 2 };

struct Settings {
  std::unique_ptr<Subject> subject;
  std::vector<std::int64_t> batches = {1};
  std::int64_t iterations = 1000;
  int rounds = 15;
  int threads = 1;
  std::string format = "table";
  std::string isa;
};

struct Mode {
  std::string name;
  std::function<void()> call;
  Tensors results;
  std::size_t peak_bytes = 0;
  bool peer = false;
};

HybridizeOptions options_of(const Settings& settings, Backend backend) {
  HybridizeOptions options{.backend = backend, .threads = settings.threads};
  for (Isa isa : {Isa::baseline, Isa::avx2, Isa::avx512}) {
    if (settings.isa == to_string(isa)) options.isa = isa;
  }
  return options;
}

// Bytes a call holds at its peak beyond what was there before it.
std::size_t peak_of(const std::function<void()>& call) {
  const std::size_t before = memory_stats().live_bytes;
  reset_peak_memory();
  call();
  return memory_stats().peak_bytes - before;
}

// Bytes of intermediates in the workspace of compiled code, which is kept from call to call.
std::size_t workspace_of(const nn::HybridBlock& net) {
  const Explanation explanation = net.explain();
  if (explanation.signatures.empty() || explanation.signatures.front().backend != "native")
    return 0;
  return explanation.signatures.front().workspace_bytes;
}

// Everything of one batch size that the benchmarks run.
struct Bench {
  std::int64_t batch = 0;
  Tensors inputs;
  std::shared_ptr<nn::HybridBlock> imperative, graph, compiled;
  std::vector<std::unique_ptr<Peer>> peers;
  std::vector<Mode> modes;
  bool same_bits = true;
};

// A call as users write it: net(x) of one input.
std::function<void()> call_of(nn::HybridBlock& net, const Tensors& inputs) {
  if (inputs.size() == 1) return [&net, x = inputs[0]] { benchmark::DoNotOptimize(net(x)); };
  return [&net, inputs] { benchmark::DoNotOptimize(net(inputs)); };
}

bool same_bits(const Tensors& a, const Tensors& b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](const Tensor& x, const Tensor& y) { return identical(x, y); });
}

std::unique_ptr<Bench> prepare(const Settings& settings, std::int64_t batch) {
  auto bench = std::make_unique<Bench>();
  bench->batch = batch;
  bench->inputs = settings.subject->inputs(batch);
  bench->imperative = settings.subject->make();
  bench->graph = settings.subject->make();
  bench->graph->hybridize(options_of(settings, Backend::graph));
  bench->compiled = settings.subject->make();
  bench->compiled->hybridize(options_of(settings, Backend::native));
  const std::pair<const char*, nn::HybridBlock*> ours[] = {{"imperative", bench->imperative.get()},
                                                           {"graph", bench->graph.get()},
                                                           {"compiled", bench->compiled.get()}};
  for (const auto& [name, net] : ours) {
    Mode mode{name, call_of(*net, bench->inputs), (*net)(bench->inputs)};
    mode.peak_bytes = peak_of(mode.call) + workspace_of(*net);
    bench->same_bits = bench->same_bits &&
                       (bench->modes.empty() || same_bits(mode.results, bench->modes[0].results));
    bench->modes.push_back(std::move(mode));
  }
  const std::optional<NetworkSpec> spec = settings.subject->spec();
  if (spec) {
    bench->peers = make_peers(*spec, dynamic_cast<const nn::HybridSequential&>(*bench->compiled),
                              bench->inputs[0]);
  }
  for (auto& peer : bench->peers) {
    peer->run();
    const Tensor error = max(abs(peer->output() - bench->modes[0].results[0]));
    const Tensor size = max(abs(bench->modes[0].results[0]));
    if (!(error.item<double>() <= 1e-3 * (1 + size.item<double>()))) {  // NaN neither
      throw Error(peer->name() + " computes something else; its time would mean nothing");
    }
    bench->modes.push_back(
        {peer->name(), [p = peer.get()] { p->run(); }, {peer->output()}, 0, true});
  }
  return bench;
}

void register_benchmarks(const Settings& settings, Bench& bench) {
  for (Mode& mode : bench.modes) {
    const std::string name = fmt::format("{}/batch:{}", mode.name, bench.batch);
    auto* registered = benchmark::RegisterBenchmark(name.c_str(), [&mode](benchmark::State& state) {
      for (auto _ : state) mode.call();
    });
    registered->Iterations(settings.iterations)
        ->Repetitions(settings.rounds)
        ->UseRealTime()
        ->Unit(benchmark::kMicrosecond)
        ->ComputeStatistics("min", [](const std::vector<double>& v) {
          return *std::min_element(v.begin(), v.end());
        });
  }
}

Section section_of(const Settings& settings, const Bench& bench, const Collector& collector) {
  Section section{bench.batch, {}, bench.same_bits};
  for (const Mode& mode : bench.modes) {
    const std::string name = fmt::format("{}/batch:{}", mode.name, bench.batch);
    Row row{
        mode.name, collector.time(name, "min"), collector.time(name, "median"), 0, mode.peak_bytes,
        mode.peer};
    row.gflops = settings.subject->flops(bench.batch) / row.minimum / 1e3;
    section.rows.push_back(row);
  }
  return section;
}

// What a call costs beyond its kernels: a network whose kernel does next to nothing.
double call_overhead_ns() {
  nn::HybridSequential net;
  net.add(nn::Dense(1, {.in_units = 1}));
  net.initialize();
  net.hybridize();
  const Tensor x = ones({1, 1});
  net(x);
  double best = 1e300;
  for (int round = 0; round < 50; ++round) {
    constexpr int kCalls = 2000;
    const auto start = std::chrono::steady_clock::now();
    for (int i = 0; i < kCalls; ++i) benchmark::DoNotOptimize(net(x));
    const std::chrono::duration<double, std::nano> took = std::chrono::steady_clock::now() - start;
    best = std::min(best, took.count() / kCalls);
  }
  return best;
}

std::string compile_text(const Bench& bench) {
  const Explanation explanation = bench.compiled->explain();
  if (explanation.signatures.empty()) return "";
  const PhaseTimes& ms = explanation.signatures.front().ms;
  return fmt::format(
      "cold compile: {:.1f} ms (trace {:.1f}, passes {:.1f}, plan {:.1f}, LLVM IR {:.1f}, machine "
      "code {:.1f}, link {:.1f}); "
      "loading LLVM {:.1f} ms apart\n",
      ms.total - ms.load, ms.trace, ms.passes, ms.plan, ms.lower, ms.codegen, ms.link, ms.load);
}

void run_benchmarks(int rounds, benchmark::BenchmarkReporter& reporter) {
  std::string arguments[] = {"mlpjit-bench", "--benchmark_enable_random_interleaving=true",
                             "--benchmark_repetitions=" + std::to_string(rounds)};
  char* argv[] = {arguments[0].data(), arguments[1].data(), arguments[2].data()};
  int argc = 3;
  benchmark::Initialize(&argc, argv);
  benchmark::RunSpecifiedBenchmarks(&reporter);
}

int run(const Settings& settings) {
  std::vector<std::unique_ptr<Bench>> benches;
  for (std::int64_t batch : settings.batches) benches.push_back(prepare(settings, batch));
  for (auto& bench : benches) register_benchmarks(settings, *bench);
  const bool same =
      std::all_of(benches.begin(), benches.end(), [](const auto& b) { return b->same_bits; });

  if (settings.format == "json") {
    benchmark::AddCustomContext("network", settings.subject->name());
    benchmark::AddCustomContext("isa", std::string(to_string(current_isa())));
    benchmark::AddCustomContext("same_bits", same ? "yes" : "no");
    benchmark::JSONReporter reporter;
    run_benchmarks(settings.rounds, reporter);
    return same ? kDone : kFailed;
  }
  Collector collector;
  run_benchmarks(settings.rounds, collector);
  std::vector<Section> sections;
  for (const auto& bench : benches) sections.push_back(section_of(settings, *bench, collector));
  if (settings.format == "csv") {
    std::cout << csv(sections);
    return same ? kDone : kFailed;
  }
  std::cout << fmt::format("{}, {} iterations in {} interleaved rounds, {}\n{}\n\n",
                           settings.subject->name(), settings.iterations, settings.rounds,
                           to_string(current_isa()), peers_text());
  for (const Section& section : sections) std::cout << table(section) << "\n";
  std::cout << compile_text(*benches.front());
  std::cout << fmt::format("call overhead: {:.0f} ns (a call of a network of one multiplication)\n",
                           call_overhead_ns());
  return same ? kDone : kFailed;
}

constexpr const char* kDescription =
    "Times a multi-layer perceptron imperatively, as a graph and compiled, beside the peers that "
    "are here,\ninterleaved in rounds, and checks that the bits agree.";

constexpr const char* kFooter = R"(
Examples:
  mlpjit-bench 512-256-128-2 --batch 1,16,64
  mlpjit-bench 27-64-64-6 --activation tanh --isa avx2
  mlpjit-bench --model policy.onnx --batch 1,64
  mlpjit-bench 27-64-64-6 --activation tanh --latency --swap
  mlpjit-bench suite --markdown benchmarks.md --svg roofline.svg

Peers run on one thread. Those of Python's packages are found in the folders that
MLPJIT_BENCH_WHEELS names, joined by ':', such as
  pip install --target wheels onnxruntime openvino && MLPJIT_BENCH_WHEELS=wheels mlpjit-bench

Exit codes: 0 done; 1 the bits differ, or a run fails; 2 the command line is wrong.)";

struct CommandLine {
  Settings settings;
  SuiteSettings suite;
  LatencySettings latency;
  CLI::App* suite_command = nullptr;
  std::string layers = "512-256-128-2", model;
  std::vector<std::string> dims;
  tools::NetworkOptions network;
};

void declare(CLI::App& app, CommandLine& line) {
  Settings& settings = line.settings;
  app.footer(kFooter);
  app.add_option("network,--layers", line.layers, "Layer sizes, input first")
      ->capture_default_str();
  line.network.declare(app);
  app.add_option("--model", line.model,
                 "A model file instead, of ONNX or of save(); its first sizes "
                 "are the batch's");
  app.add_option("--dim", line.dims, "Size of another symbol of the model, such as n=8");
  app.add_option("--batch", settings.batches, "Batch sizes, separated by commas")
      ->delimiter(',')
      ->check(CLI::Range(std::int64_t{0}, std::int64_t{1} << 24))
      ->capture_default_str();
  app.add_option("--threads", settings.threads, "Threads of one call")
      ->check(CLI::Range(1, 64))
      ->capture_default_str();
  app.add_option("--iterations", settings.iterations, "Calls per round")
      ->check(CLI::Range(std::int64_t{1}, std::int64_t{1'000'000'000}))
      ->capture_default_str();
  app.add_option("--rounds", settings.rounds, "Interleaved rounds")
      ->check(CLI::Range(3, 10000))
      ->capture_default_str();
  app.add_option("--isa", settings.isa, "Cap on the instruction set")
      ->check(CLI::IsMember({"baseline", "avx2", "avx512"}));
  app.add_option("--format", settings.format, "What to print; json is Google Benchmark's schema")
      ->check(CLI::IsMember({"table", "csv", "json"}))
      ->capture_default_str();
}

void declare_latency(CLI::App& app, CommandLine& line) {
  LatencySettings& settings = line.latency;
  CLI::Option* const latency =
      app.add_flag("--latency", settings.wanted, "How long bound calls take, each by itself");
  app.add_option("--calls", settings.calls, "Calls of --latency; else as many as fit the rest")
      ->check(CLI::Range(std::int64_t{1}, std::int64_t{100'000'000}))
      ->needs(latency);
  app.add_option("--period", settings.period_us, "Microseconds from call to call of --latency")
      ->check(CLI::Range(1.0, 1e7))
      ->needs(latency);
  app.add_option("--evict", settings.evict, "Cache that is read over before each call")
      ->check(CLI::IsMember({"L2", "LLC"}))
      ->needs(latency);
  app.add_flag("--swap", settings.swap, "Another thread replaces the weights meanwhile")
      ->needs(latency);
}

void declare_suite(CLI::App& app, CommandLine& line) {
  SuiteSettings& settings = line.suite;
  line.suite_command = app.add_subcommand(
      "suite", "Every case, with all peers that are here, beside what the machine can do");
  CLI::App& suite = *line.suite_command;
  suite.add_flag("--quick", settings.quick, "Small cases in few rounds: to see that it runs");
  suite.add_option("--filter", settings.filter, "Only cases with this in their name");
  suite.add_option("--rounds", settings.rounds, "Interleaved rounds of each case")
      ->check(CLI::Range(3, 10000))
      ->capture_default_str();
  suite.add_option("--markdown", settings.markdown, "File for the tables, else standard output");
  suite.add_option("--json", settings.json, "File for all figures");
  suite.add_option("--svg", settings.svg, "File for the roofline plot");
}

int run_suite_command(const SuiteSettings& settings) {
  const auto write = [](const std::string& file, const std::string& text) {
    std::ofstream to(file, std::ios::binary);
    to << text;
    if (!to.flush()) throw UserError(file + ": it cannot be written");
  };
  const SuiteResult result = run_suite(settings);
  if (!settings.json.empty()) write(settings.json, suite_json(result));
  if (!settings.svg.empty()) write(settings.svg, roofline_svg(result));
  if (settings.markdown.empty())
    std::cout << suite_markdown(result);
  else
    write(settings.markdown, suite_markdown(result));
  return result.same_bits() ? kDone : kFailed;
}

int run(const CommandLine& line) {
  if (line.suite_command->parsed()) return run_suite_command(line.suite);
  if (!line.latency.wanted) return run(line.settings);
  for (const std::int64_t batch : line.settings.batches)
    std::cout << latency_text(*line.settings.subject, batch, line.latency) << "\n";
  return kDone;
}

int main_with_errors(int argc, char** argv) {
  CLI::App app(kDescription, "mlpjit-bench");
  CommandLine line;
  declare(app, line);
  declare_latency(app, line);
  declare_suite(app, line);
  try {
    app.parse(argc, argv);
    if (line.suite_command->parsed()) {
      // It has networks of its own.
    } else if (line.model.empty()) {
      line.settings.subject = network_subject(line.network.spec(line.layers));
    } else if (line.network.given()) {
      throw UserError("--activation and --dtype are of networks given by sizes");
    }
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? kDone : kBadCommand;
  } catch (const UserError& error) {
    std::cerr << "mlpjit-bench: " << error.what() << "\n";
    return kBadCommand;
  }
  try {
    if (!line.model.empty()) line.settings.subject = model_subject(line.model, line.dims);
    const int code = run(line);
    tools::finish_output();
    return code;
  } catch (const std::bad_alloc&) {
    std::cerr << "mlpjit-bench: no memory for a network of these sizes\n";
    return kFailed;
  } catch (const std::exception& error) {
    std::cerr << "mlpjit-bench: " << error.what() << "\n";
    return kFailed;
  }
}

}  // namespace
}  // namespace mlpjit::bench

int main(int argc, char** argv) {
  return mlpjit::bench::main_with_errors(argc, argv);
}
