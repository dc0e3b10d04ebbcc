#pragma once
// Models of any format that is read, from bytes.

#include <string>
#include <string_view>

#include "mlpjit/nn/symbol_block.h"
#include "src/exchange/onnx_model.h"

namespace mlpjit::detail {

// A model of one file: of ONNX, or one that save() wrote. `name` stands in messages, and says where
// external data is. Throws FormatError that says what the bytes are instead, UnsupportedError where
// the reader of ONNX is not there.
nn::SymbolBlock import_bytes(std::string_view bytes, const std::string& name,
                             const nn::LoadOptions& options);
nn::SymbolBlock import_file(const std::string& path, const nn::LoadOptions& options);

// Whether bytes begin as those of a safetensors file do: the length of a header, a header.
bool is_safetensors(std::string_view bytes);

// A symbol file and its parameter file.
nn::SymbolBlock import_pair(std::string_view symbol, std::string_view parameters,
                            const std::string& name, const nn::LoadOptions& options);

// The bytes of an ONNX file of the model. Throws as import_onnx().
std::string write_onnx(const onnx::Model& model);

}  // namespace mlpjit::detail
