#pragma once
// Predictions of a model for rows, from their source to where they go.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace mlpjit::run {

struct Settings {
  std::string model, params, rows = "-", out = "-";
  std::string format;  // or what the ending of `out` says
  std::vector<std::string> columns;
  std::int64_t batch = 1024;
  char delimiter = ',';
  std::optional<bool> header;  // of CSV: whether its first line has names; else as it looks
  bool skip_bad = false, quiet = false, interpret = false, no_checks = false;
  int threads = 1;
};

// @throws UserError.
void run(const Settings& settings);

}  // namespace mlpjit::run
