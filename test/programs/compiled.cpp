#include "test/programs/compiled.h"

#include <cstring>
#include <deque>
#include <exception>
#include <vector>

#include "lib/ir/text.h"
#include "lib/passes/passes.h"
#include "lib/plan/text.h"
#include "lib/plan/verify.h"
#include "lib/runtime/loader.h"
#include "mlpjit/error.h"
#include "test/programs/guarded.h"

namespace mlpjit::test {

namespace {

// What the slots of one call point to.
class Slots {
 public:
  Slots(const plan::Plan& plan, const Values& inputs, const Values& results) {
    for (const Value& input : inputs) inputs_.emplace_back(input.bytes());
    for (const Value& result : results) results_.emplace_back(result.bytes());
    for (std::size_t i = 0; i < inputs.size(); ++i)
      copy_bytes(inputs_[i].data(), inputs[i].data(), inputs[i].bytes());
    for (const plan::Slot& slot : plan.slots) slots_.push_back(made(slot));
  }

  void* const* data() const { return slots_.data(); }
  bool intact() const {
    return std::all_of(constants_.begin(), constants_.end(),
                       [](const AlignedGuardedMemory& memory) { return memory.intact(); });
  }
  void copy_back(const Values& inputs, const Values& results) const {
    for (std::size_t i = 0; i < inputs.size(); ++i)
      copy_bytes(inputs[i].data(), inputs_[i].data(), inputs[i].bytes());
    for (std::size_t i = 0; i < results.size(); ++i)
      copy_bytes(results[i].data(), results_[i].data(), results[i].bytes());
  }

 private:
  static void copy_bytes(void* to, const void* from, std::size_t bytes) {
    if (bytes > 0) std::memcpy(to, from, bytes);
  }
  void* made(const plan::Slot& slot) {
    switch (slot.kind) {
      case plan::SlotKind::input:
      case plan::SlotKind::update: return inputs_[slot.index].data();
      case plan::SlotKind::output: return results_[slot.index].data();
      case plan::SlotKind::constant: {
        AlignedGuardedMemory& memory = constants_.emplace_back(slot.literal.bytes->size());
        copy_bytes(memory.data(), slot.literal.data(), slot.literal.bytes->size());
        return memory.data();
      }
      case plan::SlotKind::packed: {
        AlignedGuardedMemory& memory = constants_.emplace_back(slot.layout.bytes());
        plan::pack(slot.layout, inputs_[slot.index].data(), memory.data());
        return memory.data();
      }
    }
    throw InternalError("slots: unknown kind");
  }

  std::deque<GuardedMemory> inputs_, results_;
  std::deque<AlignedGuardedMemory> constants_;
  std::vector<void*> slots_;
};

std::string text_of(const std::exception_ptr& error) try {
  std::rethrow_exception(error);
} catch (const ValueError& value_error) {
  return value_error.what();
}

}  // namespace

Compiled::Compiled(const std::string& text, support::Isa isa, bool optimize,
                   const plan::Division& division)
    : Compiled(ir::parse(text), isa, optimize, division) {}

Compiled::Compiled(const ir::Graph& given, support::Isa isa, bool optimize,
                   const plan::Division& division)
    : isa_(isa) {
  auto graph = std::make_shared<ir::Graph>(given.clone());
  original_ = std::make_shared<const ir::Graph>(graph->clone());
  if (optimize) {
    passes::PipelineSettings settings;
    settings.isa = isa;
    settings.verify = true;
    passes::run_pipeline(*graph, settings);
  }
  plan_ = std::make_unique<plan::Plan>(plan::make_plan(graph, plan::make_target(isa), division));
  if (const std::string fault = plan::verify(*plan_); !fault.empty())
    throw InternalError(fault + "\n" + plan::to_string(*plan_));
  const std::string plan_text = plan::to_string(*plan_);
  const plan::Plan read = plan::parse(plan_text, plan_->graph);
  // Every NaN is written alike, so where there are some the bits of constants may differ.
  const bool same = plan_text.find("nan") == std::string::npos ? read == *plan_
                                                               : plan::to_string(read) == plan_text;
  if (!same) throw InternalError("another plan than the text of\n" + plan_text);
  const codegen::Toolchain& toolchain = runtime::load_toolchain();
  object_ = toolchain.compiler().compile(*plan_, {}, report_);
  code_ = toolchain.linker().link(object_);
  steps_ = std::make_unique<runtime::LibrarySteps>(*plan_);
}

std::vector<std::string> Compiled::symbols() const {
  codegen::CompileReport report;
  return runtime::load_toolchain().compiler().compile(*plan_, {.reuse = false}, report)->symbols;
}

Outcome Compiled::run(const Values& inputs, std::int64_t batch, Parallel parallel) const {
  Outcome outcome{make_values(result_types(*original_, batch)), copy(inputs)};
  const Slots slots(*plan_, outcome.inputs, outcome.results);
  const AlignedGuardedMemory workspace(plan_->workspace(batch));
  runtime::CallContext context(*steps_, batch);
  codegen::Runtime table = *context.runtime();
  table.parallel = parallel;
  outcome.status = code_->entry()(&table, slots.data(), workspace.data(), context.batch());
  if (outcome.status != 0) outcome.error = text_of(context.error());
  if (!workspace.intact()) throw InternalError("the program wrote behind its workspace");
  if (!slots.intact()) throw InternalError("the program wrote behind a constant");
  slots.copy_back(outcome.inputs, outcome.results);
  return outcome;
}

std::string compare(const Compiled& program, Numbers numbers, std::int64_t batch,
                    Parallel parallel) {
  const Values inputs = draw_values(input_types(program.original(), batch), 7, numbers);
  const std::string found =
      difference(program.interpret(inputs, batch), program.run(inputs, batch, parallel));
  return found.empty() ? "" : found + "\n" + plan::to_string(program.plan());
}

}  // namespace mlpjit::test
