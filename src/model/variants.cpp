#include "src/model/variants.h"

#include <fmt/format.h>

#include "mlpjit/error.h"
#include "mlpjit/mode.h"
#include "src/hybrid/variant.h"
#include "src/record/recorder.h"
#include "src/record/tensor_impl.h"

namespace mlpjit::detail {
namespace {

constexpr std::size_t kMost = 64;

// Dtype, sizes and elements.
void append_bytes(const Tensor& tensor, std::string& to) {
  const TensorImpl& impl = *TensorAccess::impl(tensor);
  to += fmt::format("{}{}:", to_string(tensor.dtype()), to_string(tensor.shape()));
  to.append(static_cast<const char*>(impl.data()),
            static_cast<std::size_t>(tensor.size()) * size_of(tensor.dtype()));
}

}  // namespace

std::string Variants::key_of(std::span<const Tensor> arguments) const {
  std::string key;
  for (const std::size_t input : needed_) append_bytes(arguments[input], key);
  return key;
}

std::uint64_t Variants::of(std::span<const Tensor> arguments) {
  const std::lock_guard lock(mutex_);
  if (!needed_.empty() && arguments.size() > *needed_.rbegin()) {
    if (const auto found = numbers_.find(key_of(arguments)); found != numbers_.end())
      return found->second;
  }
  if (variants_.size() == kMost) {
    throw UnsupportedError(fmt::format(
        "{}: its network hangs on the values of some inputs, and {} of them were seen: a program "
        "for each is made for few values only",
        file_, kMost));
  }
  const TracePause pause;
  KnownInputs known;
  for (;;) {
    try {
      Variant made{make_(known), {}};
      for (const auto& [input, value] : known) made.known.insert(input);
      const std::set<std::size_t> before = needed_;
      needed_.insert(made.known.begin(), made.known.end());
      if (needed_ != before) numbers_.clear();  // their keys lack a value
      variants_.push_back(std::move(made));
      return numbers_[key_of(arguments)] = variants_.size();
    } catch (const NeedsInput& needs) {
      if (needs.input >= arguments.size() || known.contains(needs.input)) throw;
      known[needs.input] = arguments[needs.input].copy();
    }
  }
}

Tensors Variants::run(const Tensors& arguments) {
  std::uint64_t number = 0;
  if (is_tracing()) {
    number = VariantScope::current();
    if (number == 0)
      throw TraceError(fmt::format(
          "{}: its network hangs on the values of some inputs, which a trace does not know: call "
          "it outside, or hybridize it by itself",
          file_));
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

void Variants::refuse(const std::string& what) const {
  throw UnsupportedError(fmt::format(
      "{}: its network hangs on the values of some inputs, such as axes or sizes: {} is of one "
      "network; make these inputs constants of the model",
      file_, what));
}

}  // namespace mlpjit::detail
