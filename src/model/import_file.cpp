#include "src/model/import_file.h"

#include <dlfcn.h>
#include <fmt/format.h>

#include <atomic>
#include <mutex>
#include <optional>
#include <string_view>

#include "lib/runtime/companion.h"
#include "lib/support/file.h"
#include "mlpjit/error.h"
#include "mlpjit/mode.h"
#include "mlpjit/version.h"
#include "src/exchange/onnx_library.h"
#include "src/model/function_model.h"
#include "src/model/symbol_program.h"

namespace mlpjit::detail {
namespace {

constexpr runtime::Companion kOnnx{"libmlpjit-onnx.so", "MLPJIT_ONNX_LIBRARY"};

template <class Function>
Function* symbol_of(void* library, const char* name) {
  return reinterpret_cast<Function*>(dlsym(library, name));
}

// Whether an opened library is the reader of this libmlpjit; else why not.
std::string refusal_of(void* library) {
  auto* const version_of = symbol_of<decltype(mlpjit_onnx_version)>(library, "mlpjit_onnx_version");
  auto* const core = symbol_of<decltype(mlpjit_onnx_core)>(library, "mlpjit_onnx_core");
  if (version_of == nullptr || core == nullptr ||
      dlsym(library, "mlpjit_onnx_library") == nullptr) {
    return "not a reader of ONNX files of this mlpjit";
  }
  if (version_of() != version())
    return fmt::format("of mlpjit {}, expected {}", version_of(), version());
  if (core() != reinterpret_cast<const void*>(&computed_now))
    return "linked with another libmlpjit than this program";
  return "";
}

const onnx::Library& onnx_library() {
  static std::atomic<const onnx::Library*> loaded{nullptr};
  if (const onnx::Library* library = loaded.load(std::memory_order_acquire)) return *library;
  if (mlpjit_onnx_library != nullptr) return *mlpjit_onnx_library();
  static std::mutex mutex;
  const std::lock_guard lock(mutex);
  if (const onnx::Library* library = loaded.load(std::memory_order_relaxed)) return *library;
  std::string tried;
  void* const opened = runtime::open_companion(kOnnx, refusal_of, tried);
  if (opened == nullptr) {
    throw UnsupportedError(fmt::format(
        "ONNX files are read by {}, which cannot be opened; name the file in {}. Tried:{}",
        kOnnx.file, kOnnx.variable, tried));
  }
  const onnx::Library* const library =
      symbol_of<decltype(mlpjit_onnx_library)>(opened, "mlpjit_onnx_library")();
  loaded.store(library, std::memory_order_release);
  return *library;
}

std::string bytes_of(const std::string& path) {
  const support::InputFile file(path);
  std::string bytes(static_cast<std::size_t>(file.size()), '\0');
  file.read(0, std::as_writable_bytes(std::span(bytes)));
  return bytes;
}

// What a file is that is no model, and what to do with it; "" where it may be one.
std::string other_kind(std::string_view bytes) {
  if (bytes.starts_with("PK\x03\x04"))
    return "a zip archive, such as .keras, .npz and PyTorch's .pt files are";
  if (bytes.starts_with("\x89HDF\r\n")) return "an HDF5 file, such as Keras's .h5 files are";
  if (bytes.starts_with("{") || bytes.starts_with("\xEF\xBB\xBF{"))
    return "JSON: a model that export_model() wrote is read with its parameter file, "
           "imports(symbol_file, parameter_file)";
  if (is_safetensors(bytes))
    return "a safetensors file: parameters, which load_parameters() reads into a network";
  if (bytes.size() > 8 && bytes.substr(4, 4) == "TFL3") return "a TensorFlow Lite model";
  return "";
}

// The model in a safetensors file, where it holds one.
std::optional<nn::SymbolBlock> import_saved(SafetensorsFile file, const nn::LoadOptions& options) {
  const auto& metadata = file.header().metadata;
  const auto symbol = metadata.find(kSymbolMetadata);
  if (symbol == metadata.end()) return std::nullopt;
  const JsonText text(file.name(), symbol->second);
  return import_model(text, StoredTensors(std::move(file), options.cast), options);
}

}  // namespace

bool is_safetensors(std::string_view bytes) {
  return bytes.size() > 8 && bytes[8] == '{' &&
         bytes.substr(4, 4) == std::string_view("\0\0\0\0", 4);
}

nn::SymbolBlock import_bytes(std::string_view bytes, const std::string& name,
                             const nn::LoadOptions& options) {
  if (is_safetensors(bytes)) {
    if (auto saved = import_saved({std::as_bytes(std::span(bytes)), name}, options)) return *saved;
  }
  if (const std::string kind = other_kind(bytes); !kind.empty())
    throw FormatError(
        fmt::format("{}: expected an ONNX model, or one that save() wrote, found {}", name, kind));
  return onnx_library().import(bytes, name, options.cast);
}

nn::SymbolBlock import_file(const std::string& path, const nn::LoadOptions& options) {
  std::string begin(9, '\0');
  const support::InputFile file(path);
  if (file.size() >= begin.size()) {
    file.read(0, std::as_writable_bytes(std::span(begin)));
    // Tensor by tensor, not all of it at once.
    if (is_safetensors(begin)) {
      if (auto saved = import_saved(SafetensorsFile(path), options)) return *saved;
    }
  }
  return import_bytes(bytes_of(path), path, options);
}

std::string write_onnx(const onnx::Model& model) {
  return onnx_library().write(model);
}

nn::SymbolBlock import_pair(std::string_view symbol, std::string_view parameters,
                            const std::string& name, const nn::LoadOptions& options) {
  const StoredTensors tensors(SafetensorsFile(std::as_bytes(std::span(parameters)), name),
                              options.cast);
  return import_model({name, std::string(symbol)}, tensors, options);
}

}  // namespace mlpjit::detail

namespace mlpjit::nn {

SymbolBlock SymbolBlock::imports(const std::string& model_file, const LoadOptions& options) {
  if (is_tracing()) {
    throw TraceError(
        "SymbolBlock::imports while tracing would happen once, not at every call: do it outside");
  }
  return detail::import_file(model_file, options);
}

}  // namespace mlpjit::nn
