// Element-wise code: from ops of the graph to lanes, by the definitions of lib/numerics.

#include <algorithm>
#include <bit>
#include <cstdint>
#include <unordered_map>
#include <variant>

#include <fmt/format.h>

#include "lib/codegen/emitter.h"
#include "lib/codegen/ir_backend.h"
#include "lib/ir/opcodes.h"
#include "lib/ir/text.h"
#include "lib/numerics/elementwise.h"
#include "mlpjit/error.h"

namespace mlpjit::codegen {
namespace {

using ir::Opcode;

template <class T>
Value* emit_float_op(Emitter& e, const ir::Op& op, const Values& operands, int lanes) {
  const IrBackend<T> backend(e, lanes);
  if (numerics::is_comparison(op.opcode))
    return numerics::compare(backend, op.opcode, operands[0], operands[1]);
  return numerics::apply(backend, op.opcode, operands.data(), numerics::params_of(op.attrs));
}

// Bools, and what does not depend on the dtype; null for all other ops.
Value* emit_plain_op(Emitter& e, const ir::Op& op, DType dtype, const Values& operands) {
  switch (op.opcode) {
    case Opcode::logical_and: return e.b.CreateAnd(operands[0], operands[1]);
    case Opcode::logical_or: return e.b.CreateOr(operands[0], operands[1]);
    case Opcode::logical_xor: return e.b.CreateXor(operands[0], operands[1]);
    case Opcode::logical_not: return e.b.CreateNot(operands[0]);
    case Opcode::where: return e.b.CreateSelect(operands[0], operands[1], operands[2]);
    default: break;
  }
  if (dtype != DType::boolean) return nullptr;
  switch (op.opcode) {
    case Opcode::equal: return e.b.CreateICmpEQ(operands[0], operands[1]);
    case Opcode::not_equal: return e.b.CreateICmpNE(operands[0], operands[1]);
    case Opcode::less: return e.b.CreateICmpULT(operands[0], operands[1]);
    case Opcode::less_equal: return e.b.CreateICmpULE(operands[0], operands[1]);
    case Opcode::greater: return e.b.CreateICmpUGT(operands[0], operands[1]);
    case Opcode::greater_equal: return e.b.CreateICmpUGE(operands[0], operands[1]);
    default: throw InternalError(fmt::format("codegen: {} on bool", ir::to_string(op.opcode)));
  }
}

Value* emit_op(Emitter& e, const ir::Function& main, const ir::Op& op, const Values& operands,
               int lanes) {
  const DType dtype = value_dtype(main, op.operands[0]);
  if (op.opcode == Opcode::cast) {
    return emit_cast(e, operands[0], dtype, value_dtype(main, op.results[0]), lanes);
  }
  if (Value* plain = emit_plain_op(e, op, dtype, operands)) return plain;
  switch (dtype) {
    case DType::f32: return emit_float_op<float>(e, op, operands, lanes);
    case DType::f64: return emit_float_op<double>(e, op, operands, lanes);
    default: return emit_integer_op(e, op.opcode, dtype, operands);
  }
}

}  // namespace

DType value_dtype(const ir::Function& function, ir::ValueId value) {
  return function.value(value).type.dtype;
}

Values emit_body(Emitter& emitter, const plan::Body& body, const Values& arguments, int lanes) {
  const ir::Function& main = emitter.module.main();
  std::unordered_map<ir::ValueId, Value*> values;
  for (std::size_t i = 0; i < body.arguments.size(); ++i) values[body.arguments[i]] = arguments[i];
  for (const auto& scalar : body.scalars) values[scalar.value] = emitter.splat(scalar, lanes);
  for (const ir::OpId id : body.ops) {
    const ir::Op& op = main.op(id);
    Values operands;
    for (const ir::ValueId operand : op.operands) operands.push_back(values.at(operand));
    values[op.results[0]] = emit_op(emitter, main, op, operands, lanes);
  }
  Values results;
  for (const ir::ValueId result : body.results) results.push_back(values.at(result));
  return results;
}

std::string body_signature(const ir::Function& function, const plan::Body& body, bool scalars) {
  std::unordered_map<ir::ValueId, std::size_t> numbers;
  std::string text;
  const auto define = [&](ir::ValueId value) {
    numbers.emplace(value, numbers.size());
    text += to_string(value_dtype(function, value));
  };
  for (const ir::ValueId argument : body.arguments) define(argument);
  for (const auto& scalar : body.scalars) {
    define(scalar.value);
    if (!scalars) continue;
    const auto* bytes = static_cast<const unsigned char*>(scalar.literal.data());
    for (std::size_t i = 0; i < size_of(scalar.literal.dtype); ++i)
      text += fmt::format("{:02x}", bytes[i]);
  }
  for (const ir::OpId id : body.ops) {
    const ir::Op& op = function.op(id);
    text += fmt::format(";{}", ir::to_string(op.opcode));
    for (const ir::ValueId operand : op.operands) text += fmt::format(",{}", numbers.at(operand));
    for (const auto& [name, value] : op.attrs) {
      const auto* number = std::get_if<double>(&value);  // NaNs are printed alike
      text += fmt::format(",{}={}", name,
                          number == nullptr
                              ? ir::print(value)
                              : fmt::format("{:x}", std::bit_cast<std::uint64_t>(*number)));
    }
    define(op.results[0]);
  }
  for (const ir::ValueId result : body.results) text += fmt::format(">{}", numbers.at(result));
  return text;
}

}  // namespace mlpjit::codegen
