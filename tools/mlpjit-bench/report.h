#pragma once
// What mlpjit-bench prints.

#include <benchmark/benchmark.h>

#include <map>
#include <string>
#include <vector>

namespace mlpjit::bench {

// One way to run a network at one batch size: times of one call, in microseconds.
struct Row {
  std::string name;
  double minimum = 0, median = 0;
  double gflops = 0;
  std::size_t peak_bytes = 0;  // of tensors and workspace during a call; 0 where unknown
  bool peer = false;
};

struct Section {
  std::int64_t batch = 0;
  std::vector<Row> rows;
  bool same_bits = true;
};

// Collects what Google Benchmark measured: per benchmark, each of its statistics ("min", "median")
// over the rounds.
class Collector : public benchmark::BenchmarkReporter {
 public:
  bool ReportContext(const Context&) override { return true; }
  void ReportRuns(const std::vector<Run>& runs) override;
  double time(const std::string& benchmark, const std::string& statistic) const;

 private:
  std::map<std::pair<std::string, std::string>, double> times_;
};

std::string table(const Section& section);
std::string csv(const std::vector<Section>& sections);

}  // namespace mlpjit::bench
