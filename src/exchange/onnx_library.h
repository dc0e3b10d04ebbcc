#pragma once
// What libmlpjit-onnx exports to libmlpjit, which opens it when it is first asked for a file.

#include <string>
#include <string_view>

#include "mlpjit/nn/symbol_block.h"
#include "src/exchange/onnx_model.h"

namespace mlpjit::onnx {

struct Library {
  // A model from its bytes; `file` is where they came from.
  nn::SymbolBlock (*import)(std::string_view bytes, const std::string& file, bool widen);
  std::string (*write)(const Model& model);
};

}  // namespace mlpjit::onnx

extern "C" {
// The version of mlpjit that the library belongs to, and the address of a function in the libmlpjit
// that it is linked with.
const char* mlpjit_onnx_version();
const void* mlpjit_onnx_core();
// Weak: there, where a program has it within.
__attribute__((weak)) const mlpjit::onnx::Library* mlpjit_onnx_library();
}
