#pragma once
// What is timed: a network given by sizes, or a model from a file.

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "mlpjit/mlpjit.h"
#include "tools/mlpjit-bench/network.h"

namespace mlpjit::bench {

class Subject {
 public:
  virtual ~Subject() = default;
  virtual std::string name() const = 0;
  // The network anew, always with the same weights.
  virtual std::shared_ptr<nn::HybridBlock> make() const = 0;
  // Random inputs of so many rows, always the same.
  virtual Tensors inputs(std::int64_t batch) const = 0;
  // Of the products of a call with its matrices.
  virtual double flops(std::int64_t batch) const = 0;
  // What peers run, where it is that.
  virtual std::optional<NetworkSpec> spec() const { return std::nullopt; }
};

std::unique_ptr<Subject> network_subject(const NetworkSpec& spec);
// An ONNX model. `sizes` are those of symbols other than the batch's, "n=8". Throws UserError.
std::unique_ptr<Subject> model_subject(const std::string& file,
                                       const std::vector<std::string>& sizes);

}  // namespace mlpjit::bench
