#pragma once
// A network given as a function of tensors, made into a SymbolBlock: how a reader of another
// format, which stands in a library of its own, builds what it reads. Hence the exported names.

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "mlpjit/error.h"
#include "mlpjit/nn/symbol_block.h"
#include "mlpjit/tensor.h"

namespace mlpjit::detail {

struct FunctionModel {
  struct Input {
    std::string name;
    DType dtype = DType::f32;
    Shape shape;
  };
  std::string file;  // for messages
  std::vector<Input> inputs;
  std::vector<std::string> output_names;
  // Run once, on symbols.
  std::function<Tensors(const Tensors&)> body;
  // The path of the parameter that a tensor of the body is, or nothing for a constant. Tensors live
  // until the block is made.
  std::function<std::optional<std::string>(const Tensor&)> parameter;
  std::vector<std::string> classes;
  std::vector<std::string> strings, coded;  // as in a SymbolFile
  std::map<std::string, std::string> metadata;
};

// Throws what the body throws.
MLPJIT_API nn::SymbolBlock make_symbol_block(const FunctionModel& model);

// What a body throws that cannot go on without the value of an input.
class MLPJIT_API NeedsInput : public UnsupportedError {
 public:
  NeedsInput(const std::string& what, std::size_t input) : UnsupportedError(what), input(input) {}
  std::size_t input;
};
// What is known of a call for which a network is made.
struct Known {
  std::map<std::size_t, Tensor> inputs;       // values of inputs, by their places
  std::map<std::string, std::int64_t> sizes;  // what symbols stand for
};
// A network that is another one for other values of some inputs, or other sizes. `outline` has its
// inputs and the names of its outputs; `sizes` are the symbols in it that must be known. `make`
// gives the network without the inputs that are known, which are constants in it, or throws
// NeedsInput. The last of them are kept: 64 for values, 256 for sizes.
MLPJIT_API nn::SymbolBlock make_symbol_block(const FunctionModel& outline,
                                             const std::vector<std::string>& sizes,
                                             std::function<FunctionModel(const Known&)> make);

// While the body runs: what `function` computes is computed now, not recorded. It may allocate as
// many bytes as are `left`, which it lowers; MemoryError beyond.
MLPJIT_API Tensors computed_now(const std::function<Tensors()>& function,
                                std::size_t* left = nullptr);
// What handles of one tensor have in common while one of them lives.
MLPJIT_API const void* identity_of(const Tensor& tensor);
// Runs `function` within a layer: its name is in the paths of what is recorded, and in errors.
MLPJIT_API void in_named_layer(std::string_view name, const std::function<void()>& function);

}  // namespace mlpjit::detail
