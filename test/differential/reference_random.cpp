#include <array>
#include <cmath>

#include "lib/ir/opcodes.h"
#include "test/differential/reference_run.h"

namespace mlpjit::reference {
namespace {

using Words = std::array<std::uint32_t, 4>;

// Philox4x32-10.
Words philox(std::uint64_t seed, std::uint64_t draw, std::uint64_t block) {
  Words counter = {static_cast<std::uint32_t>(block), static_cast<std::uint32_t>(block >> 32),
                   static_cast<std::uint32_t>(draw), static_cast<std::uint32_t>(draw >> 32)};
  std::uint32_t key0 = static_cast<std::uint32_t>(seed);
  std::uint32_t key1 = static_cast<std::uint32_t>(seed >> 32);
  for (int round = 0; round < 10; ++round) {
    const std::uint64_t first = std::uint64_t{0xD2511F53} * counter[0];
    const std::uint64_t second = std::uint64_t{0xCD9E8D57} * counter[2];
    counter = {static_cast<std::uint32_t>(second >> 32) ^ counter[1] ^ key0,
               static_cast<std::uint32_t>(second),
               static_cast<std::uint32_t>(first >> 32) ^ counter[3] ^ key1,
               static_cast<std::uint32_t>(first)};
    key0 += 0x9E3779B9;
    key1 += 0xBB67AE85;
  }
  return counter;
}

struct Stream {
  std::uint64_t seed, draw;
  // Word i of the draw.
  std::uint32_t word(std::uint64_t i) const { return philox(seed, draw, i / 4)[i % 4]; }
  std::uint64_t wide(std::uint64_t i) const {
    return std::uint64_t{word(2 * i)} << 32 | word(2 * i + 1);
  }
};

// The uniforms that element i takes: value `which` of `each`, plus one unit where zero is no use.
template <class T>
Array uniforms(const Stream& stream, const Array& like, std::uint64_t which, std::uint64_t each,
               unsigned plus) {
  Array u = make_array(like.dtype, like.shape);
  for (std::int64_t i = 0; i < u.size(); ++i) {
    const std::uint64_t at = static_cast<std::uint64_t>(i) * each + which;
    if constexpr (sizeof(T) == 4) {
      u.as<T>()[i] = std::ldexp(static_cast<T>((stream.word(at) >> 8) + plus), -24);
    } else {
      u.as<T>()[i] = std::ldexp(static_cast<T>((stream.wide(at) >> 11) + plus), -53);
    }
  }
  return u;
}

template <class T>
Array normals(const Stream& stream, const Array& like, const UnaryFunction& function) {
  const Array log_u1 = function(ir::Opcode::log, uniforms<T>(stream, like, 0, 2, 1));
  Array angle = uniforms<T>(stream, like, 1, 2, 0);
  const T turn = static_cast<T>(6.28318530717958647692528676655900577L);
  for (std::int64_t i = 0; i < angle.size(); ++i) angle.as<T>()[i] *= turn;
  Array z = function(ir::Opcode::cos, angle);
  for (std::int64_t i = 0; i < z.size(); ++i)
    z.as<T>()[i] = std::sqrt(T{-2} * log_u1.as<T>()[i]) * z.as<T>()[i];
  return z;
}

}  // namespace

Arrays draw(ir::Opcode opcode, const std::vector<ir::Type>& results, const Array& state,
            const UnaryFunction& function) {
  const Stream stream{static_cast<std::uint64_t>(state.as<std::int64_t>()[0]),
                      static_cast<std::uint64_t>(state.as<std::int64_t>()[1])};
  const auto sizes = results[0].shape.sizes();
  Array drawn = make_array(results[0].dtype, {sizes.begin(), sizes.end()});
  const bool wide = drawn.dtype == DType::f64;
  if (opcode == ir::Opcode::random_uniform) {
    drawn =
        wide ? uniforms<double>(stream, drawn, 0, 1, 0) : uniforms<float>(stream, drawn, 0, 1, 0);
  } else {
    drawn =
        wide ? normals<double>(stream, drawn, function) : normals<float>(stream, drawn, function);
  }
  Array next = state;
  next.as<std::int64_t>()[1] = static_cast<std::int64_t>(stream.draw + 1);
  return {drawn, next};
}

}  // namespace mlpjit::reference
