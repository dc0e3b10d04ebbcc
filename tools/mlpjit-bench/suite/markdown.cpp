// What the suite found, as tables of Markdown.

#include <fmt/format.h>

#include <algorithm>

#include "tools/mlpjit-bench/suite/suite.h"

namespace mlpjit::bench {
namespace {

std::string microseconds(double value) {
  return value < 10     ? fmt::format("{:.3f}", value)
         : value < 1000 ? fmt::format("{:.1f}", value)
                        : fmt::format("{:.0f}", value);
}

std::string machine_text(const SuiteResult& result) {
  const Machine& machine = result.machine;
  std::string text = fmt::format(
      "{}, {}; one core: {:.0f} GFLOP/s of f32, {:.0f} of f64. Read bandwidth in GB/s by "
      "footprint:\n\n|",
      result.processor, result.isa, machine.gflops_f32, machine.gflops_f64);
  std::string rule = "|", numbers = "|";
  for (const Bandwidth& each : machine.bandwidth) {
    const std::size_t kilobytes = each.bytes / 1024;
    text += kilobytes < 1024 ? fmt::format(" {} K |", kilobytes)
                             : fmt::format(" {:.3g} M |", static_cast<double>(kilobytes) / 1024);
    rule += "---|";
    numbers += fmt::format(" {:.0f} |", each.gb_per_s);
  }
  return text + "\n" + rule + "\n" + numbers + "\n";
}

std::string cases_text(const SuiteResult& result) {
  std::string text =
      "| case | min µs | p50 | p99 | GFLOP/s | GB/s | limit µs | of the limit | best peer | its "
      "min µs | its / ours |\n|---|---|---|---|---|---|---|---|---|---|---|\n";
  for (const CaseResult& one : result.cases) {
    const Timing& ours = one.ours();
    const Timing* const peer = one.best_peer();
    text += fmt::format(
        "| {} | {} | {} | {} | {:.1f} | {:.1f} | {} {} | {:.2f} | {} | {} | {} |{}\n",
        one.measured.name(), microseconds(ours.minimum), microseconds(ours.p50),
        microseconds(ours.p99), one.measured.flops() / ours.minimum / 1e3,
        one.measured.bytes() / ours.minimum / 1e3, microseconds(one.limit.microseconds()),
        one.limit.what(), one.limit.microseconds() / ours.minimum,
        peer == nullptr ? "–" : peer->name, peer == nullptr ? "–" : microseconds(peer->minimum),
        peer == nullptr ? "–" : fmt::format("{:.2f}", peer->minimum / ours.minimum),
        one.same_bits ? "" : " **the bits differ**");
  }
  return text;
}

// Every way and every peer, in microseconds.
std::string ways_text(const SuiteResult& result) {
  std::vector<std::string> names;
  for (const CaseResult& one : result.cases) {
    for (const Timing& timing : one.timings) {
      if (std::find(names.begin(), names.end(), timing.name) == names.end())
        names.push_back(timing.name);
    }
  }
  std::string text = "| case |", rule = "|---|";
  for (const std::string& name : names) {
    text += " " + name + " |";
    rule += "---|";
  }
  text += "\n" + rule + "\n";
  for (const CaseResult& one : result.cases) {
    text += "| " + one.measured.name() + " |";
    for (const std::string& name : names) {
      const Timing* const timing = one.find(name);
      text += timing == nullptr ? " – |" : " " + microseconds(timing->minimum) + " |";
    }
    text += "\n";
  }
  return text;
}

std::string kernels_text(const SuiteResult& result) {
  std::string text =
      "| kernel | compiled, min µs | p50 | GFLOP/s | GB/s | limit µs | of the limit | "
      "imperative | Eigen | oneDNN | best / ours "
      "|\n|---|---|---|---|---|---|---|---|---|---|---|\n";
  for (const KernelResult& one : result.kernels) {
    const Timing &ours = one.ours(), *best = one.best_peer();
    const auto of = [&](const char* name) {
      const Timing* const timing = one.find(name);
      return timing == nullptr ? std::string("–") : microseconds(timing->minimum);
    };
    text += fmt::format(
        "| {} | {} | {} | {} | {:.1f} | {} {} | {:.2f} | {} | {} | {} | {} |{}\n",
        one.measured.name, microseconds(ours.minimum), microseconds(ours.p50),
        one.measured.flops == 0 ? "–"
                                : fmt::format("{:.1f}", one.measured.flops / ours.minimum / 1e3),
        one.measured.bytes() / ours.minimum / 1e3, microseconds(one.limit()), one.limited_by(),
        one.limit() / ours.minimum, of("imperative"), of("Eigen"), of("oneDNN"),
        best == nullptr ? "–" : fmt::format("{:.2f}", best->minimum / ours.minimum),
        one.same_bits ? "" : " **the bits differ**");
  }
  return text;
}

std::string compile_text(const SuiteResult& result) {
  std::string text =
      "| case | cold | then one row more | then twice the rows | then the same network again |\n"
      "|---|---|---|---|---|\n";
  for (const CaseResult& one : result.cases) {
    const CompileTimes& ms = one.compile;
    text += fmt::format("| {} | {:.1f} | {:.1f} | {:.1f} | {:.1f} |\n", one.measured.name(),
                        ms.cold, ms.one_row_more, ms.twice_the_rows, ms.again);
  }
  return text;
}

}  // namespace

std::string suite_markdown(const SuiteResult& result) {
  std::string text = machine_text(result);
  text += fmt::format("\n{}.\n\n", result.peers);
  text += fmt::format(
      "A call costs {:.0f} ns beyond its kernels, a bound call {:.0f} ns (of a network of one "
      "multiplication).\n\n",
      result.call_ns, result.bound_call_ns);
  text += "From core to core and back, with so many cache lines each way:";
  for (const auto& [lines, ns] : result.round_trips)
    text += fmt::format(" {}: {:.0f} ns;", lines, ns);
  text.back() = '.';
  text += "\n\n`net(x)`, compiled, one thread:\n\n" + cases_text(result);
  text += "\nThe least of the rounds, in µs:\n\n" + ways_text(result);
  text += "\nWhat is no network, of f32, compiled, one thread, in µs:\n\n" + kernels_text(result);
  text +=
      "\nCompiling, in ms, each case in processes of its own, without opening the code "
      "generator's "
      "library:\n\n" +
      compile_text(result);
  const auto refused = [&](const std::string& of, const Measured& one) {
    for (const std::string& name : one.refused)
      text += fmt::format("\n{}: {} calculates something else, and is left out.\n", of, name);
  };
  for (const CaseResult& one : result.cases) refused(one.measured.name(), one);
  for (const KernelResult& one : result.kernels) refused(one.measured.name, one);
  return text;
}

}  // namespace mlpjit::bench
