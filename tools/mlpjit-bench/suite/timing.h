#pragma once
// Ways to do the same, timed in interleaved rounds.

#include <functional>
#include <string>
#include <vector>

#include "tools/mlpjit-bench/peers/peer.h"

namespace mlpjit::bench {

using Call = std::function<void()>;

struct Way {
  std::string name;
  bool peer = false;
  Call call;
};

// Microseconds of one call: over the rounds, of which each is the mean of many calls.
struct Timing {
  std::string name;
  bool peer = false;
  double minimum = 0, p50 = 0, p99 = 0;
};

struct Measured {
  std::vector<Timing> timings;       // ours first: net(x), then other ways to call
  std::vector<std::string> refused;  // peers that calculate something else
  bool same_bits = true;

  const Timing& ours() const { return timings.front(); }
  const Timing* find(const std::string& name) const;
  // The quickest; null where there is none.
  const Timing* best_peer() const;
};

double seconds_of(const Call& call);
// Before the first time_interleaved().
void initialize_benchmark();
std::vector<Timing> time_interleaved(const std::vector<Way>& ways, int rounds, bool quick);
// Whether a peer gives what is expected, but for rounding.
bool agrees(const Tensor& found, const Tensor& expected);
// Runs it once, and adds it to the ways if it agrees, else to those that are left out.
void add_peer(Peer* peer, const Tensor& expected, std::vector<Way>& ways, Measured& result);

}  // namespace mlpjit::bench
