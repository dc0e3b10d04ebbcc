#include "test/differential/modes.h"

#include <cstring>
#include <sstream>
#include <unordered_map>

#include "lib/interp/interp.h"
#include "lib/ir/text.h"
#include "lib/support/isa.h"
#include "src/trace/cached_function.h"
#include "src/trace/recorder.h"
#include "test/differential/reference.h"

namespace mlpjit::differential {
namespace {

Outcome outcome_of(const std::function<Tensors()>& call) {
  try {
    return {call(), {}};
  } catch (const ValueError& error) {
    return {{}, error.what()};
  }
}

detail::Trace trace_of(const Program& program) {
  std::vector<detail::ArgumentSpec> specs;
  for (const Tensor& input : program.inputs) {
    detail::ArgumentSpec spec;
    spec.dtype = input.dtype();
    spec.shape = input.shape();
    spec.concrete = input;
    specs.push_back(spec);
  }
  return detail::trace_function([&](const Tensors& inputs) { return run(program, inputs); }, specs,
                                {});
}

// What an input of the traced graph is bound to: an argument, or a tensor that a node holds.
Tensor bound_tensor(const Program& program, const detail::Binding& binding) {
  return binding.kind == ir::InputKind::argument ? program.inputs.at(binding.argument)
                                                 : binding.tensor;
}

// Where two tensors part, for messages.
std::string first_difference(const Tensor& want, const Tensor& got) {
  std::ostringstream out;
  out << ": expected " << want.dtype() << want.shape() << ", got " << got.dtype() << got.shape();
  if (want.dtype() != got.dtype() || !(want.shape() == got.shape())) return out.str();
  out << std::hexfloat;
  reference::with_type(want.dtype(), [&](auto zero) {
    using T = decltype(zero);
    const auto* a = static_cast<const T*>(detail::TensorAccess::impl(want)->data());
    const auto* b = static_cast<const T*>(detail::TensorAccess::impl(got)->data());
    for (std::int64_t i = 0; i < want.size(); ++i) {
      if (std::memcmp(a + i, b + i, sizeof(T)) == 0 || (a[i] != a[i] && b[i] != b[i])) continue;
      out << "; first at element " << i << ": expected " << +a[i] << ", got " << +b[i];
      return;
    }
  });
  return out.str();
}

using Arrays = std::unordered_map<ir::ValueId, reference::Array>;

std::vector<reference::Array> operands_of(const ir::Op& op, const Arrays& values) {
  std::vector<reference::Array> operands;
  for (ir::ValueId id : op.operands) operands.push_back(values.at(id));
  return operands;
}

interp::View view_of(reference::Array& array) {
  return {array.dtype, Shape(std::span<const std::int64_t>(array.shape)), array.bytes.data()};
}

std::vector<reference::Array> interpreted(const ir::Op& op, std::vector<reference::Array>& operands,
                                          const std::vector<ir::Type>& types, Isa isa) {
  std::vector<reference::Array> results;
  for (const ir::Type& type : types) {
    const auto sizes = type.shape.sizes();
    results.push_back(reference::make_array(type.dtype, {sizes.begin(), sizes.end()}));
  }
  std::vector<interp::View> in, out;
  for (auto& array : operands) in.push_back(view_of(array));
  for (auto& array : results) out.push_back(view_of(array));
  interp::evaluate(op.opcode, op.attrs, in, out, isa);
  return results;
}

}  // namespace

std::vector<Isa> runnable_isas() {
  std::vector<Isa> isas;
  for (Isa isa : {Isa::baseline, Isa::avx2, Isa::avx512}) {
    if (isa <= support::default_isa()) isas.push_back(isa);
  }
  return isas;
}

std::vector<Mode> modes(Isa also) {
  const Isa widest = support::default_isa();
  std::vector<Mode> all = {{"graph", {.backend = Backend::graph, .isa = widest}},
                           {"native " + std::string(to_string(widest)), {.isa = widest}}};
  if (also < widest) {
    all.push_back(
        {"graph " + std::string(to_string(also)), {.backend = Backend::graph, .isa = also}});
    all.push_back({"native " + std::string(to_string(also)), {.isa = also}});
  }
  return all;
}

Outcome run_imperatively(const Program& program) {
  return outcome_of([&] { return run(program, program.inputs); });
}

Outcome run_in(const Mode& mode, const Program& program) {
  return outcome_of([&] {
    detail::CachedFunction function([&](const Tensors& inputs) { return run(program, inputs); },
                                    mode.options);
    function(program.inputs);
    return function(program.inputs);  // the second call is the cached one
  });
}

std::optional<std::string> difference(const Outcome& want, const Outcome& got) {
  if (want.error != got.error)
    return "expected error '" + want.error + "', got '" + got.error + "'";
  if (want.results.size() != got.results.size()) return "another number of results";
  for (std::size_t i = 0; i < want.results.size(); ++i) {
    if (identical(want.results[i], got.results[i])) continue;
    return "result " + std::to_string(i) + " differs" +
           first_difference(want.results[i], got.results[i]);
  }
  return std::nullopt;
}

std::optional<std::string> check(const Program& program, const std::vector<Mode>& modes) {
  const Outcome want = run_imperatively(program);
  for (const Mode& mode : modes) {
    try {
      if (auto text = difference(want, run_in(mode, program))) return mode.name + ": " + *text;
    } catch (const std::exception& error) {
      return mode.name + ": threw " + error.what();
    }
  }
  return want.error.empty() ? check_against_reference(program) : std::nullopt;
}

std::optional<std::string> check_against_reference(const Program& program) {
  const detail::Trace trace = trace_of(program);
  const ir::Function& main = trace.graph->main();
  Arrays values;
  for (std::size_t i = 0; i < main.inputs().size(); ++i) {
    const Tensor input = bound_tensor(program, trace.inputs.at(i));
    const auto sizes = input.shape().sizes();
    reference::Array array = reference::make_array(input.dtype(), {sizes.begin(), sizes.end()});
    const void* data = detail::TensorAccess::impl(input)->data();
    if (!array.bytes.empty()) std::memcpy(array.bytes.data(), data, array.bytes.size());
    values[main.body().arguments[i]] = std::move(array);
  }
  for (ir::OpId id : main.body().ops) {
    const ir::Op& op = main.op(id);
    auto operands = operands_of(op, values);
    const auto types = main.types(op.results);
    auto naive = reference::evaluate(op.opcode, op.attrs, operands, types);
    std::vector<reference::Array> results;
    for (Isa isa : runnable_isas()) {
      results = interpreted(op, operands, types, isa);
      for (std::size_t r = 0; naive && r < results.size(); ++r) {
        if (reference::same_bits((*naive)[r], results[r])) continue;
        return "interpreter " + std::string(to_string(isa)) + " and reference differ at %" +
               main.value(op.results[r]).name + " = " + std::string(to_string(op.opcode));
      }
    }
    for (std::size_t r = 0; r < results.size(); ++r) values[op.results[r]] = std::move(results[r]);
  }
  return std::nullopt;
}

std::string trace_text(const Program& program) {
  try {
    return ir::print(*trace_of(program).graph);
  } catch (const std::exception& error) {
    return std::string("(no trace: ") + error.what() + ")\n" + to_string(program);
  }
}

Tensors arguments_of_trace(const Program& program) {
  const detail::Trace trace = trace_of(program);
  Tensors arguments;
  for (const bool captured : {false, true}) {
    for (const detail::Binding& binding : trace.inputs) {
      if ((binding.kind != ir::InputKind::argument) == captured)
        arguments.push_back(bound_tensor(program, binding));
    }
  }
  return arguments;
}

}  // namespace mlpjit::differential
