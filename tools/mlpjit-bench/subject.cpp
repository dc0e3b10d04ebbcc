#include "tools/mlpjit-bench/subject.h"

#include <fmt/format.h>

#include <charconv>
#include <map>

namespace mlpjit::bench {
namespace {

class NetworkSubject final : public Subject {
 public:
  explicit NetworkSubject(const NetworkSpec& spec) : spec_(spec) {}
  std::string name() const override { return to_string(spec_); }
  std::shared_ptr<nn::HybridBlock> make() const override {
    return std::make_shared<nn::HybridSequential>(make_network(spec_));
  }
  Tensors inputs(std::int64_t batch) const override { return {make_input(spec_, batch)}; }
  double flops(std::int64_t batch) const override { return bench::flops(spec_, batch); }
  std::optional<NetworkSpec> spec() const override { return spec_; }

 private:
  NetworkSpec spec_;
};

using Sizes = std::map<std::string, std::int64_t>;

Sizes parse_sizes(const std::vector<std::string>& texts) {
  Sizes sizes;
  for (const std::string& text : texts) {
    const std::size_t equals = text.find('=');
    std::int64_t size = -1;
    if (equals != std::string::npos)
      std::from_chars(text.data() + equals + 1, text.data() + text.size(), size);
    if (size < 0)
      throw UserError(fmt::format("--dim '{}': expected a symbol and its size, such as n=8", text));
    sizes[text.substr(0, equals)] = size;
  }
  return sizes;
}

class ModelSubject final : public Subject {
 public:
  ModelSubject(std::string file, const std::vector<std::string>& sizes)
      : file_(std::move(file)),
        sizes_(parse_sizes(sizes)),
        model_(nn::SymbolBlock::imports(file_)) {
    for (const GraphInput& input : model_.graph().inputs()) {
      if (input.kind == "argument") specs_.push_back(input.spec);
    }
  }
  std::string name() const override { return file_; }
  std::shared_ptr<nn::HybridBlock> make() const override {
    return std::make_shared<nn::SymbolBlock>(model_.clone());
  }
  Tensors inputs(std::int64_t batch) const override {
    random::seed(11);
    Tensors inputs;
    for (const TensorSpec& spec : specs_) {
      Shape shape;
      for (int axis = 0; axis < spec.shape.rank(); ++axis)
        shape.push_back(Dim(size_of(spec.shape[axis], axis, batch)));
      const bool number = spec.dtype == DType::f32 || spec.dtype == DType::f64;
      // Of integers and bools zeros, which are no index out of range.
      inputs.push_back(number ? cast(random::normal(shape), spec.dtype) : zeros(shape, spec.dtype));
    }
    return inputs;
  }
  double flops(std::int64_t batch) const override {
    double total = 0;
    for (const auto& [path, parameter] : model_.collect_params()) {
      if (parameter.shape().rank() == 2)
        total += 2.0 * static_cast<double>(batch * parameter.shape().size());
    }
    return total;
  }

 private:
  std::int64_t size_of(const Dim& dim, int axis, std::int64_t batch) const {
    if (dim.is_static()) return dim.offset();
    const auto given = sizes_.find(dim.symbol());
    if (given == sizes_.end() && axis > 0)
      throw UserError(
          fmt::format("{}: what size is {}? --dim {}=8", file_, dim.symbol(), dim.symbol()));
    return dim.substitute(dim.symbol(), given == sizes_.end() ? batch : given->second).value();
  }

  const std::string file_;
  const Sizes sizes_;
  const nn::SymbolBlock model_;
  std::vector<TensorSpec> specs_;
};

}  // namespace

std::unique_ptr<Subject> network_subject(const NetworkSpec& spec) {
  return std::make_unique<NetworkSubject>(spec);
}

std::unique_ptr<Subject> model_subject(const std::string& file,
                                       const std::vector<std::string>& sizes) {
  return std::make_unique<ModelSubject>(file, sizes);
}

}  // namespace mlpjit::bench
