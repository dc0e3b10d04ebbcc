#include "lib/jit/signature.h"

#include <fmt/core.h>

#include "mlpjit/error.h"

namespace mlpjit::jit {

namespace {

void require_static(const ir::Function& main, ir::ValueId id) {
  const ir::Value& value = main.value(id);
  if (value.type.token || value.type.shape.is_static()) return;
  throw UserError(fmt::format(
      "@{}: %{} has the symbolic type {}; an executable is compiled for sizes: give the symbols "
      "their values first",
      main.name(), value.name, ir::to_string(value.type)));
}

}  // namespace

Signature signature_of(const ir::Function& main) {
  for (std::size_t i = 0; i < main.value_count(); ++i) require_static(main, ir::ValueId{i});
  Signature signature;
  signature.inputs.assign(main.inputs().begin(), main.inputs().end());
  signature.input_types = main.types(main.body().arguments);
  signature.result_types = main.types(main.body().results);
  for (const ir::Update& update : main.updates()) {
    if (!signature.input_types.at(update.input).token)
      signature.updated_inputs.push_back(update.input);
  }
  return signature;
}

}  // namespace mlpjit::jit
