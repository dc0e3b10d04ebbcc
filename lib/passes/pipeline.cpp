// The optimiser from end to end. Each pass may give another one work (a folded predicate frees a
// branch, whose ops fold), so all but fusion repeat until a round changes nothing; fusion comes
// last, since the others do not look into fusions.

#include <algorithm>
#include <chrono>
#include <iterator>
#include <utility>

#include "lib/ir/copy.h"
#include "lib/ir/opcodes.h"
#include "lib/ir/verify.h"
#include "lib/passes/passes.h"

namespace mlpjit::passes {
namespace {

constexpr PassInfo kPasses[] = {
    {"inline_calls", &PassOptions::inline_calls,
     [](ir::Graph& graph, support::Isa) { return inline_calls(graph); }},
    {"fold", &PassOptions::fold, fold},
    {"simplify", &PassOptions::simplify,
     [](ir::Graph& graph, support::Isa) { return simplify(graph); }},
    {"cse", &PassOptions::cse, [](ir::Graph& graph, support::Isa) { return cse(graph); }},
    {"eliminate_dead_values", &PassOptions::eliminate_dead_values,
     [](ir::Graph& graph, support::Isa) { return eliminate_dead_values(graph); }},
    {"fuse", &PassOptions::fuse, [](ir::Graph& graph, support::Isa) { return fuse(graph); }}};

constexpr int kMaxRounds = 4;  // what is left after so many is not worth a fifth

using OpCounts = std::map<ir::Opcode, int>;

// Ops of a region and those in it; what a fusion holds is part of it.
void count_ops(const ir::Function& function, const ir::Region& region, OpCounts& counts) {
  for (const ir::OpId id : region.ops) {
    const ir::Op& op = function.op(id);
    ++counts[op.opcode];
    if (op.opcode == ir::Opcode::fusion) continue;
    for (const ir::RegionId inner : op.regions) count_ops(function, function.region(inner), counts);
  }
}

OpCounts count_ops(const ir::Graph& graph) {
  OpCounts counts;
  for (const auto& function : graph.functions()) count_ops(*function, function->body(), counts);
  return counts;
}

class Pipeline {
 public:
  Pipeline(ir::Graph& graph, const PipelineSettings& settings)
      : graph_(graph), settings_(settings), ops_(count_ops(graph)) {}

  int run(const PassInfo& pass) {
    if (!(settings_.options.*pass.enabled)) return 0;
    const auto start = std::chrono::steady_clock::now();
    const int changes = pass.run(graph_, settings_.isa);
    const std::chrono::duration<double, std::milli> took = std::chrono::steady_clock::now() - start;
    PassReport& report = entry(pass.name);
    report.changes += changes;
    report.ms += took.count();
    if (changes > 0) {
      note_ops(report);
      if (settings_.verify) ir::verify_or_throw(graph_, pass.name);
      if (settings_.on_change) settings_.on_change(pass.name, graph_);
    }
    return changes;
  }

  std::vector<PassReport> take_reports() { return std::move(reports_); }
  bool changed() const {
    return std::any_of(reports_.begin(), reports_.end(),
                       [](const PassReport& report) { return report.changes > 0; });
  }

 private:
  void note_ops(PassReport& report) {
    const OpCounts before = std::exchange(ops_, count_ops(graph_));
    for (const auto& [opcode, count] : before) report.ops[opcode] -= count;
    for (const auto& [opcode, count] : ops_) report.ops[opcode] += count;
    std::erase_if(report.ops, [](const auto& entry) { return entry.second == 0; });
  }

  // One line per pass, however many rounds it runs in.
  PassReport& entry(std::string_view name) {
    for (PassReport& report : reports_) {
      if (report.name == name) return report;
    }
    reports_.push_back({.name = std::string(name)});
    return reports_.back();
  }

  ir::Graph& graph_;
  const PipelineSettings& settings_;
  OpCounts ops_;  // of the graph as it is
  std::vector<PassReport> reports_;
};

}  // namespace

std::span<const PassInfo> all_passes() {
  return kPasses;
}

std::vector<PassReport> run_pipeline(ir::Graph& graph, const PipelineSettings& settings) {
  Pipeline pipeline(graph, settings);
  if (settings.verify) ir::verify_or_throw(graph, "the input of the passes");

  const std::span<const PassInfo> repeated(kPasses, std::size(kPasses) - 1);
  for (int round = 0; round < kMaxRounds; ++round) {
    int changes = 0;
    for (const PassInfo& pass : repeated) changes += pipeline.run(pass);
    if (changes == 0) break;
  }
  if (settings.fuse) pipeline.run(std::rbegin(kPasses)[0]);
  if (pipeline.changed()) {
    for (const auto& function : graph.functions()) *function = ir::compact(*function);
  }
  return pipeline.take_reports();
}

}  // namespace mlpjit::passes
