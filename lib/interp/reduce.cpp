// Reductions over any axes: brings them to rows or columns for the kernels.

#include <algorithm>
#include <array>
#include <functional>
#include <type_traits>
#include <vector>

#include "lib/interp/families.h"
#include "lib/interp/inner_loop.h"
#include "lib/interp/reduce_kernels.h"
#include "lib/interp/row_kernels.h"
#include "lib/ir/opcodes.h"
#include "mlpjit/error.h"

namespace mlpjit::interp {

namespace {

using Int = std::int64_t;

struct LoopAxis {
  Int size;
  Int stride;  // in elements
};

// The axes that stay and those that go, outermost first, those of size 1 dropped and neighbours
// joined.
struct AxisGroups {
  std::vector<LoopAxis> kept;
  std::vector<LoopAxis> reduced;
  Int results = 1;
  Int n = 1;  // elements per result
};

void push_axis(std::vector<LoopAxis>& axes, LoopAxis axis) {
  if (!axes.empty() && axes.back().stride == axis.size * axis.stride) {
    axes.back() = {axes.back().size * axis.size, axis.stride};
  } else {
    axes.push_back(axis);
  }
}

AxisGroups group_axes(const Request& request) {
  const std::span<const Int> sizes = request.operands[0].shape.sizes();
  const std::vector<Int>& axes = request.attrs.integers("axes");
  AxisGroups groups;
  std::array<Int, kMaxRank> strides{};
  Int stride = 1;
  for (std::size_t i = sizes.size(); i-- > 0;) {
    strides[i] = stride;
    stride *= sizes[i];
  }
  for (std::size_t i = 0; i < sizes.size(); ++i) {
    const bool reduced = std::binary_search(axes.begin(), axes.end(), static_cast<Int>(i));
    (reduced ? groups.n : groups.results) *= sizes[i];
    if (sizes[i] != 1) push_axis(reduced ? groups.reduced : groups.kept, {sizes[i], strides[i]});
  }
  return groups;
}

// Calls f(offset) for each index over `axes`, in row-major order.
template <class F>
void for_each_offset(std::span<const LoopAxis> axes, F f) {
  std::array<Int, kMaxRank> index{};
  Int offset = 0;
  while (true) {
    f(offset);
    std::size_t i = axes.size();
    for (; i > 0; --i) {
      offset += axes[i - 1].stride;
      if (++index[i - 1] < axes[i - 1].size) break;
      offset -= axes[i - 1].stride * axes[i - 1].size;
      index[i - 1] = 0;
    }
    if (i == 0) return;
  }
}

// Calls f(row, i) with the n elements of each result side by side, copied where they are not.
template <class T, class F>
void for_each_row(const AxisGroups& groups, const T* x, F f) {
  const bool contiguous =
      groups.reduced.empty() || (groups.reduced.size() == 1 && groups.reduced[0].stride == 1);
  std::vector<T> copy(contiguous ? 0 : static_cast<std::size_t>(groups.n));
  Int i = 0;
  for_each_offset(groups.kept, [&](Int start) {
    const T* row = x + start;
    if (!contiguous) {
      T* to = copy.data();
      if (groups.n > 0) for_each_offset(groups.reduced, [&](Int at) { *to++ = row[at]; });
      row = copy.data();
    }
    f(row, i++);
  });
}

template <class T>
struct FloatReduction {
  typename ReduceKernels<T>::Row row;
  typename ReduceKernels<T>::Columns columns;
};

template <class T>
FloatReduction<T> choose(ir::Opcode opcode, support::Isa isa) {
  const ReduceKernels<T>& k = reduce_kernels<T>(isa);
  using enum ir::Opcode;
  switch (opcode) {
    case sum: return {k.sum_row, k.sum_columns};
    case prod: return {k.prod_row, k.prod_columns};
    case mean: return {k.mean_row, k.mean_columns};
    case var: return {k.var_row, k.var_columns};
    case max: return {k.max_row, k.max_columns};
    case min: return {k.min_row, k.min_columns};
    default: throw InternalError(std::string(ir::to_string(opcode)) + " is no reduction");
  }
}

template <class T>
void reduce_float(const Request& request, const AxisGroups& groups, const void* data) {
  const FloatReduction<T> kernel = choose<T>(request.opcode, request.isa);
  const auto* x = static_cast<const T*>(data);
  auto* y = static_cast<T*>(request.results[0].data);
  // Columns: the reduced axis is one, and what is right of it stays. Axes that are not there reduce
  // rows of one.
  const bool single = groups.reduced.empty() && !groups.kept.empty();
  const bool columns = groups.n > 0 && !groups.kept.empty() && groups.kept.back().stride == 1 &&
                       (single || groups.reduced.size() == 1);
  if (!columns) {
    for_each_row(groups, x, [&](const T* row, Int i) { y[i] = kernel.row(row, groups.n); });
    return;
  }
  const Int width = groups.kept.back().size;
  const Int stride = single ? 0 : groups.reduced[0].stride;
  const std::span<const LoopAxis> outer(groups.kept.data(), groups.kept.size() - 1);
  for_each_offset(outer, [&](Int start) {
    kernel.columns(x + start, groups.n, stride, width, y);
    y += width;
  });
}

// Integers and bools: order does not matter, sums and products wrap in i64.
template <class T, class R>
void reduce_integer(const Request& request, const AxisGroups& groups) {
  const auto* x = static_cast<const T*>(request.operands[0].data);
  auto* y = static_cast<R*>(request.results[0].data);
  const ir::Opcode opcode = request.opcode;
  for_each_row(groups, x, [&](const T* row, Int i) {
    const T* end = row + groups.n;
    if (opcode == ir::Opcode::max || opcode == ir::Opcode::min) {
      y[i] = opcode == ir::Opcode::max ? *std::max_element(row, end) : *std::min_element(row, end);
      return;
    }
    std::uint64_t total = opcode == ir::Opcode::sum ? 0 : 1;
    for (const T* p = row; p < end; ++p) {
      const auto element = static_cast<std::uint64_t>(static_cast<Int>(*p));
      total = opcode == ir::Opcode::sum ? total + element : total * element;
    }
    y[i] = static_cast<R>(total);
  });
}

template <class T>
void arg_integer(const Request& request, const AxisGroups& groups) {
  const auto* x = static_cast<const T*>(request.operands[0].data);
  auto* y = static_cast<Int*>(request.results[0].data);
  for_each_row(groups, x, [&](const T* row, Int i) {
    const T* end = row + groups.n;
    const bool largest = request.opcode == ir::Opcode::argmax;
    y[i] = (largest ? std::max_element(row, end) : std::min_element(row, end)) - row;
  });
}

template <class T>
void arg_float(const Request& request, const AxisGroups& groups) {
  const ReduceKernels<T>& kernels = reduce_kernels<T>(request.isa);
  const auto kernel =
      request.opcode == ir::Opcode::argmax ? kernels.argmax_row : kernels.argmin_row;
  auto* y = static_cast<Int*>(request.results[0].data);
  for_each_row(groups, static_cast<const T*>(request.operands[0].data),
               [&](const T* row, Int i) { y[i] = kernel(row, groups.n); });
}

void require_elements(const Request& request, const AxisGroups& groups) {
  if (groups.n > 0) return;
  throw ValueError(std::string(ir::to_string(request.opcode)) + " of an empty axis: expected at " +
                   "least one element to reduce, got shape " +
                   to_string(request.operands[0].shape));
}

// mean and var of integers and bools are those of their values as f32.
void reduce_converted(const Request& request, const AxisGroups& groups) {
  const View& x = request.operands[0];
  std::vector<float> converted(static_cast<std::size_t>(x.shape.size()));
  if (!converted.empty()) {
    const bool scalar = false;
    cast_loop(x.dtype, DType::f32)(&x.data, &scalar, converted.data(), converted.size(), {});
  }
  reduce_float<float>(request, groups, converted.data());
}

}  // namespace

void evaluate_reduction(const Request& request) {
  const AxisGroups axes = group_axes(request);
  if (axes.results == 0) return;
  using enum ir::Opcode;
  const bool extreme = request.opcode == max || request.opcode == min;
  if (extreme) require_elements(request, axes);
  const DType dtype = request.operands[0].dtype;
  if (dtype == DType::f32) return reduce_float<float>(request, axes, request.operands[0].data);
  if (dtype == DType::f64) return reduce_float<double>(request, axes, request.operands[0].data);
  if (request.opcode == mean || request.opcode == var) return reduce_converted(request, axes);
  if (dtype == DType::i64) return reduce_integer<Int, Int>(request, axes);
  if (dtype == DType::boolean) return reduce_integer<std::uint8_t, Int>(request, axes);
  if (extreme) return reduce_integer<std::int32_t, std::int32_t>(request, axes);
  reduce_integer<std::int32_t, Int>(request, axes);
}

void evaluate_arg_extreme(const Request& request) {
  const AxisGroups axes = group_axes(request);
  if (axes.results == 0) return;
  require_elements(request, axes);
  switch (request.operands[0].dtype) {
    case DType::f32: return arg_float<float>(request, axes);
    case DType::f64: return arg_float<double>(request, axes);
    case DType::i32: return arg_integer<std::int32_t>(request, axes);
    case DType::i64: return arg_integer<Int>(request, axes);
    case DType::boolean: return arg_integer<std::uint8_t>(request, axes);
  }
}

namespace {

template <class T>
void softmax(const Request& request) {
  const RowKernels<T>& kernels = row_kernels<T>(request.isa);
  const auto* x = static_cast<const T*>(request.operands[0].data);
  auto* y = static_cast<T*>(request.results[0].data);
  const bool log = request.opcode == ir::Opcode::log_softmax;
  const auto axis = static_cast<std::size_t>(request.attrs.integer("axis"));
  const std::span<const Int> sizes = request.operands[0].shape.sizes();
  Int outer = 1;
  Int inner = 1;
  for (std::size_t i = 0; i < sizes.size(); ++i) {
    if (i < axis) outer *= sizes[i];
    if (i > axis) inner *= sizes[i];
  }
  const Int n = sizes[axis];
  for (Int o = 0; o < outer; ++o, x += n * inner, y += n * inner) {
    if (inner == 1)
      kernels.softmax_row(x, n, log, y);
    else
      kernels.softmax_columns(x, n, inner, inner, log, y);
  }
}

template <class T>
void layer_norm(const Request& request) {
  const RowKernels<T>& kernels = row_kernels<T>(request.isa);
  const auto* x = static_cast<const T*>(request.operands[0].data);
  const auto* gamma = static_cast<const T*>(request.operands[1].data);
  const auto* beta = static_cast<const T*>(request.operands[2].data);
  auto* y = static_cast<T*>(request.results[0].data);
  const double epsilon = request.attrs.floating("epsilon");
  const Int n = request.operands[1].shape.size();
  const Int rows = request.operands[0].shape.size() / n;
  for (Int r = 0; r < rows; ++r) {
    kernels.layer_norm_row(x + r * n, gamma, beta, epsilon, n, y + r * n);
  }
}

}  // namespace

void evaluate_softmax(const Request& request) {
  if (request.operands[0].shape.size() == 0) return;
  if (request.operands[0].dtype == DType::f32)
    softmax<float>(request);
  else
    softmax<double>(request);
}

void evaluate_layer_norm(const Request& request) {
  if (request.operands[0].shape.size() == 0) return;
  if (request.operands[0].dtype == DType::f32)
    layer_norm<float>(request);
  else
    layer_norm<double>(request);
}

}  // namespace mlpjit::interp
