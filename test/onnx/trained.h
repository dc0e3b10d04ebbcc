#pragma once
// Models with their trainers' outputs, as arrays "b<B>.in.<input>" and "b<B>.out.<output>" of a
// batch of B.

#include <algorithm>
#include <cmath>
#include <map>
#include <set>
#include <string>

#include "mlpjit/mlpjit.h"
#include "test/onnx/npz.h"

namespace mlpjit::test {

// The first thing that differs from the trainer's by more than the bound; "" where nothing does.
inline std::string difference(const nn::SymbolBlock& net, const Tensor& actual,
                              const Array& expected) {
  const double bound = actual.dtype() == DType::f64 ? 1e-11 : 2e-5;
  if (!expected.texts.empty()) {
    const std::vector<std::int64_t> labels = actual.to_vector<std::int64_t>();
    for (std::size_t i = 0; i < labels.size(); ++i) {
      if (net.classes().at(static_cast<std::size_t>(labels[i])) != expected.texts[i])
        return "label " + std::to_string(i);
    }
    return "";
  }
  if (!identical(actual.shape(), expected.shape))
    return "shape " + to_string(actual.shape()) + ", expected " + to_string(expected.shape);
  const std::vector<double> a = cast(actual, DType::f64).to_vector<double>();
  const std::vector<double> e = cast(expected.numbers, DType::f64).to_vector<double>();
  for (std::size_t i = 0; i < a.size(); ++i) {
    const double difference = std::abs(a[i] - e[i]);
    if (!(difference <= bound * std::max(1.0, std::abs(e[i]))))
      return "element " + std::to_string(i) + ": " + std::to_string(a[i]) + ", expected " +
             std::to_string(e[i]);
  }
  return "";
}

// What the model in the file gives for the inputs of one batch.
inline Tensors inputs_of(const nn::SymbolBlock& net, const std::map<std::string, Array>& arrays,
                         const std::string& batch) {
  Tensors inputs;
  for (const std::string& name : net.input_names()) {
    const Array& array = arrays.at(batch + ".in." + name);
    if (array.texts.empty()) {
      inputs.push_back(array.numbers);
      continue;
    }
    Tensor codes = zeros(array.shape, DType::i64);
    for (std::size_t i = 0; i < array.texts.size(); ++i)
      codes.mutable_data<std::int64_t>()[i] = net.code(array.texts[i]);
    inputs.push_back(codes);
  }
  return inputs;
}

inline std::set<std::string> batches_of(const std::map<std::string, Array>& arrays) {
  std::set<std::string> batches;
  for (const auto& [name, array] : arrays) batches.insert(name.substr(0, name.find('.')));
  return batches;
}

}  // namespace mlpjit::test
