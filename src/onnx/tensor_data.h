#pragma once
// Tensors of an ONNX file as tensors of mlpjit.

#include <string>
#include <vector>

#include "mlpjit/tensor.h"
#include "src/exchange/onnx_model.h"

namespace mlpjit::onnx {

// The elements as `dtype`, which is the tensor's own, or f32 for halves. Those that stand in a file
// of their own are read from the folder of `file`, and from nowhere else. @throws FormatError where
// shape and bytes do not agree or the other file is not there.
Tensor read_tensor(const TensorData& data, DType dtype, const std::string& file);

// Elements that were made of the tensor's, in its shape.
Tensor tensor_of_elements(const TensorData& data, DType dtype,
                          const std::vector<std::int64_t>& elements, const std::string& file);

}  // namespace mlpjit::onnx
