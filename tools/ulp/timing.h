#pragma once
// How long a vector of each function takes.

#include <string>
#include <vector>

namespace mlpjit::ulp {

struct TimingOptions {
  std::vector<std::string> names;  // none: all
  std::vector<std::string> isas = {"avx512", "avx2"};
  std::vector<std::string> dtypes = {"f32", "f64"};
  int rounds = 9;
};

// Prints a Markdown table: latency is the time of one call in a chain where each waits for the one
// before, throughput the time a vector takes in a loop over 1024 independent elements in the
// nearest cache; both the minimum over the rounds.
void print_timing(const TimingOptions& options);

}  // namespace mlpjit::ulp
