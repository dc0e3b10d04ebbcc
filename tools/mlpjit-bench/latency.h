#pragma once
// `mlpjit-bench --latency`: how long bound calls take, each by itself, and the worst of them.

#include <cstdint>
#include <string>

#include "tools/mlpjit-bench/subject.h"

namespace mlpjit::bench {

struct LatencySettings {
  bool wanted = false;
  std::int64_t calls = 0;  // 0: as many as take some seconds
  double period_us = 0;    // from call to call; 0: one after the other
  std::string evict;       // "L2", "LLC": what is read over before each call; "": nothing
  bool swap = false;       // another thread replaces the weights all the time
};

// The text of a run of a subject of one input and one result. Throws UserError for others.
std::string latency_text(const Subject& subject, std::int64_t batch,
                         const LatencySettings& settings);

}  // namespace mlpjit::bench
