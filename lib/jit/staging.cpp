#include "lib/jit/staging.h"

#include <fmt/core.h>

#include <cstdint>
#include <cstring>

#include "mlpjit/error.h"

namespace mlpjit::jit {

namespace {

bool ranges_overlap(const void* a, std::size_t a_bytes, const void* b, std::size_t b_bytes) {
  const auto a_begin = reinterpret_cast<std::uintptr_t>(a);
  const auto b_begin = reinterpret_cast<std::uintptr_t>(b);
  return a_begin < b_begin + b_bytes && b_begin < a_begin + a_bytes && a_bytes != 0 && b_bytes != 0;
}

}  // namespace

Staging::Staging(std::span<const Argument> inputs, std::span<const std::size_t> input_bytes,
                 std::span<const interp::View> results, std::span<const std::size_t> result_bytes)
    : results_(results), result_bytes_(result_bytes) {
  for (std::size_t r = 0; r < results.size(); ++r) {
    for (std::size_t i = 0; i < inputs.size(); ++i) {
      if (!ranges_overlap(inputs[i].view.data, input_bytes[i], results[r].data, result_bytes[r]))
        continue;
      if (apart_.empty()) {
        apart_.assign(results.begin(), results.end());
        memory_.resize(results.size());
      }
      memory_[r] = std::make_unique<std::byte[]>(result_bytes[r]);
      apart_[r].data = memory_[r].get();
      break;
    }
  }
}

void Staging::finish() const {
  for (std::size_t r = 0; r < memory_.size(); ++r) {
    if (memory_[r] != nullptr) std::memcpy(results_[r].data, memory_[r].get(), result_bytes_[r]);
  }
}

std::vector<std::size_t> byte_sizes(std::span<const ir::Type> types) {
  std::vector<std::size_t> sizes;
  for (const ir::Type& type : types) sizes.push_back(byte_size(type));
  return sizes;
}

void require_counts(std::size_t inputs, std::size_t results, const Signature& signature) {
  if (inputs == signature.input_types.size() && results == signature.result_types.size()) return;
  throw InternalError(
      fmt::format("executable: called with {} inputs and {} results, made for {} and {}", inputs,
                  results, signature.input_types.size(), signature.result_types.size()));
}

void mark_updated(std::span<const Argument> inputs, const Signature& signature) {
  for (const std::uint32_t input : signature.updated_inputs) {
    if (inputs[input].storage != nullptr) inputs[input].storage->bump_version();
  }
}

}  // namespace mlpjit::jit
