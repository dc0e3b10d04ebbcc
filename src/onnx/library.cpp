#include "src/onnx/library.h"

#include "mlpjit/version.h"
#include "src/model/function_model.h"
#include "src/onnx/importer.h"
#include "src/onnx/read_model.h"

namespace mlpjit::onnx {
namespace {

nn::SymbolBlock import_bytes(std::string_view bytes, const std::string& file, bool widen) {
  const Model model = read_model(bytes, file);
  return Importer(model, file, {.widen = widen}).import();
}

constexpr Library kLibrary{import_bytes};

}  // namespace
}  // namespace mlpjit::onnx

#define MLPJIT_ONNX_EXPORT __attribute__((visibility("default")))

extern "C" {
MLPJIT_ONNX_EXPORT const char* mlpjit_onnx_version() {
  return mlpjit::version().data();
}
MLPJIT_ONNX_EXPORT const void* mlpjit_onnx_core() {
  return reinterpret_cast<const void*>(&mlpjit::detail::computed_now);
}
MLPJIT_ONNX_EXPORT const mlpjit::onnx::Library* mlpjit_onnx_library() {
  return &mlpjit::onnx::kLibrary;
}
}
