#include "tools/mlpjit-dump/stages.h"

#include <fmt/format.h>

#include <algorithm>
#include <string_view>

#include "lib/ir/text.h"
#include "lib/passes/passes.h"
#include "lib/runtime/explain.h"
#include "mlpjit/error.h"

namespace mlpjit::dump {

namespace {

bool is_pass_stage(std::string_view stage) {
  return stage.starts_with("after ");
}
bool is_graph(std::string_view stage) {
  return stage == "trace" || stage == "optimized" || is_pass_stage(stage);
}
bool is_native(std::string_view stage) {
  return stage == "plan" || stage == "llvm" || stage == "assembly";
}

// Thrown from the sink when everything wanted has been shown: what would follow is not worth
// compiling.
struct Enough {};

class Printer {
 public:
  Printer(const Request& request, std::ostream& out) : request_(request), out_(out) {}

  void stage(std::string_view name, const std::string& text) {
    const bool graph = is_graph(name);
    if (all()) {
      if (request_.format == Format::dot && !graph) throw Enough{};
      out_ << (request_.format == Format::dot ? "// " : "== ") << name
           << (request_.format == Format::dot ? "" : " ==") << "\n";
    } else if (request_.stage != name) {
      // A pass may run several times; "optimized" is the first stage after all of them.
      if (is_pass_stage(request_.stage) && name == "optimized") throw Enough{};
      return;
    }
    shown_ = true;
    out_ << (request_.format == Format::dot ? ir::to_dot(ir::parse(text)) : text);
    if (text.empty() || text.back() != '\n') out_ << "\n";
    if (all()) out_ << "\n";
    if (request_.stage == name && !is_pass_stage(name)) throw Enough{};
  }

  bool all() const { return request_.stage == "all"; }
  bool shown() const { return shown_; }

 private:
  const Request& request_;
  std::ostream& out_;
  bool shown_ = false;
};

std::string report_text(const runtime::Report& report) {
  Explanation explanation;
  explanation.name = "main";
  explanation.compiles = 1;
  explanation.signatures.push_back(runtime::summarize(report));
  explanation.signatures.back().name = "main";
  const std::string text = to_string(explanation);
  return text.substr(text.find('\n') + 1);  // nothing was cached
}

}  // namespace

std::vector<std::string> pass_names() {
  std::vector<std::string> names;
  for (const passes::PassInfo& pass : passes::all_passes()) names.emplace_back(pass.name);
  return names;
}

void check(const Request& request) {
  const std::string& stage = request.stage;
  const std::vector<std::string> passes = pass_names();
  const bool pass_known = is_pass_stage(stage) &&
                          std::find(passes.begin(), passes.end(), stage.substr(6)) != passes.end();
  if (stage != "all" && stage != "trace" && stage != "optimized" && stage != "report" &&
      !is_native(stage) && !pass_known) {
    throw UserError(
        fmt::format("--stage '{}': expected all, trace, optimized, plan, llvm, assembly, report, "
                    "or 'after PASS' with one of {}",
                    stage, fmt::join(passes, ", ")));
  }
  if (request.settings.backend == Backend::graph && is_native(stage)) {
    throw UserError(
        fmt::format("--stage {}: --backend graph has no such stage; use --backend native", stage));
  }
  if (request.format == Format::dot && stage != "all" && !is_graph(stage)) {
    throw UserError(fmt::format(
        "--format dot: stage {} is no graph; use trace, optimized or 'after PASS'", stage));
  }
}

bool show(const ir::Graph& graph, const Request& request, std::ostream& out) {
  Printer printer(request, out);
  runtime::Settings settings = request.settings;
  settings.dump = [&printer](std::string_view name, const std::string& text) {
    printer.stage(name, text);
  };
  try {
    const auto executable = runtime::CompiledGraph::compile(graph, settings);
    printer.stage("report", report_text(executable->report()));
  } catch (const Enough&) {
  }
  return printer.shown();
}

}  // namespace mlpjit::dump
