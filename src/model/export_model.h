#pragma once
// A portable model to and from its two files.

#include <string>
#include <vector>

#include "mlpjit/nn/export_model.h"
#include "mlpjit/nn/parameter.h"
#include "src/model/symbol_file.h"
#include "src/record/recorder.h"

namespace mlpjit::detail {

// A model ready to be written: the program, and its tensors by the names its inputs have.
struct PortableModel {
  SymbolFile symbol;
  TensorMap tensors;
};

// A parameter by the names it is found by.
struct ParameterName {
  std::string path;
  std::vector<std::string> aliases;
};
std::vector<ParameterName> names_of(const nn::ParameterDict& parameters);

// What was traced, put in the order and with the names of a file: parameters in the order of
// `parameters`. Tensors that the program captured and does not update become constants.
PortableModel portable_model(const Trace& trace, const std::vector<ParameterName>& parameters,
                             const nn::ExportOptions& options);

// Throws UserError unless `names` are distinct names of the trace's arguments, or none at all;
// `call` is who asks.
void check_input_names(const char* call, const Trace& trace, const std::vector<std::string>& names);

// Writes both files, the parameters first.
nn::ExportedModel write_model(PortableModel model, const std::string& prefix);

// Where the one file of a model has its program, in the metadata of a safetensors file.
inline constexpr const char* kSymbolMetadata = "mlpjit-symbol";
nn::ExportedModel write_one_file(PortableModel model, const std::string& path);

}  // namespace mlpjit::detail
