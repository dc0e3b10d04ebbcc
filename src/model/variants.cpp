#include "src/model/variants.h"

#include <fmt/format.h>

#include "lib/ir/sizes.h"
#include "mlpjit/error.h"
#include "mlpjit/mode.h"
#include "src/hybrid/variant.h"
#include "src/record/recorder.h"
#include "src/record/tensor_impl.h"

namespace mlpjit::detail {
namespace {

constexpr std::size_t kMostOfValues = 64, kMostOfSizes = 256;

// Dtype, sizes and elements.
void append_bytes(const Tensor& tensor, std::string& to) {
  const TensorImpl& impl = *TensorAccess::impl(tensor);
  to += fmt::format("{}{}:", to_string(tensor.dtype()), to_string(tensor.shape()));
  to.append(static_cast<const char*>(impl.data()),
            static_cast<std::size_t>(tensor.size()) * size_of(tensor.dtype()));
}

}  // namespace

const char* Variants::what() const {
  return outline_.sizes.empty() ? "the values of some inputs" : "the sizes of its inputs";
}

std::map<std::string, std::int64_t> Variants::sizes_of(std::span<const Tensor> arguments) const {
  std::map<std::string, std::int64_t> known;
  if (outline_.sizes.empty()) return known;
  ir::Sizes found;
  for (std::size_t i = 0; i < outline_.shapes.size() && i < arguments.size(); ++i) {
    const auto& [name, shape] = outline_.shapes[i];
    ir::match_shape(shape, arguments[i].shape(), fmt::format("input '{}'", name), found);
  }
  for (const std::string& symbol : outline_.sizes) {
    const auto size = found.find(symbol);
    if (size != found.end()) known[symbol] = size->second.value();
  }
  return known;
}

std::string Variants::key_of(std::span<const Tensor> arguments,
                             const std::map<std::string, std::int64_t>& sizes) const {
  std::string key;
  for (const auto& [symbol, size] : sizes) key += fmt::format("{},", size);
  for (const std::size_t input : needed_) append_bytes(arguments[input], key);
  return key;
}

std::uint64_t Variants::of(std::span<const Tensor> arguments) {
  const std::lock_guard lock(mutex_);
  Known known{{}, sizes_of(arguments)};
  const bool seen = !needed_.empty() || !known.sizes.empty();
  if (seen && (needed_.empty() || arguments.size() > *needed_.rbegin())) {
    if (const auto found = numbers_.find(key_of(arguments, known.sizes)); found != numbers_.end())
      return found->second;
  }
  const std::size_t most = outline_.sizes.empty() ? kMostOfValues : kMostOfSizes;
  if (variants_.size() == most) {
    throw UnsupportedError(fmt::format(
        "{}: its network hangs on {}, and {} of them were seen: a program for each is made for few "
        "of them only",
        outline_.file, what(), most));
  }
  const TracePause pause;
  for (;;) {
    try {
      Variant made{make_(known), {}};
      for (const auto& [input, value] : known.inputs) made.known.insert(input);
      const std::set<std::size_t> before = needed_;
      needed_.insert(made.known.begin(), made.known.end());
      if (needed_ != before) numbers_.clear();  // their keys lack a value
      variants_.push_back(std::move(made));
      return numbers_[key_of(arguments, known.sizes)] = variants_.size();
    } catch (const NeedsInput& needs) {
      if (needs.input >= arguments.size() || known.inputs.contains(needs.input)) throw;
      known.inputs[needs.input] = arguments[needs.input].copy();
    }
  }
}

Tensors Variants::run(const Tensors& arguments) {
  std::uint64_t number = 0;
  if (is_tracing()) {
    number = VariantScope::current();
    if (number == 0)
      throw TraceError(
          fmt::format("{}: its network hangs on {}, which a trace does not know: call it outside, "
                      "or hybridize it by itself",
                      outline_.file, what()));
  } else {
    number = of(arguments);
  }
  Variant variant;
  {
    const std::lock_guard lock(mutex_);
    variant = variants_[number - 1];
  }
  Tensors rest;
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    if (!variant.known.contains(i)) rest.push_back(arguments[i]);
  }
  return variant.program->run(rest);
}

void Variants::refuse(const std::string& what_for) const {
  throw UnsupportedError(fmt::format(
      "{}: its network hangs on {}: {} is of one network; a model with constants there has one",
      outline_.file, what(), what_for));
}

}  // namespace mlpjit::detail
