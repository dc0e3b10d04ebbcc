// The trace of a program, run by the naive reference: each op against the interpreter on every
// instruction set, and the whole against the imperative run.

#include <cstring>

#include "lib/interp/interp.h"
#include "lib/ir/opcodes.h"
#include "lib/ir/text.h"
#include "test/differential/modes.h"
#include "test/differential/reference_run.h"
#include "test/programs/captured_output.h"

namespace mlpjit::differential {
namespace {

using reference::Array;
using reference::Arrays;

struct Difference {
  std::string text;
};

Array array_of(const Tensor& tensor) {
  const auto sizes = tensor.shape().sizes();
  Array array = reference::make_array(tensor.dtype(), {sizes.begin(), sizes.end()});
  const void* data = detail::TensorAccess::impl(tensor)->data();
  if (!array.bytes.empty()) std::memcpy(array.bytes.data(), data, array.bytes.size());
  return array;
}

Array stream_start() {
  Array state = reference::make_array(DType::i64, {2});
  state.as<std::int64_t>()[0] = static_cast<std::int64_t>(kStreamSeed);
  state.as<std::int64_t>()[1] = 0;
  return state;
}

Arrays arrays_of(const std::vector<ir::Type>& types) {
  Arrays arrays;
  for (const ir::Type& type : types) {
    const auto sizes = type.shape.sizes();
    arrays.push_back(type.token ? Array{DType::i64, {0}, {}}
                                : reference::make_array(type.dtype, {sizes.begin(), sizes.end()}));
  }
  return arrays;
}

std::vector<interp::View> views_of(Arrays& arrays) {
  std::vector<interp::View> views;
  for (Array& array : arrays)
    views.push_back(
        {array.dtype, Shape(std::span<const std::int64_t>(array.shape)), array.bytes.data()});
  return views;
}

Arrays interpreted(ir::Opcode opcode, const ir::Attrs& attrs, Arrays operands,
                   const std::vector<ir::Type>& types, Isa isa) {
  Arrays results = arrays_of(types);
  interp::evaluate(opcode, attrs, views_of(operands), views_of(results), isa);
  return results;
}

std::optional<Arrays> naive(const ir::Op& op, const Arrays& operands,
                            const std::vector<ir::Type>& types) {
  if (op.opcode != ir::Opcode::random_uniform && op.opcode != ir::Opcode::random_normal)
    return reference::evaluate(op.opcode, op.attrs, operands, types);
  return reference::draw(op.opcode, types, operands[0], [&](ir::Opcode opcode, const Array& x) {
    return interpreted(opcode, {}, {x}, {types[0]}, Isa::baseline)[0];
  });
}

// One op: by the reference, where it defines the op, and by the interpreter.
Arrays plain_op(const ir::Function& main, const ir::Op& op, const Arrays& operands) {
  const auto types = main.types(op.results);
  if (op.opcode == ir::Opcode::print)  // once
    return interpreted(op.opcode, op.attrs, operands, types, Isa::baseline);
  const auto expected = naive(op, operands, types);
  Arrays results;
  for (Isa isa : runnable_isas()) {
    results = interpreted(op.opcode, op.attrs, operands, types, isa);
    for (std::size_t r = 0; expected && r < results.size(); ++r) {
      if (reference::same_bits((*expected)[r], results[r])) continue;
      throw Difference{"interpreter " + std::string(to_string(isa)) + " and reference differ at %" +
                       main.value(op.results[r]).name + " = " + std::string(to_string(op.opcode))};
    }
  }
  return results;
}

void expect_same(const std::string& what, const Tensor& want, const Array& got) {
  if (!reference::same_bits(array_of(want), got))
    throw Difference{what + " of the imperative run and of the reference differ"};
}

void compare(const TracedProgram& traced, const Outcome& want, const reference::RunResult& got,
             const std::string& printed) {
  for (std::size_t i = 0; i < want.results.size(); ++i) {
    if (want.results[i].is_weak()) continue;  // in the trace it has its widest dtype
    expect_same("result " + std::to_string(i), want.results[i], got.results[i]);
  }
  std::uint64_t draws = 0;
  for (std::size_t i = 0; i < traced.trace.inputs.size(); ++i) {
    if (traced.trace.inputs[i].kind == ir::InputKind::state)
      draws = static_cast<std::uint64_t>(got.inputs[i].as<std::int64_t>()[1]);
    for (std::size_t j = 0; j < traced.inputs.size(); ++j) {
      if (detail::TensorAccess::impl(traced.inputs[j]) ==
          detail::TensorAccess::impl(traced.bound(i)))
        expect_same("input " + std::to_string(j), want.inputs[j], got.inputs[i]);
    }
  }
  if (draws != want.stream.draw) throw Difference{"the reference draws another number of times"};
  if (printed != want.printed) throw Difference{"the reference prints\n" + printed};
}

}  // namespace

std::optional<std::string> check_against_reference(const Program& program, const Outcome& want) {
  if (!want.error.empty()) return std::nullopt;
  try {
    const TracedProgram traced(program);
    const std::string text = ir::print(*traced.trace.graph);
    if (ir::print(ir::parse(text)) != text) return "the text does not read back as it is";
    const ir::Function& main = traced.trace.graph->main();
    Arrays inputs;
    for (std::size_t i = 0; i < traced.trace.inputs.size(); ++i) {
      const ir::InputKind kind = traced.trace.inputs[i].kind;
      inputs.push_back(kind == ir::InputKind::state   ? stream_start()
                       : kind == ir::InputKind::token ? Array{DType::i64, {0}, {}}
                                                      : array_of(traced.bound(i)));
    }
    const test::CapturedOutput output;
    const reference::RunResult got = reference::run(
        main, inputs,
        [&](const ir::Op& op, const Arrays& operands) { return plain_op(main, op, operands); });
    compare(traced, want, got, output.text());
  } catch (const Difference& found) {
    return found.text;
  } catch (const std::exception& error) {
    return std::string("reference: threw ") + error.what();
  }
  return std::nullopt;
}

}  // namespace mlpjit::differential
