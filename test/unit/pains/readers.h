#pragma once
// Everything that reads a weight: networks, jitted functions, graphs, imported models.

#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "mlpjit/mlpjit.h"

namespace mlpjit::test {

// A reader with the weight that it reads. `compiled` and `imperative` are the same function.
struct Reader {
  std::string path;
  nn::Parameter weight;
  std::function<void(const std::string&)> save, load;  // the weight's file
  std::function<void(const nn::Initializer&)> initialize;
  std::function<Tensor()> compiled, imperative;
};

struct ReaderKind {
  const char* name;
  std::function<Reader(const HybridizeOptions&)> make;
};

// Nothing here saturates, so that every change of a weight changes the result.
const std::vector<ReaderKind>& reader_kinds();

Tensor weight_values(const Shape& shape, DType dtype, double scale = 0.5);
// The path of a file of this process.
std::string temporary(const std::string& name);

}  // namespace mlpjit::test
