#pragma once
/// @file
/// Wall-clock times of pieces of a program.

#include <chrono>
#include <string>
#include <utility>
#include <vector>

#include "mlpjit/export.h"

namespace mlpjit {

/// Measures laps, in seconds. A lap begins at the construction or at `start()`, and ends at
/// `stop()`: `Timer timer; for (...) { timer.start(); run(); timer.stop(); } timer.avg()`.
class MLPJIT_API Timer {
 public:
  Timer() { start(); }
  /// Begins a lap.
  void start() { start_ = std::chrono::steady_clock::now(); }
  /// Ends the lap, keeps it and gives its seconds. Without another `start()` the next lap runs from
  /// the same beginning.
  double stop();
  /// Seconds since the lap began, which goes on.
  double seconds() const;
  /// Forgets all laps and begins one.
  void reset();

  /// All laps, in order.
  const std::vector<double>& laps() const& MLPJIT_LIFETIMEBOUND { return laps_; }
  std::vector<double> laps() const&& { return laps_; }
  /// Of all laps; 0 of none.
  double sum() const;
  /// The mean lap; 0 of none.
  double avg() const;
  /// The sums of the first lap, of the first two, and so on.
  std::vector<double> cumsum() const;

 private:
  std::chrono::steady_clock::time_point start_;
  std::vector<double> laps_;
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
