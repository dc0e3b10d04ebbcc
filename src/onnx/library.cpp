#include "src/exchange/onnx_library.h"

#include <algorithm>
#include <memory>
#include <new>
#include <optional>
#include <stdexcept>
#include <string_view>

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

using Leading = Importer::Leading;

// A model that is being imported.
class Import {
 public:
  Import(std::string_view bytes, std::string name, bool widen)
      : file_(std::make_shared<const File>(bytes, name)),
        name_(std::move(name)),
        options_{.widen = widen, .model_bytes = bytes.size()} {}

  // One network for all sizes, where the file's ops can be said so; else one for each of a size.
  nn::SymbolBlock run() const {
    Importer(file_->model, name_, options_).check();
    try {
      return one_network();
    } catch (const FormatError&) {
      throw;
    } catch (const MemoryError&) {
      throw;
    } catch (const TooMuch&) {
      throw;
    } catch (const UserError&) {
      if (auto block = network_per_size()) return *block;
      throw;
    }
  }

 private:
  nn::SymbolBlock one_network() const {
    // Some exporters write 0 for a batch of any size.
    const auto& inputs = file_->model.graph.inputs;
    if (std::any_of(inputs.begin(), inputs.end(), [](const ValueInfo& input) {
          return !input.shape.empty() && input.shape[0].size == 0 && input.shape[0].name.empty();
        })) {
      try {
        Importer importer(file_->model, name_, options_);
        importer.set_leading(Leading::zero_is_any);
        return detail::make_symbol_block(importer.function({}));
      } catch (const UserError&) {
      }
    }
    try {
      return network(Leading::as_named, {});
    } catch (const ShapeError& error) {
      // Names of sizes differ where the sizes must be equal; those of a sum of two need not.
      if (std::string_view(error.what()).find("equal") == std::string_view::npos) throw;
      for (const Leading leading :
           {Leading::one_symbol, Leading::one_per_axis, Leading::known_widths}) {
        try {
          return network(leading, {});
        } catch (const UserError&) {
        }
      }
      throw;
    }
  }

  // With these symbols known at each call.
  nn::SymbolBlock network(Leading leading, const std::vector<std::string>& sizes) const {
    Importer importer(file_->model, name_, options_);
    importer.set_leading(leading);
    if (sizes.empty()) {
      try {
        return detail::make_symbol_block(importer.function({}));
      } catch (const detail::NeedsInput&) {  // a network for each value
      }
    }
    const auto make = [file = file_, name = name_, options = options_,
                       leading](const detail::Known& known) {
      // The importer of a network lives as long as its function.
      const auto again = std::make_shared<Importer>(file->model, name, options);
      again->set_leading(leading);
      detail::FunctionModel model = again->function(known);
      model.body = [file, again, body = model.body](const Tensors& x) { return body(x); };
      return model;
    };
    return detail::make_symbol_block(importer.function({}), sizes, make);
  }

  // The symbols of the inputs; that of the batch, the first of the first input, is the last.
  std::vector<std::string> symbols() const {
    Importer importer(file_->model, name_, options_);
    std::vector<std::string> symbols;
    for (const detail::FunctionModel::Input& input : importer.function({}).inputs) {
      for (int axis = 0; axis < input.shape.rank(); ++axis) {
        const Dim size = input.shape[axis];
        if (!size.is_static() &&
            std::find(symbols.begin(), symbols.end(), size.symbol()) == symbols.end())
          symbols.push_back(size.symbol());
      }
    }
    if (!symbols.empty()) std::rotate(symbols.begin(), symbols.begin() + 1, symbols.end());
    return symbols;
  }

  // Whether there is a network once these symbols are known: tried with some sizes.
  bool works(const std::vector<std::string>& sizes) const {
    for (const std::int64_t size : {4, 6, 16, 64, 300}) {
      detail::Known known;
      for (std::size_t i = 0; i < sizes.size(); ++i) known.sizes[sizes[i]] = size;
      try {
        Importer importer(file_->model, name_, options_);
        detail::make_symbol_block(importer.function(known));
        return true;
      } catch (const detail::NeedsInput&) {
        return true;
      } catch (const FormatError&) {
      } catch (const UserError&) {
      }
    }
    return false;
  }

  // With as few sizes known as can be: one of them, the batch last; all but the batch; all.
  std::optional<nn::SymbolBlock> network_per_size() const {
    const std::vector<std::string> all = symbols();
    if (all.empty()) return std::nullopt;
    std::vector<std::vector<std::string>> choices;
    for (const std::string& one : all) choices.push_back({one});
    if (all.size() > 2) choices.emplace_back(all.begin(), all.end() - 1);
    if (all.size() > 1) choices.push_back(all);
    for (const std::vector<std::string>& sizes : choices) {
      if (works(sizes)) return network(Leading::as_named, sizes);
    }
    return std::nullopt;
  }

  const std::shared_ptr<const File> file_;
  const std::string name_;
  const ImportOptions options_;
};

nn::SymbolBlock import_bytes(std::string_view bytes, const std::string& name, bool widen) {
  try {
    return Import(bytes, name, widen).run();
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
