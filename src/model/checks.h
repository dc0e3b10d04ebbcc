#pragma once
// What a model says of itself: inputs, and what its layers make of them. Written by an export, made
// again at an import, so that damage and parameters of another model are found at once.

#include <string>
#include <vector>

#include "mlpjit/tensor.h"
#include "src/model/export_model.h"

namespace mlpjit::detail {

// Checks for a model that is to be written: of `examples`, else of the inputs of the checks that it
// has already, else of a seeded batch of two. None where a program draws, prints or may run long,
// and none of inputs of our own that it refuses. Throws UserError on examples that do not fit.
std::vector<Check> make_checks(const PortableModel& model, const std::vector<Tensors>& examples);

// Throws FormatError that names `file` and the first layer whose values are others: on the bits
// where the numerics are ours, else within bounds.
void verify_checks(const PortableModel& model, const std::string& file);

// What is held of a value: its elements where they are few and finite, their hash and norm.
CheckedValue checked_value(ir::ValueId id, const ir::Literal& value);

}  // namespace mlpjit::detail
