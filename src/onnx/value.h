#pragma once
// What a name of an ONNX graph stands for while the graph is read.

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "mlpjit/ops.h"

namespace mlpjit::onnx {

// Integers that are made of sizes: results of Shape and of arithmetic on them. At least one is a
// symbol: what is known altogether is a constant tensor.
struct Sizes {
  std::vector<std::int64_t> shape;
  std::vector<Dim> elements;
  DType dtype = DType::i64;
};

struct Value {
  Tensor tensor;  // undefined while it is `sizes` only, or absent
  bool constant = false;
  std::optional<Sizes> sizes;
  // Of strings the tensor holds codes, indices into the model's table.
  bool is_text = false;
  // Of integers of 8 or 16 bits the tensor holds i32.
  bool is_small = false;
  // The name in the file of the weights that it is, or is another layout of.
  std::string name;
  // x and the weight [N, K] of a product that may yet take a bias: `tensor` is made when it does
  // not.
  struct Product {
    Tensor x, weight;
  };
  std::shared_ptr<const Product> product;

  // An input of the model that it hangs on, where all of those are few numbers, as axes and sizes
  // are: they may be asked for, one after the other.
  std::optional<std::size_t> root;

  // Of a sequence its elements, which are known one by one.
  std::shared_ptr<const std::vector<Value>> sequence;

  bool absent() const { return !tensor.defined() && !sizes && !product && !sequence; }
};
using Values = std::vector<Value>;

inline Value computed(Tensor tensor) {
  Value value;
  value.tensor = std::move(tensor);
  return value;
}
inline Value constant(Tensor tensor) {
  Value value;
  value.tensor = std::move(tensor);
  value.constant = true;
  return value;
}

}  // namespace mlpjit::onnx
