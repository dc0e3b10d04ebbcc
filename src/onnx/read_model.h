#pragma once
// The bytes of an ONNX file as a Model.

#include <span>
#include <string>

#include "src/exchange/onnx_model.h"

namespace mlpjit::onnx {

// `bytes` outlives the model, whose tensors refer to it. What is allocated is bounded by a small
// multiple of the bytes. @throws FormatError naming `source` and the message for bytes that are no
// model: cut off, of another format, nested deeper than 64 graphs.
Model read_model(std::string_view bytes, const std::string& source);

// One tensor in a file of its own, as ONNX's own tests have them.
TensorData read_tensor_message(std::string_view bytes, const std::string& source);

}  // namespace mlpjit::onnx
