#pragma once
// Attributes for the tests that try every element-wise op.

#include <string>

#include "lib/ir/attr.h"
#include "lib/ir/opcode.h"

namespace mlpjit::test {

// Each float attribute of the op, with another value than its default.
inline ir::Attrs float_attrs(ir::Opcode opcode) {
  const ir::Type scalar{DType::f32, {}, false};
  ir::Attrs attrs;
  for (const ir::AttrSpec& spec : ir::info(opcode).attrs) {
    const auto value = ir::default_of(spec, {&scalar, 1});
    if (value && std::holds_alternative<double>(*value))
      attrs.set(spec.name, std::get<double>(*value) * 0.7 + 0.05);
  }
  return attrs;
}

}  // namespace mlpjit::test
