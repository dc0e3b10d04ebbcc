#pragma once
// `mlpjit-bench suite`: every case, ours and the peers' in interleaved rounds, beside what the
// machine can do.

#include <string>
#include <vector>

#include "tools/mlpjit-bench/suite/cases.h"
#include "tools/mlpjit-bench/suite/compile_times.h"
#include "tools/mlpjit-bench/suite/machine.h"

namespace mlpjit::bench {

struct SuiteSettings {
  bool quick = false;  // small cases, few rounds: to see that it runs
  std::string filter;  // cases whose name has it
  int rounds = 41;
  std::string json, markdown, svg;  // files; none where empty
};

// Microseconds of one call: over the rounds, of which each is the mean of many calls.
struct Timing {
  std::string name;
  bool peer = false;
  double minimum = 0, p50 = 0, p99 = 0;
};

struct CaseResult {
  Case measured;
  Limit limit;
  std::vector<Timing> timings;       // ours first: net(x), then other ways to call
  std::vector<std::string> refused;  // peers that calculate something else
  bool same_bits = true;
  CompileTimes compile;

  const Timing& ours() const { return timings.front(); }
  const Timing* find(const std::string& name) const;
  // The quickest; null where there is none.
  const Timing* best_peer() const;
};

struct SuiteResult {
  Machine machine;
  std::string processor, isa, peers;
  double call_ns = 0, bound_call_ns = 0;  // of a network that does next to nothing
  std::vector<CaseResult> cases;

  bool same_bits() const;
};

SuiteResult run_suite(const SuiteSettings& settings);

std::string suite_markdown(const SuiteResult& result);
std::string suite_json(const SuiteResult& result);
// A plot of GFLOP/s by flops per byte under the roofs of the machine.
std::string roofline_svg(const SuiteResult& result);

}  // namespace mlpjit::bench
