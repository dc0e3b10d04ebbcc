#include "mlpjit/benchmark.h"

#include <fmt/format.h>

#include <iostream>
#include <iterator>
#include <numeric>

#include "lib/support/float_env.h"

namespace mlpjit {

double Timer::seconds() const {
  const support::FloatEnvScope environment;
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start_).count();
}

double Timer::stop() {
  laps_.push_back(seconds());
  return laps_.back();
}

void Timer::reset() {
  laps_.clear();
  start();
}

double Timer::sum() const {
  const support::FloatEnvScope environment;
  return std::accumulate(laps_.begin(), laps_.end(), 0.0);
}

double Timer::avg() const {
  const support::FloatEnvScope environment;
  return laps_.empty() ? 0.0 : sum() / static_cast<double>(laps_.size());
}

std::vector<double> Timer::cumsum() const {
  const support::FloatEnvScope environment;
  std::vector<double> sums;
  std::partial_sum(laps_.begin(), laps_.end(), std::back_inserter(sums));
  return sums;
}

Benchmark::~Benchmark() {
  const support::FloatEnvScope environment;
  const double seconds = timer_.seconds();
  try {
    std::cout << fmt::format("{}: {:.4f} sec\n", text_, seconds) << std::flush;
  } catch (...) {
    // A stream that throws must not end the program from a destructor.
  }
}

}  // namespace mlpjit
