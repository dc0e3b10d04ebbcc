#pragma once
// The parameters of a network to and from a safetensors file.

#include <string>

#include "mlpjit/nn/parameter.h"

namespace mlpjit::detail {

void save_parameter_file(const nn::ParameterDict& parameters, const std::string& path);
nn::LoadReport load_parameter_file(const nn::ParameterDict& parameters, const std::string& path,
                                   const nn::LoadOptions& options);

}  // namespace mlpjit::detail
