#include "lib/runtime/staging.h"

#include <fmt/core.h>

#include <cstring>

#include "lib/support/bytes.h"
#include "mlpjit/error.h"

namespace mlpjit::runtime {

namespace {

std::size_t bytes_of(const interp::View& view, std::size_t known) {
  if (known != kByView) return known;
  return support::byte_size(view.dtype, view.shape);
}

}  // namespace

Staging::Staging(std::span<const Argument> inputs, std::span<const std::size_t> input_bytes,
                 std::span<const interp::View> results, std::span<const std::size_t> result_bytes)
    : results_(results), result_bytes_(result_bytes) {
  for (std::size_t r = 0; r < results.size(); ++r) {
    const std::size_t bytes = bytes_of(results[r], result_bytes[r]);
    for (std::size_t i = 0; i < inputs.size(); ++i) {
      const interp::View& input = inputs[i].view;
      if (!support::bytes_overlap(input.data, bytes_of(input, input_bytes[i]), results[r].data,
                                  bytes))
        continue;
      if (apart_.empty()) {
        apart_.assign(results.begin(), results.end());
        memory_.resize(results.size());
      }
      memory_[r] = std::make_unique<std::byte[]>(bytes);
      apart_[r].data = memory_[r].get();
      break;
    }
  }
}

void Staging::finish() const {
  for (std::size_t r = 0; r < memory_.size(); ++r) {
    if (memory_[r] == nullptr) continue;
    std::memcpy(results_[r].data, memory_[r].get(), bytes_of(results_[r], result_bytes_[r]));
  }
}

std::vector<std::size_t> byte_sizes(std::span<const ir::Type> types) {
  std::vector<std::size_t> sizes;
  for (const ir::Type& type : types)
    sizes.push_back(type.token || type.shape.is_static() ? byte_size(type) : kByView);
  return sizes;
}

void require_counts(std::size_t inputs, std::size_t results, const Interface& interface) {
  if (inputs == interface.input_types.size() && results == interface.result_types.size()) return;
  throw InternalError(
      fmt::format("executable: called with {} inputs and {} results, made for {} and {}", inputs,
                  results, interface.input_types.size(), interface.result_types.size()));
}

}  // namespace mlpjit::runtime
