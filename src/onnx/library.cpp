#include "src/exchange/onnx_library.h"

#include <memory>
#include <new>
#include <stdexcept>

#include "mlpjit/version.h"
#include "src/model/function_model.h"
#include "src/onnx/importer.h"
#include "src/onnx/read_model.h"
#include "src/onnx/write_model.h"

namespace mlpjit::onnx {
namespace {

// A file that is being read: what tensors refer to lives as long.
struct File {
  File(std::string_view given, const std::string& name)
      : bytes(given), model(read_model(bytes, name)) {}
  const std::string bytes;
  const Model model;
};

nn::SymbolBlock import_as(const std::shared_ptr<const File>& file, const std::string& name,
                          const ImportOptions& options, Importer::Leading leading) {
  Importer importer(file->model, name, options);
  importer.set_leading(leading);
  importer.check();
  try {
    return detail::make_symbol_block(importer.function({}));
  } catch (const detail::NeedsInput&) {
    // The importer of a network lives as long as its function.
    return detail::make_symbol_block(importer.function({}), [=](const detail::KnownInputs& known) {
      const auto again = std::make_shared<Importer>(file->model, name, options);
      again->set_leading(leading);
      detail::FunctionModel model = again->function(known);
      model.body = [file, again, body = model.body](const Tensors& x) { return body(x); };
      return model;
    });
  }
}

nn::SymbolBlock import_bytes(std::string_view bytes, const std::string& name, bool widen) {
  const auto file = std::make_shared<const File>(bytes, name);
  const ImportOptions options{.widen = widen, .model_bytes = bytes.size()};
  try {
    return import_as(file, name, options, Importer::Leading::as_named);
  } catch (const ShapeError&) {
    // Names of sizes differ where the sizes are one batch.
    try {
      return import_as(file, name, options, Importer::Leading::one_symbol);
    } catch (const UserError&) {
    }
    throw;
  } catch (const std::bad_alloc&) {
    throw MemoryError(name + ": no memory for what the model asks for");
  } catch (const Error&) {
    throw;
  } catch (const std::logic_error& error) {  // a size or a place beyond all reason
    throw FormatError(name + ": " + error.what());
  }
}

constexpr Library kLibrary{import_bytes, write_model};

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
