// Element-wise ops: picks the inner loop and walks broadcast operands with it.

#include <algorithm>
#include <array>

#include "lib/interp/families.h"
#include "lib/interp/inner_loop.h"
#include "lib/ir/opcodes.h"
#include "mlpjit/error.h"

namespace mlpjit::interp {

namespace {

using Int = std::int64_t;
constexpr std::size_t kMaxOperands = 3;

InnerLoop choose_loop(const Request& request) {
  const DType dtype = request.operands.back().dtype;  // where: of the choices
  InnerLoop loop = nullptr;
  if (request.opcode == ir::Opcode::cast) {
    loop = cast_loop(dtype, request.results[0].dtype);
  } else if (request.opcode == ir::Opcode::where) {
    // The choices are moved, not computed with: integers pass as floats of their size, bit for bit.
    const bool narrow = size_of(dtype) == 4;
    loop = dtype == DType::boolean
               ? integer_loop(request.opcode, dtype)
               : float_loop(request.opcode, narrow ? DType::f32 : DType::f64, request.isa);
  } else if (is_floating(dtype)) {
    loop = float_loop(request.opcode, dtype, request.isa);
  } else {
    loop = integer_loop(request.opcode, dtype);
  }
  if (loop == nullptr) {
    throw InternalError("evaluate: " + std::string(ir::to_string(request.opcode)) +
                        " has no kernel for " + std::string(to_string(dtype)));
  }
  return loop;
}

// Axes of the result, innermost first, those of size 1 dropped and neighbours joined where every
// operand allows; strides in elements, 0 where an operand is broadcast. The innermost stride is 0
// or 1.
struct Walk {
  std::size_t rank = 0;
  std::array<Int, kMaxRank> sizes{};
  std::array<std::array<Int, kMaxOperands>, kMaxRank> strides{};
};

Walk make_walk(const Request& request) {
  const std::span<const Int> to = request.results[0].shape.sizes();
  const std::size_t count = request.operands.size();
  Walk walk;
  std::array<Int, kMaxOperands> product;
  product.fill(1);
  for (std::size_t i = 0; i < to.size(); ++i) {
    std::array<Int, kMaxOperands> strides{};
    for (std::size_t k = 0; k < count; ++k) {
      const std::span<const Int> from = request.operands[k].shape.sizes();
      const Int size = i < from.size() ? from[from.size() - 1 - i] : 1;
      strides[k] = size == 1 ? 0 : product[k];
      product[k] *= size;
    }
    const Int size = to[to.size() - 1 - i];
    if (size == 1) continue;
    bool joins = walk.rank > 0;
    for (std::size_t k = 0; joins && k < count; ++k) {
      joins = strides[k] == walk.strides[walk.rank - 1][k] * walk.sizes[walk.rank - 1];
    }
    if (joins) {
      walk.sizes[walk.rank - 1] *= size;
    } else {
      walk.sizes[walk.rank] = size;
      walk.strides[walk.rank++] = strides;
    }
  }
  return walk;
}

// Rows shorter than this are written out side by side first: one call of the loop for many of them.
constexpr Int kShortRow = 256;
constexpr Int kChunkBytes = 8192;

// One operand over `rows` rows of n elements, written to `to`.
template <class T>
void spread_rows(const void* from, std::array<Int, 2> strides, Int rows, Int n, void* to) {
  const auto* x = static_cast<const T*>(from);
  auto* y = static_cast<T*>(to);
  for (Int r = 0; r < rows; ++r, x += strides[1], y += n) {
    if (strides[0] == 0)
      std::fill_n(y, n, *x);
    else
      std::copy_n(x, n, y);
  }
}

void spread_rows(const void* from, Int element, std::array<Int, 2> strides, Int rows, Int n,
                 void* to) {
  switch (element) {
    case 1: return spread_rows<std::uint8_t>(from, strides, rows, n, to);
    case 4: return spread_rows<std::uint32_t>(from, strides, rows, n, to);
    default: return spread_rows<std::uint64_t>(from, strides, rows, n, to);
  }
}

// The innermost two axes in chunks of rows. What repeats in every row is spread once.
struct ShortRows {
  const Request& request;
  const Walk& walk;
  InnerLoop loop;
  const numerics::Params& params;

  void run(const std::array<const void*, kMaxOperands>& base, std::byte* to) const {
    alignas(64) std::byte spread[kMaxOperands][kChunkBytes];
    const Int n = walk.sizes[0];
    const Int rows = walk.sizes[1];
    const Int chunk = std::min(rows, std::max<Int>(1, kChunkBytes / 8 / n));
    const Int result_bytes = static_cast<Int>(size_of(request.results[0].dtype));
    for (Int row = 0; row < rows; row += chunk) {
      const Int count = std::min(chunk, rows - row);
      std::array<const void*, kMaxOperands> operands{};
      constexpr std::array<bool, kMaxOperands> kNone{};
      for (std::size_t k = 0; k < request.operands.size(); ++k) {
        const std::array<Int, 2> strides = {walk.strides[0][k], walk.strides[1][k]};
        const Int element = static_cast<Int>(size_of(request.operands[k].dtype));
        operands[k] = static_cast<const std::byte*>(base[k]) + row * strides[1] * element;
        if (strides[0] == 1 && strides[1] == n) continue;
        if (row == 0 || strides[1] != 0) {
          spread_rows(operands[k], element, strides, count, n, spread[k]);
        }
        operands[k] = spread[k];
      }
      loop(operands.data(), kNone.data(), to + row * n * result_bytes,
           static_cast<std::size_t>(count * n), params);
    }
  }
};

void run_walk(const Request& request, const Walk& walk, InnerLoop loop,
              const numerics::Params& params) {
  const std::size_t count = request.operands.size();
  const View& y = request.results[0];
  const std::size_t n = static_cast<std::size_t>(walk.sizes[0]);
  auto* to = static_cast<std::byte*>(y.data);
  std::array<const void*, kMaxOperands> operands{};
  std::array<Int, kMaxOperands> element{};
  std::array<bool, kMaxOperands> scalar{};
  for (std::size_t k = 0; k < count; ++k) {
    operands[k] = request.operands[k].data;
    element[k] = static_cast<Int>(size_of(request.operands[k].dtype));
    scalar[k] = walk.strides[0][k] == 0;
  }
  const bool short_rows = walk.rank > 1 && walk.sizes[0] < kShortRow;
  const ShortRows rows{request, walk, loop, params};
  const std::size_t first_axis = short_rows ? 2 : 1;
  const std::size_t step = short_rows ? n * static_cast<std::size_t>(walk.sizes[1]) : n;
  std::array<Int, kMaxRank> index{};
  while (true) {
    if (short_rows)
      rows.run(operands, to);
    else
      loop(operands.data(), scalar.data(), to, n, params);
    to += step * size_of(y.dtype);
    std::size_t axis = first_axis;
    for (; axis < walk.rank; ++axis) {
      const bool wraps = ++index[axis] == walk.sizes[axis];
      for (std::size_t k = 0; k < count; ++k) {
        const Int back = wraps ? walk.sizes[axis] - 1 : -1;
        operands[k] =
            static_cast<const std::byte*>(operands[k]) - back * walk.strides[axis][k] * element[k];
      }
      if (!wraps) break;
      index[axis] = 0;
    }
    if (axis >= walk.rank) return;
  }
}

}  // namespace

void evaluate_elementwise(const Request& request) {
  const std::size_t count = request.operands.size();
  if (count == 0 || count > kMaxOperands) {
    throw InternalError("evaluate: " + std::string(ir::to_string(request.opcode)) +
                        " has no kernel");
  }
  const View& y = request.results[0];
  const Int size = y.shape.size();
  if (size == 0) return;
  const InnerLoop loop = choose_loop(request);
  const numerics::Params params =
      request.attrs.empty() ? numerics::Params() : numerics::params_of(request.attrs);
  // The common case, equal shapes and single numbers, is one row.
  std::array<const void*, kMaxOperands> operands{};
  std::array<bool, kMaxOperands> scalar{};
  bool flat = true;
  for (std::size_t k = 0; k < count; ++k) {
    operands[k] = request.operands[k].data;
    if (request.operands[k].shape == y.shape) continue;
    const Int operand_size = request.operands[k].shape.size();
    scalar[k] = operand_size == 1;
    flat = flat && (operand_size == 1 || operand_size == size);
  }
  if (flat) {
    loop(operands.data(), scalar.data(), y.data, static_cast<std::size_t>(size), params);
  } else {
    run_walk(request, make_walk(request), loop, params);
  }
}

}  // namespace mlpjit::interp
