// Parameter files of a block.

#include "mlpjit/nn/block.h"
#include "src/model/parameter_file.h"

namespace mlpjit::nn {

void Block::save_parameters(const std::string& path) const {
  detail::save_parameter_file(collect_params(), path);
}

LoadReport Block::load_parameters(const std::string& path, const LoadOptions& options) {
  return detail::load_parameter_file(collect_params(), path, options);
}

}  // namespace mlpjit::nn
