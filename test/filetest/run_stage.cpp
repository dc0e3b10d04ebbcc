#include "test/filetest/run_stage.h"

#include <gtest/gtest.h>

#include <sstream>
#include <vector>

#include "lib/ir/text.h"
#include "lib/passes/passes.h"
#include "lib/plan/plan.h"
#include "lib/plan/text.h"
#include "lib/plan/verify.h"
#include "lib/runtime/loader.h"
#include "lib/support/isa.h"
#include "mlpjit/mlpjit.h"
#include "test/programs/captured_output.h"

namespace mlpjit::filetest {
namespace {

// Of the optimised program.
plan::Plan plan_for(const std::string& program, const std::string& name,
                    const plan::Division& division) {
  const plan::Target* target = plan::find_target(name);
  if (target == nullptr) throw UserError("there is no target '" + name + "'");
  auto graph = std::make_shared<ir::Graph>(ir::parse(program));
  passes::PipelineSettings settings;
  settings.isa = target->isa;
  passes::run_pipeline(*graph, settings);
  return plan::make_plan(graph, *target, division);
}

// A line "; %x = f32[2] [1, 2]" gives an input its value, a line "; call" begins another call; what
// is not given again stays.
using Values = std::vector<std::pair<std::string, Tensor>>;

Tensor tensor_of(const std::string& literal) {
  const ir::Graph graph =
      ir::parse("func @main() {\n  %v = constant " + literal + "\n  return %v\n}\n");
  const ir::Function& main = graph.main();
  const auto& value = main.op(main.body().ops.front()).attrs.get<ir::Literal>("value");
  return detail::tensor_from(value.data(), value.dtype, value.shape);
}

std::vector<Values> calls_of(const std::string& program) {
  std::vector<Values> calls(1);
  std::istringstream lines(program);
  for (std::string line; std::getline(lines, line);) {
    if (line == "; call") calls.push_back(calls.back());
    const std::size_t equals = line.find(" = ");
    if (!line.starts_with("; %") || equals == std::string::npos) continue;
    const std::string name = line.substr(3, equals - 3);
    std::erase_if(calls.back(), [&](const auto& known) { return known.first == name; });
    calls.back().emplace_back(name, tensor_of(line.substr(equals + 3)));
  }
  return calls;
}

template <class T>
ir::Literal literal_as(const Tensor& tensor) {
  return ir::make_literal(tensor.dtype(), tensor.shape(), tensor.data<T>().data());
}
std::string text_of(const Tensor& tensor) {
  switch (tensor.dtype()) {
    case DType::f32: return ir::print(ir::AttrValue(literal_as<float>(tensor)));
    case DType::f64: return ir::print(ir::AttrValue(literal_as<double>(tensor)));
    case DType::i32: return ir::print(ir::AttrValue(literal_as<std::int32_t>(tensor)));
    case DType::i64: return ir::print(ir::AttrValue(literal_as<std::int64_t>(tensor)));
    default: return ir::print(ir::AttrValue(literal_as<bool>(tensor)));
  }
}

// The tensors of one call: copies of what the comments say, in the order that a call takes them.
struct Inputs {
  std::vector<std::string> names;
  Tensors values;

  Inputs(const Graph& graph, const Values& given) {
    for (const bool arguments : {true, false}) {
      for (const GraphInput& input : graph.inputs()) {
        const bool argument = input.kind == "argument";
        if (argument != arguments || input.kind == "state" || input.kind == "token") continue;
        add(input.name, given);
      }
    }
  }
  void add(const std::string& name, const Values& given) {
    for (const auto& [known, value] : given) {
      if (known != name) continue;
      names.push_back(name);
      values.push_back(value.copy());
      return;
    }
    throw UserError("no line '; %" + name + " = ...' gives the input a value");
  }
};

std::string outcome_of(const Executable& run, const Graph& graph, const Values& given) {
  const Inputs inputs(graph, given);
  Tensors before;
  for (const Tensor& value : inputs.values) before.push_back(value.copy());
  const random::StreamScope stream(20);
  const test::CapturedOutput output;
  std::string text;
  try {
    const Tensors results = run(inputs.values);
    for (std::size_t i = 0; i < results.size(); ++i)
      text += "result " + std::to_string(i) + ": " + text_of(results[i]) + "\n";
  } catch (const ValueError& error) {
    text += std::string("error: ") + error.what() + "\n";
  }
  for (std::size_t i = 0; i < before.size(); ++i) {
    if (identical(before[i], inputs.values[i])) continue;
    text += "updated " + inputs.names[i] + ": " + text_of(inputs.values[i]) + "\n";
  }
  if (const auto draws = random::state().draw; draws > 0)
    text += "draws: " + std::to_string(draws) + "\n";
  if (!output.text().empty()) text += "printed:\n" + output.text();
  return text;
}

struct Mode {
  std::string name;
  HybridizeOptions options;
};
std::vector<Mode> modes() {
  std::vector<Mode> all = {
      {"op by op",
       {.backend = Backend::graph, .passes = {false, false, false, false, false, false}}}};
  for (const support::Isa isa : {Isa::baseline, Isa::avx2, Isa::avx512}) {
    if (isa > support::default_isa()) continue;
    const std::string name(to_string(isa));
    all.push_back({"graph, " + name, {.backend = Backend::graph, .isa = isa}});
    all.push_back({"native, " + name, {.isa = isa}});
    all.push_back({"native without passes, " + name,
                   {.isa = isa, .passes = {true, false, false, false, false, false}}});
  }
  return all;
}

}  // namespace

std::string run_plan(const std::string& program, const std::string& target, bool divided) {
  const plan::Plan made =
      plan_for(program, target, divided ? plan::Division{2, 0} : plan::Division{});
  const std::string text = to_string(made);
  EXPECT_EQ(plan::verify(made), "");
  EXPECT_TRUE(plan::parse(text, made.graph) == made) << "the text does not read back as it was";
  return text;
}

bool has_llvm() {
  return runtime::built_with_llvm();
}

std::string run_llvm(const std::string& program, const std::string& target) {
  codegen::CompileReport report;
  runtime::load_toolchain().compiler().compile(plan_for(program, target, {}), {.keep_text = true},
                                               report);
  return report.llvm_ir;
}

std::string run_program(const std::string& program) {
  const Graph graph = Graph::parse(program);
  const std::vector<Values> calls = calls_of(program);
  std::string first;
  for (const Mode& mode : modes()) {
    std::string text;
    try {
      const Executable run = compile(graph, mode.options);
      for (std::size_t i = 0; i < calls.size(); ++i) {
        if (calls.size() > 1) text += "call " + std::to_string(i + 1) + ":\n";
        text += outcome_of(run, graph, calls[i]);
      }
    } catch (const UnsupportedError&) {
      continue;  // built without LLVM
    }
    if (first.empty()) first = text;
    EXPECT_EQ(text, first) << mode.name;
  }
  return first;
}

}  // namespace mlpjit::filetest
