#pragma once
// A portable model as an ONNX model.

#include "src/exchange/onnx_model.h"
#include "src/model/export_model.h"

namespace mlpjit::detail {

// Of a program without updates, draws and prints, which ONNX cannot say: else UnsupportedError that
// names the op. Tensors of the result refer to those of `model`.
onnx::Model onnx_model(const PortableModel& model);

}  // namespace mlpjit::detail
