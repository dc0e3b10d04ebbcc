#pragma once
// Files whose layers have other names than the network's, in the same order: PyTorch numbers the
// activations of a Sequential too.

#include <string>

#include "mlpjit/nn/parameter.h"
#include "src/model/parameter_file.h"

namespace mlpjit::detail {

// The renaming that fits the layers of the file to those of the network one by one, as C++ to be
// pasted: `{{"2.", "1."}, {"4.", "2."}}`; "" where they do not fit so.
std::string rename_hint(const nn::ParameterDict& parameters, const StoredTensors& stored,
                        const nn::LoadOptions& options);

}  // namespace mlpjit::detail
