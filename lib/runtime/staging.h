#pragma once
// The frame of a call in both backends: counts are checked, results kept apart from inputs.

#include <cstddef>
#include <memory>
#include <span>
#include <vector>

#include "lib/runtime/compiled_graph.h"
#include "lib/runtime/interface.h"

namespace mlpjit::runtime {

// Results that overlap an input are computed in memory of their own and copied when the call is
// over; kernels may take it that inputs and results lie apart. Costs a comparison of addresses
// where nothing overlaps.
class Staging {
 public:
  Staging(std::span<const Argument> inputs, std::span<const std::size_t> input_bytes,
          std::span<const interp::View> results, std::span<const std::size_t> result_bytes);
  Staging(const Staging&) = delete;
  Staging& operator=(const Staging&) = delete;

  // Where the results are to be written.
  std::span<const interp::View> results() const { return apart_.empty() ? results_ : apart_; }
  void finish() const;

 private:
  std::span<const interp::View> results_;
  std::span<const std::size_t> result_bytes_;
  std::vector<interp::View> apart_;  // empty: nothing overlaps
  std::vector<std::unique_ptr<std::byte[]>> memory_;
};

// kByView where the size is known only in a call.
inline constexpr std::size_t kByView = static_cast<std::size_t>(-1);
std::vector<std::size_t> byte_sizes(std::span<const ir::Type> types);
void require_counts(std::size_t inputs, std::size_t results, const Interface& interface);

}  // namespace mlpjit::runtime
