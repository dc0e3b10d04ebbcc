#pragma once
// The optimiser: the pipeline, and one entry per pass (each in a file of its own).

#include <functional>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "lib/ir/graph.h"
#include "lib/support/isa.h"
#include "mlpjit/options.h"

namespace mlpjit::passes {

struct PassReport {
  std::string name;
  int changes = 0;  // rewrites made; 0: nothing changed
  double ms = 0;
  std::map<ir::Opcode, int> ops = {};  // how many more of each there are after it; none with 0
};

// Each pass returns the number of rewrites it made.
int inline_calls(ir::Graph& graph);
// Runs the interpreter on constants; never grows a literal past a bound.
int fold(ir::Graph& graph, support::Isa isa);
int simplify(ir::Graph& graph);  // only rewrites that keep the bits
int cse(ir::Graph& graph);
int eliminate_dead_values(ir::Graph& graph);
int fuse(ir::Graph& graph);  // groups ops into `fusion` regions

// All of them, in the order in which they run: name, option that switches it off, entry.
struct PassInfo {
  std::string_view name;
  bool PassOptions::* enabled;
  int (*run)(ir::Graph& graph, support::Isa isa);
};
std::span<const PassInfo> all_passes();

struct PipelineSettings {
  PassOptions options;
  support::Isa isa = support::Isa::baseline;
  bool fuse = true;     // off for Backend::graph
  bool verify = false;  // between passes; on in debug and test builds
  // Called after each pass that changed something.
  std::function<void(std::string_view pass, const ir::Graph& graph)> on_change;
};
std::vector<PassReport> run_pipeline(ir::Graph& graph, const PipelineSettings& settings);

}  // namespace mlpjit::passes
