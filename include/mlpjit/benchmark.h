#pragma once
/// @file
/// Wall-clock times of pieces of a program.

#include <chrono>
#include <string>
#include <utility>

#include "mlpjit/export.h"

namespace mlpjit {

/// Runs from its construction, or from the last `reset()`.
class MLPJIT_API Timer {
 public:
  Timer() : start_(std::chrono::steady_clock::now()) {}
  void reset() { start_ = std::chrono::steady_clock::now(); }
  double seconds() const;

 private:
  std::chrono::steady_clock::time_point start_;
};

/// Prints how long its scope took, to standard output:
/// `{ Benchmark b("Without hybridization"); run(); }` prints "Without hybridization: 0.0312 sec".
class MLPJIT_API Benchmark {
 public:
  explicit Benchmark(std::string text = "Done") : text_(std::move(text)) {}
  ~Benchmark();
  Benchmark(const Benchmark&) = delete;
  Benchmark& operator=(const Benchmark&) = delete;
  /// Seconds so far.
  double seconds() const { return timer_.seconds(); }

 private:
  std::string text_;
  Timer timer_;
};

}  // namespace mlpjit
