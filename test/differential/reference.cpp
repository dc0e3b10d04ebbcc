#include "test/differential/reference.h"

#include <cmath>
#include <cstring>

namespace mlpjit::reference {

std::int64_t Array::size() const {
  std::int64_t n = 1;
  for (std::int64_t d : shape) n *= d;
  return n;
}

Array make_array(DType dtype, std::vector<std::int64_t> shape) {
  Array a{dtype, std::move(shape), {}};
  a.bytes.resize(static_cast<std::size_t>(a.size()) * size_of(dtype));
  return a;
}

std::vector<std::int64_t> coordinates(std::int64_t i, const std::vector<std::int64_t>& shape) {
  std::vector<std::int64_t> at(shape.size());
  for (std::size_t d = shape.size(); d-- > 0;) {
    at[d] = i % shape[d];
    i /= shape[d];
  }
  return at;
}

std::int64_t offset(const std::vector<std::int64_t>& at, const std::vector<std::int64_t>& shape) {
  std::int64_t i = 0;
  for (std::size_t d = 0; d < shape.size(); ++d) i = i * shape[d] + at[d];
  return i;
}

std::int64_t broadcast_offset(const std::vector<std::int64_t>& at,
                              const std::vector<std::int64_t>& operand) {
  const std::size_t skip = at.size() - operand.size();
  std::int64_t i = 0;
  for (std::size_t d = 0; d < operand.size(); ++d) {
    i = i * operand[d] + (operand[d] == 1 ? 0 : at[skip + d]);
  }
  return i;
}

std::optional<std::vector<Array>> evaluate(ir::Opcode opcode, const ir::Attrs& attrs,
                                           const std::vector<Array>& operands,
                                           const std::vector<ir::Type>& results) {
  std::vector<Array> out;
  for (const ir::Type& type : results) {
    const auto sizes = type.shape.sizes();
    out.push_back(make_array(type.dtype, {sizes.begin(), sizes.end()}));
  }
  if (elementwise(opcode, attrs, operands, out) || contraction(opcode, operands, out) ||
      reduction(opcode, attrs, operands, out) || movement(opcode, attrs, operands, out)) {
    return out;
  }
  return std::nullopt;
}

bool same_bits(const Array& a, const Array& b) {
  if (a.dtype != b.dtype || a.shape != b.shape) return false;
  return with_type(a.dtype, [&](auto zero) {
    using T = decltype(zero);
    for (std::int64_t i = 0; i < a.size(); ++i) {
      const T x = a.as<T>()[i], y = b.as<T>()[i];
      if constexpr (std::is_floating_point_v<T>) {
        if (std::isnan(x) && std::isnan(y)) continue;
      }
      if (std::memcmp(&x, &y, sizeof(T)) != 0) return false;
    }
    return true;
  });
}

}  // namespace mlpjit::reference
