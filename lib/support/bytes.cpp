#include "lib/support/bytes.h"

#include <fmt/format.h>

#include "mlpjit/error.h"

namespace mlpjit::support {

std::size_t byte_size(DType dtype, const Shape& shape) {
  std::int64_t bytes;
  if (__builtin_mul_overflow(shape.size(), static_cast<std::int64_t>(size_of(dtype)), &bytes)) {
    throw ShapeError(fmt::format("expected a tensor of at most 2^63 - 1 bytes, got {}",
                                 to_string(TensorSpec{dtype, shape})));
  }
  return static_cast<std::size_t>(bytes);
}

}  // namespace mlpjit::support
