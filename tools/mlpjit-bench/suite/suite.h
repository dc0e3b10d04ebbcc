#pragma once
// `mlpjit-bench suite`: every case, ours and the peers' in interleaved rounds, beside what the
// machine can do.

#include <string>
#include <vector>

#include "tools/mlpjit-bench/suite/cases.h"
#include "tools/mlpjit-bench/suite/compile_times.h"
#include "tools/mlpjit-bench/suite/kernels.h"
#include "tools/mlpjit-bench/suite/machine.h"
#include "tools/mlpjit-bench/suite/timing.h"

namespace mlpjit::bench {

struct SuiteSettings {
  bool quick = false;  // small cases, few rounds: to see that it runs
  std::string filter;  // cases whose name has it
  int rounds = 41;
  std::string json, markdown, svg;  // files; none where empty
};

struct CaseResult : Measured {
  Case measured;
  Limit limit;
  CompileTimes compile;
};

struct RoundTrip {
  int lines = 0;  // of cache, each way
  double ns = 0;
};

struct SuiteResult {
  Machine machine;
  std::string processor, isa, peers;
  double call_ns = 0, bound_call_ns = 0;  // of a network that does next to nothing
  std::vector<RoundTrip> round_trips;     // between two cores
  std::vector<CaseResult> cases;
  std::vector<KernelResult> kernels;

  bool same_bits() const;
};

SuiteResult run_suite(const SuiteSettings& settings);

std::string suite_markdown(const SuiteResult& result);
std::string suite_json(const SuiteResult& result);
// A plot of GFLOP/s by flops per byte under the roofs of the machine.
std::string roofline_svg(const SuiteResult& result);

}  // namespace mlpjit::bench
