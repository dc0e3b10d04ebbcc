#include "tools/mlpjit-bench/report.h"

#include <fmt/format.h>

namespace mlpjit::bench {

void Collector::ReportRuns(const std::vector<Run>& runs) {
  for (const Run& run : runs) {
    if (run.run_type == Run::RT_Aggregate && !run.error_occurred) {
      times_[{run.run_name.function_name, run.aggregate_name}] = run.GetAdjustedRealTime();
    }
  }
}

double Collector::time(const std::string& benchmark, const std::string& statistic) const {
  const auto found = times_.find({benchmark, statistic});
  return found == times_.end() ? 0 : found->second;
}

std::string table(const Section& section) {
  std::string text = fmt::format("batch {}\n", section.batch);
  text += fmt::format("  {:<24}{:>12}{:>12}{:>10}{:>14}{:>13}\n", "", "min us", "median us",
                      "GFLOP/s", "x imperative", "peak bytes");
  const double base = section.rows.empty() ? 0 : section.rows.front().median;
  for (const Row& row : section.rows) {
    text += fmt::format("  {:<24}{:>12.3f}{:>12.3f}{:>10.1f}{:>14.2f}{:>13}\n", row.name,
                        row.minimum, row.median, row.gflops, base / row.median,
                        row.peak_bytes ? fmt::format("{}", row.peak_bytes) : std::string("-"));
  }
  const Row* best_peer = nullptr;
  const Row* compiled = nullptr;
  for (const Row& row : section.rows) {
    if (row.peer && (best_peer == nullptr || row.minimum < best_peer->minimum)) best_peer = &row;
    if (row.name == "compiled") compiled = &row;
  }
  if (best_peer != nullptr && compiled != nullptr) {
    text +=
        fmt::format("  compiled takes {:.2f} times the minimum, {:.2f} times the median of {}\n",
                    compiled->minimum / best_peer->minimum, compiled->median / best_peer->median,
                    best_peer->name);
  }
  text += fmt::format("  same bits: {}\n", section.same_bits ? "yes" : "NO");
  return text;
}

std::string csv(const std::vector<Section>& sections) {
  std::string text = "batch,mode,min_us,median_us,gflops,peak_bytes,same_bits\n";
  for (const Section& section : sections) {
    for (const Row& row : section.rows) {
      text +=
          fmt::format("{},{},{:.4f},{:.4f},{:.2f},{},{}\n", section.batch, row.name, row.minimum,
                      row.median, row.gflops, row.peak_bytes, section.same_bits ? "yes" : "no");
    }
  }
  return text;
}

}  // namespace mlpjit::bench
