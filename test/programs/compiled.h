#pragma once
// A program as machine code, called without the runtime: its plan at hand, its memory between pages
// that cannot be read.

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "lib/codegen/compiler.h"
#include "lib/ir/graph.h"
#include "lib/ir/opcodes.h"
#include "lib/plan/plan.h"
#include "lib/runtime/call_context.h"
#include "lib/support/isa.h"
#include "test/programs/outcome.h"

namespace mlpjit::test {

using Parallel = decltype(codegen::Runtime::parallel);

class Compiled {
 public:
  // Optimises, plans and compiles. The plan is verified, and read back from its text. Throws
  // InternalError where one of the two finds a fault.
  Compiled(const ir::Graph& graph, support::Isa isa, bool optimize = true,
           const plan::Division& division = {});
  Compiled(const std::string& text, support::Isa isa, bool optimize = true,
           const plan::Division& division = {});

  const plan::Plan& plan() const { return *plan_; }
  const codegen::CompileReport& report() const { return report_; }
  const std::shared_ptr<const object::Object>& object() const { return object_; }
  // The functions of the code where it has all of its own.
  std::vector<std::string> symbols() const;
  const ir::Graph& original() const { return *original_; }

  // A call on copies of the inputs. `parallel` is the hook of the runtime table. Throws
  // InternalError where it wrote behind the workspace or a constant.
  Outcome run(const Values& inputs, std::int64_t batch = 0, Parallel parallel = nullptr) const;
  // The interpreter on the graph as it was written.
  Outcome interpret(const Values& inputs, std::int64_t batch = 0) const {
    return test::interpret(*original_, inputs, isa_, batch);
  }

 private:
  support::Isa isa_;
  std::shared_ptr<const ir::Graph> original_;
  std::unique_ptr<plan::Plan> plan_;
  codegen::CompileReport report_;
  std::shared_ptr<const object::Object> object_;
  std::shared_ptr<const codegen::Code> code_;
  std::unique_ptr<runtime::LibrarySteps> steps_;
};

// Runs both ways on drawn inputs; "" where every bit of results and inputs agrees.
std::string compare(const Compiled& program, Numbers numbers = Numbers::mixed,
                    std::int64_t batch = 0, Parallel parallel = nullptr);

inline std::string compare(const ir::Graph& graph, support::Isa isa,
                           Numbers numbers = Numbers::mixed, bool optimize = true) {
  return compare(Compiled(graph, isa, optimize), numbers);
}

// A graph of one function under construction; op() gives the first result of a new op.
struct Builder {
  ir::Graph graph;
  ir::Function& main = graph.add_function("main");

  ir::ValueId input(DType dtype, Shape shape) {
    const std::string name = "x" + std::to_string(main.inputs().size());
    return main.add_input({ir::InputKind::argument, name}, {dtype, std::move(shape), false}, name);
  }
  ir::ValueId op(ir::Opcode opcode, std::vector<ir::ValueId> operands, ir::Attrs attrs = {}) {
    return main.result(
        main.append(ir::Function::kBody, opcode, std::move(operands), std::move(attrs)));
  }
  ir::ValueId scalar(DType dtype, double value) {
    return op(ir::Opcode::constant, {}, {{"value", ir::scalar_literal(dtype, value)}});
  }
  void result(ir::ValueId value) { main.body().results.push_back(value); }
};

}  // namespace mlpjit::test
