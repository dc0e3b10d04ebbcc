#pragma once
// Element types, shapes and elements, from C's to ours and back.

#include <cstddef>
#include <string>

#include "mlpjit/c_api.h"
#include "mlpjit/nn/symbol_block.h"
#include "mlpjit/tensor.h"

namespace mlpjit::c_api {

// All of these throw BadArgument where the caller's structs say nothing sensible.
DType dtype_of(mlpjit_dtype dtype);
mlpjit_dtype dtype_of(DType dtype);
TensorSpec spec_of(const mlpjit_input& input);
// On the caller's memory.
Tensor tensor_of(const mlpjit_input& input);
// The codes of strings.
Tensor coded(const mlpjit_input& input, const nn::SymbolBlock& net, const std::string& name);

std::size_t bytes_of(const TensorSpec& spec);
// Whether it fits; what it is, is written in any case.
bool write(const Tensor& result, mlpjit_output& to);

}  // namespace mlpjit::c_api
