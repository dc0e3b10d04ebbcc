#include "mlpjit/benchmark.h"

#include <fmt/format.h>

#include <iostream>

#include "lib/support/float_env.h"

namespace mlpjit {

double Timer::seconds() const {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start_).count();
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
