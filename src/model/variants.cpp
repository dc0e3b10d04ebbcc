#include "src/model/variants.h"

#include <fmt/format.h>

#include <algorithm>

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

std::optional<std::uint64_t> Variants::find(std::span<const Tensor> arguments,
                                            const std::map<std::string, std::int64_t>& sizes) {
  const bool any = !needed_.empty() || !sizes.empty();
  if (!any || (!needed_.empty() && arguments.size() <= *needed_.rbegin())) return std::nullopt;
  const auto found = numbers_.find(key_of(arguments, sizes));
  if (found == numbers_.end()) return std::nullopt;
  variants_.at(found->second).used = ++clock_;
  return found->second;
}

// Another thread may have made the same.
std::uint64_t Variants::keep(Variant made, std::span<const Tensor> arguments,
                             const std::map<std::string, std::int64_t>& sizes) {
  const std::size_t before = needed_.size();
  needed_.insert(made.known.begin(), made.known.end());
  if (needed_.size() != before) numbers_.clear();  // their keys lack a value
  if (const auto known = find(arguments, sizes)) return *known;
  const std::size_t most = outline_.sizes.empty() ? kMostOfValues : kMostOfSizes;
  if (variants_.size() >= most) {
    const auto oldest = std::min_element(
        variants_.begin(), variants_.end(),
        [](const auto& a, const auto& b) { return a.second.used < b.second.used; });
    numbers_.erase(oldest->second.key);
    variants_.erase(oldest);
  }
  made.key = key_of(arguments, sizes);
  made.used = ++clock_;
  numbers_[made.key] = ++made_;
  variants_.emplace(made_, std::move(made));
  return made_;
}

std::uint64_t Variants::of(std::span<const Tensor> arguments) {
  Known known{{}, sizes_of(arguments)};
  {
    const std::lock_guard lock(mutex_);
    if (const auto found = find(arguments, known.sizes)) return *found;
  }
  // Outside of the lock: calls that have their programs go on.
  const TracePause pause;
  for (;;) {
    try {
      Variant made{make_(known), {}, {}, 0};
      for (const auto& [input, value] : known.inputs) made.known.insert(input);
      const std::lock_guard lock(mutex_);
      return keep(std::move(made), arguments, known.sizes);
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
    const auto found = variants_.find(number);
    if (found == variants_.end()) {
      throw UnsupportedError(fmt::format(
          "{}: so many programs were made on other threads that this one is gone: call it again",
          outline_.file));
    }
    variant = found->second;
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
