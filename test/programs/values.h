#pragma once
// Tensors for tests below the frontend: made, drawn, copied and compared on the bits.

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "lib/interp/interp.h"
#include "lib/ir/graph.h"
#include "lib/runtime/compiled_graph.h"
#include "lib/support/storage.h"

namespace mlpjit::test {

// One tensor; of a token there is no memory.
struct Value {
  ir::Type type;
  std::shared_ptr<support::Storage> storage;

  std::byte* data() const {
    return storage == nullptr ? nullptr : static_cast<std::byte*>(storage->data());
  }
  std::size_t bytes() const { return storage == nullptr ? 0 : storage->bytes(); }
  interp::View view() const { return {type.dtype, type.shape, data()}; }
  runtime::Argument argument() const { return {view(), storage.get()}; }
};
using Values = std::vector<Value>;

// Filled with something, so that what a run forgets to write is seen.
Value make_value(const ir::Type& type);
Value make_value(const ir::Type& type, const std::vector<double>& numbers);
Values make_values(std::span<const ir::Type> types);

enum class Numbers : std::uint8_t {
  ordinary,  // small
  mixed,     // special ones among ordinary ones
  special,   // NaN, infinities, both zeros, denormals, limits; with the seed 0 all in turn, so that
             // pairs of inputs meet in many pairs of them
};
Values draw_values(std::span<const ir::Type> types, std::uint64_t seed,
                   Numbers numbers = Numbers::mixed);

Values copy(const Values& values);
std::vector<interp::View> views(const Values& values);
std::vector<runtime::Argument> arguments(const Values& values);

// The place of the first difference on the bits, with both elements ("result 0 element 3: 1 against
// 2"); "" where there is none. NaN equals NaN.
std::string difference(const char* what, const Values& want, const Values& got);

}  // namespace mlpjit::test
