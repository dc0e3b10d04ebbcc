#pragma once
// The parameters of a network to and from a safetensors file.

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "lib/support/file.h"
#include "mlpjit/nn/parameter.h"
#include "mlpjit/safetensors.h"
#include "src/model/safetensors_file.h"

namespace mlpjit::detail {

// The tensors of a parameter file, each read when it is asked for: what nobody needs may be of any
// dtype and shape, and is not read.
class StoredTensors {
 public:
  StoredTensors(SafetensorsFile file, bool cast);
  // Of a file that was read already.
  StoredTensors(TensorMap tensors, std::string path);

  const std::string& path() const { return path_; }
  const std::vector<std::string>& names() const { return names_; }  // in the order of the file
  bool contains(const std::string& name) const;
  // Whether mlpjit wrote it.
  bool is_ours() const;
  // Of a tensor that is there, and that need not be readable.
  std::vector<std::int64_t> sizes(const std::string& name) const;
  // "f32", "f16", ...
  std::string dtype_name(const std::string& name) const;
  // Throws FormatError when there is none, or none that can be read.
  Tensor read(const std::string& name) const;

 private:
  std::string path_;
  bool cast_ = false;
  std::optional<SafetensorsFile> file_;
  TensorMap tensors_;  // where there is no file
  std::vector<std::string> names_;
  std::map<std::string, std::size_t, std::less<>> index_;  // into the file's header
};

// Writes them with what every parameter file says about itself.
void save_parameter_file(const nn::ParameterDict& parameters, const std::string& path);
// `tensors` to a file that is yet to be published.
void write_tensors(support::OutputFile& file, const std::string& path, TensorMap& tensors);

// `others` are names in the file that are for something else than parameters.
nn::LoadReport load_parameters(const nn::ParameterDict& parameters, const StoredTensors& stored,
                               const nn::LoadOptions& options,
                               const std::set<std::string>& others = {});
// Whether the parameter takes a tensor of these sizes.
bool fits_parameter(std::span<const std::int64_t> sizes, const nn::Parameter& parameter,
                    const nn::LoadOptions& options);
nn::LoadReport load_parameter_file(const nn::ParameterDict& parameters, const std::string& path,
                                   const nn::LoadOptions& options);

}  // namespace mlpjit::detail
