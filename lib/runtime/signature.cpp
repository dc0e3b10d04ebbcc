#include "lib/runtime/signature.h"

#include <fmt/core.h>

#include "lib/plan/extent.h"
#include "lib/support/bytes.h"
#include "mlpjit/error.h"

namespace mlpjit::runtime {

namespace {

// The symbol of a shape; "" for none.
std::string symbol_of(const Shape& shape) {
  for (int i = 0; i < shape.rank(); ++i) {
    if (!shape[i].is_static()) return shape[i].symbol();
  }
  return "";
}

std::string described(const ir::Function& main, const ir::Value& value) {
  return fmt::format("@{}: %{} has the type {}", main.name(), value.name,
                     ir::to_string(value.type));
}

// Finds an input that tells the batch size.
void find_batch(Signature& signature) {
  for (std::size_t i = 0; i < signature.input_types.size(); ++i) {
    const Shape& shape = signature.input_types[i].shape;
    for (int axis = 0; axis < shape.rank(); ++axis) {
      if (shape[axis].is_static()) continue;
      signature.symbol = shape[axis].symbol();
      signature.batch_input = i;
      signature.batch_axis = axis;
      return;
    }
  }
}

}  // namespace

std::optional<std::string> symbolic_obstacle(const ir::Function& main) {
  std::string symbol;
  for (const ir::ValueId id : main.body().arguments) {
    if (symbol.empty()) symbol = symbol_of(main.value(id).type.shape);
  }
  for (std::size_t i = 0; i < main.value_count(); ++i) {
    const ir::Value& value = main.value(ir::ValueId{i});
    const Shape& shape = value.type.shape;
    if (value.type.token || shape.is_static()) continue;
    int degree = 0;
    for (int axis = 0; axis < shape.rank(); ++axis) {
      if (shape[axis].is_static()) continue;
      ++degree;
      if (symbol.empty())
        return described(main, value) + ", and no input tells what " + shape[axis].symbol() + " is";
      if (shape[axis].symbol() != symbol) {
        return described(main, value) + fmt::format(", but sizes go by {} already", symbol);
      }
    }
    if (degree > plan::Extent::kDegree)
      return described(main, value) + fmt::format(", a size beyond the square of {}", symbol);
  }
  return std::nullopt;
}

Signature signature_of(const ir::Function& main) {
  if (const std::optional<std::string> obstacle = symbolic_obstacle(main)) {
    throw UserError(*obstacle +
                    ": one executable cannot serve it; give the symbols their values first");
  }
  Signature signature;
  signature.inputs.assign(main.inputs().begin(), main.inputs().end());
  signature.input_types = main.types(main.body().arguments);
  signature.result_types = main.types(main.body().results);
  for (const ir::Update& update : main.updates()) {
    if (!signature.input_types.at(update.input).token)
      signature.updated_inputs.push_back(update.input);
  }
  find_batch(signature);
  return signature;
}

std::int64_t Signature::batch(const Shape& shape) const {
  if (symbol.empty()) return 0;
  const Dim dim = input_types[batch_input].shape[batch_axis];
  return (shape[batch_axis].value() - dim.offset()) / dim.coefficient();
}

}  // namespace mlpjit::runtime
