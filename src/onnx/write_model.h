#pragma once
// A Model as the bytes of an ONNX file.

#include <string>

#include "src/exchange/onnx_model.h"

namespace mlpjit::onnx {

std::string write_model(const Model& model);

}  // namespace mlpjit::onnx
