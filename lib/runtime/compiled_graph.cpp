#include "lib/runtime/compiled_graph.h"

#include <algorithm>
#include <chrono>
#include <optional>

#include "lib/ir/rows.h"
#include "lib/ir/text.h"
#include "lib/plan/plan.h"
#include "lib/plan/verify.h"
#include "lib/runtime/interpreted_graph.h"
#include "lib/runtime/loader.h"
#include "lib/runtime/native_graph.h"
#include "lib/support/float_env.h"
#include "mlpjit/error.h"

namespace mlpjit::runtime {

namespace {

// Milliseconds since it was made, or since the last lap.
class Stopwatch {
 public:
  double lap() {
    const Clock::time_point now = Clock::now();
    const double ms = std::chrono::duration<double, std::milli>(now - last_).count();
    last_ = now;
    return ms;
  }

 private:
  using Clock = std::chrono::steady_clock;
  Clock::time_point last_ = Clock::now();
};

void dump(const Settings& settings, std::string_view stage, const std::string& text) {
  if (settings.dump) settings.dump(stage, text);
}

// `shown_ms`: how much of the time went into showing what the passes made.
std::vector<passes::PassReport> optimise(ir::Graph& graph, const Settings& settings,
                                         double& shown_ms) {
  passes::PipelineSettings pipeline;
  pipeline.options = settings.passes;
  pipeline.isa = settings.isa;
  pipeline.fuse = settings.backend == Backend::native;
  pipeline.verify = settings.verify;
  if (settings.dump) {
    pipeline.on_change = [&](std::string_view pass, const ir::Graph& changed) {
      Stopwatch watch;
      settings.dump("after " + std::string(pass), ir::print(changed));
      shown_ms += watch.lap();
    };
  }
  return passes::run_pipeline(graph, pipeline);
}

void describe(const plan::Plan& plan, Report& report) {
  for (const plan::Step& step : plan.steps) {
    // Which form a dense layer has the reason says.
    const bool narrow = std::holds_alternative<plan::NarrowDenseKernel>(step.kernel);
    report.kernels.push_back(
        {step.name, narrow ? "dense" : plan::kind_of(step.kernel), step.reason, step.fused});
  }
  report.fusions = plan.fusions;
  if (!plan.workspace_bytes.is_known())
    report.workspace_formula = plan::to_string(plan.workspace_bytes);
  report.workspace_bytes = plan.workspace(1);
  report.unshared_bytes = static_cast<std::size_t>(plan.unshared_bytes.at(1));
  report.packed_bytes = plan.packed_bytes();
}

// Of compiling alone: texts made for a sink count nowhere.
void add_up(Report& report) {
  report.total_ms = report.passes_ms + report.plan_ms + report.emit_ms + report.codegen_ms +
                    report.link_ms + report.load_ms;
}

struct Planned {
  plan::Plan plan;
  std::optional<NativeGraph::Blocks> blocks;
};

bool has_library_steps(const plan::Plan& plan) {
  return std::any_of(plan.steps.begin(), plan.steps.end(), [](const plan::Step& step) {
    return std::holds_alternative<plan::LibraryKernel>(step.kernel);
  });
}

// Of all rows, or of a block of them.
Planned make_plan(const ir::Graph& graph, const Settings& settings) {
  const plan::Target target = plan::make_target(settings.isa);
  const int threads = settings.sharing.threads;
  if (const std::optional<ir::Rows> rows = ir::find_rows(graph.main())) {
    if (const auto how = choose_row_blocks(graph.main(), *rows, target, threads)) {
      auto block = std::make_shared<const ir::Graph>(
          how->rows == 0 ? graph.clone() : ir::with_rows(graph, *rows, Dim(how->block(how->rows))));
      Planned planned{plan::make_plan(std::move(block), target), NativeGraph::Blocks{*how, *rows}};
      if (!has_library_steps(planned.plan)) return planned;
    }
  }
  return {plan::make_plan(std::make_shared<const ir::Graph>(graph.clone()), target,
                          {.threads = threads}),
          std::nullopt};
}

std::shared_ptr<const CompiledGraph> compile_native(const ir::Graph& graph,
                                                    const Settings& settings, Report report) {
  Stopwatch watch;
  auto [plan, blocks] = make_plan(graph, settings);
  if (settings.verify) {
    if (const std::string fault = plan::verify(plan); !fault.empty())
      throw InternalError("plan: " + fault + "\n" + plan::to_string(plan));
  }
  describe(plan, report);
  // Any number of rows may be fewer than a block.
  if (blocks)
    report.row_block =
        blocks->how.rows == 0 ? blocks->how.most : blocks->how.block(blocks->how.rows);
  report.plan_ms = watch.lap();
  if (settings.dump) settings.dump("plan", plan::to_string(plan));

  watch.lap();
  const codegen::Toolchain& toolchain = load_toolchain();
  report.load_ms = watch.lap();
  codegen::CompileReport made;
  const std::shared_ptr<const object::Object> object =
      toolchain.compiler().compile(plan, {.keep_text = bool(settings.dump)}, made);
  dump(settings, "llvm", made.llvm_ir);
  dump(settings, "assembly", made.assembly);
  report.emit_ms = made.emit_ms;
  report.codegen_ms = made.codegen_ms;
  report.code_bytes = object->bytes.size();
  report.reused_functions = object->uses.size();
  watch.lap();
  std::shared_ptr<const codegen::Code> code = toolchain.linker().link(object);
  report.link_ms = watch.lap();
  add_up(report);
  return std::make_shared<const NativeGraph>(std::move(plan), std::move(code), std::move(report),
                                             interface_of(graph.main()), settings.sharing, blocks);
}

}  // namespace

std::shared_ptr<const CompiledGraph> CompiledGraph::compile(const ir::Graph& graph,
                                                            const Settings& settings) {
  const support::FloatEnvScope environment;  // folding computes
  if (settings.dump) settings.dump("trace", ir::print(graph));
  interface_of(graph.main());  // before any work: throws where one executable cannot serve
  Report report;
  report.backend = settings.backend;
  report.isa = settings.isa;
  Stopwatch watch;
  double shown_ms = 0;
  ir::Graph optimised = graph.clone();
  report.passes = optimise(optimised, settings, shown_ms);
  report.passes_ms = watch.lap() - shown_ms;
  if (settings.dump) settings.dump("optimized", ir::print(optimised));
  if (settings.backend == Backend::native) {
    return compile_native(optimised, settings, std::move(report));
  }
  add_up(report);
  return std::make_shared<const InterpretedGraph>(std::move(optimised), settings.isa,
                                                  std::move(report));
}

}  // namespace mlpjit::runtime
