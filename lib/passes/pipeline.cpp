// The optimiser from end to end. Each pass may give another one work (a folded predicate frees a
// branch, whose ops fold), so all but fusion repeat until a round changes nothing; fusion comes
// last, since the others do not look into fusions.

#include <algorithm>
#include <chrono>
#include <utility>

#include "lib/ir/verify.h"
#include "lib/passes/passes.h"

namespace mlpjit::passes {
namespace {

constexpr int kMaxRounds = 4;  // what is left after so many is not worth a fifth

class Pipeline {
 public:
  Pipeline(ir::Graph& graph, const PipelineSettings& settings)
      : graph_(graph), settings_(settings) {}

  template <class Pass>
  int run(const char* name, bool enabled, Pass pass) {
    if (!enabled) return 0;
    const auto start = std::chrono::steady_clock::now();
    const int changes = pass();
    const std::chrono::duration<double, std::milli> took = std::chrono::steady_clock::now() - start;
    PassReport& report = entry(name);
    report.changes += changes;
    report.ms += took.count();
    if (changes > 0) {
      if (settings_.verify) ir::verify_or_throw(graph_, name);
      if (settings_.on_change) settings_.on_change(name, graph_);
    }
    return changes;
  }

  std::vector<PassReport> take_reports() { return std::move(reports_); }
  bool changed() const {
    return std::any_of(reports_.begin(), reports_.end(),
                       [](const PassReport& report) { return report.changes > 0; });
  }

 private:
  // One line per pass, however many rounds it runs in.
  PassReport& entry(const char* name) {
    for (PassReport& report : reports_) {
      if (report.name == name) return report;
    }
    reports_.push_back({name, 0, 0});
    return reports_.back();
  }

  ir::Graph& graph_;
  const PipelineSettings& settings_;
  std::vector<PassReport> reports_;
};

}  // namespace

std::vector<PassReport> run_pipeline(ir::Graph& graph, const PipelineSettings& settings) {
  const PassOptions& on = settings.options;
  Pipeline pipeline(graph, settings);
  if (settings.verify) ir::verify_or_throw(graph, "the input of the passes");

  for (int round = 0; round < kMaxRounds; ++round) {
    int changes = 0;
    changes += pipeline.run("inline_calls", on.inline_calls, [&] { return inline_calls(graph); });
    changes += pipeline.run("fold", on.fold, [&] { return fold(graph, settings.isa); });
    changes += pipeline.run("simplify", on.simplify, [&] { return simplify(graph); });
    changes += pipeline.run("cse", on.cse, [&] { return cse(graph); });
    changes += pipeline.run("eliminate_dead_values", on.eliminate_dead_values,
                            [&] { return eliminate_dead_values(graph); });
    if (changes == 0) break;
  }
  if (settings.fuse) {
    pipeline.run("fuse", on.fuse, [&] { return fuse(graph); });
  }
  if (pipeline.changed()) {
    for (const auto& function : graph.functions()) *function = ir::compact(*function);
  }
  return pipeline.take_reports();
}

}  // namespace mlpjit::passes
