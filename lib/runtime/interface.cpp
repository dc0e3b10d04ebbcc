#include "lib/runtime/interface.h"

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

Interface interface_of(const ir::Function& main) {
  if (const std::optional<std::string> obstacle = symbolic_obstacle(main)) {
    throw UserError(*obstacle +
                    ": one executable cannot serve it; give the symbols their values first");
  }
  Interface interface;
  interface.inputs.assign(main.inputs().begin(), main.inputs().end());
  interface.input_types = main.types(main.body().arguments);
  interface.result_types = main.types(main.body().results);
  for (const ir::Update& update : main.updates()) {
    if (!interface.input_types.at(update.input).token)
      interface.updated_inputs.push_back(update.input);
  }
  interface.symbol = ir::find_symbol(main);
  return interface;
}

}  // namespace mlpjit::runtime
