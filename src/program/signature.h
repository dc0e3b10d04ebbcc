#pragma once
// The signature of a call, which is all that can be seen of it from outside: the key of its
// program.

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "mlpjit/explain.h"
#include "src/record/recorder.h"

namespace mlpjit::detail {

struct Signature {
  struct Argument {
    DType dtype = DType::f32;
    WeakKind weak = WeakKind::none;
    Shape shape;  // axis 0 may be the symbol B alone: the same number in all arguments
    std::size_t same_as = SIZE_MAX;  // the first argument that is the same tensor
    friend bool operator==(const Argument& a, const Argument& b) {
      return a.dtype == b.dtype && a.weak == b.weak && identical(a.shape, b.shape) &&
             a.same_as == b.same_as;
    }
  };
  std::vector<Argument> arguments;
  bool training = false;
  std::uint64_t structure = 0;
  friend bool operator==(const Signature&, const Signature&) = default;
};

Signature signature_of(std::span<const Tensor> inputs, std::uint64_t structure);
// What a trace for it is made for; `inputs` are those of the call.
std::vector<ArgumentSpec> specs_of(const Signature& signature, std::span<const Tensor> inputs);
std::uint64_t hash(const Signature& signature);
// signature == signature_of(inputs, structure) for some value of its symbol, without making one.
bool matches(const Signature& signature, std::span<const Tensor> inputs, bool training,
             std::uint64_t structure);

// "f32[1, 512], f32[]".
std::string to_string(const Signature& signature);
std::vector<Guard> guards_of(const Signature& signature);
// The guards of `expected`, which may be for all sizes of its symbol, that a call fails, each with
// both values; none when it meets them.
std::vector<std::string> failed_guards(const Signature& expected, const Signature& call);

}  // namespace mlpjit::detail
