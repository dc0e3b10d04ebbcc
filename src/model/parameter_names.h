#pragma once
// What the names in a parameter file stand for here.

#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>

#include "mlpjit/nn/parameter.h"

namespace mlpjit::detail {

// LoadOptions::rename: prefixes, and patterns whose stars stand for any text each.
class Renaming {
 public:
  explicit Renaming(const std::map<std::string, std::string>& rules) : rules_(rules) {}

  std::string operator()(const std::string& name);
  // The rules that no name had anything to do with, as text; "" where there are none.
  std::string unused() const;

 private:
  const std::map<std::string, std::string>& rules_;
  std::set<std::string> used_;
};

// What PyTorch calls the members of a norm is not what they are called here: the member of
// that layer, "gamma" of "weight" and "beta" of "bias"; `name` itself where it is a parameter's.
std::string member_name(const std::string& name, const nn::ParameterDict& parameters);

// Whether it is PyTorch's count of the batches that a norm has seen, which nothing here needs.
bool is_batch_count(std::string_view name);

// Whether it is a tensor of an exported program, which is no parameter: a constant, a capture, an
// input of a check.
bool is_of_program(std::string_view name);

}  // namespace mlpjit::detail
