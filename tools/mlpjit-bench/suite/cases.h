#pragma once
// The cases of the suite: networks as they are met, each with the batch sizes that it is run at.

#include <cstdint>
#include <string>
#include <vector>

#include "tools/mlpjit-bench/suite/machine.h"
#include "tools/network.h"

namespace mlpjit::bench {

struct Case {
  tools::NetworkSpec network;
  std::int64_t batch = 1;
  bool quick = false;  // one of those that a smoke run does

  std::string name() const;
  double flops() const;
  // Of weights, input and output, each read or written once.
  double bytes() const;
};

const std::vector<Case>& all_cases();

// Microseconds that one core of the machine needs at least: the larger of what its multiply-add
// ports need, for tiles padded to whole vectors and for the activations, and of what the weights
// need from the cache that they fit in.
struct Limit {
  double compute = 0, memory = 0;
  double microseconds() const { return compute > memory ? compute : memory; }
  const char* what() const { return compute > memory ? "FMA" : "memory"; }
};
Limit limit_of(const Case& one, const Machine& machine);

}  // namespace mlpjit::bench
