#pragma once
// The parameters of a network to and from a safetensors file.

#include <string>

#include "mlpjit/nn/parameter.h"
#include "mlpjit/safetensors.h"

namespace mlpjit::detail {

// Writes them with what every parameter file says about itself.
void save_tensors(TensorMap& tensors, const std::string& path);
void save_parameter_file(const nn::ParameterDict& parameters, const std::string& path);
// The tensors of the file `path`, already read.
nn::LoadReport load_parameters(const nn::ParameterDict& parameters, const TensorMap& stored,
                               const std::string& path, const nn::LoadOptions& options);
nn::LoadReport load_parameter_file(const nn::ParameterDict& parameters, const std::string& path,
                                   const nn::LoadOptions& options);

}  // namespace mlpjit::detail
